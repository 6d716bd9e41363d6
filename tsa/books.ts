// What the proxy writes down, opened together: the journal of tokens, the audit log of answers, and the budgets that
// the journal's tokens have used.
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuditFiles, type AuditFiles } from './adapters/audit-files.ts';
import { openJournalFiles } from './adapters/files.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';
import { createBudgets, type Budgets } from './budgets.ts';
import type { Budget, TsaConfig } from './config.ts';
import { startOfMonth } from './days.ts';
import { openJournal, type Journal } from './journal.ts';
import { createLedger, type Ledger } from './ledger.ts';

export type Books = AsyncDisposable & {
  readonly journal: Journal;
  readonly audit: AuditLog;
  readonly auditFiles: AuditFiles;
  readonly ledger: Ledger;
  readonly budgets: Budgets;
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
  const auditFiles = await openAuditFiles(config.audit.dir);
  const audit = stack.use(await openAuditLog({ ...options, ...config.audit, files: auditFiles }));
  const ledger = createLedger(timeZone);
  const journal = stack.use(
    await openJournal({
      ...options,
      files: await openJournalFiles(config.journalDir),
      readSince: startOfMonth(clock.now(), timeZone),
      onRecord: (record) => {
        if (record.kind === 'token') ledger.add(record);
      },
    }),
  );
  const budgets = createBudgets({ ...options, budgets: budgetsOf(config), timeZone, ledger });
  const owned = stack.move();
  return {
    journal,
    audit,
    auditFiles,
    ledger,
    budgets,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
