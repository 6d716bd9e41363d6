// kill -9 between the steps of one stamp: no token is lost once it is in the journal, and a repeat after the crash
// gets the very same one.
import test from 'ava';
import { ask, configWith, queryFor, temporaryFolder } from './_proxy.ts';
import { spawnTsa } from './_spawned.ts';
import { startUpstream } from './_upstream.ts';

const clock = { now: () => Temporal.Now.instant() };

test('killed after the token is in the journal and before it is answered', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  const first = await spawnTsa(config, 'tsa.token.journalled');
  await t.throwsAsync(ask(first.url, queryFor('a')), undefined, 'no answer came');
  t.is((await first.exited)[1], 'SIGKILL');
  t.is(upstream.queries.length, 1);

  const second = await spawnTsa(config);
  const reply = await ask(second.url, queryFor('a'));
  t.is(reply.token?.tstInfo.serialNumber, 1n, 'the token that was bought before the crash');
  t.deepEqual((await ask(second.url, queryFor('a'))).octets, reply.octets);
  t.is(upstream.queries.length, 1, 'nothing was bought twice');
  await second.kill();
});

/** An upstream at whose first query somebody is killed, before it answers. */
function startKillingUpstream(doomed: { kill?: () => Promise<void> }) {
  return startUpstream({
    ...clock,
    handler: async (request, self) => {
      const { kill } = doomed;
      delete doomed.kill;
      await kill?.();
      return { body: self.grant(request) };
    },
  });
}

test('killed while the provider works: the same octets are sent again', async (t) => {
  await using folder = await temporaryFolder();
  const doomed: { kill?: () => Promise<void> } = {};
  await using upstream = await startKillingUpstream(doomed);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  const first = await spawnTsa(config);
  doomed.kill = first.kill;
  await t.throwsAsync(ask(first.url, queryFor('a')));
  const second = await spawnTsa(config);
  t.is((await ask(second.url, queryFor('a'))).response.statusName, 'granted');
  t.deepEqual(upstream.queries, [queryFor('a'), queryFor('a')]);
  await second.kill();
});

test('serials of the local unit stay unique over crashes', async (t) => {
  await using folder = await temporaryFolder();
  const { localTsaConfig } = await import('#tsa/config/config.ts');
  const config = localTsaConfig({ stateDir: folder.path });
  const serials: bigint[] = [];
  for (const round of ['a', 'b', 'c']) {
    const running = await spawnTsa(config);
    for (const text of ['1', '2']) {
      const { token } = await ask(running.url, queryFor(round + text));
      if (token) serials.push(token.tstInfo.serialNumber);
    }
    await running.kill();
  }
  t.is(new Set(serials).size, 6);
});

/** Digests to a proxy that makes a batch of each request. */
async function sendDigest(url: string): Promise<{ readonly records: readonly string[] }> {
  const answer = await fetch(`${url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hashAlgorithm: 'SHA-256', digests: ['ab'.repeat(32)] }),
  });
  return (await answer.json()) as { records: string[] };
}

for (const fatal of [
  'tsa.evidence.taken',
  'tsa.evidence.batch',
  'tsa.token.journalled',
  'tsa.evidence.made',
])
  test(`killed at ${fatal}: what was taken in is proved, by one token`, async (t) => {
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream(clock);
    const base = configWith(folder.path, [await upstream.provider(folder.path)]);
    const config = { ...base, evidence: { ...base.evidence, intervalSeconds: 0 } };
    const first = await spawnTsa(config, fatal);
    await t.throwsAsync(sendDigest(first.url), undefined, 'no answer came');
    t.is((await first.exited)[1], 'SIGKILL');
    const second = await spawnTsa(config);
    t.is((await sendDigest(second.url)).records.length, 1);
    t.is(upstream.queries.length, 1, 'nothing was bought twice');
    await second.kill();
  });

test('killed while the provider works on a batch: the same octets are sent again', async (t) => {
  await using folder = await temporaryFolder();
  const doomed: { kill?: () => Promise<void> } = {};
  await using upstream = await startKillingUpstream(doomed);
  const base = configWith(folder.path, [await upstream.provider(folder.path)]);
  const config = { ...base, evidence: { ...base.evidence, intervalSeconds: 0 } };
  const first = await spawnTsa(config);
  doomed.kill = first.kill;
  await t.throwsAsync(sendDigest(first.url));
  const second = await spawnTsa(config);
  t.is((await sendDigest(second.url)).records.length, 1);
  t.is(upstream.queries.length, 2);
  t.deepEqual(upstream.queries[0], upstream.queries[1]);
  await second.kill();
});
