// Trust anchors: the certificates where paths may end, and until when each is trusted. Which anchors
// serve which role is for the configuration; trusted lists become anchors in trusted-list.ts.
import type { Certificate } from '#shared/x509/certificate.ts';

/** RFC 5280 §6.1.1 (d): name and key of the certificate, which itself is not verified. */
export type TrustAnchor = {
  readonly certificate: Certificate;
  /** From then on the anchor is not trusted, whatever its certificate says. */
  readonly sunset?: Temporal.Instant;
  /** Free label of the operator, such as `accredited` or `private`. */
  readonly class?: string;
};
