// A sample of nights over failing stores, from fixed seeds; `npm run test:long` has more.
import test from 'ava';
import { nightsInBadWeather } from './_bad-weather.ts';

for (const seed of [1, 2, 3, 4, 5, 6])
  test(`stores that fail at random, seed ${seed}: no token wasted, everything proved`, async (t) => {
    t.is(await nightsInBadWeather(seed), '');
  });
