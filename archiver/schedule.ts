// When the nightly run starts: node-cron with its time zone, never two at once in one process, and a
// night that was missed is caught up at start. Across processes the lease decides.
import { createTask, validate } from 'node-cron';
import { ConfigError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';

export type ScheduleOptions = {
  readonly cron: string;
  readonly timeZone: string;
  readonly run: () => Promise<void>;
  readonly events: EventSink;
};

/** @throws ConfigError ERR_CONFIG_INVALID: no cron expression, or an unknown time zone */
export function startSchedule({ cron, timeZone, run, events }: ScheduleOptions): AsyncDisposable {
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
    [Symbol.asyncDispose]: async () => {
      await task.destroy();
    },
  };
}

/** A night counts as missed when the last finished run is older than a day and an hour. */
export function nightWasMissed(
  lastFinished: Temporal.Instant | undefined,
  now: Temporal.Instant,
): boolean {
  return lastFinished === undefined || now.since(lastFinished).total('hours') > 25;
}
