// Each parser on mutated seeds for a moment: only a value or one of our own errors. Ten minutes of each,
// with time and memory watched: `npm run test:long -- --only fuzz`.
import test from 'ava';
import fc from 'fast-check';
import { mutated } from './_mutate.ts';
import { fuzzTargets, runTarget } from './_targets.ts';

const runs: Readonly<Record<string, number>> = {
  document: 300,
  'evidence-record': 300,
  policy: 300,
  'trusted-list': 300,
};

for (const target of fuzzTargets) {
  test(`${target.name}: mutated seeds`, (t) => {
    fc.assert(
      fc.property(mutated(target.seeds()), (octets) => {
        runTarget(target, octets);
      }),
      { numRuns: runs[target.name] ?? 1500 },
    );
    t.pass();
  });

  test(`${target.name}: every seed is read`, (t) => {
    for (const seed of target.seeds())
      t.notThrows(() => {
        target.run(seed);
      });
  });
}
