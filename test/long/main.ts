// Proofs that take hours when they are done thoroughly: `npm run test:long [-- --sample] [--seed N] [--only PROOF]`.
// With --sample, as in .ci/run, a few cases of each from a fixed seed, in minutes. Every case is named with
// its seed, so that one that fails can be run again. Closes with `N passed, N failed`.
import { parseArgs } from 'node:util';
import type { ConformanceReport } from '../conformance/_report.ts';
import { killAtCalls } from './crash.ts';
import { killRuns } from './kills.ts';
import { proveRenewals } from './renewals.ts';
import { simulateDecades } from './decades.ts';
import { runLongTests } from './tests.ts';

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed);
const { sample } = values;

const proofs: readonly (readonly [name: string, prove: () => Promise<ConformanceReport>])[] = [
  ['renewals', () => proveRenewals({ seeds: sample ? 4 : 400, firstSeed: seed })],
  ['crash', () => killAtCalls({ kills: sample ? 12 : 200, firstSeed: seed })],
  ['kills', () => killRuns({ histories: sample ? 2 : 50, firstSeed: seed })],
  ['decades', () => simulateDecades({ scenarios: sample ? 1 : 20 })],
  // Fuzzing and the suite's own long settings: ten minutes a target.
  ...(sample ? [] : [['tests', runLongTests] as const]),
];

let passed = 0;
let failed = 0;
for (const [name, prove] of proofs) {
  if (values.only !== undefined && values.only !== name) continue;
  const started = performance.now();
  const { results } = await prove();
  for (const result of results) {
    if (result.passed) {
      passed++;
      continue;
    }
    failed++;
    console.log(`FAIL ${name}: ${result.case}: ${result.got}; expected: ${result.expected}`);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${name}: ${results.length} cases in ${seconds} s`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
