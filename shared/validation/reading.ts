// What the readers of one document share: where facts go, what detached content is at hand, and the
// CMS signatures and evidence records found, ready to be judged.
import { concatBytes } from '#shared/bytes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digest } from '#shared/crypto/digest.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { Collector } from '#shared/validation/collect.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';

/** Content of which a signature or record says that it is over it, from the document or beside it. */
export type SignedContent = DetachedContent;

/** A CMS signature with what it is over. */
export type CmsSignatureReading = {
  /** Id in the facts. */
  readonly id: string;
  readonly signedData: SignedData;
  readonly signerInfo: SignerInfo;
  /** What the signature is over; absent where it was not given. */
  readonly content?: SignedContent | undefined;
  /** Why the content is not to be trusted although it was found, such as a forged ByteRange. */
  readonly contentProblem?: string | undefined;
  /** What was changed after signing without touching the signed octets: a PDF's later revisions. */
  readonly laterChanges: readonly string[];
};

/** An evidence record with what it is known to be over. */
export type EvidenceRecordReading = {
  /** Id in the facts. */
  readonly id: string;
  readonly record: EvidenceRecord;
  readonly dataObjects: readonly SignedContent[];
};

export type Reading = {
  readonly collector: Collector;
  readonly detached: readonly DetachedContent[];
  readonly cmsSignatures: CmsSignatureReading[];
  readonly evidenceRecords: EvidenceRecordReading[];
};

/** Content of which all octets are at hand, in parts; borrowed, not copied. */
export function contentOf(parts: readonly Uint8Array[], name?: string): SignedContent {
  const digests = new Map<DigestAlgorithm, Uint8Array>();
  return {
    name,
    digest: (algorithm) => {
      const known = digests.get(algorithm) ?? digest(algorithm, ...parts);
      digests.set(algorithm, known);
      return known;
    },
    octets: () => (parts.length === 1 && parts[0] ? parts[0] : concatBytes(...parts)),
  };
}
