// Sequences worked on ahead of their turn, and shared out.
import test from 'ava';
import { inOrder, inShares } from '../../../archiver/evidence/in-order.ts';
import { each } from './_world.ts';

test('results come in the order of the values, at most so many begun ahead', async (t) => {
  const begun: number[] = [];
  const taken: number[] = [];
  const values = Array.from({ length: 10 }, (_, index) => index);
  const results = inOrder(each(values), 4, (value) => {
    begun.push(value);
    return Promise.resolve(value);
  });
  for await (const result of results) {
    taken.push(result);
    t.true(begun.length - taken.length < 4);
  }
  t.deepEqual(taken, values);
  t.deepEqual(await Array.fromAsync(inOrder(each([]), 4, () => Promise.resolve(1))), []);
});

for (const [count, sizes] of [
  [0, []],
  [1, [1]],
  [3, [3]],
  [4, [3, 1]],
  [6, [3, 3]],
  [7, [3, 3, 1]],
] as const)
  test(`${count} values in shares of 3: ${sizes.join(', ') || 'none'}`, async (t) => {
    const values = Array.from({ length: count }, (_, index) => index);
    const shares: number[][] = [];
    for await (const share of inShares(each(values), 3)) shares.push(await Array.fromAsync(share));
    t.deepEqual(
      shares.map(({ length }) => length),
      [...sizes],
    );
    t.deepEqual(shares.flat(), values);
  });

test('shares that are not drawn to their end close what they come from', async (t) => {
  let closed = false;
  const values = async function* () {
    try {
      yield* each([1, 2, 3]);
    } finally {
      closed = true;
    }
  };
  for await (const share of inShares(values(), 2)) {
    for await (const value of share) {
      t.is(value, 1);
      break;
    }
    break;
  }
  t.true(closed);
});
