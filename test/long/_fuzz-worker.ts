// One target fuzzed for a while in a process of its own: `node _fuzz-worker.ts TARGET SEED MILLISECONDS`.
// Each round is a seed of its own and is said before it begins, so that one which hangs or kills the
// process can be run again.
import fc from 'fast-check';
import { mutated } from '../fuzz/_mutate.ts';
import { fuzzTargets, runTarget } from '../fuzz/_targets.ts';

export type FuzzMessage =
  | { readonly kind: 'round'; readonly seed: number }
  | { readonly kind: 'failed'; readonly seed: number; readonly message: string }
  | {
      readonly kind: 'done';
      readonly nextSeed: number;
      readonly inputs: number;
      readonly slowestMilliseconds: number;
      readonly growthBytes: number;
    };

const inputsARound = 500;

const [name, firstSeed = '1', milliseconds = '1000'] = process.argv.slice(2);
const target = fuzzTargets.find((one) => one.name === name);
if (!target) throw new Error(`no target ${JSON.stringify(name)}`);

const say = (message: FuzzMessage): void => {
  process.send?.(message);
};
const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

/** Of this process: what a busy machine makes of a moment does not count. */
const cpuMilliseconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const octets = mutated(target.seeds());
const until = performance.now() + Number(milliseconds);
const settled = performance.now() + Number(milliseconds) / 5;
let seed = Number(firstSeed);
let inputs = 0;
let slowest = 0;
let heapOnceSettled: number | undefined;
for (; performance.now() < until; seed++) {
  if (heapOnceSettled === undefined && performance.now() >= settled) heapOnceSettled = heap();
  say({ kind: 'round', seed });
  const { failed, error } = fc.check(
    fc.property(octets, (input) => {
      const started = cpuMilliseconds();
      runTarget(target, input);
      slowest = Math.max(slowest, cpuMilliseconds() - started);
      inputs++;
    }),
    { seed, numRuns: inputsARound },
  ) as { readonly failed: boolean; readonly error?: string };
  if (!failed) continue;
  say({ kind: 'failed', seed, message: String(error).slice(0, 4000) });
  process.exit(1);
}
say({
  kind: 'done',
  nextSeed: seed,
  inputs,
  slowestMilliseconds: slowest,
  growthBytes: heap() - (heapOnceSettled ?? heap()),
});
