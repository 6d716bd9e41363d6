// The real proxy killed while a night asks it for three tokens: what its provider made and it had not written down is
// lost, which is the one request that was in flight, and nothing else. The next night has everything proved.
import { setTimeout as delay } from 'node:timers/promises';
import { configWith, temporaryFolder } from '../../tsa/_proxy.ts';
import { spawnTsa } from '../../tsa/_spawned.ts';
import { startUpstream } from '../../tsa/_upstream.ts';
import { createArchive } from './_night.ts';

/** When: as the provider has got that query, at an event of the proxy, or after a while. */
export type ProxyKill =
  { readonly query: number } | { readonly event: string } | { readonly afterMs: number };

const keys = ['a.txt', 'b.txt', 'c.txt'];

export type KilledProxyNight = {
  /** Tokens that the provider made beyond the three that count. */
  readonly lost: number;
  /** What is not as it should be. */
  readonly wrong: readonly string[];
  /** Of the night in which it was killed. */
  readonly milliseconds: number;
};

export async function killedProxyNight(kill: ProxyKill): Promise<KilledProxyNight> {
  const now = () => Temporal.Now.instant();
  await using folder = await temporaryFolder();
  const doomed: { kill?: () => Promise<void> } = {};
  let made = 0;
  await using upstream = await startUpstream({
    now,
    handler: async (request, self, count) => {
      if ('query' in kill && count === kill.query) await doomed.kill?.();
      made += 1;
      return { body: self.grant(request) };
    },
  });
  const provider = await upstream.provider(folder.path);
  const config = configWith(folder.path, [provider]);
  const first = await spawnTsa(config, 'event' in kill ? kill.event : '');
  doomed.kill = first.kill;
  const { anchors, crls } = provider;
  await using archive = await createArchive({ maxLeaves: 1 }, { start: now().toString() });
  for (const key of keys) await archive.put(key, key);
  const nightWith = async (url: string) => {
    await archive.configure({ tsa: { url, anchors, crls } });
    archive.clock.set(now());
    return archive.night();
  };
  const timed = 'afterMs' in kill ? delay(kill.afterMs).then(first.kill) : undefined;
  const began = performance.now();
  await nightWith(first.url);
  const milliseconds = performance.now() - began;
  await timed;
  await first.kill();
  const second = await spawnTsa(config);
  try {
    const next = await nightWith(second.url);
    const quiet = await nightWith(second.url);
    const wrong: string[] = [];
    if (next.findings.length > 0) wrong.push(JSON.stringify(next.findings));
    if (quiet.tokensBought > 0 || quiet.outcome !== 'ok')
      wrong.push('the night after was not quiet');
    for (const key of keys) {
      const verdict = await archive.judge(key);
      if (verdict !== 'valid') wrong.push(`${key}: ${verdict}`);
    }
    wrong.push(...(await archive.rebuildDifferences()));
    return { lost: made - keys.length, wrong, milliseconds };
  } finally {
    await second.kill();
  }
}
