// Rows of the catalogue's tables as values, and values as rows.
import type { Insertable, Selectable } from 'kysely';
import type {
  BatchRow,
  DocumentRow,
  DocumentState,
  MembershipRow,
  NewDocument,
  RunRow,
} from '#shared/ports/catalogue.ts';
import { parseFacts } from '../facts-json.ts';
import type { Tables } from './catalogue-schema.ts';

/** Nine digits of fraction always, so that texts sort as instants do. */
export function column(value: Temporal.Instant): string {
  return value.toString({ fractionalSecondDigits: 9 });
}

export function instant(text: string): Temporal.Instant {
  return Temporal.Instant.from(text);
}

function parsedOr(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

export function documentOf(row: Selectable<Tables['documents']>): DocumentRow {
  return {
    id: row.id,
    store: row.store,
    key: row.key,
    versionId: row.version_id,
    sha256: row.sha256,
    size: row.size,
    digests: JSON.parse(row.digests) as DocumentRow['digests'],
    etag: row.etag,
    lastModified: instant(row.last_modified),
    firstSeen: instant(row.first_seen),
    facts: parseFacts(row.facts),
    intake: JSON.parse(row.intake) as DocumentRow['intake'],
    retention: JSON.parse(row.retention) as DocumentRow['retention'],
    state: row.state as DocumentState,
    stateSince: instant(row.state_since),
    stateReason: row.state_reason ?? undefined,
    attachedTo: row.attached_to ?? undefined,
    regroup: row.regroup !== 0,
    validationPending: row.validation_pending !== 0,
    validationData: parsedOr(row.validation_data) as DocumentRow['validationData'],
    validationMissing: parsedOr(row.validation_missing) as DocumentRow['validationMissing'],
    lastRead: instant(row.last_read),
  };
}

export type DocumentColumns = Insertable<Tables['documents']>;

export function documentColumns(change: Partial<NewDocument>): Partial<DocumentColumns> {
  const { retention, facts, intake } = change;
  return {
    ...(change.store !== undefined && { store: change.store }),
    ...(change.key !== undefined && { key: change.key }),
    ...(change.versionId !== undefined && { version_id: change.versionId }),
    ...(change.sha256 !== undefined && { sha256: change.sha256 }),
    ...(change.size !== undefined && { size: change.size }),
    ...(change.digests && { digests: JSON.stringify(change.digests) }),
    ...(change.etag !== undefined && { etag: change.etag }),
    ...(change.lastModified && { last_modified: column(change.lastModified) }),
    ...(change.firstSeen && { first_seen: column(change.firstSeen) }),
    ...(facts && { format: facts.format, facts: JSON.stringify(facts) }),
    ...(intake && { intake_status: intake.status, intake: JSON.stringify(intake) }),
    ...(retention && {
      retention: JSON.stringify(retention),
      retention_last_day: retention.lastDay ?? null,
      hold: retention.hold ? 1 : 0,
    }),
    ...(change.state && { state: change.state }),
    ...(change.stateSince && { state_since: column(change.stateSince) }),
    ...('stateReason' in change && { state_reason: change.stateReason ?? null }),
    ...('attachedTo' in change && { attached_to: change.attachedTo ?? null }),
    ...(change.regroup !== undefined && { regroup: change.regroup ? 1 : 0 }),
    ...(change.validationPending !== undefined && {
      validation_pending: change.validationPending ? 1 : 0,
    }),
    ...('validationData' in change && {
      validation_data: change.validationData ? JSON.stringify(change.validationData) : null,
    }),
    ...('validationMissing' in change && {
      validation_missing: change.validationMissing
        ? JSON.stringify(change.validationMissing)
        : null,
    }),
    ...(change.lastRead && { last_read: column(change.lastRead) }),
  };
}

export function batchOf(row: Selectable<Tables['batches']>): BatchRow {
  return {
    batchId: row.batch_id,
    kind: row.kind as BatchRow['kind'],
    anchor: row.anchor,
    madeUp: row.made_up !== 0,
    digestAlgorithm: row.digest_algorithm as BatchRow['digestAlgorithm'],
    groupCount: row.group_count,
    genTime: instant(row.gen_time),
    newestBatchId: row.newest_batch_id,
    newestToken: JSON.parse(row.newest_token) as BatchRow['newestToken'],
    tokenCount: row.token_count,
    horizon: row.horizon === null ? undefined : instant(row.horizon),
    horizonElement: JSON.parse(row.horizon_element) as BatchRow['horizonElement'],
    state: row.state as BatchRow['state'],
    stateReason: row.state_reason ?? undefined,
    fruitlessSince: row.fruitless_since === null ? undefined : instant(row.fruitless_since),
    leafTableRead: instant(row.leaf_table_read),
  };
}

export function batchColumns(batch: BatchRow): Insertable<Tables['batches']> {
  return {
    batch_id: batch.batchId,
    kind: batch.kind,
    anchor: batch.anchor,
    made_up: batch.madeUp ? 1 : 0,
    digest_algorithm: batch.digestAlgorithm,
    group_count: batch.groupCount,
    gen_time: column(batch.genTime),
    newest_batch_id: batch.newestBatchId,
    newest_token: JSON.stringify(batch.newestToken),
    token_count: batch.tokenCount,
    horizon: batch.horizon ? column(batch.horizon) : null,
    horizon_element: JSON.stringify(batch.horizonElement),
    state: batch.state,
    state_reason: batch.stateReason ?? null,
    fruitless_since: batch.fruitlessSince ? column(batch.fruitlessSince) : null,
    leaf_table_read: column(batch.leafTableRead),
  };
}

export function runOf(row: Selectable<Tables['runs']>): RunRow {
  return {
    runId: row.run_id,
    startedAt: instant(row.started_at),
    finishedAt: row.finished_at === null ? undefined : instant(row.finished_at),
    outcome: row.outcome as RunRow['outcome'],
    tokensBought: row.tokens_bought,
    report: row.report ?? undefined,
  };
}

export function membershipOf(row: Selectable<Tables['memberships']>): MembershipRow {
  return {
    documentId: row.document_id,
    batchId: row.batch_id,
    groupIndex: row.group_index,
    active: row.active !== 0,
  };
}
