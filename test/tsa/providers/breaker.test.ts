// The circuit breaker by itself: when it opens, for how long, who gets the trial, and what closes it.
import test from 'ava';
import { createBreaker } from '#tsa/providers/breaker.ts';
import { createProviderRecord } from '#tsa/providers/provider-record.ts';
import { createTestClock } from '../_proxy.ts';

function open() {
  const clock = createTestClock();
  const breaker = createBreaker({ failures: 3, openSeconds: 10, maxOpenSeconds: 25 });
  return { clock, breaker, fail: () => breaker.failed(clock.now())?.toString() };
}

test('it opens at the last of so many failures in a row, and a success begins the row anew', (t) => {
  const { breaker, fail, clock } = open();
  fail();
  fail();
  t.false(breaker.succeeded(), 'it was closed');
  t.deepEqual([fail(), fail(), fail()], [undefined, undefined, '2030-01-01T00:00:10Z']);
  t.is(breaker.state(clock.now()), 'open');
  t.is(fail(), undefined, 'requests that were under way say nothing new');
});

test('after its time there is one trial, and each that fails doubles the time up to the longest', (t) => {
  const { breaker, fail, clock } = open();
  for (let i = 0; i < 3; i++) fail();
  t.false(breaker.takeTrial(clock.now()), 'not yet');
  const times: (string | undefined)[] = [];
  for (const seconds of [10, 20, 25]) {
    clock.advance({ seconds });
    t.is(breaker.state(clock.now()), 'half-open');
    t.true(breaker.takeTrial(clock.now()));
    t.false(breaker.takeTrial(clock.now()), 'one at a time');
    times.push(fail());
  }
  t.deepEqual(times, ['2030-01-01T00:00:30Z', '2030-01-01T00:00:55Z', '2030-01-01T00:01:20Z']);
});

test('a trial that succeeds closes it; one that says nothing can be had again after its time', (t) => {
  const { breaker, fail, clock } = open();
  for (let i = 0; i < 3; i++) fail();
  clock.advance({ seconds: 10 });
  breaker.takeTrial(clock.now());
  breaker.dropTrial(clock.now());
  t.false(breaker.takeTrial(clock.now()));
  clock.advance({ seconds: 10 });
  t.true(breaker.takeTrial(clock.now()));
  t.true(breaker.succeeded());
  t.is(breaker.state(clock.now()), 'closed');
  t.is(fail(), undefined, 'the row begins anew');
});

test('one in twenty is known from twenty good answers on', (t) => {
  const clock = createTestClock();
  const record = createProviderRecord();
  for (let i = 1; i < 20; i++) record.granted(clock.now(), false, i);
  t.is(record.figures().p95Ms, undefined);
  record.granted(clock.now(), false, 20);
  t.is(record.figures().p95Ms, 20);
  t.is(record.figures().medianMs, 11);
});
