// Several replicas behind one address, on a real PostgreSQL: the contract of the books, what two replicas promise
// together, and what clients see while the database is away.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Event } from '#shared/ports/runtime.ts';
import { openKeptRecords } from '#tsa/adapters/kept-records.ts';
import { exportAuditLog } from '#tsa/adapters/audit-export.ts';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import { openBooks, type Books } from '#tsa/books.ts';
import { repeatKeyOf } from '#tsa/journal/journal.ts';
import {
  localTsaConfig,
  type Budget,
  type DatabaseConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import {
  answerTo,
  lineOf,
  purchase,
  reserved,
  testBooksContract,
  tokenOf,
} from '../tsa/_books-contract.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  random,
  startTestTsa,
  temporaryFolder,
  type TestClock,
} from '../tsa/_proxy.ts';
import { startUpstream } from '../tsa/_upstream.ts';
import { startPostgres, type PostgresServer } from './_postgres.ts';

const realClock = { now: () => Temporal.Now.instant() };
const nothing = (): void => undefined;
let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server[Symbol.asyncDispose]());

function settings(
  database: DatabaseConfig,
  { budgets = [], keepDays = 0 }: { budgets?: readonly Budget[]; keepDays?: number } = {},
): TsaConfig {
  const base = localTsaConfig({ stateDir: '/nonexistent' });
  const audit = { ...base.audit, keepDays };
  return { ...base, database, budgets, audit, providers: {}, timeZone: 'UTC' };
}

function open(
  database: DatabaseConfig,
  clock: Pick<TestClock, 'now'>,
  budgets?: readonly Budget[],
) {
  return openBooks({
    config: settings(database, budgets ? { budgets } : {}),
    clock,
    random,
    events: nothing,
  });
}

testBooksContract(test, 'PostgreSQL', async (clock) => {
  const database = server.newDatabase();
  const kept = await openKeptRecords(settings(database), nothing);
  return {
    open: (options) =>
      openBooks({ config: settings(database, options), clock, random, events: nothing }),
    journal: () => kept.journal,
    audit: () => kept.audit,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
});

test('a request is one replica’s at a time, and free when that replica is gone', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  const first = await open(database, clock);
  await using second = await open(database, clock);
  const claim = await first.journal.claim('a');
  t.truthy(claim);
  t.is(await second.journal.claim('a'), undefined);
  t.truthy(await second.journal.claim('b'), 'another one is free');
  claim?.release();
  await first.journal.append(tokenOf(clock, 'x'));
  const again = await second.journal.claim('a');
  t.truthy(again, 'given up');
  again?.release();
  t.truthy(await first.journal.claim('c'));
  await first[Symbol.asyncDispose]();
  t.truthy(await second.journal.claim('c'), 'its session is over');
  t.is(await answerTo(second, 'x'), 'x');
});

test('two replicas do not pass a budget together, nor a rate', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  const budgets = [{ period: 'month', tokens: 7, warnAtPercent: 80 }] as const;
  await using first = await open(database, clock, budgets);
  await using second = await open(database, clock, budgets);
  t.is((await reserved([first, second], 0, 40)).length, 7);
  const limit = { requests: 5, withinSeconds: 60 };
  const taking = Array.from({ length: 20 }, async (_, i) => {
    const { rates } = i % 2 === 0 ? first : second;
    const free = await rates.takeOfWindow('w', limit, clock.now());
    return [free, await rates.takeOfMinute('b', 5, clock.now())] as const;
  });
  const took = await Promise.all(taking);
  t.is(took.filter(([window]) => window === undefined).length, 5);
  t.is(took.filter(([, bucket]) => bucket === undefined).length, 5);
});

test('what a replica that died had reserved is free again after its time', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  const budgets = [{ period: 'month', tokens: 1, warnAtPercent: 80 }] as const;
  const reserve = (books: Books, id: string) =>
    books.budgets.reserve({ ...purchase, id, holdMs: 1000 });
  const first = await open(database, clock, budgets);
  t.is((await reserve(first, 'a')).kind, 'reserved');
  await first[Symbol.asyncDispose]();
  await using second = await open(database, clock, budgets);
  t.is((await reserve(second, 'b')).kind, 'exhausted');
  clock.advance({ minutes: 2 });
  t.is((await reserve(second, 'c')).kind, 'reserved');
});

test('a record that was sent twice counts once', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  await using books = await open(database, clock);
  const record = tokenOf(clock, 'a');
  await Promise.all([books.journal.append(record), books.journal.append(record)]);
  await books.journal.append(record);
  await books.refresh();
  t.is(books.ledger.sum({ within: '2030-01' }).tokens, 1);
});

