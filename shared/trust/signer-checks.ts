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

function asserted({ certificatePolicies = [] }: Certificate): readonly string[] {
  return certificatePolicies.map(({ policyIdentifier }) => policyIdentifier);
}

/** By the signer itself, and by each authority below the anchor, which may leave it open. */
function isAsserted(policy: string, path: readonly Certificate[]): boolean {
  return path.slice(0, -1).every((certificate, index) => {
    const policies = asserted(certificate);
    return policies.includes(policy) || (index > 0 && policies.includes(oids.anyPolicy));
  });
}

function finding(
  check: string,
  message: string,
  signer: Certificate,
  facts: Readonly<Record<string, string>>,
): Finding {
  return {
    check,
    clause: 'MHLW guideline 6.12 C.1(2)',
    level: 'error',
    message,
    facts: { ...certificateFacts(signer), ...facts },
  };
}

/**
 * What speaks against a signer whose path (target first, anchor last) ends at this anchor. `testMode`: test
 * certificates may sign, for trying things out.
 */
export function checkSignerPolicies(
  path: readonly Certificate[],
  anchor: TrustAnchor,
  testMode: boolean,
): readonly Finding[] {
  const [signer] = path;
  if (!signer) return [];
  for (const policy of asserted(signer)) {
    const reason = refused.get(policy);
    if (reason === undefined || (reason === 'test' && testMode)) continue;
    const what = reason === 'test' ? 'tests' : 'authentication';
    return [
      finding(
        `signer-policy-${reason}`,
        `${certificateLabel(signer)} is issued for ${what} (${oidName(policy)}), not for signing documents.`,
        signer,
        { policy, reason },
      ),
    ];
  }
  const ofClass = anchor.class && [
    ...(signing[anchor.class] ?? []),
    ...(testMode ? (testing[anchor.class] ?? []) : []),
  ];
  const required = anchor.certificatePolicies ?? (ofClass?.length ? ofClass : undefined);
  if (!required || required.some((policy) => isAsserted(policy, path))) return [];
  return [
    finding(
      'signer-policy',
      `The path of ${certificateLabel(signer)} asserts no policy under which documents are signed: ${required.map(oidName).join(', ')}.`,
      signer,
      { policies: asserted(signer).join(' '), required: required.join(' ') },
    ),
  ];
}
