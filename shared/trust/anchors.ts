// Trust anchors: the certificates where paths may end, and until when each is trusted. Which anchors
// serve which role is for the configuration; trusted lists become anchors in trusted-list.ts.
import type { RevocationMode } from './path-query.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/**
 * What kind of service stands behind an anchor of document signers (MHLW guideline, 6.12 C.1(2)): the
 * healthcare PKI, an accredited service, the public personal one, a provider that signs as a witness of its
 * users, or any other.
 */
export const anchorClasses = ['hpki', 'accredited', 'other', 'jpki', 'witness-provider'] as const;

export type AnchorClass = (typeof anchorClasses)[number];

export type TrustPeriod = {
  readonly since: Temporal.Instant;
  /** First instant at which it is over; absent: it lasts. */
  readonly until?: Temporal.Instant | undefined;
};

/** RFC 5280 §6.1.1 (d): name and key of the certificate, which itself is not verified. */
export type TrustAnchor = {
  readonly certificate: Certificate;
  /** Trusted within these alone, in order: as a trusted list says it. */
  readonly periods?: readonly TrustPeriod[];
  /** From then on the anchor is not trusted, whatever its certificate says. */
  readonly sunset?: Temporal.Instant;
  /** Of anchors of document signers; absent counts as `other`. */
  readonly class?: AnchorClass;
  /** Certificate policies of which a signer's path has to assert one, instead of those of the class. */
  readonly certificatePolicies?: readonly string[];
  /**
   * What is asked of the status of certificates below it where the question requires one: a TSA whose
   * configuration says that it has no revocation data.
   */
  readonly revocationMode?: RevocationMode | undefined;
};

/** A question that leaves revocation out is not made stricter by an anchor. */
export function revocationModeBelow(
  anchor: TrustAnchor | undefined,
  asked: RevocationMode,
): RevocationMode {
  return asked === 'require' ? (anchor?.revocationMode ?? asked) : asked;
}
