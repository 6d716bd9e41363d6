// What the proxy writes down, opened together: the journal of tokens, the audit log of answers, and the budgets that
// the journal's tokens have used.
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuditFiles, type AuditFiles } from './adapters/audit-files.ts';
import { openJournalFiles } from './adapters/files.ts';
import { createSeenKeeper, seenHeadOf } from './adapters/seen-head.ts';
import { openAuditLog, type AuditLog } from './audit/audit-log.ts';
import { auditClient, type Alone } from './audit/audit-stamp.ts';
import type { Budgets } from './metering/budget-rules.ts';
import { createBudgets } from './metering/budgets.ts';
import type { Budget, TsaConfig } from './config/config.ts';
import { startOfMonth } from './days.ts';
import { createRateFill } from './providers/fill-rates.ts';
import type { TokenRecord } from './journal/journal-line.ts';
import { openJournal, type Journal } from './journal/journal.ts';
import { createLedger, type Ledger } from './metering/ledger.ts';
import { findRestored } from './audit/older-copy.ts';
import { createRates, type Rates } from './providers/rates.ts';

export type Books = AsyncDisposable & {
  readonly journal: Journal;
  readonly audit: AuditLog;
  /** Keeps the stamp over a line of the audit log. @throws the system's error */
  readonly storeStamp: (name: string, octets: Uint8Array) => Promise<void>;
  readonly ledger: Pick<Ledger, 'sum'>;
  readonly budgets: Budgets;
  readonly rates: Rates;
  readonly alone: Alone;
  /** Reads anew what other replicas may have written: figures alone. Throws nothing. */
  readonly refresh: () => Promise<void>;
  /** Hourly: removes what nobody will ask for again. @throws the system's error */
  readonly tidy: () => Promise<void>;
};

export type BooksOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
};

/** The budgets of a configuration; a client's daily quota, and a provider's, is one like any other. */
export function budgetsOf({ budgets, clients, providers }: TsaConfig): readonly Budget[] {
  const daily = { period: 'day', warnAtPercent: 80 } as const;
  const quotas = clients.flatMap(({ name: client, tokensPerDay: tokens }) =>
    tokens === undefined ? [] : [{ client, tokens, ...daily }],
  );
  const limits = Object.values(providers).flatMap((provider) => {
    const tokens = provider.kind === 'http' ? provider.limits.tokensPerDay : undefined;
    return tokens === undefined ? [] : [{ provider: provider.name, tokens, ...daily }];
  });
  return [...budgets, ...quotas, ...limits];
}

/**
 * Opens them in the folders or in the database that the configuration names.
 * @throws the system's error, ConfigError ERR_CONFIG_INVALID: the database cannot be used
 */
export async function openBooks(options: BooksOptions): Promise<Books> {
  if (!options.config.database) return openFolderBooks(options);
  // Its client is loaded where it is needed.
  const { openDatabaseBooks } = await import('./adapters/database/books.ts');
  return openDatabaseBooks(options, options.config.database);
}

/**
 * Says what the folders lack of what they are known to have had, and goes on behind it. What it gives keeps what was seen
 * of the log, where the configuration says in which file.
 */
async function watchCopies(
  { config, clock, events }: BooksOptions,
  books: {
    readonly auditFiles: AuditFiles;
    readonly audit: AuditLog;
    readonly journal: Journal;
    readonly stamp: TokenRecord | undefined;
  },
): Promise<() => Promise<void>> {
  const { audit, auditFiles } = books;
  const place = seenHeadOf(config);
  const seen = await place?.load();
  const head = audit.head();
  if (place && !seen && head.seq > 0)
    events({ level: 'warn', name: 'tsa.state.not-seen', found: head.seq });
  const now = clock.now();
  const lacking = await findRestored({ ...books, audit: auditFiles, head, seen, now });
  for (const { event, what, ...rest } of lacking) {
    events({ level: 'error', name: 'tsa.state.restored', what, found: head.seq, ...rest });
    // A disk that is full has its own event.
    await audit.append({ event, what, ...rest }).catch(() => undefined);
  }
  if (!place) return () => Promise.resolve();
  const failed = 'tsa.state.seen-failed';
  const keep = createSeenKeeper({ place, head: audit.head, seen, events, failed });
  await keep();
  return keep;
}

async function openFolderBooks(options: BooksOptions): Promise<Books> {
  const { config, clock } = options;
  const { timeZone } = config;
  await using stack = new AsyncDisposableStack();
  const auditFiles = await openAuditFiles(config.audit.dir);
  const audit = stack.use(await openAuditLog({ ...options, ...config.audit, files: auditFiles }));
  const ledger = createLedger(timeZone);
  const rates = createRates();
  const fillRates = createRateFill(options, rates);
  let isStarting = true;
  let stamp: TokenRecord | undefined;
  const journal = stack.use(
    await openJournal({
      ...options,
      files: await openJournalFiles(config.journalDir),
      readSince: startOfMonth(clock.now(), timeZone),
      onRecord: (record) => {
        if (record.kind === 'token') ledger.add(record);
        if (isStarting) fillRates(record);
        if (isStarting && record.kind === 'token' && record.client === auditClient) stamp = record;
      },
    }),
  );
  isStarting = false;
  const keepSeen = await watchCopies(options, { auditFiles, audit, journal, stamp });
  stack.defer(keepSeen);
  const budgets = createBudgets({ ...options, budgets: budgetsOf(config), timeZone, ledger });
  const owned = stack.move();
  return {
    journal,
    audit,
    storeStamp: auditFiles.storeStamp,
    ledger,
    budgets,
    rates,
    // The folders have one writer.
    alone: (_, work) => work(),
    refresh: keepSeen,
    tidy: keepSeen,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
