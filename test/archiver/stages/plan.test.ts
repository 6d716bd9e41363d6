// When a renewal that moved nothing is tried again: after half of what is left, a week at least.
import test from 'ava';
import { type Plan, planNight } from '#archiver/stages/plan.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { type AlgorithmOverride, selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import type { BatchRow } from '#shared/ports/catalogue.ts';
import { batchRow } from '../reports/_archive.ts';

const horizon = Temporal.Instant.from('2034-01-01T00:00:00Z');
const before = (days: number): Temporal.Instant => horizon.subtract({ hours: 24 * days });

/** A batch renewed in vain, planned for tonight; both in days before its horizon. */
function planOf(
  vain: number | undefined,
  tonight: number,
  overrides: readonly AlgorithmOverride[] = [],
): Plan {
  const fruitlessSince = vain === undefined ? undefined : before(vain);
  return planOfBatches([batchRow('b1', { horizon, fruitlessSince })], tonight, overrides);
}

function planOfBatches(
  batches: readonly BatchRow[],
  tonight: number,
  overrides: readonly AlgorithmOverride[] = [],
): Plan {
  return planNight({
    runAt: before(tonight),
    rules: {
      profile: selectProfile(bundledPolicies, 'jp-medical', overrides),
      digestAlgorithms: ['SHA-256', 'SHA-512'],
      leadTime: Temporal.Duration.from({ days: 90 }),
      timeZone: 'Asia/Tokyo',
      maxLeaves: 1000,
      joinBatches: 1000,
      price: undefined,
      ceiling: { tokens: 100 },
    },
    batches,
    demand: new Map(
      batches.map(({ batchId }) => [
        batchId,
        { batchId, documents: 1, openEnded: true, latestLastDay: undefined },
      ]),
    ),
    waitingGroups: 0,
  });
}

const rows: readonly (readonly [vain: number | undefined, tonight: number, tokens: number])[] = [
  [undefined, 91, 0],
  [undefined, 90, 1],
  [90, 46, 0],
  [90, 45, 1],
  [10, 4, 0],
  [10, 3, 1],
  [-1, -7, 0],
  [-1, -8, 1],
];
for (const [vain, tonight, tokens] of rows)
  test(`renewed in vain ${vain ?? 'never'}, tonight ${tonight} days before the end`, (t) => {
    t.is(planOf(vain, tonight).tokens, tokens);
  });

test('the next night that matters is that of the next attempt', (t) => {
  t.is(planOf(90, 80).nextDue?.toString(), before(45).toString());
});

const hashes: readonly (readonly [
  string,
  readonly string[],
  DigestAlgorithm | undefined,
  RegExp,
])[] = [
  ['nothing ends', [], 'SHA-256', /^configured; jp-medical accepts it until 2051-01-01T00:00:00Z$/],
  ['the first one ends', ['SHA-256'], 'SHA-512', /until 2071-.*; not SHA-256 for 90 days more$/],
  ['both end', ['SHA-256', 'SHA-512'], undefined, /^$/],
];
for (const [what, ending, algorithm, reason] of hashes)
  test(`where ${what}, new evidence has ${algorithm ?? 'no hash'}, and the plan says why (R-31)`, (t) => {
    const endExclusive = before(100);
    const overrides = ending.map((one) => ({ algorithm: one, endExclusive, source: 'test' }));
    const { newDigest } = planOf(undefined, 110, overrides);
    t.is(newDigest?.algorithm, algorithm);
    t.regex(newDigest?.reason ?? '', reason);
  });

for (const [algorithm, kind] of [
  ['SHA-256', 'hash-tree-renewal'],
  ['ECDSA', 'timestamp-renewal'],
  ['RSA', 'timestamp-renewal'],
] as const)
  test(`where ${algorithm} ends at the horizon, a ${kind} is planned (R-29)`, (t) => {
    const override = { algorithm, endExclusive: horizon, source: 'test' };
    const { actions } = planOf(undefined, 90, [override]);
    t.deepEqual(
      actions.map((action) => action.kind),
      [kind],
    );
    // A date that is moved back plans otherwise the same night.
    const later = { ...override, endExclusive: horizon.add({ hours: 24 * 1000 }) };
    t.deepEqual(
      planOf(undefined, 90, [later]).actions.map((action) => action.kind),
      ['timestamp-renewal'],
    );
  });

test('a timestamp renewal of the whole archive takes one token for each tree hash, however many batches are due', (t) => {
  const digestAlgorithms = ['SHA-256', 'SHA-512', 'SHA3-256'] as const;
  // Whole batches, so that none of them are joined.
  const batches = Array.from({ length: 300 }, (_, index) =>
    batchRow(`b${String(index).padStart(3, '0')}`, {
      horizon,
      groupCount: 1000,
      digestAlgorithm: digestAlgorithms[index % 3] ?? 'SHA-256',
    }),
  );
  const { actions, tokens } = planOfBatches(batches, 90);
  t.is(tokens, 3);
  const renewals = actions.filter((action) => action.kind === 'timestamp-renewal');
  t.deepEqual(
    renewals.map(({ digestAlgorithm, batchIds }) => [digestAlgorithm, batchIds.length]).toSorted(),
    [...digestAlgorithms].sort().map((algorithm) => [algorithm, 100]),
  );
});
