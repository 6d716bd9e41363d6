// Tables of the catalogue and their migrations. Columns are plain texts and numbers, so that the
// same schema carries SQLite and PostgreSQL; instants are ISO texts in UTC, which sort as they read.
import { sql, type Generated, type Kysely } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';

export type Tables = {
  meta: { name: string; value: string };
  cache: { name: string; value: string };
  documents: {
    id: Generated<number>;
    store: string;
    key: string;
    version_id: string;
    sha256: string;
    size: number;
    digests: string;
    etag: string;
    last_modified: string;
    first_seen: string;
    format: string;
    facts: string;
    intake_status: string;
    intake: string;
    retention: string;
    retention_last_day: string | null;
    hold: number;
    state: string;
    state_since: string;
    state_reason: string | null;
    attached_to: number | null;
    regroup: number;
    validation_pending: Generated<number>;
    validation_data: string | null;
    validation_missing: string | null;
    last_read: string;
    seen_scan: number;
  };
  batches: {
    batch_id: string;
    kind: string;
    anchor: Generated<number>;
    made_up: Generated<number>;
    digest_algorithm: string;
    group_count: number;
    gen_time: string;
    newest_batch_id: string;
    newest_token: string;
    token_count: number;
    horizon: string | null;
    horizon_element: string;
    state: string;
    state_reason: string | null;
    fruitless_since: string | null;
    leaf_table_read: string;
  };
  memberships: { document_id: number; batch_id: string; group_index: number; active: number };
  certificates: { fingerprint: string; subject: string; issuer: string; not_after: string };
  document_certificates: { document_id: number; fingerprint: string; role: string };
  document_algorithms: { document_id: number; name: string; role: string };
  runs: {
    run_id: string;
    started_at: string;
    finished_at: string | null;
    outcome: string;
    tokens_bought: number;
    report: string | null;
  };
};

