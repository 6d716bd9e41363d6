// The books of a proxy in folders: what adapters/database promises too.
import path from 'node:path';
import test from 'ava';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { readJournalFolder } from '#tsa/adapters/files.ts';
import { openBooks } from '#tsa/books.ts';
import { localTsaConfig, type DatabaseConfig } from '#tsa/config.ts';
import { freePort } from '../_free-port.ts';
import { testBooksContract } from './_books-contract.ts';
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

test('a database that is not there stops the start, and says which', async (t) => {
  await using folder = await temporaryFolder();
  const port = await freePort();
  const database: DatabaseConfig = {
    host: '127.0.0.1',
    port,
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
    message: new RegExp(`127\\.0\\.0\\.1:${port}|ECONNREFUSED`),
  });
});
