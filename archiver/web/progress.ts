// How far a run is, told from its events: stages by name, documents by count.
import type { EventSink } from '#shared/ports/runtime.ts';
import type { RunStatus } from './options.ts';

export type Progress = {
  /** Passes every event on and remembers where the run is. */
  readonly events: EventSink;
  readonly stage: () => Pick<RunStatus, 'stage' | 'done' | 'total'>;
};

const stagePrefix = 'archiver.run.';

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

export function trackProgress(events: EventSink): Progress {
  let now: Pick<RunStatus, 'stage' | 'done' | 'total'> = {};
  return {
    events: (event) => {
      if (event.name.startsWith(stagePrefix)) now = { stage: event.name.slice(stagePrefix.length) };
      else if (event.name === 'archiver.scan.progress')
        now = { ...now, done: numberOf(event['scanned']), total: numberOf(event['total']) };
      events(event);
    },
    stage: () => now,
  };
}
