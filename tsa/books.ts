// What the proxy writes down, opened together: the journal of tokens, the audit log of answers, and the budgets that
// the journal's tokens have used.
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuditFiles, type AuditFiles } from './adapters/audit-files.ts';
import { openJournalFiles } from './adapters/files.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';
import { createBudgets, type Budgets } from './budgets.ts';
import type { TsaConfig } from './config.ts';
import { startOfMonth } from './days.ts';
import type { JournalRecord } from './journal-line.ts';
import { openJournal, type Journal } from './journal.ts';

export type Books = AsyncDisposable & {
  readonly journal: Journal;
  readonly audit: AuditLog;
  readonly auditFiles: AuditFiles;
  readonly budgets: Budgets;
};

/** A token of the journal is one that was bought; what is bought now is counted when it is reserved. */
function countLoaded(budgets: Budgets) {
  return (record: JournalRecord, from: 'loaded' | 'appended'): void => {
    if (record.kind !== 'token' || from === 'appended') return;
    const { client = '', profile = '', provider, price } = record;
    budgets.count({ client, profile, provider, price }, record.at);
  };
}

/** @throws the system's error */
export async function openBooks(options: {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
}): Promise<Books> {
  const { config, clock } = options;
  const { timeZone } = config;
  await using stack = new AsyncDisposableStack();
  const budgets = createBudgets({ ...options, budgets: config.budgets, timeZone });
  const auditFiles = await openAuditFiles(config.audit.dir);
  const audit = stack.use(await openAuditLog({ ...options, ...config.audit, files: auditFiles }));
  const journal = stack.use(
    await openJournal({
      ...options,
      files: await openJournalFiles(config.journalDir),
      readSince: startOfMonth(clock.now(), timeZone),
      onRecord: countLoaded(budgets),
    }),
  );
  const owned = stack.move();
  return { journal, audit, auditFiles, budgets, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
