// What a signer is known by beside its name: the kind of service that its path ends at, the licences that its
// certificate asserts, and whether it may sign documents at all (MHLW guideline, 6.12 C.1(2)).
import { toBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import { type Licence, licenceOf } from '#shared/policy/licences.ts';
import type { AnchorClass, TrustAnchor } from '#shared/trust/anchors.ts';
import { certificateFacts, certificateLabel } from '#shared/trust/certificate-label.ts';
import type { Finding } from '#shared/trust/finding.ts';
import {
  checkSignerPolicies,
  type PathCertificate,
  pathCertificate,
} from '#shared/trust/signer-checks.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { readHcRoles } from '#shared/x509/hc-role.ts';

export type SignerQualification = {
  readonly anchorClass: AnchorClass;
  /** SHA-256 fingerprint of the anchor. */
  readonly anchor: string;
  /** As the certificate says; whose word counts is for the rules of a document class. */
  readonly licences: readonly Licence[];
};

/**
 * What was found of a signer that depends on no anchor, and how the anchor stood: other trust data is asked about
 * the same signature without reading it again. Instants are texts; it survives JSON.
 */
export type SignerPath = {
  /** Target first; the anchor last where there is one, otherwise as far as signatures led. */
  readonly certificates: readonly PathCertificate[];
  readonly notBefore: string;
  /** Absent where the certificate names none. */
  readonly licences?: readonly Licence[] | undefined;
  /** The signature is proven to be older than its judgement; absent: it is not. */
  readonly existsSince?: string | undefined;
  /** Of the anchor as it was trusted then. */
  readonly sunset?: string | undefined;
  readonly periods?:
    readonly { readonly since: string; readonly until?: string | undefined }[] | undefined;
  /** SHA-256 of the anchor's SubjectPublicKeyInfo: a certificate that was issued again has the same. */
  readonly anchorKey?: string | undefined;
  /** No anchor was found: the last certificate in base64, which another anchor may have issued. */
  readonly top?: string | undefined;
};

export type QualifiedSigner = {
  readonly qualification: SignerQualification | undefined;
  /** Absent: nothing was found of a signer, or more than is kept. */
  readonly signerPath?: SignerPath | undefined;
  readonly findings: readonly Finding[];
};

/** What a certificate and its re-issues have in common. */
export function keyDigest({ publicKey }: Certificate): string {
  return toHex(digest('SHA-256', publicKey));
}

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

/** A genuine path has some four certificates with a policy or two; what claims more is not kept. */
const maxKept = { certificates: 12, policies: 20, policyLength: 128, octets: 8192 };

function keptPath(
  path: readonly Certificate[],
  anchor: TrustAnchor | undefined,
  licences: readonly Licence[],
): SignerPath | undefined {
  const [signer, last] = [path[0], path.at(-1)];
  const certificates = path.map(pathCertificate);
  const isKept =
    certificates.length <= maxKept.certificates &&
    certificates.every(
      ({ policies }) =>
        policies.length <= maxKept.policies &&
        policies.every(({ length }) => length <= maxKept.policyLength),
    );
  if (!signer || !last || !isKept) return undefined;
  return {
    certificates,
    notBefore: signer.notBefore.toString(),
    ...(licences.length > 0 && { licences }),
    ...(anchor && { anchorKey: keyDigest(anchor.certificate) }),
    ...(anchor?.sunset && { sunset: anchor.sunset.toString() }),
    ...(anchor?.periods && {
      periods: anchor.periods.map(({ since, until }) => ({
        since: since.toString(),
        ...(until && { until: until.toString() }),
      })),
    }),
    ...(!anchor && last.raw.length <= maxKept.octets && { top: toBase64(last.raw) }),
  };
}

/** Of a path that was found, target first, as far as it led; without an anchor no class is known. */
export function qualifySigner(
  path: readonly Certificate[],
  anchors: readonly TrustAnchor[],
  testMode: boolean,
): QualifiedSigner {
  const [signer] = path;
  if (!signer) return { qualification: undefined, findings: [] };
  const last = path.at(-1);
  const anchor = anchors.find(({ certificate }) => certificate.fingerprint === last?.fingerprint);
  const { licences, findings } = licencesOf(signer);
  const signerPath = keptPath(path, anchor, licences);
  if (!anchor) return { qualification: undefined, signerPath, findings: [] };
  return {
    qualification: {
      anchorClass: anchor.class ?? 'other',
      anchor: anchor.certificate.fingerprint,
      licences,
    },
    signerPath,
    findings: [...checkSignerPolicies(path, anchor, testMode), ...findings],
  };
}
