// A report that is handed out carries a timestamp, so that it can be told later what was known when
// (design §4, "report"). One token of the configured TSA, bought because somebody asked for it.
import { SourceError } from '#shared/errors.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { toHex } from '#shared/bytes.ts';
import { rejection } from '../evidence/ask.ts';
import { judgeToken } from '../evidence/tokens.ts';
import type { NightDependencies } from '../night/dependencies.ts';

const algorithm = 'SHA-256';

/**
 * The TimeStampResp over a report's SHA-256, its token verified in full.
 * @throws SourceError ERR_SOURCE_REFUSED: no token, or one that is no proof; what the TSA's source throws
 */
export async function stampReport(
  { tsa, clock, random }: Pick<NightDependencies, 'tsa' | 'clock' | 'random'>,
  sha256: Uint8Array,
  signal: AbortSignal,
): Promise<{ readonly response: Uint8Array; readonly genTime: Temporal.Instant }> {
  const request = buildTimeStampReq({
    algorithm,
    digest: sha256,
    reqPolicy: tsa.tsaPolicy,
    nonce: BigInt.asUintN(63, BigInt(`0x${toHex(random(8))}`)),
    certReq: true,
  });
  const response = await tsa.source.exchange(request, { signal });
  const answer = parseTimeStampResp(response);
  const { token } = answer;
  if (!token) throw rejection(answer);
  const expected = {
    imprint: { algorithm, digest: sha256 },
    request: parseTimeStampReq(request),
  } as const;
  const at = clock.now();
  const judged = await judgeToken(token, expected, tsa.verification, { at, signal });
  if (judged.verdict.status !== 'valid' && !judged.revocationUnknown) {
    const reasons = judged.verdict.findings.filter(({ level }) => level === 'error');
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `the token over the report is no proof: ${reasons.map(({ message }) => message).join('; ') || judged.verdict.status}`,
      { retryable: true },
    );
  }
  return { response, genTime: judged.token.tstInfo.genTime };
}
