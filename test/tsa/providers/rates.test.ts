// How often: requests of clients and providers, each kept apart from the others.
import test from 'ava';
import { createRates } from '#tsa/providers/rates.ts';
import { createTestClock } from '../_proxy.ts';

test('a rate is kept in every stretch of its length, not from one to the next', (t) => {
  const clock = createTestClock();
  const rates = createRates();
  const limit = { requests: 2, withinSeconds: 10 };
  const take = (key = 'a'): string =>
    rates.takeOfWindow(key, limit, clock.now())?.toString() ?? 'free';
  const taken = [take()];
  clock.advance({ seconds: 9 });
  taken.push(take(), take());
  clock.advance({ seconds: 1 });
  taken.push(take(), take());
  t.deepEqual(taken, ['free', 'free', '2030-01-01T00:00:10Z', 'free', '2030-01-01T00:00:19Z']);
});

test('each key has a window of its own, and a limit of nothing is never free', (t) => {
  const rates = createRates();
  const now = createTestClock().now();
  const one = { requests: 1, withinSeconds: 10 };
  t.is(rates.takeOfWindow('a', one, now), undefined);
  t.is(rates.takeOfWindow('b', one, now), undefined);
  t.not(rates.takeOfWindow('b', one, now), undefined);
  t.not(rates.takeOfWindow('c', { ...one, requests: 0 }, now), undefined);
});
