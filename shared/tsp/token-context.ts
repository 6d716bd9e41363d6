// What the caller of verifyToken knows and what its checks look at: types only.
import type { Check } from '#shared/cms/check.ts';
import type { SignerInfo } from '#shared/cms/signed-data.ts';
import type { SignerCheck } from '#shared/cms/signer-checks.ts';
import type { SignerVerdict } from '#shared/cms/verify-signer.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import type { PathVerdict } from '#shared/trust/path-verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { TimeStampReq } from './request.ts';
import type { TimeStampToken } from './token.ts';

/** What a token is judged against; what is absent is not asked. */
export type VerifyTokenOptions = {
  /** What the token must be over. */
  readonly imprint?:
    { readonly algorithm: DigestAlgorithm; readonly digest: Uint8Array } | undefined;
  /** The query that it answers: imprint, nonce, policy and certReq must be met (RFC 3161 §2.4.2). */
  readonly request?: TimeStampReq | undefined;
  readonly anchors: readonly TrustAnchor[];
  /** Candidates beside those in the token: intermediates, and TSU certificates known otherwise. */
  readonly certificates?: readonly Certificate[] | undefined;
  readonly crls?: readonly CertificateList[] | undefined;
  readonly ocspResponses?: readonly OcspResponse[] | undefined;
  /** The instant of path validation and of the algorithm policy; genTime where absent. */
  readonly at?: Temporal.Instant | undefined;
  /** Our clock. A token just received lies within the tolerance; a `stored` one is only not ahead of it. */
  readonly clock?:
    | {
        readonly now: Temporal.Instant;
        readonly toleranceSeconds: number;
        readonly stored?: boolean | undefined;
      }
    | undefined;
  readonly allowed?:
    | {
        readonly tsaPolicies?: readonly string[] | undefined;
        readonly digestAlgorithms?: readonly DigestAlgorithm[] | undefined;
      }
    | undefined;
  readonly algorithmPolicy?: AlgorithmProfile | undefined;
  readonly revocationMode: RevocationMode;
  readonly requireAccuracy?: boolean | undefined;
  /** From genTime to the end of the shortest-lived certificate of the path. */
  readonly minimumRemaining?: { readonly seconds: number } | undefined;
  /** For tests that leave a check out. */
  readonly checks?: readonly TokenCheck[] | undefined;
  readonly signerChecks?: readonly SignerCheck[] | undefined;
};

/** Everything that the checks look at, gathered once. */
export type TokenContext = {
  readonly token: TimeStampToken;
  readonly options: VerifyTokenOptions;
  readonly at: Temporal.Instant;
  /** The first SignerInfo; a token with none or several fails by that. */
  readonly signerInfo: SignerInfo | undefined;
  readonly signerVerdict: SignerVerdict | undefined;
  readonly signer: Certificate | undefined;
  readonly pathVerdict: PathVerdict | undefined;
  /** Target first, anchor last; empty without a signer. */
  readonly path: readonly Certificate[];
  /** End of the shortest-lived certificate of the path, the anchor by its sunset. */
  readonly notAfter: Temporal.Instant | undefined;
};

export type TokenCheck = Check<TokenContext>;
