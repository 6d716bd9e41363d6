// What a signer is known by beside its name: the kind of service that its path ends at, the licences that its
// certificate asserts, and whether it may sign documents at all (MHLW guideline, 6.12 C.1(2)).
import { FormatError } from '#shared/errors.ts';
import { type Licence, licenceOf } from '#shared/policy/licences.ts';
import type { AnchorClass, TrustAnchor } from '#shared/trust/anchors.ts';
import { certificateFacts, certificateLabel } from '#shared/trust/certificate-label.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { checkSignerPolicies } from '#shared/trust/signer-checks.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { readHcRoles } from '#shared/x509/hc-role.ts';

export type SignerQualification = {
  readonly anchorClass: AnchorClass;
  /** SHA-256 fingerprint of the anchor. */
  readonly anchor: string;
  /** As the certificate says; whose word counts is for the rules of a document class. */
  readonly licences: readonly Licence[];
};

export type QualifiedSigner = {
  readonly qualification: SignerQualification | undefined;
  readonly findings: readonly Finding[];
};

function licencesOf(signer: Certificate): {
  readonly licences: readonly Licence[];
  readonly findings: readonly Finding[];
} {
  try {
    return { licences: readHcRoles(signer).map(licenceOf), findings: [] };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return {
      licences: [],
      findings: [
        {
          check: 'signer-role',
          clause: 'ISO 17090-2',
          level: 'warning',
          message: `The role that ${certificateLabel(signer)} asserts cannot be read: ${error.message}`,
          facts: certificateFacts(signer),
        },
      ],
    };
  }
}

/** Of a path that was found, target first; nothing is known of a signer without one. */
export function qualifySigner(
  path: readonly Certificate[],
  anchors: readonly TrustAnchor[],
  testMode: boolean,
): QualifiedSigner {
  const [signer] = path;
  const last = path.at(-1);
  const anchor = anchors.find(({ certificate }) => certificate.fingerprint === last?.fingerprint);
  if (!signer || !anchor) return { qualification: undefined, findings: [] };
  const { licences, findings } = licencesOf(signer);
  return {
    qualification: {
      anchorClass: anchor.class ?? 'other',
      anchor: anchor.certificate.fingerprint,
      licences,
    },
    findings: [...checkSignerPolicies(path, anchor, testMode), ...findings],
  };
}
