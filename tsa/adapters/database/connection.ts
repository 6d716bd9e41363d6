// A PostgreSQL database that replicas share: connections, statements, transactions, and the tables made ready.
import { DatabaseError, Pool, type ClientConfig, type QueryResultRow } from 'pg';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { ConfigError, SourceError } from '#shared/errors.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { DatabaseConfig } from '../../config/config.ts';
import { tlsSettings } from '../../tls-table.ts';
import { readSecret } from '#shared/io/private-file.ts';
import { toPem } from '../public-files.ts';
import { schemaStatements, schemaVersion } from './schema.ts';
import { openSession, type Session } from './session.ts';

/** Runs one statement. @throws SourceError */
export type RunQuery = <Row extends QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

export type Database = {
  /** In its own transaction, prepared once a connection. @throws SourceError */
  readonly query: RunQuery;
  /**
   * Statements that count together or not at all. `begin` runs right behind BEGIN, in the same message.
   * @throws SourceError; with `outcomeUnknown` they may count all the same
   */
  readonly transaction: <T>(begin: string, work: (query: RunQuery) => Promise<T>) => Promise<T>;
  /** Takes a name for this replica until it is given up, or until the replica is gone. @throws SourceError */
  readonly tryLock: (name: string) => Promise<boolean>;
  /** Throws nothing. */
  readonly unlock: (name: string) => Promise<void>;
  /** A name as the number that advisory locks go by. */
  readonly lockNumber: (name: string) => string;
  /** Whether the database answers. */
  readonly reachable: () => boolean;
  /** Tries a write that changes nothing. */
  readonly takesWrites: () => Promise<boolean>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const connectMs = 3000;
const statementMs = 10_000;

const loopbackHosts = /^(localhost|127(\.\d{1,3}){3}|::1|\/.*)$/;

async function clientConfig(config: DatabaseConfig): Promise<ClientConfig> {
  const { host, port, database, user, passwordFile, tls, schema } = config;
  const authorities = tls.authorities.length > 0 ? await loadCertificates(tls.authorities) : [];
  const ca = authorities.length > 0 ? { ca: toPem(authorities.map(({ raw }) => raw)) } : {};
  return {
    host,
    port,
    database,
    user,
    ...(passwordFile === undefined
      ? {}
      : { password: await readSecret(passwordFile, 'database password') }),
    // On the loopback nobody listens in.
    ssl: tls.off || loopbackHosts.test(host) ? false : { ...tlsSettings(tls), ...ca },
    application_name: 'tokiwa-tsa',
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    query_timeout: statementMs + 2000,
    // A replica that hangs in the middle of a transaction must not hold the others up.
    idle_in_transaction_session_timeout: statementMs,
    // What is acknowledged is on the disk: a default that is weaker would make a promise of ours a lie.
    options: `-c search_path=${schema} -c synchronous_commit=on`,
  };
}

/** SQLSTATEs by which the server says that trying again is right: serialization, deadlock. */
const retrySql = new Set(['40001', '40P01']);

/** The error as the proxy knows it. */
function sourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof DatabaseError)
    return new SourceError('ERR_SOURCE_REFUSED', `database: ${reason} (${error.code ?? ''})`, {
      retryable: retrySql.has(error.code ?? ''),
      cause: error,
    });
  return new SourceError('ERR_SOURCE_UNREACHABLE', `database: ${reason}`, {
    retryable: true,
    outcomeUnknown: true,
    cause: error,
  });
}

/** The same promise with the proxy's own errors. */
async function asSourceError<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw sourceError(error);
  }
}

function lockNumber(schema: string, name: string): string {
  const octets = digest('SHA-256', Buffer.from(JSON.stringify([schema, name])));
  return BigInt.asIntN(64, BigInt(`0x${toHex(octets.subarray(0, 8))}`)).toString();
}

/** The name of a prepared statement: its text's digest. */
function createNames(): (text: string) => string {
  const names = new Map<string, string>();
  return (text) => {
    const name = names.get(text) ?? toHex(digest('SHA-256', Buffer.from(text)).subarray(0, 16));
    names.set(text, name);
    return name;
  };
}

function createDatabase(pool: Pool, session: Session, schema: string): Database {
  const nameOf = createNames();
  const run =
    (target: Pick<Pool, 'query'>): RunQuery =>
    async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) => {
      const asked = target.query<Row>({ name: nameOf(text), text, values: [...values] });
      return (await asSourceError(asked)).rows;
    };

  const transaction: Database['transaction'] = async (begin, work) => {
    let broken = false;
    const client = await asSourceError(pool.connect());
    try {
      await asSourceError(client.query(`BEGIN; ${begin}`));
      const result = await work(run(client));
      await asSourceError(client.query('COMMIT'));
      return result;
    } catch (error) {
      // A connection that cannot even give up is of no further use.
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  };

  const query = run(pool);
  return {
    query,
    transaction,
    takesWrites: () =>
      query('UPDATE settings SET version = version').then(
        () => true,
        () => false,
      ),
    tryLock: (name) => asSourceError(session.tryLock(lockNumber(schema, name))),
    unlock: async (name) => {
      // A session that is gone holds nothing any more.
      await session.unlock(lockNumber(schema, name)).catch(() => undefined);
    },
    lockNumber: (name) => lockNumber(schema, name),
    reachable: session.alive,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

/** Makes or checks the tables; replicas that start at the same time wait for each other. */
async function prepareSchema(pool: Pool, schema: string, timeZone: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${lockNumber(schema, 'schema')})`);
    const { rows: found } = await client.query<{ there: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [`${schema}.settings`],
    );
    // Whoever only uses the tables need not be allowed to make any.
    if (found[0]?.there !== true) await client.query(schemaStatements(schema));
    const { rows } = await client.query<{ version: number; time_zone: string }>(
      `INSERT INTO settings AS s (one, version, time_zone) VALUES (true, $1, $2)
       ON CONFLICT (one) DO UPDATE SET version = greatest(s.version, excluded.version)
       RETURNING version, time_zone`,
      [schemaVersion, timeZone],
    );
    await client.query('COMMIT');
    const [settings] = rows;
    if (settings && settings.version > schemaVersion)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `the schema ${schema} is of a newer version of Tokiwa`,
      );
    if (settings && settings.time_zone !== timeZone)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `the days and months in the database are those of ${settings.time_zone}; timeZone is ${timeZone}`,
      );
  } finally {
    client.release();
  }
}

/**
 * Connects, and makes the tables where they are missing.
 * @throws ConfigError ERR_CONFIG_INVALID: it cannot be reached or used
 */
export async function openDatabase(
  config: DatabaseConfig,
  options: { readonly timeZone: string; readonly events: EventSink },
): Promise<Database> {
  const settings = await clientConfig(config);
  const pool = new Pool({ ...settings, max: config.connections });
  // One that breaks while nobody uses it; whoever needs one next says what is wrong.
  pool.on('error', () => undefined);
  try {
    await prepareSchema(pool, config.schema, options.timeZone);
    const session = await openSession(settings, options.events);
    return createDatabase(pool, session, config.schema);
  } catch (error) {
    await pool.end();
    if (error instanceof ConfigError) throw error;
    const { message } = sourceError(error);
    throw new ConfigError('ERR_CONFIG_INVALID', `${config.host}:${config.port}: ${message}`, {
      cause: error,
    });
  }
}
