// The books of a proxy in folders: what adapters/database promises too.
import path from 'node:path';
import test from 'ava';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { readJournalFolder } from '#tsa/adapters/files.ts';
import { openBooks } from '#tsa/books.ts';
import { localTsaConfig, type DatabaseConfig } from '#tsa/config/config.ts';
import { closedPort } from '../_free-port.ts';
import { hedgeRate } from '#tsa/providers/rates.ts';
import { purchase, testBooksContract, tokenOf } from './_books-contract.ts';
import { createTestClock, random, temporaryFolder } from './_proxy.ts';

testBooksContract(test, 'folder', async (clock) => {
  const folder = await temporaryFolder();
  const config = localTsaConfig({ stateDir: folder.path });
  return {
    open: ({ budgets = [], keepDays = 0 } = {}) =>
      openBooks({
        config: { ...config, budgets, timeZone: 'UTC', audit: { ...config.audit, keepDays } },
        clock,
        random,
        events: () => undefined,
      }),
    journal: () => readJournalFolder(path.join(folder.path, 'journal')),
    audit: () => readAuditFolder(path.join(folder.path, 'audit')),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

test('a restart does not give hedging a new ceiling: what went to two providers within the hour counts', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-02-01T00:20:00Z');
  const config = localTsaConfig({ stateDir: folder.path });
  const [profile] = Object.values(config.profiles);
  if (!profile) throw new Error('no profile');
  const hedging = { ...profile, hedgesPerHour: 3 };
  const options = {
    config: { ...config, profiles: { [profile.name]: hedging } },
    clock,
    random,
    events: () => undefined,
  };
  const failed = (id: string, provider: string, failureKind: 'timeout' | 'limited') =>
    ({
      ...purchase,
      kind: 'failure',
      id,
      at: clock.now(),
      provider,
      failureKind,
      reason: '',
    }) as const;
  {
    await using books = await openBooks(options);
    const { journal } = books;
    // More than an hour before, and in the month before.
    clock.set('2030-01-31T23:00:00Z');
    await journal.append(tokenOf(clock, 'old'));
    await journal.append({ ...tokenOf(clock, 'old', 'b'), provider: 'other' });
    clock.set('2030-01-31T23:50:00Z');
    // A hedge whose loser came late, and a third answer of the same request.
    await journal.append(tokenOf(clock, 'hedged'));
    await journal.append({ ...tokenOf(clock, 'hedged', 'c'), provider: 'other', late: true });
    await journal.append(failed('hedged', 'third', 'timeout'));
    // One that failed over: nobody knows that it was no hedge.
    await journal.append(failed('moved', 'other', 'timeout'));
    await journal.append(tokenOf(clock, 'moved'));
    // One provider alone, and one of two that was not asked.
    await journal.append(tokenOf(clock, 'alone'));
    await journal.append(failed('passed over', 'other', 'limited'));
    await journal.append(tokenOf(clock, 'passed over'));
  }
  clock.set('2030-02-01T00:20:00Z');
  await using books = await openBooks(options);
  const { key, limit } = hedgeRate(hedging);
  const take = async (): Promise<string> =>
    (await books.rates.takeOfWindow(key, limit, clock.now()))?.toString() ?? 'free';
  t.is(await take(), 'free', 'two of three are taken');
  t.is(await take(), '2030-02-01T00:50:00Z', 'and now all of them, until the hour is over');
});

test('a database that is not there stops the start, and says which', async (t) => {
  await using folder = await temporaryFolder();
  const database: DatabaseConfig = {
    host: '127.0.0.1',
    port: closedPort,
    database: 'tokiwa',
    user: 'tokiwa',
    passwordFile: undefined,
    schema: 'tokiwa',
    connections: 2,
    tls: { off: false, authorities: [], tls12: false },
  };
  const config = { ...localTsaConfig({ stateDir: folder.path }), database };
  const options = { config, clock: createTestClock(), random, events: () => undefined };
  await t.throwsAsync(openBooks(options), {
    code: 'ERR_CONFIG_INVALID',
    message: new RegExp(`127\\.0\\.0\\.1:${closedPort}|ECONNREFUSED`),
  });
});
