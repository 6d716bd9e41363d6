// A report that is handed out carries a timestamp, so that it can be told later what was known when
// (design §4, "report"). One token of the configured TSA, bought because somebody asked for it.
import { SourceError } from '#shared/errors.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import {
  type ByStrongestDigest,
  byStrongestDigest,
  type StrongestDigest,
} from '#shared/tsp/strongest-digest.ts';
import { toHex } from '#shared/bytes.ts';
import { rejection } from '../evidence/ask.ts';
import { judgeToken } from '../evidence/tokens.ts';
import type { NightDependencies } from '../night/dependencies.ts';

/** A report's digests, one of which is stamped. */
export type ReportDigests = Readonly<Record<StrongestDigest, Uint8Array>>;

type StampedReport = { readonly response: Uint8Array; readonly genTime: Temporal.Instant };
type Dependencies = Pick<NightDependencies, 'tsa' | 'clock' | 'random' | 'events'>;

/**
 * The TimeStampResp over a report's digest, the strongest that the TSA takes; its token verified in full.
 * @throws SourceError ERR_SOURCE_REFUSED: no token, or one that is no proof; what the TSA's source throws
 */
export async function stampReport(
  deps: Dependencies,
  digests: ReportDigests,
  signal: AbortSignal,
): Promise<StampedReport & Pick<ByStrongestDigest<unknown>, 'algorithm' | 'reason'>> {
  const { value, algorithm, reason } = await byStrongestDigest((strongest) =>
    stampDigest(deps, { algorithm: strongest, digest: digests[strongest] }, signal),
  );
  deps.events({ level: 'info', name: 'archiver.report.stamped', algorithm, reason });
  return { ...value, algorithm, reason };
}

async function stampDigest(
  { tsa, clock, random }: Dependencies,
  imprint: { readonly algorithm: StrongestDigest; readonly digest: Uint8Array },
  signal: AbortSignal,
): Promise<StampedReport> {
  const request = buildTimeStampReq({
    ...imprint,
    reqPolicy: tsa.tsaPolicy,
    nonce: BigInt.asUintN(63, BigInt(`0x${toHex(random(8))}`)),
    certReq: true,
  });
  const response = await tsa.source.exchange(request, { signal });
  const answer = parseTimeStampResp(response);
  const { token } = answer;
  if (!token) throw rejection(answer, tsa.source.conceal);
  const expected = { imprint, request: parseTimeStampReq(request) };
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
