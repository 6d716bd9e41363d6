// One run at a time in this process: nights, and what comes in between them. Across processes the lease decides.
import type { Clock } from '#shared/ports/runtime.ts';
import { warnOfContacts } from './contacts.ts';
import type { IntakePlace } from './intake/service.ts';
import type { Archiver } from './main.ts';
import type { RunSummary } from './reports/report.ts';
import { writeReport } from './reports/write.ts';
import { runIntake, runNight } from './run.ts';

export type Runner = {
  /** Starts a night, or joins the one at work. */
  readonly run: () => Promise<RunSummary>;
  /** Takes in and stamps what was stored, after whatever is at work. */
  readonly takeIn: (places: readonly IntakePlace[]) => Promise<RunSummary>;
  /** Whether a night is at work, or waits for its turn. */
  readonly running: () => boolean;
};

export function createRunner(runs: {
  readonly night: () => Promise<RunSummary>;
  readonly intake: (places: readonly IntakePlace[]) => Promise<RunSummary>;
}): Runner {
  let night: Promise<RunSummary> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = (work: () => Promise<RunSummary>): Promise<RunSummary> => {
    const result = last.then(work, work);
    last = result.catch(() => undefined);
    return result;
  };

  return {
    run: () => {
      night ??= inTurn(runs.night).finally(() => {
        night = undefined;
      });
      return night;
    },
    takeIn: (places) => inTurn(() => runs.intake(places)),
    running: () => night !== undefined,
  };
}

/** The runs of this process: nights with their report, and what comes in between them. */
export function runnerOf(archiver: Archiver, clock: Clock, signal: AbortSignal): Runner {
  const dependencies = () => archiver.night(signal);
  return createRunner({
    night: async () => {
      const deps = await dependencies();
      const summary = await runNight(deps, { runAt: clock.now(), signal });
      await writeReport(archiver, summary);
      warnOfContacts(archiver.config, deps.events);
      return summary;
    },
    intake: async (places) =>
      runIntake(await dependencies(), { runAt: clock.now(), signal }, places),
  });
}
