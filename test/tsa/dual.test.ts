// Dual profiles: two providers at once, the first good token is the answer, both are in the journal.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseJournalLine, type TokenRecord } from '#tsa/journal/journal-line.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
  type TestTsa,
} from './_proxy.ts';
import { startUpstream, type Handler } from './_upstream.ts';

/** Starts a dual proxy over providers with these handlers. */
async function startDual(folder: string, handlers: readonly (Handler | undefined)[]) {
  await using stack = new AsyncDisposableStack();
  const clock = createTestClock();
  const upstreams = [];
  for (const handler of handlers)
    upstreams.push(stack.use(await startUpstream({ ...clock, ...(handler && { handler }) })));
  const providers = await Promise.all(upstreams.map((one) => one.provider(folder)));
  const tsa = stack.use(await startTestTsa(configWith(folder, providers, { dual: true }), clock));
  const owned = stack.move();
  const names = providers.map(({ name }) => name);
  return { tsa, upstreams, names, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function tokens(folder: string, tsa: TestTsa): Promise<readonly TokenRecord[]> {
  await tsa.close();
  const journal = path.join(folder, 'journal');
  const found: TokenRecord[] = [];
  for (const name of await readdir(journal))
    for (const line of (await readFile(path.join(journal, name), 'latin1')).split('\n')) {
      const record = line === '' ? undefined : parseJournalLine(Buffer.from(line, 'latin1'));
      if (record?.kind === 'token' && record.client === 'anonymous') found.push(record);
    }
  return found;
}

const refuse: Handler = () => ({ status: 500, body: '' });

test('both are asked, the client gets one, the journal and the audit log have both', async (t) => {
  await using folder = await temporaryFolder();
  const release = Promise.withResolvers<undefined>();
  await using dual = await startDual(folder.path, [
    undefined,
    async (request, self) => {
      await release.promise;
      return { body: self.grant(request) };
    },
  ]);
  const { tsa, upstreams, names } = dual;
  const reply = await ask(tsa.url, queryFor('a'));
  t.is(reply.response.statusName, 'granted');
  release.resolve(undefined);
  const again = await ask(tsa.url, queryFor('a'));
  t.deepEqual(again.octets, reply.octets, 'a repeat gets what the client got');
  t.deepEqual(
    upstreams.map(({ queries }) => queries.length),
    [1, 1],
  );
  const records = await tokens(folder.path, tsa);
  t.deepEqual(records.map(({ provider }) => provider).toSorted(), names.toSorted());
  t.true(records.every(({ late }) => !late));
  t.deepEqual(
    records.filter(({ second }) => second).map(({ provider }) => provider),
    names.slice(1),
  );
  const audit = path.join(folder.path, 'audit');
  const files = (await readdir(audit)).filter((name) => name.endsWith('.jsonl'));
  const text = await Promise.all(files.map((name) => readFile(path.join(audit, name), 'utf8')));
  t.regex(text.join(''), new RegExp(`"event":"second",.*"provider":"${names[1]}"`));
});

for (const [what, handlers, granted] of [
  ['the first fails', [refuse, undefined], true],
  ['the second fails', [undefined, refuse], true],
  ['both fail', [refuse, refuse], false],
] as const)
  test(`${what}: ${granted ? 'the other’s token, and an event' : 'refused'}`, async (t) => {
    await using folder = await temporaryFolder();
    await using dual = await startDual(folder.path, handlers);
    const { response } = await ask(dual.tsa.url, queryFor('a'));
    t.is(response.statusName, granted ? 'granted' : 'rejection');
    const records = await tokens(folder.path, dual.tsa);
    t.is(records.length, granted ? 1 : 0);
    const missing = dual.tsa.events.filter(({ name }) => name === 'tsa.dual.missing');
    t.is(missing.length, granted ? 1 : 2);
  });

test('where the first two give nothing, the third is asked', async (t) => {
  await using folder = await temporaryFolder();
  await using dual = await startDual(folder.path, [refuse, refuse, undefined]);
  const { response } = await ask(dual.tsa.url, queryFor('a'));
  t.is(response.statusName, 'granted');
});

test('without it one provider is asked', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream(clock);
  await using second = await startUpstream(clock);
  const providers = [await first.provider(folder.path), await second.provider(folder.path)];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  await ask(tsa.url, queryFor('a'));
  t.is(second.queries.length, 0);
});
