// One nightly run under the archive's lease: its stages stand in night/, what they found becomes the run's
// row and its journal entry.
import { journalSeen } from './night/restored.ts';
import { toHex } from '#shared/bytes.ts';
import { InvariantError, TokiwaError } from '#shared/errors.ts';
import type { RunRow } from '#shared/ports/catalogue.ts';
import type { Clock } from '#shared/ports/runtime.ts';
import type { Lease } from './lease.ts';
import type { NightDependencies, NightOptions } from './night/dependencies.ts';
import { Night } from './night/stages.ts';
import type { RunSummary } from './reports/report.ts';

function runRow(summary: RunSummary, runAt: Temporal.Instant, finished: boolean): RunRow {
  return {
    runId: summary.runId,
    startedAt: runAt,
    finishedAt: finished ? Temporal.Instant.from(summary.finishedAt) : undefined,
    outcome: finished ? summary.outcome : 'running',
    tokensBought: summary.tokensBought,
    report: JSON.stringify(summary),
  };
}

/** Long enough for a stalled store call, short enough that a dead holder elsewhere is waited out. */
const leaseDuration = Temporal.Duration.from({ minutes: 15 });
const leaseRenewalMs = 5 * 60_000;

/** Prolongs the lease while the run goes on; a lease that is lost aborts the run through `lost`. */
function keepLease(lease: Lease, clock: Clock, signal: AbortSignal): AsyncDisposable {
  const timer = setInterval(() => {
    // A failed renewal shows in `lost`; a store that cannot be reached shows in the run itself.
    lease.renew(clock.now(), signal).catch(() => undefined);
  }, leaseRenewalMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/** Does the work as its own run under the archive's lease, with a signal that is aborted where it is lost. */
async function underLease<T>(
  deps: NightDependencies,
  options: NightOptions,
  work: (night: Night, run: { readonly runId: string; readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { evidence, random, clock } = deps;
  const { runAt } = options;
  const runId = `${runAt.toString({ smallestUnit: 'second' }).replace(/[-:]/g, '')}-${toHex(random(4))}`;
  await using lease = await evidence.acquireLease({
    ...deps.lease,
    run: runId,
    at: clock.now(),
    duration: leaseDuration,
    signal: options.signal,
  });
  const signal = AbortSignal.any([options.signal, lease.lost]);
  await using _renewal = keepLease(lease, clock, signal);
  const night = new Night(deps, { ...options, signal }, runId);
  return await work(night, { runId, signal });
}

/**
 * Takes in what was just stored and stamps it, between nights and under the same lease. It stands in no list of
 * runs; a crash leaves what the next run finishes.
 * @throws ConflictError ERR_CONFLICT_LEASE: another run is at work
 * @throws TokiwaError: a store or a source failed; what was committed stays
 */
export function runIntake(
  deps: NightDependencies,
  options: NightOptions,
  places: readonly { readonly store: string; readonly key: string }[],
): Promise<RunSummary> {
  return underLease(deps, options, async (night, { runId: run, signal }) => {
    await night.takeIn(places);
    // The next run need not read again what this one has read and written.
    const end = await deps.evidence.journal.append([], { at: options.runAt, run, signal });
    await deps.catalogue.setMeta(journalSeen, String(end));
    return night.summary(night.hasErrors() ? 'findings' : 'ok', deps.clock.now());
  });
}

/**
 * One nightly run under the archive's lease. Errors of stores and sources end up in the summary;
 * what was committed before stays.
 * @throws ConflictError ERR_CONFLICT_LEASE: another run is at work
 * @throws InvariantError: our own promise broke
 */
export function runNight(deps: NightDependencies, options: NightOptions): Promise<RunSummary> {
  return underLease(deps, options, (night, run) => wholeNight(deps, options.runAt, night, run));
}

async function wholeNight(
  { catalogue, evidence, clock }: NightDependencies,
  runAt: Temporal.Instant,
  night: Night,
  { runId, signal }: { readonly runId: string; readonly signal: AbortSignal },
): Promise<RunSummary> {
  await catalogue.putRun(runRow(night.summary('ok', runAt), runAt, false));
  let outcome: RunSummary['outcome'];
  try {
    await night.run();
    outcome = night.hasErrors() ? 'findings' : 'ok';
    const { startedAt, finishedAt, tokensBought } = night.summary(outcome, clock.now());
    const end = await evidence.journal.append(
      [{ kind: 'run-finished', runId, startedAt, finishedAt, outcome, tokensBought }],
      { at: runAt, run: runId, signal },
    );
    await catalogue.setMeta(journalSeen, String(end));
  } catch (error) {
    outcome = signal.aborted ? 'stopped' : 'failed';
    if (!signal.aborted) night.fail(error);
    if (error instanceof InvariantError) {
      await catalogue.putRun(runRow(night.summary('failed', clock.now()), runAt, true));
      throw error;
    }
    if (!signal.aborted && !(error instanceof TokiwaError)) throw error;
  }
  const summary = night.summary(outcome, clock.now());
  await catalogue.putRun(runRow(summary, runAt, true));
  return summary;
}
