// A token over an imprint from one TSA: asked for with a nonce, verified in full, and brought to evidence form
// with the validation data of its TSU, so that its octets are those that DER gives (RFC 3161 §2.4).
import { toHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import type { RandomSource } from '#shared/ports/runtime.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, printableText } from '#shared/tsp/response.ts';
import { evidenceFormOf, judgeToken } from '../evidence/tokens.ts';
import type { TokenVerification } from '../evidence/types.ts';
import type { ObtainToken } from './types.ts';

export type TokenPurchase = {
  readonly source: TimestampSource;
  readonly verification: TokenVerification;
  readonly tsaPolicy?: string | undefined;
  readonly random: RandomSource;
  /** When the answer is judged. */
  readonly now: () => Temporal.Instant;
  readonly signal: AbortSignal;
};

/** A query over the imprint, with a nonce of 63 bits: positive in eight octets, which every TSA takes. */
export function buildQuery(
  algorithm: DigestAlgorithm,
  digest: Uint8Array,
  { tsaPolicy, random }: Pick<TokenPurchase, 'tsaPolicy' | 'random'>,
): Uint8Array {
  return buildTimeStampReq({
    algorithm,
    digest,
    reqPolicy: tsaPolicy,
    nonce: BigInt.asUintN(63, BigInt(`0x${toHex(random(8))}`)),
    certReq: true,
  });
}

/**
 * The evidence form of the token in an answer.
 * @throws SourceError ERR_SOURCE_REFUSED: there is none; ERR_SOURCE_ANSWER: it does not hold
 */
export async function acceptToken(
  query: Uint8Array,
  answer: Uint8Array,
  { source, verification, now, signal }: Omit<TokenPurchase, 'random' | 'tsaPolicy'>,
): Promise<Uint8Array> {
  const request = parseTimeStampReq(query);
  const { algorithm, hashedMessage } = request.messageImprint;
  const response = parseTimeStampResp(answer);
  if (!response.token || !algorithm) {
    const { conceal = (text: string) => text } = source;
    const said = response.statusString.map((text) => printableText(conceal(text))).join(' ');
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `${source.name} gave no token: ${response.statusName ?? response.status} ${response.failInfo.join(' ')} ${said}`.trim(),
      { retryable: true, pkiStatus: response.status, failInfo: response.failInfo },
    );
  }
  const imprint = { algorithm, digest: hashedMessage };
  const judged = await judgeToken(response.token, { imprint, request }, verification, {
    at: now(),
    signal,
  });
  if (judged.verdict.status !== 'valid') {
    const why = judged.verdict.findings.find(
      ({ level }) => level === 'error' || level === 'unknown',
    );
    throw new SourceError(
      'ERR_SOURCE_ANSWER',
      `the token of ${source.name} does not hold: ${why?.message ?? judged.verdict.subIndication ?? ''}`,
      // What is not known now may be known tomorrow; a token that is wrong stays wrong.
      { retryable: judged.verdict.status === 'indeterminate' },
    );
  }
  return evidenceFormOf(judged);
}

/** Asks the TSA for each imprint in turn. */
export function tokensFrom(purchase: TokenPurchase): ObtainToken {
  return async (algorithm, imprint) => {
    const query = buildQuery(algorithm, imprint, purchase);
    const answer = await purchase.source.exchange(query, { signal: purchase.signal });
    return acceptToken(query, answer, purchase);
  };
}
