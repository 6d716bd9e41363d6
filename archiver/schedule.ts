// When the nightly run starts: node-cron with its time zone, never two at once in one process. A night
// that was missed is caught up by the run that every start makes; across processes the lease decides.
import { createTask, validate } from 'node-cron';
import { ConfigError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';

export type ScheduleOptions = {
  readonly cron: string;
  readonly timeZone: string;
  readonly run: () => Promise<void>;
  readonly events: EventSink;
};

/** The schedule while it stands. */
export type Schedule = AsyncDisposable & { readonly nextRun: () => Temporal.Instant | undefined };

/** @throws ConfigError ERR_CONFIG_INVALID: no cron expression, or an unknown time zone */
export function startSchedule({ cron, timeZone, run, events }: ScheduleOptions): Schedule {
  if (!validate(cron))
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `schedule.cron: ${JSON.stringify(cron)} is no cron expression`,
    );
  const task = createTask(cron, run, { timezone: timeZone, noOverlap: true, name: 'nightly-run' });
  task.on('execution:failed', () => {
    events({ level: 'error', name: 'archiver.schedule.failed' });
  });
  task.on('execution:overlap', () => {
    events({ level: 'warn', name: 'archiver.schedule.overlap' });
  });
  void task.start();
  return {
    nextRun: () => {
      const next = task.getNextRun();
      return next ? Temporal.Instant.fromEpochMilliseconds(next.getTime()) : undefined;
    },
    [Symbol.asyncDispose]: async () => {
      await task.destroy();
    },
  };
}
