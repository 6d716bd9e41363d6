// Judges the CMS and PDF signatures of a document as it is taken in: digest, signature value,
// certification path and revocation as of one instant, without proof of existence from timestamps.
// EN 319 102-1 §5.2, §5.3. XML signatures are listed as not judged.
import { type SignerVerdict, verifySigner } from '#shared/cms/verify-signer.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { PathVerdict } from '#shared/trust/path-verdict.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import type { DetachedContent, Facts, SignerFacts } from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import type { CmsSignatureReading } from '#shared/validation/reading.ts';
import type { Verdict, VerdictStatus } from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';

/** Whom signers of documents may descend from, and what is known of revocation beside the document. */
export type SignerTrust = {
  readonly anchors: readonly TrustAnchor[];
  readonly intermediates?: readonly Certificate[] | undefined;
  readonly crls?: readonly CertificateList[] | undefined;
  readonly ocspResponses?: readonly OcspResponse[] | undefined;
};

export type SignatureVerdict = {
  /** Id of the signature in the facts. */
  readonly id: string;
  readonly status: VerdictStatus | 'not-judged';
  readonly subIndication?: SubIndication | undefined;
  readonly signer?: SignerFacts | undefined;
  readonly findings: readonly Finding[];
};

export type JudgeInput = {
  readonly bytes: Uint8Array;
  /** What `inspect` said of the same bytes and detached contents. */
  readonly facts: Facts;
  readonly detached?: readonly DetachedContent[] | undefined;
  readonly trust: SignerTrust;
  readonly at: Temporal.Instant;
};

/**
 * Digest and signature value of one CMS signature over the content that its place says. Without signed
 * attributes the signature is over the content itself.
 */
export function verifySignatureValue(
  { signedData, signerInfo, content }: CmsSignatureReading,
  candidates: readonly Certificate[],
): SignerVerdict {
  // An empty eContent beside detached content would be taken for the content itself.
  const needsOctets = !signerInfo.signedAttrs || signedData.eContent !== undefined;
  return verifySigner({
    signedData,
    signerInfo,
    candidates,
    ...(content && { digests: content.digest }),
    ...(content?.octets && needsOctets && { content: content.octets() }),
  });
}

/**
 * §5.2.6.4, §5.3.4: as of now an expired or revoked signer may have signed in time. Only a proof of
 * existence could tell, and at intake none is asked.
 */
export const withoutProofOfExistence: Readonly<Partial<Record<SubIndication, SubIndication>>> = {
  EXPIRED: 'OUT_OF_BOUNDS_NO_POE',
  OUT_OF_BOUNDS_NOT_REVOKED: 'OUT_OF_BOUNDS_NO_POE',
  REVOKED: 'REVOKED_NO_POE',
};

/** Worst first: what is wrong in itself, then what cannot be told, then the path. */
function combine(
  value: SignerVerdict,
  path: PathVerdict | undefined,
): Pick<Verdict, 'status' | 'subIndication'> {
  if (value.status !== 'valid') return { status: value.status, subIndication: value.subIndication };
  if (!path) return { status: 'indeterminate', subIndication: 'NO_SIGNING_CERTIFICATE_FOUND' };
  if (path.status === 'valid') return { status: 'valid' };
  const { subIndication } = path;
  return {
    status: 'indeterminate',
    subIndication: (subIndication && withoutProofOfExistence[subIndication]) ?? subIndication,
  };
}

/** What was signed has to be known before anything else. @see EN 319 102-1 §5.2.2 */
export function checkSignedOctets({ contentProblem }: CmsSignatureReading): Finding | undefined {
  if (contentProblem === undefined) return undefined;
  return {
    check: 'signed-octets',
    clause: 'ISO 32000-2 §12.8.1',
    level: 'error',
    message: `What is signed cannot be told: ${contentProblem}.`,
    facts: {},
  };
}

/** A verdict with what later revisions of a PDF changed: the octets signed are intact, what a viewer shows is not what was signed. */
export function withLaterChanges<T extends Verdict>(
  { laterChanges }: CmsSignatureReading,
  verdict: T,
): T {
  const [change] = laterChanges;
  if (change === undefined) return verdict;
  const changed: Finding = {
    check: 'unchanged-after-signing',
    clause: 'ISO 32000-2 §12.8.2.2',
    level: 'unknown',
    message: `A later revision changes what was signed: ${change}.`,
    facts: { changes: `${laterChanges.length}` },
  };
  const findings = [...verdict.findings, changed];
  return verdict.status === 'valid'
    ? { ...verdict, status: 'indeterminate', subIndication: 'SIG_CONSTRAINTS_FAILURE', findings }
    : { ...verdict, findings };
}

/** The document's own material: certificates, and revocation data wherever it stands. */
type Known = Pick<DocumentReading, 'certificates' | 'crls' | 'ocspResponses'>;

function judgeOne(signature: CmsSignatureReading, known: Known, input: JudgeInput): Verdict {
  const offence = checkSignedOctets(signature);
  if (offence) return { status: 'invalid', subIndication: 'FORMAT_FAILURE', findings: [offence] };
  const value = verifySignatureValue(signature, known.certificates);
  const { trust, at } = input;
  const path =
    value.status === 'valid' && value.signer
      ? verifyCertificatePath({
          target: value.signer,
          intermediates: [...known.certificates, ...(trust.intermediates ?? [])],
          anchors: trust.anchors,
          crls: [...known.crls, ...(trust.crls ?? [])],
          ocspResponses: [...known.ocspResponses, ...(trust.ocspResponses ?? [])],
          at,
          purpose: 'signer',
          revocationMode: 'require',
        })
      : undefined;
  const combined = combine(value, path);
  const findings = [...value.findings, ...(path?.findings ?? [])];
  return withLaterChanges(signature, { ...combined, findings });
}

/** XML signatures are listed without a verdict. */
export const notJudged: Finding = {
  check: 'signature-judged',
  clause: 'EN 319 102-1 §5.2',
  level: 'unknown',
  message: 'XML signatures are not judged yet.',
  facts: {},
};

/**
 * One verdict for each signature of the facts, in their order.
 * @throws FormatError where the bytes cannot be read although the facts name signatures
 * @see EN 319 102-1 §5.3
 */
export function judgeSignatures(input: JudgeInput): readonly SignatureVerdict[] {
  const { bytes, facts } = input;
  const reading = readDocument({
    bytes,
    size: bytes.length,
    detached: input.detached,
  });
  const byId = new Map(reading.cmsSignatures.map((signature) => [signature.id, signature]));
  return facts.signatures.map(({ id, signer }): SignatureVerdict => {
    const signature = byId.get(id);
    if (!signature) return { id, status: 'not-judged', signer, findings: [notJudged] };
    return { id, signer, ...judgeOne(signature, reading, input) };
  });
}