test('two replicas write one audit chain, whose times do not go back, and one of them stamps it', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  const behind = createTestClock('2029-12-31T23:59:59Z');
  await using first = await open(database, clock);
  await using second = await open(database, behind);
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      (i % 2 === 0 ? first : second).audit.append(lineOf(`line ${i}`)),
    ),
  );
  await using kept = await openKeptRecords(settings(database), nothing);
  t.like(await checkAuditLog(kept.audit, { anchors: [] }), { status: 'intact', lines: 60 });
  await using folder = await temporaryFolder();
  const copy = path.join(folder.path, 'audit');
  t.deepEqual(await exportAuditLog(kept.audit, copy), { lines: 60, stamps: 0 });
  t.like(await checkAuditLog(readAuditFolder(copy), { anchors: [] }), {
    status: 'intact',
    lines: 60,
  });

  const begun = Promise.withResolvers<undefined>();
  const end = Promise.withResolvers<undefined>();
  let leaders = 0;
  const lead = async (): Promise<void> => {
    leaders++;
    begun.resolve(undefined);
    await end.promise;
  };
  const leading = first.alone('audit-stamp', lead);
  await begun.promise;
  await second.alone('audit-stamp', lead);
  end.resolve(undefined);
  await leading;
  t.is(leaders, 1);
  await second.alone('audit-stamp', lead);
  t.is(leaders, 2);
});

test('a database put back from an older copy: noticed by who saw more, once, and nobody gets another’s token', async (t) => {
  const database = server.newDatabase();
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  const events: Event[] = [];
  const openIn = (stateDir: string) =>
    openBooks({
      config: { ...settings(database), stateDir },
      clock,
      random,
      events: (event) => events.push(event),
    });
  const noticed = () => events.filter(({ name }) => name === 'tsa.database.restored');
  const first = await openIn(folder.path);
  const second = await openIn(other.path);
  await first.journal.append(tokenOf(clock, 'before'));
  await first.audit.append(lineOf('before'));
  await second.audit.append(lineOf('before, at the other replica'));
  const putBack = await server.backup(database.schema);
  await first.journal.append(tokenOf(clock, 'lost'));
  for (let line = 0; line < 3; line++) await first.audit.append(lineOf(`lost ${line}`));
  await second.audit.append(lineOf('lost, at the other replica'));
  // One replica is away when it happens, the other one is at work.
  await first[Symbol.asyncDispose]();
  t.deepEqual(noticed(), []);
  await putBack();

  await second.audit.append(lineOf('after'));
  t.deepEqual(
    noticed().map(({ seen, found }) => [seen, found]),
    [[6, 2]],
  );
  t.is(second.audit.head().seq, 4, 'a line that says so, and the one that was to be written');
  // The chain grows past what the other one saw: its end alone would show nothing.
  for (let line = 0; line < 4; line++) await second.audit.append(lineOf(`after ${line}`));
  await using again = await openIn(folder.path);
  t.deepEqual(
    noticed().map(({ seen, found }) => [seen, found]),
    [
      [6, 2],
      [5, 8],
    ],
  );
  await again.refresh();
  await second.refresh();
  await again.audit.append(lineOf('later'));
  t.is(noticed().length, 2, 'once');

  t.is(await answerTo(again, 'before'), 'before');
  t.is(await answerTo(again, 'lost'), undefined, 'bought again, not answered with anything else');
  await again.journal.append(tokenOf(clock, 'lost', 'bought again'));
  t.is(await answerTo(second, 'lost'), 'bought again');
  t.is(await answerTo(second, 'before'), 'before');

  await using kept = await openKeptRecords(settings(database), nothing);
  t.is((await checkAuditLog(kept.audit, { anchors: [] })).status, 'intact');
  const copy = path.join(folder.path, 'audit');
  await exportAuditLog(kept.audit, copy);
  const texts = (await readdir(copy)).map((name) => readFile(path.join(copy, name), 'utf8'));
  const lines = (await Promise.all(texts)).join('').trim().split('\n');
  t.deepEqual(
    lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === 'restored')
      .map(({ seq, through }) => [seq, through]),
    [
      [3, 6],
      [9, 5],
    ],
  );
  await second[Symbol.asyncDispose]();
});

/** A proxy whose books are in the database, in front of one upstream. */
async function proxyConfig(
  folder: string,
  database: DatabaseConfig,
  upstream: Awaited<ReturnType<typeof startUpstream>>,
): Promise<TsaConfig> {
  return { ...configWith(folder, [await upstream.provider(folder)]), database };
}

