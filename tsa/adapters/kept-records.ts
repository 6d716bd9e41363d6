// What a proxy has written down, to be read by commands while it runs or not: its folders, or the database that stands
// for them.
import { ConfigError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { TsaConfig } from '../config/config.ts';
import { readAuditFolder, type AuditFolder } from './audit-files.ts';
import { readJournalFolder, type JournalFolder } from './files.ts';

export type KeptRecords = AsyncDisposable & {
  readonly journal: JournalFolder;
  readonly audit: AuditFolder;
  /** Where they are, for messages. */
  readonly journalPlace: string;
  readonly auditPlace: string;
};

/**
 * The records of the proxy with this configuration. Folders are looked at when they are read.
 * @throws ConfigError ERR_CONFIG_INVALID: the database cannot be used
 */
export async function openKeptRecords(config: TsaConfig, events: EventSink): Promise<KeptRecords> {
  const { database: settings, timeZone } = config;
  if (!settings)
    return {
      journal: readJournalFolder(config.journalDir),
      audit: readAuditFolder(config.audit.dir),
      journalPlace: config.journalDir,
      auditPlace: config.audit.dir,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const { openDatabase } = await import('./database/connection.ts');
  const { auditFolderOf, journalFolderOf } = await import('./database/folders.ts');
  const database = await openDatabase(settings, { timeZone, events });
  const place = `database ${settings.database} at ${settings.host}:${settings.port}`;
  return {
    journal: journalFolderOf(database),
    audit: auditFolderOf(database),
    journalPlace: place,
    auditPlace: place,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** @throws ConfigError ERR_CONFIG_USAGE: not exactly one of the two was named */
export function checkOneOf(one: string | undefined, other: string | undefined, what: string): void {
  if ((one === undefined) === (other === undefined))
    throw new ConfigError('ERR_CONFIG_USAGE', `name either ${what}`);
}
