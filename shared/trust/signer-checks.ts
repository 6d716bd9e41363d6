// Whether a signer's certificate may sign documents: the certificate policies of its path, each compared
// as a whole identifier. Test and production, signing and authentication differ in one arc (MHLW guideline,
// 6.12 C.1(2)(a) to (c)).
import { oidName, oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { AnchorClass, TrustAnchor } from './anchors.ts';
import { certificateFacts, certificateLabel } from './certificate-label.ts';
import type { Finding } from './finding.ts';

/** Policies under which nobody signs documents, with why. */
const refused: ReadonlyMap<string, 'test' | 'authentication'> = new Map([
  [oids.hpkiCPSignatureTest, 'test'],
  [oids.jpkiCPSignatureTest, 'test'],
  [oids.hpkiCPAuthentication, 'authentication'],
  [oids.jpkiCPAuthenticationCard, 'authentication'],
]);

/** Policies of which a path under an anchor of the class has to assert one. */
const signing: Readonly<Partial<Record<AnchorClass, readonly string[]>>> = {
  hpki: [oids.hpkiCPSignature],
  jpki: [oids.jpkiCPSignatureCard, oids.jpkiCPSignatureMobile],
};

/** The same for tests. */
const testing: Readonly<Partial<Record<AnchorClass, readonly string[]>>> = {
  hpki: [oids.hpkiCPSignatureTest],
  jpki: [oids.jpkiCPSignatureTest],
};

/** What of a certificate in a path decides here: it can be kept where the certificate itself is not. */
export type PathCertificate = {
  readonly fingerprint: string;
  /** Identifiers of the certificate policies that it asserts. */
  readonly policies: readonly string[];
};

/** @see RFC 5280 §4.2.1.4 */
export function pathCertificate({
  fingerprint,
  certificatePolicies = [],
}: Certificate): PathCertificate {
  return { fingerprint, policies: certificatePolicies.map((one) => one.policyIdentifier) };
}

/** By the signer itself, and by each authority below the anchor, which may leave it open. */
function isAsserted(policy: string, path: readonly PathCertificate[]): boolean {
  return path
    .slice(0, -1)
    .every(
      ({ policies }, index) =>
        policies.includes(policy) || (index > 0 && policies.includes(oids.anyPolicy)),
    );
}

/** The signer as a finding names it. */
export type NamedSigner = {
  readonly label: string;
  readonly facts: Readonly<Record<string, string>>;
};

function finding(
  check: string,
  message: string,
  signer: NamedSigner,
  facts: Readonly<Record<string, string>>,
): Finding {
  return {
    check,
    clause: 'MHLW guideline 6.12 C.1(2)',
    level: 'error',
    message,
    facts: { ...signer.facts, ...facts },
  };
}

/** Policies of which a path under this anchor has to assert one; absent: none is asked for. */
export function requiredPolicies(
  anchor: Pick<TrustAnchor, 'class' | 'certificatePolicies'>,
  testMode: boolean,
): readonly string[] | undefined {
  const ofClass = anchor.class && [
    ...(signing[anchor.class] ?? []),
    ...(testMode ? (testing[anchor.class] ?? []) : []),
  ];
  return anchor.certificatePolicies ?? (ofClass?.length ? ofClass : undefined);
}

/**
 * What speaks against a signer whose path (target first, anchor last) ends at this anchor. `testMode`: test
 * certificates may sign, for trying things out.
 */
export function findPolicyOffence(
  path: readonly PathCertificate[],
  anchor: Pick<TrustAnchor, 'class' | 'certificatePolicies'>,
  { testMode, signer }: { readonly testMode: boolean; readonly signer: NamedSigner },
): Finding | undefined {
  const asserted = path[0]?.policies ?? [];
  for (const policy of asserted) {
    const reason = refused.get(policy);
    if (reason === undefined || (reason === 'test' && testMode)) continue;
    const what = reason === 'test' ? 'tests' : 'authentication';
    return finding(
      `signer-policy-${reason}`,
      `${signer.label} is issued for ${what} (${oidName(policy)}), not for signing documents.`,
      signer,
      { policy, reason },
    );
  }
  const required = requiredPolicies(anchor, testMode);
  if (!required || required.some((policy) => isAsserted(policy, path))) return undefined;
  return finding(
    'signer-policy',
    `The path of ${signer.label} asserts no policy under which documents are signed: ${required.map(oidName).join(', ')}.`,
    signer,
    { policies: asserted.join(' '), required: required.join(' ') },
  );
}

/** The same of certificates at hand. */
export function checkSignerPolicies(
  path: readonly Certificate[],
  anchor: TrustAnchor,
  testMode: boolean,
): readonly Finding[] {
  const [signer] = path;
  if (!signer) return [];
  const offence = findPolicyOffence(path.map(pathCertificate), anchor, {
    testMode,
    signer: { label: certificateLabel(signer), facts: certificateFacts(signer) },
  });
  return offence ? [offence] : [];
}