async function createFirstTables(db: Kysely<Tables>): Promise<void> {
  const integer = 'integer';
  for (const name of ['meta', 'cache']) {
    await db.schema
      .createTable(name)
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute();
  }
  await db.schema
    .createTable('documents')
    .addColumn('id', integer, (column) => column.primaryKey().autoIncrement())
    .addColumn('store', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('size', integer, (column) => column.notNull())
    .addColumn('digests', 'text', (column) => column.notNull())
    .addColumn('etag', 'text', (column) => column.notNull())
    .addColumn('last_modified', 'text', (column) => column.notNull())
    .addColumn('first_seen', 'text', (column) => column.notNull())
    .addColumn('format', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('intake_status', 'text', (column) => column.notNull())
    .addColumn('intake', 'text', (column) => column.notNull())
    .addColumn('retention', 'text', (column) => column.notNull())
    .addColumn('retention_last_day', 'text')
    .addColumn('hold', integer, (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('state_since', 'text', (column) => column.notNull())
    .addColumn('state_reason', 'text')
    .addColumn('attached_to', integer, (column) => column.references('documents.id'))
    .addColumn('regroup', integer, (column) => column.notNull())
    .addColumn('validation_pending', integer, (column) => column.notNull().defaultTo(0))
    .addColumn('validation_data', 'text')
    .addColumn('validation_missing', 'text')
    .addColumn('last_read', 'text', (column) => column.notNull())
    .addColumn('seen_scan', integer, (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createIndex('documents_identity')
    .on('documents')
    .columns(['store', 'key', 'version_id', 'sha256'])
    .unique()
    .execute();
  await db.schema.createIndex('documents_state').on('documents').columns(['state', 'id']).execute();
  await db.schema
    .createIndex('documents_attached')
    .on('documents')
    .columns(['attached_to'])
    .execute();
  await db.schema
    .createIndex('documents_last_read')
    .on('documents')
    .columns(['last_read', 'id'])
    .execute();
  await db.schema
    .createIndex('documents_validation')
    .on('documents')
    .columns(['validation_pending', 'id'])
    .execute();
  await db.schema
    .createTable('batches')
    .addColumn('batch_id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('digest_algorithm', 'text', (column) => column.notNull())
    .addColumn('group_count', integer, (column) => column.notNull())
    .addColumn('gen_time', 'text', (column) => column.notNull())
    .addColumn('newest_batch_id', 'text', (column) => column.notNull())
    .addColumn('newest_token', 'text', (column) => column.notNull())
    .addColumn('token_count', integer, (column) => column.notNull())
    .addColumn('horizon', 'text')
    .addColumn('horizon_element', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('state_reason', 'text')
    .addColumn('fruitless_since', 'text')
    .addColumn('leaf_table_read', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('batches_horizon')
    .on('batches')
    .columns(['state', 'horizon'])
    .execute();
  await db.schema
    .createTable('memberships')
    .addColumn('document_id', integer, (column) => column.notNull().references('documents.id'))
    .addColumn('batch_id', 'text', (column) => column.notNull().references('batches.batch_id'))
    .addColumn('group_index', integer, (column) => column.notNull())
    .addColumn('active', integer, (column) => column.notNull())
    .addPrimaryKeyConstraint('memberships_pk', ['document_id', 'batch_id', 'group_index'])
    .execute();
  await db.schema
    .createIndex('memberships_batch')
    .on('memberships')
    .columns(['batch_id', 'group_index'])
    .execute();
  await db.schema
    .createTable('certificates')
    .addColumn('fingerprint', 'text', (column) => column.primaryKey())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('issuer', 'text', (column) => column.notNull())
    .addColumn('not_after', 'text', (column) => column.notNull())
    .execute();
  for (const [table, column] of [
    ['document_certificates', 'fingerprint'],
    ['document_algorithms', 'name'],
  ] as const) {
    await db.schema
      .createTable(table)
      .addColumn('document_id', integer, (builder) => builder.notNull().references('documents.id'))
      .addColumn(column, 'text', (builder) => builder.notNull())
      .addColumn('role', 'text', (builder) => builder.notNull())
      .addPrimaryKeyConstraint(`${table}_pk`, ['document_id', column, 'role'])
      .execute();
    await db.schema.createIndex(`${table}_name`).on(table).columns([column]).execute();
  }
  await db.schema
    .createTable('runs')
    .addColumn('run_id', 'text', (column) => column.primaryKey())
    .addColumn('started_at', 'text', (column) => column.notNull())
    .addColumn('finished_at', 'text')
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('tokens_bought', integer, (column) => column.notNull())
    .addColumn('report', 'text')
    .execute();
}

/** Which TSA keeps a batch's chain: those from before were all of the first. */
async function addAnchors(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('batches')
    .addColumn('anchor', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema
    .alterTable('batches')
    .addColumn('made_up', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
}

/** What a run between nights asks every time, without going through all documents or batches for it. */
async function indexBetweenNights(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createIndex('documents_regroup')
    .on('documents')
    .columns(['regroup', 'state', 'id'])
    .execute();
  await db.schema.createIndex('batches_gen_time').on('batches').columns(['gen_time']).execute();
}

const migrations: Record<string, Migration> = {
  '0001-first-tables': { up: (db) => createFirstTables(db as Kysely<Tables>) },
  '0002-anchors': { up: (db) => addAnchors(db as Kysely<Tables>) },
  '0003-between-nights': { up: (db) => indexBetweenNights(db as Kysely<Tables>) },
};

/** Migrations in order of their names; each runs once. */
export const migrationProvider: MigrationProvider = {
  getMigrations: () => Promise.resolve(migrations),
};

/** Rows of a table as JSON lines in a stable order, for the comparison after a rebuild. */
export const dumpQueries = [
  // Ids are given anew by a rebuild: documents are named by what identifies them. What octets said that
  // are no longer there cannot be had from any store: facts are compared where they can be read.
  sql`select store, key, version_id, sha256, size,
      case when state in ('waiting', 'protected') then facts else '' end as facts, intake_status, intake, retention, retention_last_day, hold, state, validation_pending, validation_data,
      (select a.store || '|' || a.key || '|' || a.version_id from documents a where a.id = documents.attached_to) as attached
      from documents order by store, key, version_id, sha256`,
  sql`select batch_id, kind, anchor, made_up, digest_algorithm, group_count, gen_time, newest_batch_id, newest_token, token_count, horizon, horizon_element, state
      from batches order by batch_id`,
  sql`select d.store, d.key, d.version_id, d.sha256, m.batch_id, m.group_index, m.active
      from memberships m join documents d on d.id = m.document_id
      order by d.store, d.key, d.version_id, d.sha256, m.batch_id, m.group_index`,
  sql`select * from certificates where fingerprint in (select fingerprint from document_certificates c
      join documents d on d.id = c.document_id where d.state in ('waiting', 'protected')) order by fingerprint`,
  sql`select d.store, d.key, d.version_id, d.sha256, c.fingerprint, c.role
      from document_certificates c join documents d on d.id = c.document_id
      where d.state in ('waiting', 'protected')
      order by d.store, d.key, d.version_id, d.sha256, c.fingerprint, c.role`,
];
