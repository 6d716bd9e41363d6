// Tokens of batches: judged in full as of a time with the revocation data that is at hand, described
// for the manifest, and brought to evidence form (design §3 "Tokens"). The rules are shared/tsp's.
import { fromHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Imprint } from '#shared/ers/evidence-record.ts';
import { InvariantError } from '#shared/errors.ts';
import type { ValidationData } from '#shared/ports/status-source.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import { horizonToken } from '#shared/validation/horizon-token.ts';
import type { BatchKind, BatchManifest, TokenFacts, TokenVerification } from './types.ts';

/** What a token has to fit; `request` only for one that was asked for now. */
export type TokenExpectation = {
  readonly imprint: { readonly algorithm: DigestAlgorithm; readonly digest: Uint8Array };
  readonly request?: TimeStampReq | undefined;
};

export type JudgedToken = {
  readonly token: TimeStampToken;
  readonly verdict: TokenVerdict;
  readonly validationData: ValidationData;
  /** Everything holds but that revocation is not known now: not broken (design, invariant 2). */
  readonly revocationUnknown: boolean;
};

/** Under which trust the own token of a batch is judged, by what the batch is. */
export function verificationFor(
  verification: TokenVerification,
  kind: BatchKind,
): TokenVerification {
  return kind === 'taken-over' ? (verification.takenOver ?? verification) : verification;
}

/** What a batch's own token is over. Another product's imprint algorithm may differ from its tree's (§4.2). */
export function imprintOf({ kind, digestAlgorithm, root, token }: BatchManifest): Imprint {
  return {
    algorithm: kind === 'taken-over' ? token.imprintAlgorithm : digestAlgorithm,
    digest: fromHex(root) ?? new Uint8Array(0),
  };
}

/**
 * Verifies a token in full as of `at`: signature, path, and revocation with data collected now.
 * @throws FormatError and UnsupportedError where the octets are no token
 */
export async function judgeToken(
  octets: Uint8Array,
  expected: TokenExpectation,
  verification: TokenVerification,
  options: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): Promise<JudgedToken> {
  const token = parseTimeStampToken(octets);
  const candidates = [...token.signedData.certificates, ...verification.certificates];
  const validationData = await verification.statusSource.certificatesAndCrlsFor(
    candidates,
    options,
  );
  const judge = (revocationMode: TokenVerification['revocationMode']): TokenVerdict =>
    verifyToken(token, {
      imprint: expected.imprint,
      request: expected.request,
      anchors: verification.anchors,
      certificates: [...verification.certificates, ...validationData.certificates],
      crls: validationData.crls,
      ocspResponses: validationData.ocspResponses,
      at: options.at,
      algorithmPolicy: verification.algorithmPolicy,
      revocationMode,
    });
  const verdict = judge(verification.revocationMode);
  return {
    token,
    verdict,
    validationData,
    revocationUnknown:
      verdict.status === 'indeterminate' &&
      verification.revocationMode === 'require' &&
      judge('soft').status === 'valid',
  };
}

/** What the manifest keeps of a token that was found valid. */
export function describeToken({ token, verdict }: JudgedToken): TokenFacts {
  const described = horizonToken(token, verdict);
  if (!described)
    throw new InvariantError('ERR_INVARIANT_STATE', 'a valid token without signer or imprint');
  return described;
}

/**
 * The evidence form of a judged token: DER outside of what is signed, the chain and the revocation
 * data inside. Not yet judged again: the caller does, over the octets returned.
 */
export function evidenceFormOf({ token, verdict, validationData }: JudgedToken): Uint8Array {
  // Only what decided goes in: a token is hashed again for every document in a hash-tree renewal.
  const sources = new Set(verdict.revocation.map(({ source }) => source));
  return buildEvidenceForm(token.raw, {
    certificates: verdict.path,
    crls: validationData.crls.filter((crl) => sources.has(crl)),
    ocspResponses: validationData.ocspResponses.filter((response) => sources.has(response)),
  });
}
