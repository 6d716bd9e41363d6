// Runs cases in a child process with a memory limit, one after another; a child that is late, grows or
// dies is replaced, and the case is asked again of a fresh one where memory of earlier cases could count.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { WorkerAnswer, WorkerRequest } from './_hostile-worker.ts';

/** Time is the processor's: a busy machine makes no case slower by that clock. */
export const limits = { milliseconds: 2000, megabytes: 256 } as const;

/** A child that has not answered by then is stuck, however busy the machine. */
const patience = 120_000;

export type Watched = WorkerAnswer | { readonly outcome: { readonly kind: 'late' | 'died' } };

export type HostileProcess = AsyncDisposable & {
  readonly ask: (request: WorkerRequest) => Promise<Watched>;
};

function start(): ChildProcess {
  return fork(join(import.meta.dirname, '_hostile-worker.ts'), {
    execArgv: [`--max-old-space-size=${limits.megabytes}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

async function askOnce(child: ChildProcess, request: WorkerRequest): Promise<Watched> {
  const answered = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(patience), answered.signal]);
  child.send(request);
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([answer]) => answer as WorkerAnswer),
      once(child, 'exit', { signal }).then(
        () => ({ outcome: { kind: 'died' } }) as const,
        // Aborted once the other one answered; a timeout is told by that one.
        () => new Promise<never>(() => undefined),
      ),
    ]);
  } catch {
    // The only rejection is the timeout's.
    return { outcome: { kind: 'late' } };
  } finally {
    // Takes the listener off that lost the race.
    answered.abort();
  }
}

export function openHostileProcess(): HostileProcess {
  let child = start();
  const replace = (): void => {
    child.kill('SIGKILL');
    child = start();
  };
  return {
    ask: async (request) => {
      const first = await askOnce(child, request);
      if ('megabytes' in first) {
        const over = first.megabytes > limits.megabytes || first.milliseconds > limits.milliseconds;
        if (!over) return first;
        // Memory is that of all cases so far, and the first cases compile what later ones use: alone it has to hold.
        replace();
        const alone = await askOnce(child, request);
        // What comes late must not be taken for the answer to the next case.
        if (!('megabytes' in alone)) replace();
        return alone;
      }
      replace();
      return first;
    },
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
