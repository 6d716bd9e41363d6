// A sample of kill -9 at calls to stores and TSA and at moments between, from a fixed seed; `npm run test:long` has more.
import test from 'ava';
import { allUnbroken, drawKill, drawMoment, killedNight, type AllUnbroken } from './_kills.ts';

let nights: AllUnbroken;

test.before('nights with nothing in their way', async () => {
  nights = await allUnbroken();
});

for (const [share, when] of [
  [0.3, 'before'],
  [0.6, 'after'],
  [0.9, 'before'],
] as const)
  test(`killed ${when} a call between nights, at ${share} of its way`, async (t) => {
    const call = Math.ceil(share * nights.intake.calls);
    t.is(await killedNight({ situation: 'intake', call, when }), '', `call ${call}`);
  });

for (const seed of [1, 2, 3, 4, 5, 6])
  test(`killed, seed ${seed}: nothing lost, nothing bought twice`, async (t) => {
    const kill = drawKill(seed, nights);
    t.is(await killedNight(kill), '', JSON.stringify(kill));
  });

for (const seed of [1, 2])
  test(`killed at a moment, seed ${seed}: nothing lost, nothing bought twice`, async (t) => {
    const kill = drawMoment(seed, nights);
    t.is(await killedNight(kill), '', JSON.stringify(kill));
  });
