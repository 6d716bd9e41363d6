// Kysely over node:sqlite: the few members that Kysely's SQLite dialect asks of a database.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { FormatError, SourceError } from '#shared/errors.ts';

function translate(error: unknown, file: string): never {
  const message = error instanceof Error ? error.message : String(error);
  if (/database or disk is full/i.test(message)) {
    throw new SourceError('ERR_SOURCE_FULL', `no room left for the catalogue ${file}`, {
      retryable: true,
      cause: error,
    });
  }
  if (/not a database|malformed/i.test(message)) {
    throw new FormatError(
      'ERR_FORMAT_STORED',
      `${file} is no catalogue or is damaged: remove it and run \`tokiwa rebuild\``,
      { cause: error },
    );
  }
  throw error instanceof Error ? error : new Error(message);
}

function statement(prepared: StatementSync, file: string): SqliteStatement {
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      return translate(error, file);
    }
  };
  return {
    reader: prepared.columns().length > 0,
    all: (parameters) => guarded(() => prepared.all(...(parameters as SQLInputValue[]))),
    run: (parameters) => guarded(() => prepared.run(...(parameters as SQLInputValue[]))),
    iterate: (parameters) => prepared.iterate(...(parameters as SQLInputValue[])),
  };
}

/** How many prepared statements are kept: the catalogue's own are fewer. */
const maxPrepared = 256;

/**
 * One SQLite file; `:memory:` keeps nothing. A power cut may take the newest
 * commits and leaves the file whole (synchronous NORMAL under WAL): the stores are the truth.
 * @throws FormatError ERR_FORMAT_STORED: the file is no database
 */
export function openSqlite(file: string): {
  readonly dialect: SqliteDialect;
  readonly database: DatabaseSync;
} {
  const database = new DatabaseSync(file);
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000',
    );
  } catch (error) {
    database.close();
    translate(error, file);
  }
  const prepared = new Map<string, SqliteStatement>();
  const adapter: SqliteDatabase = {
    close: () => {
      database.close();
    },
    prepare: (sql) => {
      const known = prepared.get(sql);
      if (known) return known;
      if (prepared.size >= maxPrepared) prepared.clear();
      const fresh = statement(database.prepare(sql), file);
      prepared.set(sql, fresh);
      return fresh;
    },
  };
  return { dialect: new SqliteDialect({ database: adapter }), database };
}
