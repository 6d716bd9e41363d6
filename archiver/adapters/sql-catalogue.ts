// The catalogue over one typed query layer (Kysely): SQLite today, PostgreSQL with the same queries.
import { Kysely, sql, type RawBuilder } from 'kysely';
import { Migrator } from 'kysely/migration';
import { InvariantError } from '#shared/errors.ts';
import type {
  BatchDemand,
  BatchRow,
  Catalogue,
  DependencyRow,
  DocumentRelations,
  DocumentFilter,
  DocumentIdentity,
  DocumentOutline,
  DocumentRow,
  DocumentStanding,
  DocumentState,
  MembershipRow,
  NewDocument,
  RunRow,
} from '#shared/ports/catalogue.ts';
import { intakeOrder } from '../intake-order.ts';
import { documentOutlines } from './catalogue-outlines.ts';
import { dumpQueries, migrationProvider, type Tables } from './catalogue-schema.ts';
import {
  type DocumentColumns,
  batchColumns,
  batchOf,
  column,
  documentColumns,
  documentOf,
  instant,
  membershipOf,
  runOf,
} from './catalogue-rows.ts';
import { openSqlite } from './sqlite-dialect.ts';

const pageSize = 500;

type Place = Omit<DocumentIdentity, 'sha256'>;

function chunks<T>(values: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < values.length; start += size)
    result.push(values.slice(start, start + size));
  return result;
}

/**
 * A batch's id starts with the instant of its run: what both TSAs stamped in one night stands equal. A
 * hash-tree renewal by one of them asks nothing of the other, whose chain has an end of its own. A record of
 * another product is no stamp by either.
 */
function lacksAnchor(anchor: number): RawBuilder<boolean> {
  const places = sql`memberships m join batches b on b.batch_id = m.batch_id
    where m.document_id = documents.id and m.active = 1 and b.state <> 'broken' and b.kind <> 'taken-over'`;
  const newest = sql`coalesce((select max(substr(b.batch_id, 1, 16)) from ${places} and b.anchor = ${anchor}), '')`;
  return sql<boolean>`exists (select 1 from ${places} and b.anchor <> ${anchor}
    and (b.kind = 'initial' and b.made_up = 0 and substr(b.batch_id, 1, 16) > ${newest} or ${newest} = ''))`;
}

