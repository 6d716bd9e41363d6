// The question that path verification answers: which certificate, on what material, as of when, for
// which purpose. RFC 5280 §6.1.1 names the policy inputs.
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { TrustAnchor } from './anchors.ts';

/** What the target certificate is used for, which decides key usage and extended key usage. */
export type CertificatePurpose =
  /** A TSU: one extended key usage, id-kp-timeStamping, critical (RFC 3161 §2.3). */
  | 'tsu'
  /** A signer of documents. */
  | 'signer'
  /** A delegated OCSP responder (RFC 6960 §4.2.2.2). */
  | 'ocsp'
  /** A CA whose certificate is itself the target. */
  | 'ca'
  /** A TLS server, where conformance suites and HTTPS sources ask for it. */
  | 'server'
  /** Nothing is asked of key usage. */
  | 'any';

export type RevocationMode =
  /** Unknown status leaves the path indeterminate. */
  | 'require'
  /** Unknown status is a warning. */
  | 'soft'
  /** No status is looked at. */
  | 'none';

/** RFC 5280 §6.1.1 (c), (e), (f), (g); defaults: any policy, nothing inhibited. */
export type PolicyInputs = {
  readonly userInitialPolicySet?: readonly string[];
  readonly initialPolicyMappingInhibit?: boolean;
  readonly initialExplicitPolicy?: boolean;
  readonly initialAnyPolicyInhibit?: boolean;
};

export type PathQuery = PolicyInputs & {
  readonly target: Certificate;
  /** Candidates in any order; more than needed is fine. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  /** The instant as of which everything is judged. */
  readonly at: Temporal.Instant;
  readonly purpose: CertificatePurpose;
  readonly revocationMode: RevocationMode;
};
