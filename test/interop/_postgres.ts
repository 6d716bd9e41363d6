// The real PostgreSQL of the interop and long tests, started by the recipe under TOKIWA_SHARED. A recipe that is absent
// is a failure: these tests prove nothing without the server.
import { execFile } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { DatabaseConfig } from '#tsa/config/config.ts';

const run = promisify(execFile);

export type PostgresServer = AsyncDisposable & {
  /** Settings with a schema that nobody has used before. */
  readonly newDatabase: () => DatabaseConfig;
  /** Stops it as a power cut would; `start` brings it back on the same port. */
  readonly crash: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** Copies a schema as backups do; what it resolves with puts the copy back in its place. */
  readonly backup: (schema: string) => Promise<() => Promise<void>>;
};

const major = process.env['PG_MAJOR'] ?? '15';

export async function startPostgres(): Promise<PostgresServer> {
  const shared = process.env['TOKIWA_SHARED'] ?? '../shared';
  const recipe = path.resolve(import.meta.dirname, '../..', shared, 'recipes/postgres.sh');
  await access(recipe);
  // Not below a closed folder: the server runs as a user of its own.
  const folder = await mkdtemp('/tmp/tokiwa-postgres-');
  const { stdout } = await run('bash', [recipe, 'start', folder], { timeout: 600_000 });
  const setting = (name: string): string => {
    const value = new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1];
    if (value === undefined) throw new Error(`the recipe gives no ${name}`);
    return value;
  };
  const passwordFile = path.join(folder, 'tokiwa-password');
  await writeFile(passwordFile, setting('PGPASSWORD'), { mode: 0o600 });
  const data = path.join(folder, 'data');
  const control = async (...args: readonly string[]): Promise<void> => {
    const command = [`/usr/lib/postgresql/${major}/bin/pg_ctl`, '-s', '-w', '-D', data, ...args];
    const asServer = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
    const [program = '', ...rest] = [...asServer, ...command];
    const child = run(program, rest, { cwd: '/', timeout: 60_000 });
    child.child.stdin?.end();
    await child;
  };
  const tool = (name: string, ...args: readonly string[]) =>
    run(`/usr/lib/postgresql/${major}/bin/${name}`, [...args, setting('PGDATABASE')], {
      timeout: 120_000,
      env: {
        ...process.env,
        PGHOST: setting('PGHOST'),
        PGPORT: setting('PGPORT'),
        PGUSER: setting('PGUSER'),
        PGPASSWORD: setting('PGPASSWORD'),
      },
    });
  let schemas = 0;
  return {
    backup: async (schema) => {
      const file = path.join(folder, `${schema}.sql`);
      await tool('pg_dump', '--schema', schema, '--file', file);
      return async () => {
        await tool('psql', '-q', '-v', 'ON_ERROR_STOP=1', '-c', `DROP SCHEMA ${schema} CASCADE`);
        await tool('psql', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file);
      };
    },
    newDatabase: () => ({
      host: setting('PGHOST'),
      port: Number(setting('PGPORT')),
      database: setting('PGDATABASE'),
      user: setting('PGUSER'),
      passwordFile,
      schema: `tokiwa_${process.pid}_${++schemas}`,
      connections: 4,
      tls: { off: false, authorities: [], tls12: false },
    }),
    crash: () => control('-m', 'immediate', 'stop'),
    start: () =>
      control('-o', `-p ${setting('PGPORT')}`, '-l', path.join(data, 'server.log'), 'start'),
    [Symbol.asyncDispose]: async () => {
      await run('bash', [recipe, 'stop', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
