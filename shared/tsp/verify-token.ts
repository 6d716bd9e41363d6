// Verifies a timestamp token in full (RFC 3161 §2.3, §2.4.2; RFC 5816; RFC 5652 §5.4, §5.6; EN 319 422):
// signer, path and revocation first, then the lists of checks. It says what holds as of a time; what
// an older proof of existence can still save is for shared/validation.
import { verifySigner, type SignerVerdict } from '#shared/cms/verify-signer.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { runChecks, type ChecksResult } from '#shared/cms/check.ts';
import { earlier, isBefore } from '#shared/time.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import type { PathVerdict, RevocationStatus } from '#shared/trust/path-verdict.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { algorithmChecks } from './algorithm-checks.ts';
import type { TimeStampToken } from './token.ts';
import type { TokenCheck, TokenContext, VerifyTokenOptions } from './token-context.ts';
import { tstInfoChecks } from './tst-info-checks.ts';
import { tsuChecks } from './tsu-checks.ts';

export type { VerifyTokenOptions } from './token-context.ts';

export type TokenVerdict = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  /** Why not valid; absent for `valid`. */
  readonly subIndication?: SubIndication | undefined;
  /** Of the checks on what the token says, on its signer, its path, in this order. */
  readonly findings: readonly Finding[];
  /** The certificate of the TSU. */
  readonly signer?: Certificate | undefined;
  /** TSU first, anchor last; the best attempt where no path holds, empty without a signer. */
  readonly path: readonly Certificate[];
  readonly revocation: readonly RevocationStatus[];
  readonly genTime: Temporal.Instant;
  /** End of the shortest-lived certificate of the path, the anchor by its sunset; absent without a signer. */
  readonly notAfter?: Temporal.Instant | undefined;
  /** What holds of the signature by itself, whoever made it. */
  readonly signatureIntact: boolean;
  readonly messageDigestIntact: boolean;
  /** Digest by which ESSCertIDv2 names the signer; absent for version 1, which has SHA-1 by definition. */
  readonly certificateDigest?: DigestAlgorithm | undefined;
};

/** The checks on a token beside those on its signer and its path, in order. */
export const tokenChecks: readonly TokenCheck[] = [
  ...tstInfoChecks,
  ...tsuChecks,
  ...algorithmChecks,
];

/** RFC 3161 §4 (1): with these reasons, stated, the tokens from before the revocation stay good. */
export const harmlessReasons: readonly string[] = [
  'unspecified',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
];

/** Whether the TSU was revoked after genTime for a reason that leaves its earlier tokens good. */
function revokedHarmlessly(path: PathVerdict, genTime: Temporal.Instant): boolean {
  const [tsu, ...others] = path.revocation;
  return (
    tsu?.status === 'revoked' &&
    tsu.revokedAt !== undefined &&
    isBefore(genTime, tsu.revokedAt) &&
    harmlessReasons.includes(tsu.reason ?? '') &&
    !others.some(({ status }) => status === 'revoked')
  );
}

/** What is given may have been read from the token already. */
function joined<T>(own: readonly T[], given: readonly T[] = []): readonly T[] {
  return [...new Set([...own, ...given])];
}

/** The path as of `at`; a TSU revoked later without harm is judged as of genTime as well. */
function judgePath(
  token: TimeStampToken,
  signer: Certificate,
  options: VerifyTokenOptions,
  at: Temporal.Instant,
): PathVerdict {
  const { signedData, tstInfo } = token;
  const embedded = embeddedValidationData(signedData);
  const verify = (instant: Temporal.Instant, revocationMode: RevocationMode): PathVerdict =>
    verifyCertificatePath({
      target: signer,
      intermediates: joined(embedded.certificates, options.certificates),
      anchors: options.anchors,
      crls: joined(embedded.crls, options.crls),
      ocspResponses: joined(embedded.ocspResponses, options.ocspResponses),
      at: instant,
      purpose: 'tsu',
      // What a CA should have written otherwise does not undo the time that its TSU told.
      certificateProfile: 'report',
      revocationMode,
    });
  const verdict = verify(at, options.revocationMode);
  if (verdict.status === 'valid' || !revokedHarmlessly(verdict, tstInfo.genTime)) return verdict;
  const unrevoked = verify(at, 'none');
  if (unrevoked.status !== 'valid') return verdict;
  const [tsu] = verdict.revocation;
  return {
    ...unrevoked,
    revocation: verdict.revocation,
    findings: [
      ...unrevoked.findings,
      {
        check: 'tsu-revoked-after-gen-time',
        clause: 'RFC 3161 §4',
        level: 'warning',
        message:
          'The TSU was revoked after genTime for a reason that leaves its earlier tokens good.',
        facts: { revokedAt: tsu?.revokedAt?.toString() ?? '', reason: tsu?.reason ?? '' },
      },
    ],
  };
}

/** Where the path stops being verifiable: the anchor counts by its sunset alone (design, proof horizon). */
function endOfPath(
  path: readonly Certificate[],
  anchors: readonly TrustAnchor[],
): Temporal.Instant | undefined {
  const top = path.at(-1);
  const anchor = anchors.find(({ certificate }) => certificate.fingerprint === top?.fingerprint);
  const ends = (anchor && path.length > 1 ? path.slice(0, -1) : path).map(
    ({ notAfter }) => notAfter,
  );
  if (anchor?.sunset) ends.push(anchor.sunset);
  return ends.reduce<Temporal.Instant | undefined>(
    (first, end) => (first ? earlier(first, end) : end),
    undefined,
  );
}

type Part = Pick<ChecksResult, 'status' | 'subIndication'>;

/** The worst of several verdicts; of equals the first. */
function worst(parts: readonly Part[]): Part {
  return (
    parts.find(({ status }) => status === 'invalid') ??
    parts.find(({ status }) => status === 'indeterminate') ?? { status: 'valid' }
  );
}

/**
 * Judges one token as of `options.at` (genTime where absent).
 *
 * Never throws for hostile input that `parseTimeStampToken` accepted. Costs one verification of the
 * token's signature and those of its path.
 * @see RFC 3161 §2.4.2
 */
export function verifyToken(token: TimeStampToken, options: VerifyTokenOptions): TokenVerdict {
  const { signedData, tstInfo } = token;
  const at = options.at ?? tstInfo.genTime;
  const [signerInfo] = signedData.signerInfos;
  const signerVerdict: SignerVerdict | undefined =
    signerInfo &&
    verifySigner({
      signedData,
      signerInfo,
      candidates: options.certificates,
      signingCertificateRequired: true,
      checks: options.signerChecks,
    });
  const signer = signerVerdict?.signer;
  const pathVerdict = signer && judgePath(token, signer, options, at);
  const path = pathVerdict?.path ?? [];
  const context: TokenContext = {
    token,
    options,
    at,
    signerInfo,
    signerVerdict,
    signer,
    pathVerdict,
    path,
    notAfter: endOfPath(path, options.anchors),
  };
  const checked = runChecks(options.checks ?? tokenChecks, context);
  const parts = [checked, signerVerdict, pathVerdict].filter((part) => part !== undefined);
  return {
    ...worst(parts),
    findings: parts.flatMap(({ findings }) => findings),
    signer,
    path,
    revocation: pathVerdict?.revocation ?? [],
    genTime: tstInfo.genTime,
    notAfter: context.notAfter,
    signatureIntact: signerVerdict?.signatureIntact ?? false,
    messageDigestIntact: signerVerdict?.messageDigestIntact ?? false,
    certificateDigest: signerVerdict?.signingCertificates.find(({ version }) => version === 2)
      ?.hashAlgorithm,
  };
}
