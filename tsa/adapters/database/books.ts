// The books of a proxy whose replicas share a database. What stands here alone is what the status page shows: figures as
// of the last look.
import path from 'node:path';
import { budgetsOf, type Books, type BooksOptions } from '../../books.ts';
import type { DatabaseConfig } from '../../config/config.ts';
import { repeatPeriod } from '../../journal/journal.ts';
import { monthOf } from '../../days.ts';
import { sumRows, type LedgerRow } from '../../metering/ledger.ts';
import { errorFields } from '../../replies.ts';
import { createSeenKeeper, seenHeadIn } from '../seen-head.ts';
import { openDatabaseAudit } from './audit.ts';
import { createDatabaseBudgets } from './budgets.ts';
import { openDatabase, type Database } from './connection.ts';
import { openDatabaseJournal } from './journal.ts';
import { createDatabaseRates } from './rates.ts';

type UsageRow = Omit<LedgerRow, 'tokens' | 'micros'> & {
  readonly tokens: string;
  readonly micros: string;
};

const usageOfMonth = `
SELECT day, client, profile, provider, currency, tokens::text, micros::text FROM usage_days
WHERE day >= $1`;

async function readUsage(database: Database, month: string): Promise<readonly LedgerRow[]> {
  const rows = await database.query<UsageRow>(usageOfMonth, [month]);
  return rows.map(({ tokens, micros, ...row }) => ({
    ...row,
    tokens: Number(tokens),
    micros: BigInt(micros),
  }));
}

/** @throws ConfigError ERR_CONFIG_INVALID */
export async function openDatabaseBooks(
  options: BooksOptions,
  config: DatabaseConfig,
): Promise<Books> {
  const { clock, events } = options;
  const { timeZone, audit: auditConfig } = options.config;
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openDatabase(config, { timeZone, events }));
  const shared = { ...options, database, timeZone };
  const place = seenHeadIn(path.join(options.config.stateDir, 'database-seen.json'));
  const seen = await place.load();
  const audit = openDatabaseAudit({ ...shared, keepDays: auditConfig.keepDays, seen });
  const { head } = audit.log;
  const keepSeen = createSeenKeeper({
    place,
    head,
    seen,
    events,
    failed: 'tsa.database.seen-failed',
  });
  stack.defer(keepSeen);
  stack.use(audit.log);
  const journal = stack.use(openDatabaseJournal(shared));
  const budgets = createDatabaseBudgets({ ...shared, budgets: budgetsOf(options.config) });
  let usage: readonly LedgerRow[] = [];

  const refresh = async (): Promise<void> => {
    try {
      usage = await readUsage(database, monthOf(clock.now(), timeZone));
      await budgets.refresh();
      await audit.refresh();
      await keepSeen();
    } catch (error) {
      // The page shows the last look, and that the database cannot be reached.
      events({ level: 'warn', name: 'tsa.database.figures-failed', ...errorFields(error) });
    }
  };

  const tidy = async (): Promise<void> => {
    const now = clock.now();
    const old = now.subtract(repeatPeriod).epochMilliseconds;
    await database.query('DELETE FROM answers WHERE at < $1', [old]);
    await database.query('DELETE FROM reservations WHERE until < $1', [now.epochMilliseconds]);
    await audit.retire();
  };

  const alone: Books['alone'] = async (task, work) => {
    const name = `task ${task}`;
    if (!(await database.tryLock(name))) return;
    try {
      await work();
    } finally {
      await database.unlock(name);
    }
  };

  await refresh();
  const owned = stack.move();
  return {
    journal,
    audit: audit.log,
    storeStamp: audit.storeStamp,
    ledger: { sum: (query) => sumRows(usage, query) },
    budgets,
    rates: createDatabaseRates(database),
    alone,
    refresh,
    tidy: async () => {
      await refresh();
      await alone('tidy', tidy);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