class SqlCatalogue implements Catalogue {
  readonly #db: Kysely<Tables>;
  #depth = 0;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async #get(table: 'meta' | 'cache', name: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom(table)
      .select('value')
      .where('name', '=', name)
      .executeTakeFirst();
    return row?.value;
  }

  async #set(table: 'meta' | 'cache', name: string, value: string): Promise<void> {
    await this.#db
      .insertInto(table)
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
  }

  getMeta(name: string): Promise<string | undefined> {
    return this.#get('meta', name);
  }

  setMeta(name: string, value: string): Promise<void> {
    return this.#set('meta', name, value);
  }

  getCache(name: string): Promise<string | undefined> {
    return this.#get('cache', name);
  }

  setCache(name: string, value: string): Promise<void> {
    return this.#set('cache', name, value);
  }

  /** Without versions several contents may have stood under one key: the newest one is first. */
  #standingAt({ store, key, versionId }: Place) {
    return this.#db
      .selectFrom('documents')
      .where('store', '=', store)
      .where('key', '=', key)
      .where('version_id', '=', versionId)
      .orderBy('id', 'desc')
      .limit(1);
  }

  async findDocument(place: Place): Promise<DocumentRow | undefined> {
    const row = await this.#standingAt(place).selectAll().executeTakeFirst();
    return row && documentOf(row);
  }

  async findStanding(place: Place): Promise<DocumentStanding | undefined> {
    const row = await this.#standingAt(place).select(['id', 'etag', 'state']).executeTakeFirst();
    return row && { ...row, state: row.state as DocumentState };
  }

  async findContent(
    store: string,
    key: string,
    versionId: string,
    sha256: string,
  ): Promise<DocumentRow | undefined> {
    const row = await this.#db
      .selectFrom('documents')
      .selectAll()
      .where('store', '=', store)
      .where('key', '=', key)
      .where('version_id', '=', versionId)
      .where('sha256', '=', sha256)
      .executeTakeFirst();
    return row && documentOf(row);
  }

  async *attachedDocuments(id: number): AsyncIterable<DocumentRow> {
    const rows = await this.#db
      .selectFrom('documents')
      .selectAll()
      .where('attached_to', '=', id)
      .orderBy('id')
      .execute();
    for (const row of rows) yield documentOf(row);
  }

  async getDocument(id: number): Promise<DocumentRow | undefined> {
    const row = await this.#db
      .selectFrom('documents')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    return row && documentOf(row);
  }

  async addDocument(document: NewDocument): Promise<number> {
    const result = await this.#db
      .insertInto('documents')
      .values(documentColumns(document) as DocumentColumns)
      .returning('id')
      .executeTakeFirstOrThrow();
    return result.id;
  }

  async updateDocument(id: number, change: Partial<NewDocument>): Promise<void> {
    await this.#db
      .updateTable('documents')
      .set(documentColumns(change))
      .where('id', '=', id)
      .execute();
  }

  async removeDocument(id: number): Promise<void> {
    await this.transaction(async () => {
      for (const table of ['memberships', 'document_certificates', 'document_algorithms'] as const)
        await this.#db.deleteFrom(table).where('document_id', '=', id).execute();
      const used = this.#db.selectFrom('document_certificates').select('fingerprint');
      await this.#db.deleteFrom('certificates').where('fingerprint', 'not in', used).execute();
      await this.#db
        .updateTable('documents')
        .set({ attached_to: null })
        .where('attached_to', '=', id)
        .execute();
      await this.#db.deleteFrom('documents').where('id', '=', id).execute();
    });
  }

  #filtered(filter: DocumentFilter) {
    let query = this.#db.selectFrom('documents');
    if (filter.states) query = query.where('state', 'in', filter.states);
    if (filter.attached !== undefined)
      query = query.where('attached_to', filter.attached ? 'is not' : 'is', null);
    if (filter.regroup !== undefined) query = query.where('regroup', '=', filter.regroup ? 1 : 0);
    if (filter.validationPending !== undefined)
      query = query.where('validation_pending', '=', filter.validationPending ? 1 : 0);
    if (filter.store !== undefined) query = query.where('store', '=', filter.store);
    if (filter.key !== undefined) query = query.where('key', '=', filter.key);
    const { intake } = filter;
    if (intake !== undefined) {
      const at = intakeOrder.indexOf(intake);
      const among = [intakeOrder.slice(0, at), intakeOrder.slice(0, at + 1)] as const;
      // The worst verdict of the document and of what is attached to it is exactly this one.
      const any = (
        statuses: readonly string[],
      ) => sql<boolean>`(intake_status in (${sql.join(statuses)}) or exists
        (select 1 from documents a where a.attached_to = documents.id and a.intake_status in (${sql.join(statuses)})))`;
      query = query.where(any(among[1]));
      if (among[0].length > 0) query = query.where(sql<boolean>`not ${any(among[0])}`);
    }
    if (filter.search !== undefined && filter.search !== '') {
      const pattern = `%${filter.search.replace(/[\\%_]/g, '\\$&')}%`;
      query = query.where(sql<boolean>`key like ${pattern} escape '\\'`);
    }
    if (filter.lastReadBefore) query = query.where('last_read', '<', column(filter.lastReadBefore));
    const { batchId, lackingAnchor } = filter;
    if (lackingAnchor !== undefined) query = query.where(lacksAnchor(lackingAnchor));
    if (batchId !== undefined) {
      query = query.where((expression) =>
        expression.exists(
          expression
            .selectFrom('memberships')
            .select('document_id')
            .whereRef('memberships.document_id', '=', 'documents.id')
            .where('batch_id', '=', batchId),
        ),
      );
    }
    return query;
  }

  async *documents(filter: DocumentFilter = {}): AsyncIterable<DocumentRow> {
    let after = 0;
    let left = filter.limit ?? Infinity;
    let offset = filter.offset ?? 0;
    while (left > 0) {
      const rows = await this.#filtered(filter)
        .selectAll()
        .where('id', '>', after)
        .orderBy('id')
        .limit(Math.min(pageSize, left))
        .offset(offset)
        .execute();
      for (const row of rows) yield documentOf(row);
      const last = rows.at(-1);
      if (!last || rows.length < pageSize) return;
      after = last.id;
      left -= rows.length;
      offset = 0;
    }
  }

  documentOutlines(wanted: { readonly facts: boolean }): AsyncIterable<readonly DocumentOutline[]> {
    return documentOutlines(this.#db, wanted);
  }

  async countDocuments(filter: DocumentFilter = {}): Promise<number> {
    const row = await this.#filtered(filter)
      .select((expression) => expression.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return row.count;
  }

  async countByState(): Promise<Readonly<Record<DocumentState, number>>> {
    const counts = { waiting: 0, protected: 0, broken: 0, missing: 0, changed: 0, superseded: 0 };
    const rows = await this.#db
      .selectFrom('documents')
      .select(['state', (expression) => expression.fn.countAll<number>().as('count')])
      .groupBy('state')
      .execute();
    for (const row of rows) counts[row.state as DocumentState] = row.count;
    return counts;
  }

  async oldestRead(): Promise<Temporal.Instant | undefined> {
    const document = await this.#db
      .selectFrom('documents')
      .where('state', 'in', ['protected', 'broken', 'waiting'])
      .select((expression) => expression.fn.min('last_read').as('oldest'))
      .executeTakeFirst();
    const batch = await this.#db
      .selectFrom('batches')
      // Broken ones are looked at every night, whenever they were read.
      .where('state', 'not in', ['retired', 'broken'])
      .select((expression) => expression.fn.min('leaf_table_read').as('oldest'))
      .executeTakeFirst();
    const [oldest] = [document?.oldest, batch?.oldest].flatMap((text) => text ?? []).toSorted();
    return oldest === undefined ? undefined : instant(oldest);
  }

  async markRead(ids: readonly number[], at: Temporal.Instant): Promise<void> {
    for (const chunk of chunks(ids, pageSize)) {
      await this.#db
        .updateTable('documents')
        .set({ last_read: column(at) })
        .where('id', 'in', chunk)
        .execute();
    }
  }

  async markSeen(ids: readonly number[], scan: number): Promise<void> {
    for (const chunk of chunks(ids, pageSize)) {
      await this.#db
        .updateTable('documents')
        .set({ seen_scan: scan })
        .where('id', 'in', chunk)
        .execute();
    }
  }

  async *unseenDocuments(store: string, scan: number): AsyncIterable<DocumentRow> {
    let after = 0;
    for (;;) {
      const rows = await this.#db
        .selectFrom('documents')
        .selectAll()
        .where('store', '=', store)
        .where('seen_scan', '<', scan)
        .where('id', '>', after)
        .orderBy('id')
        .limit(pageSize)
        .execute();
      for (const row of rows) yield documentOf(row);
      const last = rows.at(-1);
      if (!last || rows.length < pageSize) return;
      after = last.id;
    }
  }

  async putBatch(batch: BatchRow): Promise<void> {
    const columns = batchColumns(batch);
    await this.#db
      .insertInto('batches')
      .values(columns)
      .onConflict((conflict) => conflict.column('batch_id').doUpdateSet(columns))
      .execute();
  }

  async getBatch(batchId: string): Promise<BatchRow | undefined> {
    const row = await this.#db
      .selectFrom('batches')
      .selectAll()
      .where('batch_id', '=', batchId)
      .executeTakeFirst();
    return row && batchOf(row);
  }

  async timestampRenewals(anchor: number, since: Temporal.Instant): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('batches')
      .select('batch_id')
      .where('kind', '=', 'timestamp-renewal')
      .where('anchor', '=', anchor)
      .where('gen_time', '>=', column(since))
      .orderBy('batch_id')
      .execute();
    return rows.map(({ batch_id }) => batch_id);
  }

  async *batches(from = ''): AsyncIterable<BatchRow> {
    let after = from;
    for (;;) {
      const rows = await this.#db
        .selectFrom('batches')
        .selectAll()
        .where('batch_id', '>', after)
        .orderBy('batch_id')
        .limit(pageSize)
        .execute();
      for (const row of rows) yield batchOf(row);
      const last = rows.at(-1);
      if (!last || rows.length < pageSize) return;
      after = last.batch_id;
    }
  }

  async addMemberships(rows: readonly MembershipRow[]): Promise<void> {
    for (const chunk of chunks(rows, pageSize)) {
      await this.#db
        .insertInto('memberships')
        .values(
          chunk.map((row) => ({
            document_id: row.documentId,
            batch_id: row.batchId,
            group_index: row.groupIndex,
            active: row.active ? 1 : 0,
          })),
        )
        .onConflict((conflict) =>
          conflict.columns(['document_id', 'batch_id', 'group_index']).doNothing(),
        )
        .execute();
    }
  }

  async retireMemberships(
    documentIds: readonly number[],
    batchIds: readonly string[],
  ): Promise<void> {
    if (batchIds.length === 0) return;
    for (const chunk of chunks(documentIds, pageSize)) {
      await this.#db
        .updateTable('memberships')
        .set({ active: 0 })
        .where('document_id', 'in', chunk)
        .where('batch_id', 'in', batchIds)
        .execute();
    }
  }

  async hasActiveMembers(batchId: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('memberships')
      .select('document_id')
      .where('batch_id', '=', batchId)
      .where('active', '=', 1)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  async groupMembers(batchId: string, groupIndex: number): Promise<readonly DocumentRow[]> {
    const rows = await this.#db
      .selectFrom('documents')
      .innerJoin('memberships', 'memberships.document_id', 'documents.id')
      .selectAll('documents')
      .where('memberships.batch_id', '=', batchId)
      .where('memberships.group_index', '=', groupIndex)
      .orderBy('documents.id')
      .execute();
    return rows.map(documentOf);
  }

  memberships(documentId: number): Promise<readonly MembershipRow[]> {
    return this.#membershipsOf([documentId]);
  }

  async #membershipsOf(ids: readonly number[]): Promise<readonly MembershipRow[]> {
    const rows = await this.#db
      .selectFrom('memberships')
      .selectAll()
      .where('document_id', 'in', ids)
      .orderBy('document_id')
      .orderBy('batch_id')
      .orderBy('group_index')
      .execute();
    return rows.map(membershipOf);
  }

  async relationsOf(
    documents: readonly DocumentRow[],
  ): Promise<ReadonlyMap<number, DocumentRelations>> {
    const relations = new Map<number, DocumentRelations>();
    for (const chunk of chunks(documents, pageSize)) {
      const ids = chunk.map(({ id }) => id);
      const memberships = Map.groupBy(await this.#membershipsOf(ids), (row) => row.documentId);
      const attachedRows = await this.#db
        .selectFrom('documents')
        .selectAll()
        .where('attached_to', 'in', ids)
        .orderBy('id')
        .execute();
      const attached = Map.groupBy(attachedRows.map(documentOf), (row) => row.attachedTo);
      const mains = chunk.flatMap(({ attachedTo }) => attachedTo ?? []);
      const keys = new Map(
        mains.length === 0
          ? []
          : (
              await this.#db
                .selectFrom('documents')
                .select(['id', 'key'])
                .where('id', 'in', mains)
                .execute()
            ).map(({ id, key }) => [id, key]),
      );
      for (const { id, attachedTo } of chunk)
        relations.set(id, {
          memberships: memberships.get(id) ?? [],
          attached: attached.get(id) ?? [],
          attachedToKey: attachedTo === undefined ? undefined : keys.get(attachedTo),
        });
    }
    return relations;
  }

  async *batchDemand(): AsyncIterable<BatchDemand> {
    // A document whose retention is known and not on hold ends its demand on its last day; broken
    // and missing ones still count: what proves them is not given up.
    const rows = await this.#db
      .selectFrom('memberships')
      .innerJoin('documents', 'documents.id', 'memberships.document_id')
      .where('memberships.active', '=', 1)
      .groupBy('memberships.batch_id')
      .select([
        'memberships.batch_id',
        (expression) => expression.fn.countAll<number>().as('documents'),
        (expression) => expression.fn.max('documents.retention_last_day').as('latest'),
        sql<number>`max(case when documents.retention_last_day is null or documents.hold = 1 then 1 else 0 end)`.as(
          'open',
        ),
      ])
      .orderBy('memberships.batch_id')
      .execute();
    for (const row of rows) {
      yield {
        batchId: row.batch_id,
        documents: row.documents,
        openEnded: row.open !== 0,
        latestLastDay: row.latest ?? undefined,
      };
    }
  }

  async newestGenTime(): Promise<Temporal.Instant | undefined> {
    const row = await this.#db
      .selectFrom('batches')
      .select((expression) => expression.fn.max('gen_time').as('newest'))
      .executeTakeFirst();
    return row?.newest ? instant(row.newest) : undefined;
  }

  async putCertificates(documentId: number, facts: DocumentRow['facts']): Promise<void> {
    for (const certificate of facts.certificates) {
      await this.#db
        .insertInto('certificates')
        .values({
          fingerprint: certificate.fingerprint,
          subject: certificate.subject,
          issuer: certificate.issuer,
          not_after: column(certificate.notAfter),
        })
        .onConflict((conflict) => conflict.column('fingerprint').doNothing())
        .execute();
      for (const role of certificate.roles) {
        await this.#db
          .insertInto('document_certificates')
          .values({ document_id: documentId, fingerprint: certificate.fingerprint, role })
          .onConflict((conflict) =>
            conflict.columns(['document_id', 'fingerprint', 'role']).doNothing(),
          )
          .execute();
      }
    }
    for (const algorithm of facts.algorithms) {
      const bits = algorithm.key ? ` ${algorithm.key.curve ?? algorithm.key.bits}` : '';
      await this.#db
        .insertInto('document_algorithms')
        .values({
          document_id: documentId,
          name: `${algorithm.name}${bits}`,
          role: algorithm.usedBy,
        })
        .onConflict((conflict) => conflict.columns(['document_id', 'name', 'role']).doNothing())
        .execute();
    }
  }

  async *dependencies(): AsyncIterable<DependencyRow> {
    const certificates = await this.#db
      .selectFrom('document_certificates')
      .innerJoin('certificates', 'certificates.fingerprint', 'document_certificates.fingerprint')
      .groupBy(['certificates.fingerprint', 'document_certificates.role'])
      .select([
        'certificates.subject',
        'certificates.not_after',
        'document_certificates.role',
        (expression) => expression.fn.countAll<number>().as('documents'),
      ])
      .orderBy('certificates.not_after')
      .execute();
    for (const row of certificates) {
      yield {
        kind: 'certificate',
        name: row.subject,
        role: row.role,
        end: instant(row.not_after),
        documents: row.documents,
      };
    }
    const algorithms = await this.#db
      .selectFrom('document_algorithms')
      .groupBy(['name', 'role'])
      .select(['name', 'role', (expression) => expression.fn.countAll<number>().as('documents')])
      .orderBy('name')
      .execute();
    for (const row of algorithms) {
      yield {
        kind: 'algorithm',
        name: row.name,
        role: row.role,
        end: undefined,
        documents: row.documents,
      };
    }
  }

  async putRun(run: RunRow): Promise<void> {
    const columns = {
      run_id: run.runId,
      started_at: column(run.startedAt),
      finished_at: run.finishedAt ? column(run.finishedAt) : null,
      outcome: run.outcome,
      tokens_bought: run.tokensBought,
      report: run.report ?? null,
    };
    await this.#db
      .insertInto('runs')
      .values(columns)
      .onConflict((conflict) => conflict.column('run_id').doUpdateSet(columns))
      .execute();
  }

  async runs(limit: number): Promise<readonly RunRow[]> {
    const rows = await this.#db
      .selectFrom('runs')
      .selectAll()
      .orderBy('run_id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(runOf);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    // One connection and one writer: a transaction inside another is part of it.
    if (this.#depth > 0) return work();
    this.#depth++;
    try {
      await sql`begin immediate`.execute(this.#db);
      try {
        const result = await work();
        await sql`commit`.execute(this.#db);
        return result;
      } catch (error) {
        await sql`rollback`.execute(this.#db);
        throw error;
      }
    } finally {
      this.#depth--;
    }
  }

  async *dump(): AsyncIterable<string> {
    for (const query of dumpQueries) {
      const { rows } = await query.execute(this.#db);
      for (const row of rows) yield JSON.stringify(row);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy();
  }
}

/**
 * The catalogue in a SQLite file, brought to the newest schema.
 * @throws FormatError ERR_FORMAT_STORED: the file is no catalogue
 */
export async function openSqliteCatalogue(file: string): Promise<Catalogue> {
  const { dialect } = openSqlite(file);
  const db = new Kysely<Tables>({ dialect });
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw new InvariantError(
      'ERR_INVARIANT_STATE',
      `the catalogue ${file} could not be brought to the newest schema`,
      { cause: error },
    );
  }
  return new SqlCatalogue(db);
}
