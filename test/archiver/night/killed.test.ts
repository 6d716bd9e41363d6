// A sample of kill -9 at calls to evidence store and TSA, from a fixed seed; `npm run test:long` has more.
import test from 'ava';
import { countCalls, drawKill, killedNight, situations, type Situation } from './_kills.ts';

const calls: Record<Situation, number> = {
  protect: 0,
  'timestamp-renewal': 0,
  'hash-tree-renewal': 0,
  'two-tsas': 0,
  intake: 0,
};

test.before('how many calls there are', async () => {
  await Promise.all(
    situations.map(async (situation) => {
      calls[situation] = await countCalls(situation);
    }),
  );
});

for (const [share, when] of [
  [0.3, 'before'],
  [0.6, 'after'],
  [0.9, 'before'],
] as const)
  test(`killed ${when} a call between nights, at ${share} of its way`, async (t) => {
    const call = Math.ceil(share * calls.intake);
    t.is(await killedNight({ situation: 'intake', call, when }), '', `call ${call}`);
  });

for (const seed of [1, 2, 3, 4, 5, 6])
  test(`killed, seed ${seed}: nothing lost, nothing bought twice`, async (t) => {
    const kill = drawKill(seed, calls);
    t.is(await killedNight(kill), '', JSON.stringify(kill));
  });
