// A token of the journal as evidence: judged again, brought to evidence form, and judged once more in the records that
// stand on it (RFC 4998 §5.3). What does not hold goes to no client.
import { InvariantError, SourceError } from '#shared/errors.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import { horizonToken } from '#shared/validation/horizon-token.ts';
import { proofHorizon } from '#shared/validation/proof-horizon.ts';
import type { TrustMaterial } from '../providers/providers.ts';

type Imprint = { readonly algorithm: DigestAlgorithm; readonly digest: Uint8Array };

export type EvidenceTokenOptions = {
  readonly trust: TrustMaterial;
  readonly revocation: RevocationMode;
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  readonly at: Temporal.Instant;
};

export type EvidenceToken = {
  /** In evidence form. */
  readonly octets: Uint8Array;
  readonly genTime: Temporal.Instant;
  /** Until when it can be verified, as far as is known now. */
  readonly provableUntil: Temporal.Instant | undefined;
};

function judge(
  token: TimeStampToken,
  imprint: Imprint,
  { trust, revocation, algorithmPolicy, at }: EvidenceTokenOptions,
): TokenVerdict {
  return verifyToken(token, {
    imprint,
    anchors: trust.anchors,
    certificates: trust.certificates,
    crls: trust.crls,
    ocspResponses: [],
    at,
    revocationMode: revocation,
    algorithmPolicy,
  });
}

function horizonOf(
  token: TimeStampToken,
  verdict: TokenVerdict,
  { algorithm }: Imprint,
  { algorithmPolicy: profile }: EvidenceTokenOptions,
): Temporal.Instant | undefined {
  const described = horizonToken(token, verdict);
  if (!described || !profile) return undefined;
  const none = new Map<string, Temporal.Instant>();
  return proofHorizon(described, algorithm, { profile, anchorEnds: none, revocations: none }).at;
}

/**
 * The token of a TimeStampResp over `imprint`, in evidence form.
 * @throws SourceError ERR_SOURCE_ANSWER: it does not hold, or not any more
 * @throws InvariantError ERR_INVARIANT_READ_BACK: it does not hold in evidence form
 */
export function evidenceTokenOf(
  response: Uint8Array,
  imprint: Imprint,
  options: EvidenceTokenOptions,
): EvidenceToken {
  const token = parseTimeStampToken(parseTimeStampResp(response).token ?? new Uint8Array());
  const verdict = judge(token, imprint, options);
  if (verdict.status !== 'valid')
    throw new SourceError('ERR_SOURCE_ANSWER', `the token is ${verdict.status} as evidence`, {
      retryable: true,
    });
  const sources = new Set(verdict.revocation.map(({ source }) => source));
  const octets = buildEvidenceForm(token.raw, {
    certificates: verdict.path,
    crls: options.trust.crls.filter((crl) => sources.has(crl)),
    ocspResponses: [],
  });
  if (judge(parseTimeStampToken(octets), imprint, options).status !== 'valid')
    throw new InvariantError('ERR_INVARIANT_READ_BACK', 'a token does not hold as evidence');
  const provableUntil = horizonOf(token, verdict, imprint, options);
  return { octets, genTime: token.tstInfo.genTime, provableUntil };
}

/**
 * Judges a record as whoever gets it would.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: it does not prove its group
 */
export function requireProof(
  record: Uint8Array,
  algorithm: DigestAlgorithm,
  digests: readonly Uint8Array[],
  options: EvidenceTokenOptions,
): void {
  const verdict = verifyEvidenceRecord({
    record: parseEvidenceRecord(record),
    dataObjects: digests.map((value, i) => ({
      name: `${i}`,
      digest: (asked) => (asked === algorithm ? value : undefined),
    })),
    verifyToken: (token, at, imprint) => judge(token, imprint, { ...options, at }),
    at: options.at,
    exactGroup: true,
  });
  if (verdict.status === 'valid') return;
  const reasons = verdict.findings.map(({ message }) => message).join('; ');
  throw new InvariantError('ERR_INVARIANT_READ_BACK', `a record does not hold: ${reasons}`);
}
