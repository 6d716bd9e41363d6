// The question that path verification answers: which certificate, on what material, as of when, for
// which purpose. RFC 5280 §6.1.1 names the inputs.
import type { SignatureDescription } from '#shared/crypto/signature.ts';
import type { GeneralSubtree } from '#shared/x509/certificate-extensions.ts';
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
  /** An issuer of CRLs. */
  | 'crl'
  /** A CA whose certificate is itself the target. */
  | 'ca'
  /** TLS, where conformance suites and HTTPS sources ask for it. */
  | 'server'
  | 'client'
  /** Nothing is asked of key usage. */
  | 'any';

export type RevocationMode =
  /** Unknown status leaves the path indeterminate. */
  | 'require'
  /** Unknown status is a warning. */
  | 'soft'
  /** No status is looked at. */
  | 'none';

/** RFC 5280 §6.1.1; defaults: any policy, nothing inhibited, no subtrees. */
export type PathInputs = {
  /** The instant as of which everything is judged; fractions of a second do not count (§4.1.2.5). */
  readonly at: Temporal.Instant;
  readonly purpose: CertificatePurpose;
  readonly userInitialPolicySet?: readonly string[];
  readonly initialPolicyMappingInhibit?: boolean;
  readonly initialExplicitPolicy?: boolean;
  readonly initialAnyPolicyInhibit?: boolean;
  readonly initialPermittedSubtrees?: readonly GeneralSubtree[];
  readonly initialExcludedSubtrees?: readonly GeneralSubtree[];
  /** How many intermediates that are not self-issued may stand between target and anchor. */
  readonly maxPathLength?: number;
  /**
   * Whether a certificate that breaks what RFC 5280 §4 demands of its issuer (criticality, key
   * identifiers, serial number) spoils the path or is only reported. Default `report`: genuine public
   * TSAs stand on such certificates, and what their CA should have written undoes no signature.
   */
  readonly certificateProfile?: 'enforce' | 'report';
  /**
   * What the algorithm policy has against a signature as of an instant, as the end of a sentence that
   * begins with the signed object; `undefined` if nothing. Without it every verifiable algorithm counts.
   */
  readonly checkSignatureAlgorithm?: (
    signature: SignatureDescription,
    at: Temporal.Instant,
  ) => string | undefined;
};

export type PathQuery = PathInputs & {
  readonly target: Certificate;
  /** Candidates in any order; more than needed is fine. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  readonly revocationMode: RevocationMode;
};
