// The books of a proxy in folders: what adapters/database promises too.
import path from 'node:path';
import test from 'ava';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { readJournalFolder } from '#tsa/adapters/files.ts';
import { openBooks } from '#tsa/books.ts';
import { localTsaConfig } from '#tsa/config.ts';
import { testBooksContract } from './_books-contract.ts';
import { random, temporaryFolder } from './_proxy.ts';

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
