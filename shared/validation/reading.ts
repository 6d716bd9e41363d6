// What the readers of one document share: where facts go, what detached content is at hand, and the
// CMS signatures and evidence records found, ready to be judged.
import { joinBytes } from '#shared/bytes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digest } from '#shared/crypto/digest.ts';
import type { SignatureDescription } from '#shared/crypto/signature.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { Collector } from '#shared/validation/collect.ts';
import type { CoveredObjects } from '#shared/validation/covered-objects.ts';
import type { DetachedContent, ReferenceFacts } from '#shared/validation/facts.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/** Content of which a signature or record says that it is over it, from the document or beside it. */
export type SignedContent = DetachedContent;

/** A CMS signature with what it is over. */
export type CmsSignatureReading = {
  /** Id in the facts. */
  readonly id: string;
  readonly signedData: SignedData;
  readonly signerInfo: SignerInfo;
  /** What it is over is the value of another signature. */
  readonly countersigns?: boolean | undefined;
  /** What the signature is over; absent where it was not given. */
  readonly content?: SignedContent | undefined;
  /** Why the content is not to be trusted although it was found, such as a forged ByteRange. */
  readonly contentProblem?: string | undefined;
  /** Of a SignedData with several signers, in a place where there may be one: how many they are. */
  readonly tooManySigners?: number | undefined;
  /** What was changed after signing without touching the signed octets: a PDF's later revisions. */
  readonly laterChanges: readonly string[];
  /** What the signed content lists with its digests, and so signs: entries of a container's manifest. */
  readonly entries: readonly ReferenceFacts[];
};

/** A signature of any format with what it takes to judge it. */
export type JudgeableSignature = {
  /** Id in the facts. */
  readonly id: string;
  /** The octets by which proofs of existence know it. */
  readonly value: Uint8Array;
  readonly contentProblem?: string | undefined;
  readonly tooManySigners?: number | undefined;
  readonly laterChanges: readonly string[];
  /** What it is over, and its value; `candidates`: certificates from outside of the signature. */
  readonly verify: (candidates: readonly Certificate[]) => {
    readonly status: 'valid' | 'invalid' | 'indeterminate';
    readonly subIndication?: SubIndication | undefined;
    readonly signer?: Certificate | undefined;
    readonly findings: readonly Finding[];
    readonly signatureIntact: boolean;
  };
  /** Its algorithms, for the policy. */
  readonly describe: (signer: Certificate) => SignatureDescription;
  /** Digests of what it is over, where they may be others than its own. */
  readonly referenceDigests: readonly DigestAlgorithm[];
};

/** An evidence record with what it is known to be over. */
export type EvidenceRecordReading = {
  /** Id in the facts. */
  readonly id: string;
  readonly record: EvidenceRecord;
  readonly dataObjects: readonly SignedContent[];
  /** What stands in the data objects, where that is not their octets. */
  readonly covers?: CoveredObjects | undefined;
  /** What a container's manifest lists as covered, with the digests that it gives. */
  readonly entries?: readonly ReferenceFacts[] | undefined;
};

/** Evidence that could not be read: it proves nothing, and is not passed over. EN 319 102-1 §5.2.2 */
export type UnreadEvidence = {
  readonly subject: 'signature' | 'timestamp' | 'evidence-record' | 'validation-data';
  /** Id in the facts of the signature that carries it; absent: the document does. */
  readonly of?: string | undefined;
  /** What it should be, such as `archive`. */
  readonly type: string;
  /** Entry of a container, field of a PDF; absent: the document itself. */
  readonly place?: string | undefined;
  readonly message: string;
  /** A standard has it and this version does not read it: nothing is known to be wrong with it. */
  readonly unsupported?: boolean | undefined;
};

export type Reading = {
  readonly collector: Collector;
  readonly detached: readonly DetachedContent[];
  readonly cmsSignatures: CmsSignatureReading[];
  readonly xmlSignatures: JudgeableSignature[];
  readonly evidenceRecords: EvidenceRecordReading[];
  readonly unread: UnreadEvidence[];
};

/** Where evidence should be, and what. */
export type EvidencePlace = Pick<UnreadEvidence, 'subject' | 'of' | 'type' | 'place'>;

/** Why evidence could not be read, one entry a problem. */
export function addUnread(
  { unread }: Pick<Reading, 'unread'>,
  evidence: EvidencePlace,
  problems: readonly Pick<Problem, 'code' | 'message'>[],
): void {
  for (const { code, message } of problems)
    unread.push({ ...evidence, message, unsupported: code.startsWith('ERR_UNSUPPORTED') });
}

/** As `attempt`; and what cannot be read is evidence that no verdict passes over. */
export function attemptEvidence<T>(
  reading: Reading,
  evidence: EvidencePlace,
  read: () => T,
): T | undefined {
  const problems: Problem[] = [];
  const result = attempt(problems, evidence.place, read);
  reading.collector.problems.push(...problems);
  addUnread(reading, evidence, problems);
  return result;
}

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
    octets: () => (parts.length === 1 && parts[0] ? parts[0] : joinBytes(parts)),
  };
}
