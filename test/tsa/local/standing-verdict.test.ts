// A verdict on a token of our own unit stands for its like, for a minute, and no longer than what it was made with.
import test from 'ava';
import { defaultProfile } from '#tsa/config/config.ts';
import type { Judged } from '#tsa/providers/judge-answer.ts';
import { createStandingVerdicts, type OwnToken } from '#tsa/local/standing-verdict.ts';
import { createTestClock } from '../_proxy.ts';

const signer = {};
const response = Uint8Array.of(1);
const bad: Judged = { kind: 'next', failure: 'invalid-token', reason: 'expired' };

function open() {
  const clock = createTestClock();
  const verdicts = createStandingVerdicts();
  let judged = 0;
  let good = true;
  const own = (fields: Partial<OwnToken> = {}): OwnToken => ({
    serialNumber: 7n,
    genTime: clock.now(),
    signer,
    terms: 'p SHA-256 true',
    ...fields,
  });
  const ask = (token: OwnToken, fields: { profile?: typeof defaultProfile } = {}) =>
    verdicts.of(
      token,
      {
        response,
        profile: defaultProfile,
        algorithmPolicy: undefined,
        now: clock.now(),
        ...fields,
      },
      () => {
        judged++;
        const { serialNumber, genTime } = token;
        return Promise.resolve(
          good ? { kind: 'token', response, serialNumber, genTime, path: [] } : bad,
        );
      },
    );
  return {
    clock,
    own,
    ask,
    judged: () => judged,
    setGood: (value: boolean) => {
      good = value;
    },
  };
}

test('it stands for a minute, with the serial number and time of each token', async (t) => {
  const { clock, own, ask, judged } = open();
  await ask(own());
  clock.advance({ seconds: 59 });
  const second = await ask(own({ serialNumber: 8n }));
  t.is(judged(), 1);
  t.like(second, { kind: 'token', serialNumber: 8n });
  t.is(second.kind === 'token' ? second.genTime : undefined, clock.now());
  clock.advance({ seconds: 1 });
  await ask(own());
  t.is(judged(), 2);
});

type Row = { readonly name: string; readonly other: (doors: ReturnType<typeof open>) => unknown };
const rows: readonly Row[] = [
  { name: 'another key', other: ({ ask, own }) => ask(own({ signer: {} })) },
  { name: 'other terms', other: ({ ask, own }) => ask(own({ terms: 'p SHA-512 true' })) },
  {
    name: 'another profile',
    other: ({ ask, own }) => ask(own(), { profile: { ...defaultProfile } }),
  },
  {
    name: 'a clock that went back',
    other: ({ ask, own, clock }) => {
      clock.advance({ seconds: -1 });
      return ask(own());
    },
  },
];
const judgesAnew = test.macro({
  title: (_, { name }: Row) => `it does not stand for ${name}`,
  exec: async (t, { other }: Row) => {
    const doors = open();
    await doors.ask(doors.own());
    await other(doors);
    t.is(doors.judged(), 2);
  },
});
for (const row of rows) test(judgesAnew, row);

test('a verdict that is not good never stands', async (t) => {
  const { own, ask, judged, setGood } = open();
  setGood(false);
  t.is((await ask(own())).kind, 'next');
  t.is((await ask(own())).kind, 'next');
  t.is(judged(), 2);
});
