// Each parser fuzzed for minutes: no crash, no input that takes long, no memory that grows.
import { fork } from 'node:child_process';
import path from 'node:path';
import type { ConformanceResult } from '../conformance/_report.ts';
import { fuzzTargets } from '../fuzz/_targets.ts';
import type { FuzzMessage } from './_fuzz-worker.ts';

const maxMillisecondsAnInput = 2000;
const maxGrowthBytes = 32 * 1024 * 1024;
/** A round of hundreds of inputs that says nothing for as long as this hangs. */
const silenceMilliseconds = 120_000;

export const fuzzTargetNames: readonly string[] = fuzzTargets.map(({ name }) => name);

function judge(message: FuzzMessage | undefined): string {
  if (message?.kind === 'round') return `died or hung in round ${message.seed}`;
  if (message?.kind === 'failed') return `round ${message.seed}: ${message.message}`;
  if (!message) return 'did not start';
  const { slowestMilliseconds, growthBytes } = message;
  if (slowestMilliseconds > maxMillisecondsAnInput)
    return `an input took ${Math.round(slowestMilliseconds)} ms of CPU`;
  return growthBytes > maxGrowthBytes ? `grew by ${growthBytes} bytes` : '';
}

/** Fuzzes one target from a seed on. */
export async function fuzz(options: {
  readonly target: string;
  readonly firstSeed: number;
  readonly milliseconds: number;
}): Promise<ConformanceResult> {
  const { target, firstSeed, milliseconds } = options;
  const child = fork(
    path.join(import.meta.dirname, '_fuzz-worker.ts'),
    [target, `${firstSeed}`, `${milliseconds}`],
    { execArgv: ['--expose-gc', '--max-old-space-size=256'] },
  );
  let last: FuzzMessage | undefined;
  let silence = setTimeout(() => child.kill('SIGKILL'), silenceMilliseconds);
  child.on('message', (message) => {
    last = message as FuzzMessage;
    clearTimeout(silence);
    silence = setTimeout(() => child.kill('SIGKILL'), silenceMilliseconds);
  });
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(silence);
  const wrong = judge(last);
  const done =
    last?.kind === 'done'
      ? `, ${last.inputs} inputs, slowest ${Math.round(last.slowestMilliseconds)} ms of CPU, grew by ${Math.round(last.growthBytes / 1024)} KiB`
      : '';
  return {
    case: `${target}, from seed ${firstSeed}${done}`,
    passed: wrong === '',
    expected: 'no crash, no hang, no growth',
    got: wrong,
  };
}
