// What verifying a certification path gives: a verdict, the path it speaks of, and the revocation status
// of each certificate with its source.
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList, CrlReason } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { Finding } from './finding.ts';
import type { SubIndication } from './sub-indication.ts';

/** Revocation status of one certificate as of a time. */
export type RevocationStatus = {
  readonly certificate: Certificate;
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly revokedAt?: Temporal.Instant;
  readonly reason?: CrlReason;
  /** Since when the key may have been in other hands (RFC 5280 §5.3.2). */
  readonly invalidityDate?: Temporal.Instant;
  /** What said so; missing where the status is unknown. */
  readonly source?: CertificateList | OcspResponse;
  /** When that source was issued. */
  readonly thisUpdate?: Temporal.Instant;
  readonly nextUpdate?: Temporal.Instant;
  /** Why the status is unknown, and what was tried. */
  readonly findings: readonly Finding[];
};

export type PathVerdict = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication;
  /** Target first, anchor last; the best attempt where the status is not `valid`, possibly the target alone. */
  readonly path: readonly Certificate[];
  readonly findings: readonly Finding[];
  /** Of every certificate of the path but the anchor, in the order of the path. */
  readonly revocation: readonly RevocationStatus[];
  /** The user-constrained policy set (RFC 5280 §6.1.6), `undefined` where there is no valid path. */
  readonly certificatePolicies?: readonly string[];
};
