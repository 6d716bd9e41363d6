// The proxy killed in a night (design, invariant 3): at most the request in flight is lost, never what its journal has.
import test from 'ava';
import { killedProxyNight, type ProxyKill } from './_killed-proxy.ts';

const kills: readonly (readonly [what: string, kill: ProxyKill, lost: number])[] = [
  ['as its provider makes the first token', { query: 1 }, 1],
  ['as its provider makes the second token', { query: 2 }, 1],
  ['as its provider makes the last token', { query: 3 }, 1],
  ['with a token in its journal and not answered', { event: 'tsa.token.journalled' }, 0],
  ['as it has answered', { event: 'tsa.query.answered' }, 0],
];

for (const [what, kill, lost] of kills)
  test(`killed ${what}: ${lost} lost, everything proved by the next night`, async (t) => {
    const came = await killedProxyNight(kill);
    t.deepEqual([came.wrong, came.lost], [[], lost]);
  });
