// Whether the clock can be trusted with a purchase (design, invariant 9).
import { TokiwaError } from '#shared/errors.ts';
import { isBefore } from '#shared/time.ts';
import type { FindingLine } from '../reports/report.ts';
import type { NightDependencies, NightOptions } from './dependencies.ts';

type Asked = Pick<
  NightDependencies,
  'catalogue' | 'clock' | 'config' | 'tsaClock' | 'secondTsaClock'
>;

async function differenceTo(
  tsaClock: NightDependencies['tsaClock'],
  limit: number,
  { clock }: Asked,
  signal: AbortSignal,
): Promise<FindingLine | undefined> {
  // One that cannot be asked says nothing against the clock.
  const theirs = await tsaClock?.(signal).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof TokiwaError)) throw error;
    return undefined;
  });
  const distance = theirs && Math.abs(theirs.since(clock.now()).total('seconds'));
  if (!theirs || distance === undefined || distance <= limit) return undefined;
  return {
    kind: 'clock',
    level: 'error',
    message: `this clock differs from the TSA’s (${theirs.toString()}) by ${Math.round(distance)} s, the limit is ${limit} s: nothing is bought`,
  };
}

/** Why nothing may be bought: the clock is before the newest genTime held, or away from a TSA's. */
export async function clockOffence(
  deps: Asked,
  { runAt, signal }: Pick<NightOptions, 'runAt' | 'signal'>,
): Promise<FindingLine | undefined> {
  const { catalogue, tsaClock, secondTsaClock, config } = deps;
  const newest = await catalogue.newestGenTime();
  if (newest && isBefore(runAt, newest))
    return {
      kind: 'clock',
      level: 'error',
      message: `this clock says ${runAt.toString()}, but a token of ${newest.toString()} is already held: nothing is bought until the clock is right`,
    };
  const { tsa, secondTsa } = config;
  return (
    (await differenceTo(tsaClock, tsa.clockToleranceSeconds, deps, signal)) ??
    (secondTsa &&
      (await differenceTo(secondTsaClock, secondTsa.clockToleranceSeconds, deps, signal)))
  );
}
