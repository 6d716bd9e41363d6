// What becomes of a verdict on a signature when other trust data speaks against its signer, or no longer does.
import { anchorChecks } from '#shared/trust/anchor-checks.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { SignerPath, SignerQualification } from '#shared/validation/signer-qualification.ts';

/** A signature as it was judged, with what was kept of its signer. */
export type JudgedSigner = {
  readonly status: 'valid' | 'invalid' | 'indeterminate' | 'not-judged';
  readonly subIndication?: string | undefined;
  /** Subject of the signer's certificate. */
  readonly signer?: string | undefined;
  readonly findings: readonly Finding[];
  readonly qualification?: SignerQualification | undefined;
  readonly signerPath?: SignerPath | undefined;
};

/** What speaks against a signer under some trust data. */
export type Offence = { readonly finding: Finding; readonly subIndication: SubIndication };

/** Findings that follow from trust data alone. */
const ofTrust: ReadonlySet<string> = new Set([
  'path-to-anchor',
  'path-work-limit',
  'past-path',
  'control-time-anchor-ended',
  ...['signer-policy', 'signer-policy-test', 'signer-policy-authentication'],
  ...anchorChecks.map(({ name }) => name),
]);

function othersOf({ findings }: JudgedSigner): readonly Finding[] {
  return findings.filter(({ check }) => !ofTrust.has(check));
}

/** Expired or revoked before anything proved the signature: no other anchor makes that better or less known. */
const lost: ReadonlySet<string | undefined> = new Set<SubIndication>([
  'REVOKED_NO_POE',
  'REVOKED_CA_NO_POE',
  'OUT_OF_BOUNDS_NO_POE',
  'OUT_OF_BOUNDS_NOT_REVOKED',
]);

/** What was invalid or lost stays so, whoever is trusted. */
export function refused<T extends JudgedSigner>(
  signature: T,
  { finding, subIndication }: Offence,
): T {
  const findings = [...othersOf(signature), finding];
  const { status } = signature;
  const isSettled = status === 'invalid' || status === 'not-judged';
  if (isSettled || lost.has(signature.subIndication)) return { ...signature, findings };
  // EN 319 102-1 §5.2.8: asked before the path, it has the first word on all but the signer's own policies.
  const isOfAlgorithm = signature.subIndication === 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE';
  if (isOfAlgorithm && !finding.check.startsWith('signer-policy'))
    return { ...signature, findings };
  return { ...signature, status: 'indeterminate', subIndication, findings };
}

/** No anchor is left in what was kept of its path. */
export function withoutAnchor<T extends JudgedSigner>(signature: T): T {
  const label = signature.signer ?? 'the signer';
  const finding: Finding = {
    check: 'path-to-anchor',
    clause: 'RFC 5280 §6.1',
    level: 'error',
    message: `The path of ${label} leads to no trust anchor any more.`,
    facts: { subject: label },
  };
  const subIndication = 'NO_CERTIFICATE_CHAIN_FOUND';
  return { ...refused(signature, { finding, subIndication }), qualification: undefined };
}

/**
 * What spoke against it does so no longer. A refused policy stopped nothing else from being judged; below an anchor
 * that was not trusted, nobody looked at revocation.
 */
export function relieved<T extends JudgedSigner>(signature: T, before: string | undefined): T {
  const findings = othersOf(signature);
  const { status } = signature;
  if (status === 'invalid' || status === 'not-judged') return { ...signature, findings };
  const open = findings.filter(({ level }) => level === 'error' || level === 'unknown');
  const isPolicy = before?.startsWith('signer-policy') === true;
  if (isPolicy && open.length === 0)
    return { ...signature, status: 'valid', subIndication: undefined, findings };
  const isUndecided =
    open.length === 0 || open.every(({ check }) => check.startsWith('revocation'));
  return isUndecided
    ? { ...signature, subIndication: 'TRY_LATER', findings }
    : { ...signature, findings };
}
