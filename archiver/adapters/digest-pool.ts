// Threads that digest the files of a folder store: one a processor up to four, started once there is enough
// to do. Tasks go to them several at a time, since a message costs as much as a small file; what they
// answer comes in the order of asking. A thread that ends without a word leaves its tasks to the caller.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { DigestResult, DigestTask } from './folder-digest.ts';

export type DigestPool = AsyncDisposable & {
  /**
   * `undefined`: not by this pool; the plain way reads the file, or says why it cannot be read.
   * @throws the signal's reason
   */
  readonly digest: (task: DigestTask, signal: AbortSignal) => Promise<DigestResult | undefined>;
};

/** A night of fewer documents is over before a thread has started. */
const tasksBeforeThreads = 32;

/** Tasks in one message, and messages on their way to a thread: one at work, one waiting for it. */
const mostInMessage = 32;
const messagesAtOnce = 2;

/** Each has a heap of its own; this many digest more than most disks give. */
const mostThreads = 4;

const workerScript = new URL('./folder-digest-worker.ts', import.meta.url);

type Waiting = {
  readonly task: DigestTask;
  readonly signal: AbortSignal;
  readonly answer: (result: DigestResult | undefined) => void;
  readonly refuse: (reason: unknown) => void;
};

type Thread = { readonly worker: Worker; readonly sent: (readonly Waiting[])[] };

export function createDigestPool(
  root: Buffer,
  options: {
    readonly threads?: number;
    readonly tasksBefore?: number;
    /** What a thread runs; for tests of threads that fail. */
    readonly script?: URL;
  } = {},
): DigestPool {
  const count = Math.min(options.threads ?? availableParallelism(), mostThreads);
  let before = options.tasksBefore ?? tasksBeforeThreads;
  const waiting: Waiting[] = [];
  const threads: Thread[] = [];
  let state: 'resting' | 'working' | 'given-up' = 'resting';
  let sending = false;

  /** Where one thread cannot go on (no memory, a fault of ours), the others are not trusted with the rest. */
  const giveUp = (): void => {
    state = 'given-up';
    const left = [...threads.flatMap(({ sent }) => sent.splice(0)).flat(), ...waiting.splice(0)];
    for (const { answer } of left) answer(undefined);
    for (const { worker } of threads.splice(0)) void worker.terminate();
  };

  /** Listened to once each: a run has one signal for all of its documents. */
  const heard = new WeakSet<AbortSignal>();

  const abort = (aborted: AbortSignal): void => {
    for (const { signal, refuse } of [...threads.flatMap(({ sent }) => sent).flat(), ...waiting])
      if (signal === aborted) refuse(aborted.reason);
  };

  const start = (): void => {
    state = 'working';
    for (let index = 0; index < count; index++) {
      const worker = new Worker(options.script ?? workerScript, { workerData: { root } });
      // Nothing waits for a thread that has nothing to do.
      worker.unref();
      const thread: Thread = { worker, sent: [] };
      worker.on('message', (results: readonly (DigestResult | undefined)[]) => {
        for (const [index, { answer }] of (thread.sent.shift() ?? []).entries())
          answer(results[index]);
        if (thread.sent.length === 0) worker.unref();
        send();
      });
      worker.on('error', giveUp);
      worker.on('exit', () => {
        if (threads.includes(thread)) giveUp();
      });
      threads.push(thread);
    }
  };

  /** To a thread at rest whatever there is, to one at work only a full message: it can wait for one. */
  const send = (): void => {
    sending = false;
    for (const { worker, sent } of threads) {
      const atRest = sent.length === 0;
      const full = waiting.length >= mostInMessage && sent.length < messagesAtOnce;
      if (waiting.length === 0 || !(atRest || full)) continue;
      // Shared out evenly, so that no thread is still at it when the others are done.
      const share = atRest ? Math.ceil(waiting.length / threads.length) : mostInMessage;
      const tasks = waiting.splice(0, Math.min(share, mostInMessage));
      worker.ref();
      sent.push(tasks);
      worker.postMessage(tasks.map(({ task }) => task));
    }
  };

  return {
    digest: (task, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (state === 'given-up' || before-- > 0) return Promise.resolve(undefined);
      if (state === 'resting') start();
      if (!heard.has(signal)) {
        heard.add(signal);
        signal.addEventListener(
          'abort',
          () => {
            abort(signal);
          },
          { once: true },
        );
      }
      const { promise, resolve, reject } = Promise.withResolvers<DigestResult | undefined>();
      waiting.push({ task, signal, answer: resolve, refuse: reject });
      // Whatever is asked for in this turn goes together.
      if (!sending) setImmediate(send);
      sending = true;
      return promise;
    },
    [Symbol.asyncDispose]: async () => {
      const workers = threads.map(({ worker }) => worker);
      giveUp();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