test('the same request at two replicas at once buys one token', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      await setTimeout(300);
      return { body: self.grant(request) };
    },
  });
  const config = await proxyConfig(folder.path, server.newDatabase(), upstream);
  await using first = await startTestTsa(config, clock);
  await using second = await startTestTsa(config, clock);
  const asking = [first, second, first, second].map(({ url }) => ask(url, queryFor('a')));
  const replies = await Promise.all(asking);
  t.is(upstream.queries.length, 1);
  for (const { octets } of replies) t.deepEqual(octets, replies[0]?.octets);
  t.deepEqual((await ask(second.url, queryFor('a'))).octets, replies[0]?.octets);
});

test('the last write of a replica that is gone comes before another one’s token: everybody gets the first', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const books: { gone?: Books } = {};
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      // Its claim ended with it; what it had sent to the database did not.
      const asked = { client: 'anonymous', profile: 'default', octets: request.raw };
      const earlier = { ...tokenOf(clock, 'x'), repeatKey: repeatKeyOf(asked) };
      await books.gone?.journal.append({ ...earlier, response: self.grant(request) });
      return { body: self.grant(request) };
    },
  });
  const config = await proxyConfig(folder.path, server.newDatabase(), upstream);
  await using gone = await openBooks({ config, clock, random, events: nothing });
  books.gone = gone;
  await using replica = await startTestTsa(config, clock);
  t.is((await ask(replica.url, queryFor('a'))).token?.tstInfo.serialNumber, 1n);
  t.is((await ask(replica.url, queryFor('a'))).token?.tstInfo.serialNumber, 1n);
});

test('a replica that is killed between journal and answer: another one gives its token', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(realClock);
  const config = await proxyConfig(folder.path, server.newDatabase(), upstream);
  const script = fileURLToPath(new URL('../tsa/_crash-child.ts', import.meta.url));
  const args = [script, JSON.stringify(config), 'tsa.token.journalled'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [url] = (await once(child.stdout, 'data')) as [Buffer];
  await using other = await startTestTsa(config, {
    ...realClock,
    set: nothing,
    advance: nothing,
  });
  await t.throwsAsync(ask(url.toString().trim(), queryFor('a')));
  await exited;
  t.is((await ask(other.url, queryFor('a'))).token?.tstInfo.serialNumber, 1n);
  t.is(upstream.queries.length, 1);
});

test('while the database is away no token is given out, and what was bought is not lost', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let crash: (() => Promise<void>) | undefined;
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      const now = crash;
      crash = undefined;
      await now?.();
      return { body: self.grant(request) };
    },
  });
  const config = await proxyConfig(folder.path, server.newDatabase(), upstream);
  await using tsa = await startTestTsa(config, clock);
  const first = await ask(tsa.url, queryFor('before'));
  crash = server.crash;
  const failed = await ask(tsa.url, queryFor('bought while it goes'));
  t.deepEqual(failed.response.failInfo, ['systemFailure']);
  t.is(failed.token, undefined);
  t.is((await fetch(`${tsa.url}readyz`)).status, 503);
  t.is((await fetch(`${tsa.url}healthz`)).status, 200);
  t.deepEqual((await ask(tsa.url, queryFor('meanwhile'))).response.failInfo, ['systemFailure']);
  t.is(upstream.queries.length, 2, 'nothing is bought that cannot be written down');
  await server.start();
  // Nobody has to ask for it to be written down, nor for the replica to be ready again.
  const isBack = async (): Promise<boolean> =>
    (await fetch(`${tsa.url}readyz`)).status === 200 &&
    tsa.events.filter(({ name }) => name === 'tsa.token.journalled').length === 2;
  while (!(await isBack())) await setTimeout(100);
  await using other = await startTestTsa(config, clock);
  const found = await ask(other.url, queryFor('bought while it goes'));
  t.is(found.token?.tstInfo.serialNumber, 2n, 'the token that was paid for');
  t.deepEqual((await ask(other.url, queryFor('before'))).octets, first.octets);
  t.is(upstream.queries.length, 2);
});

test('a replica that is stopped while the database is away ends, and says what it could not write down', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const meanwhile: { crash?: () => Promise<void> } = {};
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      await meanwhile.crash?.();
      return { body: self.grant(request) };
    },
  });
  const config = await proxyConfig(folder.path, server.newDatabase(), upstream);
  const tsa = await startTestTsa(config, clock);
  meanwhile.crash = server.crash;
  const failed = await ask(tsa.url, queryFor('bought while it goes'));
  t.deepEqual(failed.response.failInfo, ['systemFailure']);
  await tsa.close();
  const lost = tsa.events.filter(({ name }) => name === 'tsa.token.lost');
  t.deepEqual(
    lost.map(({ level, serialNumber }) => [level, serialNumber]),
    [['error', '1']],
  );
  await server.start();
  await using again = await startTestTsa(config, clock);
  t.is((await fetch(`${again.url}readyz`)).status, 200);
});
