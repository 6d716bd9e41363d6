// What came in between nights: stored already, collected for an interval, then taken in and stamped together by one
// run. Nothing here has to survive a crash: what is stored is found by the next night, which stamps what waits.
import { TokiwaError } from '#shared/errors.ts';
import { createCollector, type CollectorLimits } from '#shared/intake/collector.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';

/** An object that is to be taken in; `store` may be that of digests. */
export type IntakePlace = { readonly store: string; readonly key: string };

export type IntakeService = AsyncDisposable & {
  /** Whether so many more may wait. */
  readonly hasRoom: (objects: number) => boolean;
  /** Has it taken in with the next batch. */
  readonly collect: (place: IntakePlace) => void;
  /** Resolves when a run has been over it, well or not, or the time is over, or the signal is aborted. */
  readonly settled: (place: IntakePlace, waitMs: number, signal: AbortSignal) => Promise<void>;
  /** How many wait for the next batch, or are in one. */
  readonly waiting: () => number;
  readonly intervalMs: number;
  /** Nobody is kept waiting any longer: the process ends. */
  readonly release: () => void;
};

export type IntakeServiceOptions = CollectorLimits & {
  readonly maxWaiting: number;
  /** Takes them in and stamps them; rejects where it could not be tried, such as while another run holds the lease. */
  readonly run: (places: readonly IntakePlace[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly events: EventSink;
};

function nameOf({ store, key }: IntakePlace): string {
  return JSON.stringify([store, key]);
}

export function createIntakeService(options: IntakeServiceOptions): IntakeService {
  const { intervalMs, maxWaiting, clock, events, run } = options;
  const collector = createCollector<IntakePlace>(() => options);
  const waiters = new Map<string, Set<() => void>>();
  let inHand = 0;
  let next: NodeJS.Timeout | undefined;
  let released = false;
  let working: Promise<void> = Promise.resolve();

  const wake = (places: readonly IntakePlace[]): void => {
    for (const place of places) for (const one of waiters.get(nameOf(place)) ?? []) one();
  };

  const put = (place: IntakePlace): void => {
    collector.add('', place, 1, clock.now());
  };

  const work = async (places: readonly IntakePlace[]): Promise<void> => {
    try {
      await run(places);
      inHand -= places.length;
    } catch (error) {
      const code = error instanceof TokiwaError ? error.code : 'internal';
      const message = error instanceof Error ? error.message : String(error);
      events({ level: 'warn', name: 'archiver.intake.delayed', code, message });
      // They are stored: the next batch takes them, or the next night.
      for (const place of places) put(place);
      schedule();
    }
    wake(places);
  };

  const tick = (): void => {
    if (released) return;
    for (const { items } of collector.takeDue(clock.now()))
      working = working.then(() => (released ? undefined : work(items)));
    schedule();
  };

  const schedule = (): void => {
    clearTimeout(next);
    const due = collector.nextDue();
    if (!due || released) return;
    const ms = due.epochMilliseconds - clock.now().epochMilliseconds;
    // A moment at least, so that what was sent together is collected together, and a failure is no loop.
    next = setTimeout(tick, Math.max(50, ms)).unref();
  };

  const release = (): void => {
    released = true;
    clearTimeout(next);
    for (const one of waiters.values()) for (const resolve of one) resolve();
  };

  return {
    intervalMs,
    hasRoom: (objects) => inHand + objects <= maxWaiting,
    waiting: () => inHand,
    collect: (place) => {
      inHand += 1;
      put(place);
      schedule();
    },
    settled: async (place, waitMs, signal) => {
      if (released || waitMs <= 0 || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const done = (): void => {
        resolve(undefined);
      };
      const name = nameOf(place);
      const those = waiters.get(name) ?? new Set();
      waiters.set(name, those);
      those.add(done);
      const timer = setTimeout(done, waitMs);
      signal.addEventListener('abort', done);
      await promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      those.delete(done);
      if (those.size === 0) waiters.delete(name);
    },
    release,
    [Symbol.asyncDispose]: async () => {
      release();
      await working;
    },
  };
}
