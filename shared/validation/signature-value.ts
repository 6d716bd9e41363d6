// Parts of judging one signature that need no path: what was signed, digest and value of CMS, and what a
// later revision changed. EN 319 102-1 §5.2.2, §5.2.7.
import { type SignerVerdict, verifySigner } from '#shared/cms/verify-signer.ts';
import { digestAlgorithmOfOid, isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { withManifestEntries } from '#shared/validation/manifest-entries.ts';
import type { CmsSignatureReading, JudgeableSignature } from '#shared/validation/reading.ts';
import type { Verdict } from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/**
 * Digest and signature value of one CMS signature over the content that its place says. Without signed
 * attributes the signature is over the content itself.
 */
export function verifySignatureValue(
  { signedData, signerInfo, content, countersigns }: CmsSignatureReading,
  candidates: readonly Certificate[],
): SignerVerdict {
  // An empty eContent beside detached content would be taken for the content itself.
  const needsOctets = !signerInfo.signedAttrs || signedData.eContent !== undefined;
  return verifySigner({
    signedData,
    signerInfo,
    candidates,
    countersigns,
    acceptsSortedAttributes: true,
    ...(content && { digests: content.digest }),
    ...(content?.octets && needsOctets && { content: content.octets() }),
  });
}

/** The finding on the message digest says which content it does not fit, where that has a name. */
function withContentNamed<T extends { readonly findings: readonly Finding[] }>(
  value: T,
  name: string | undefined,
): T {
  if (name === undefined) return value;
  const findings = value.findings.map((finding) =>
    finding.check === 'message-digest' && finding.level === 'error'
      ? { ...finding, message: `${name}: ${finding.message}`, facts: { ...finding.facts, name } }
      : finding,
  );
  return { ...value, findings };
}

/** A CMS signature as one of any format. */
export function judgeableCms(reading: CmsSignatureReading): JudgeableSignature {
  const { id, signerInfo, contentProblem, tooManySigners, laterChanges, entries } = reading;
  const digest = digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  return {
    id,
    value: signerInfo.signature,
    contentProblem,
    tooManySigners,
    laterChanges,
    verify: (candidates) =>
      withManifestEntries(
        withContentNamed(verifySignatureValue(reading, candidates), reading.content?.name),
        entries,
      ),
    describe: ({ publicKey }) => ({
      ...describeSignatureAlgorithm(signerInfo.signatureAlgorithm, publicKey, digest),
      ...(digest && { digest }),
    }),
    referenceDigests: entries
      .map(({ algorithm }) => algorithm)
      .filter((algorithm) => isDigestAlgorithm(algorithm)),
  };
}

/** What was signed has to be known before anything else. @see EN 319 102-1 §5.2.2 */
export function checkSignedOctets({
  contentProblem,
}: Pick<JudgeableSignature, 'contentProblem'>): Finding | undefined {
  if (contentProblem === undefined) return undefined;
  return {
    check: 'signed-octets',
    clause: 'ISO 32000-2 §12.8.1',
    level: 'error',
    message: `What is signed cannot be told: ${contentProblem}.`,
    facts: {},
  };
}

/** One signature, one signer: which of several a viewer shows cannot be told. @see EN 319 142-1 §4.1 a) */
export function checkSingleSigner({
  tooManySigners,
}: Pick<JudgeableSignature, 'tooManySigners'>): Finding | undefined {
  if (tooManySigners === undefined) return undefined;
  return {
    check: 'single-signer',
    clause: 'EN 319 142-1 §4.1 a)',
    level: 'error',
    message: `The signature has ${tooManySigners} signers, where a PDF signature has one.`,
    facts: { signers: `${tooManySigners}` },
  };
}

/** A verdict with what later revisions of a PDF changed: the octets signed are intact, what a viewer shows is not what was signed. */
export function withLaterChanges<T extends Verdict>(
  { laterChanges }: Pick<JudgeableSignature, 'laterChanges'>,
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
