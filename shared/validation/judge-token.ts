// One timestamp token as of an instant, with proofs of existence: as it stands, or saved by a later proof
// over it (EN 319 102-1 §5.4, §5.6.2.4). RFC 3161's own demands stand in shared/tsp.
import { compareInstants } from '#shared/time.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import { type TokenVerdict, verifyToken } from '#shared/tsp/verify-token.ts';
import { type PastVerdict, validatePast } from '#shared/validation/past-validation.ts';
import type { ProofOfExistence } from '#shared/validation/proof-of-existence.ts';
import type { ValidationMaterial } from '#shared/validation/validation-material.ts';

export type TokenJudgement = TokenVerdict & {
  /** The proof over the token that its verdict rests on; absent where it holds, or falls, by itself. */
  readonly proof?: ProofOfExistence | undefined;
  readonly past?: PastVerdict | undefined;
};

export type Imprint = { readonly algorithm: DigestAlgorithm; readonly digest: Uint8Array };

/** What is wrong as of now and may have been right before. @see EN 319 102-1 §5.4.4 */
const open: Readonly<Partial<Record<SubIndication, SubIndication>>> = {
  EXPIRED: 'OUT_OF_BOUNDS_NO_POE',
  REVOKED: 'REVOKED_NO_POE',
  CRYPTO_CONSTRAINTS_FAILURE: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
};

/** Open: what a proof would have to be older than. */
function left(
  verdict: TokenVerdict,
  past: PastVerdict,
  proof: ProofOfExistence | undefined,
): TokenJudgement {
  const { subIndication } = verdict;
  return {
    ...verdict,
    status: 'indeterminate',
    subIndication: past.subIndication ?? (subIndication && open[subIndication]) ?? subIndication,
    findings: [...verdict.findings, ...past.findings],
    proof,
    past,
  };
}

/**
 * Judges a token as of `at`. Not valid then, it is judged as of the oldest proof of its existence: its
 * path by time sliding, its algorithms as of the proof. `imprint` absent: what it covers is not asked.
 * @see EN 319 102-1 §5.6.2.4
 */
export function judgeToken(
  token: TimeStampToken,
  imprint: Imprint | undefined,
  at: Temporal.Instant,
  material: ValidationMaterial,
): TokenJudgement {
  const common = {
    imprint,
    anchors: material.tsuAnchors,
    certificates: material.certificates,
    algorithmPolicy: material.algorithmPolicy,
  };
  const { crls, ocspResponses, revocationMode } = material;
  const { genTime } = token.tstInfo;
  const clock = { now: at, toleranceSeconds: 0, stored: true };
  const now = verifyToken(token, { ...common, crls, ocspResponses, at, clock, revocationMode });
  if (now.status === 'valid' || !now.signer) return now;
  // By itself: what is wrong at its own time, whatever the policy says now, stays wrong.
  const inItself = verifyToken(token, {
    ...common,
    algorithmPolicy: undefined,
    at: genTime,
    clock,
    revocationMode: 'none',
  });
  if (inItself.status !== 'valid') return inItself;
  const proof = material.proofs.since(token.raw);
  const existsSince = proof?.time ?? at;
  const embedded = embeddedValidationData(token.signedData);
  const past = validatePast(
    {
      target: now.signer,
      purpose: 'tsu',
      anchors: material.tsuAnchors,
      at,
      existsSince,
      genTime,
      certificates: embedded.certificates,
    },
    {
      ...material,
      crls: [...embedded.crls, ...crls],
      ocspResponses: [...embedded.ocspResponses, ...ocspResponses],
    },
  );
  if (past.status !== 'valid' || !proof || compareInstants(existsSince, at) >= 0)
    return left(now, past, proof);
  const then = verifyToken(token, { ...common, at: existsSince, clock, revocationMode: 'none' });
  return then.status === 'valid'
    ? { ...then, findings: [...then.findings, ...past.findings], proof, past }
    : left(then, past, proof);
}
