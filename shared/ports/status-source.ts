// Validation data by certificate: where certificates, CRLs and OCSP responses of a chain come from
// (configured files, a cache, the network) stays with the adapter.
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';

/** What was at hand. Nothing here is verified yet: path validation judges it. */
export type ValidationData = {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  /** Certificates whose status could not be had, each with a sentence why. */
  readonly missing: readonly { readonly fingerprint: string; readonly reason: string }[];
};

/**
 * Gives certificates and revocation data for `chain`, as new as can be had at `at`. What cannot be
 * had is listed in `missing`, not thrown; asked again it may have come.
 */
export type StatusSource = {
  readonly certificatesAndCrlsFor: (
    chain: readonly Certificate[],
    options: {
      readonly at: Temporal.Instant;
      /** Only what was issued later counts; without it what is current at `at`. */
      readonly after?: Temporal.Instant | undefined;
      readonly signal: AbortSignal;
    },
  ) => Promise<ValidationData>;
};
