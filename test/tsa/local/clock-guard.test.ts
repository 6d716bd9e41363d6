// The guard of the wall clock: slewing passes, steps in either direction do not, until the clock has settled.
import test from 'ava';
import fc from 'fast-check';
import { createClockGuard } from '#tsa/local/clock-guard.ts';

const at = (milliseconds: number): Temporal.Instant =>
  Temporal.Instant.fromEpochMilliseconds(1_900_000_000_000 + Math.round(milliseconds));

test('a clock that drifts as NTP slews it is believed, however long it is not asked', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 10 ** 8 }),
          fc.double({ min: -0.0005, max: 0.0005, noNaN: true }),
        ),
      ),
      (spans) => {
        const guard = createClockGuard();
        let wall = 0;
        let steady = 0;
        for (const [span, drift] of spans) {
          steady += span;
          wall += span * (1 + drift);
          t.is(guard.check(at(wall), steady), undefined);
        }
      },
    ),
  );
});

for (const step of [1500, -1500, 86_400_000, -86_400_000])
  test(`a step of ${step} ms is refused for a minute`, (t) => {
    const guard = createClockGuard();
    t.is(guard.check(at(0), 0), undefined);
    t.is(guard.check(at(1000 + step), 1000), step);
    t.is(guard.check(at(60_000 + step), 60_000), step);
    t.is(guard.check(at(61_000 + step), 61_000), undefined);
  });

test('a second step begins the minute anew', (t) => {
  const guard = createClockGuard();
  guard.check(at(0), 0);
  guard.check(at(6000), 1000);
  t.is(guard.check(at(36_000), 41_000), -10_000);
  t.is(guard.check(at(91_000), 96_000), -10_000);
  t.is(guard.check(at(96_000), 101_000), undefined);
});

for (const step of [900, -900])
  test(`steps of ${step} ms add up`, (t) => {
    const guard = createClockGuard();
    const seen = Array.from({ length: 4 }, (_, i) =>
      guard.check(at(i * (10_000 + step)), i * 10_000),
    );
    t.deepEqual(
      seen.map((jump) => jump === undefined),
      [true, true, false, false],
    );
  });

for (const pace of [1.01, 0.99])
  test(`a clock that runs at ${pace} of the time is not believed for long`, (t) => {
    const guard = createClockGuard();
    const seen = Array.from({ length: 3600 }, (_, second) =>
      guard.check(at(second * 1000 * pace), second * 1000),
    );
    // A second apart after less than two minutes, and again before the next two are over.
    t.true(seen.slice(120).filter((jump) => jump === undefined).length < 3600 / 2);
    t.true(seen.slice(0, 120).some((jump) => jump !== undefined));
  });

test('a clock that runs at twice the pace is never believed again', (t) => {
  const guard = createClockGuard();
  const seen = Array.from({ length: 600 }, (_, second) =>
    guard.check(at(second * 2000), second * 1000),
  );
  t.true(seen.slice(3).every((jump) => jump !== undefined));
});
