// Freezes what the proxy of this release keeps, for the next one to go on with: `node test/tsa/formats/make-release.ts
// FOLDER`. Run once at a release; what it wrote is never made again. A state folder with every kind of line in journal,
// audit log and evidence log that one proxy without a database writes by itself, and what its clients were answered.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { storeCredentials } from '#tsa/adapters/client-file.ts';
import { hashPassword } from '#tsa/adapters/password.ts';
import { ask, createTestClock, queryFor, startTestTsa, temporaryFolder } from '../_proxy.ts';
import { startUpstream, type Answer } from '../_upstream.ts';
import { frozenConfig, frozenTexts, keyPassword, postDigests, stateIn } from './_frozen-proxy.ts';

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('name the folder to write');
await mkdir(path.join(target, 'answers'), { recursive: true });

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setTimeout(50);
}

const clock = createTestClock();
const [failed, granted, late] = frozenTexts;
const answerLate = Promise.withResolvers<undefined>();
await using folder = await temporaryFolder();
await using upstream = await startUpstream({
  now: clock.now,
  handler: async (request, self, count): Promise<Answer> => {
    if (count === 1) return { body: 'no answer of a TSA' };
    if (count === 3) await answerLate.promise;
    return { body: self.grant(request) };
  },
});
const paid = await upstream.provider(folder.path, {
  name: 'paid',
  price: { amount: 10, currency: 'JPY' },
  timeouts: { connectMs: 60_000, responseMs: 1000, lateMs: 60_000 },
});
await writeFile(path.join(folder.path, 'password'), keyPassword, { mode: 0o600 });
await mkdir(stateIn(folder.path));
await storeCredentials(path.join(stateIn(folder.path), 'clients.json'), {
  records: [
    { since: clock.now().toString(), sha256: '00'.repeat(32) },
    { since: clock.now().toString(), password: await hashPassword('a frozen password') },
  ],
});

const keep = (name: string, content: Uint8Array | string): Promise<void> =>
  writeFile(path.join(target, 'answers', name), content);
{
  await using tsa = await startTestTsa(frozenConfig(folder.path, paid), clock);
  for (const [number, text] of [failed, granted, late].entries())
    await keep(`${number}.tsr`, (await ask(tsa.url, queryFor(text))).octets);
  answerLate.resolve(undefined);
  await until(() => tsa.events.filter(({ name }) => name === 'tsa.token.journalled').length === 4);
  await ask(tsa.url, queryFor(granted));
  await ask(tsa.url, new Uint8Array([1]));
  await fetch(`${tsa.url}tsa/nobody`, { method: 'POST', body: 'x' });
  await keep('digests.json', await (await postDigests(tsa.url, ['document', 'signature'])).text());
  clock.advance({ days: 1 });
  await tsa.upkeep();
  await tsa.reload(frozenConfig(folder.path, paid, { intervalSeconds: 3600 }));
}
{
  await using tsa = await startTestTsa(
    frozenConfig(folder.path, paid, { intervalSeconds: 3600 }),
    clock,
  );
  const taken = await postDigests(tsa.url, ['waits'], { prefer: 'respond-async' });
  if (taken.status !== 202) throw new Error(`digests were not taken in: ${taken.status}`);
}
await cp(stateIn(folder.path), path.join(target, 'state'), {
  recursive: true,
  filter: (file) => !file.endsWith('.sock'),
});
for (const anchors of paid.anchors) await cp(anchors, path.join(target, 'paid-anchors.pem'));
await writeFile(path.join(target, 'made-at.txt'), `${clock.now().toString()}\n`);
