// Tonight's slice of the archive against what was taken in, so that all of it is re-read within N
// days: documents by their digests, leaf tables by their roots. Damage is found while a copy
// may still exist; one damaged object never ends the night.
import { ConflictError, SourceError, TokiwaError } from '#shared/errors.ts';
import type { BatchRow, Catalogue, DocumentRow, DocumentState } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { isBefore } from '#shared/time.ts';
import { decides, remedyFor } from '../evidence/check-stored.ts';
import { digestStoreName, type StatedDigests } from '../intake/digest-statement.ts';
import type { Damage } from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import { readDocument } from './read-document.ts';
import { identityOf } from './scan.ts';

/** A nightly share so that all is read within the period, everything, or nothing. */
export type RereadScope = 'slice' | 'whole' | 'none';

export type FixityDependencies = {
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** What is stated of a document whose octets are elsewhere; `undefined`: nothing any more. */
  readonly statedOf: (key: string) => Promise<StatedDigests | undefined>;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  /** Damage of one batch's stored objects; none: everything is there and leads to its token. */
  readonly checkBatch: (batch: BatchRow) => Promise<readonly Damage[]>;
  /** Makes leaf table and manifest again from their sources; what is still damaged afterwards. */
  readonly healBatch: (batch: BatchRow) => Promise<readonly Damage[]>;
  /** What a document's signatures are verified with later is part of its evidence. */
  readonly checkValidationData: (row: DocumentRow) => Promise<FindingLine | undefined>;
  readonly runAt: Temporal.Instant;
  readonly fixityDays: number;
  readonly scope: RereadScope;
  /** False where a manifest is missing, so that chains cannot be followed. */
  readonly withBatches: boolean;
  readonly signal: AbortSignal;
};

export type FixitySummary = { readonly reread: number; readonly findings: readonly FindingLine[] };

function daysBefore(at: Temporal.Instant, days: number): Temporal.Instant {
  return at.subtract({ hours: Math.round(24 * days) });
}

/** @throws ConflictError ERR_CONFLICT_CHANGED: a write since tonight's scan, which the next one takes up */
async function damageOf(row: DocumentRow, deps: FixityDependencies): Promise<string | undefined> {
  if (row.store === digestStoreName)
    return (await deps.statedOf(row.key))?.['SHA-256'] === row.sha256
      ? undefined
      : `what was stated of it on ${row.firstSeen.toString()} is no longer in the evidence store`;
  const store = deps.stores.get(row.store);
  if (!store)
    throw new SourceError('ERR_SOURCE_UNREACHABLE', `no store ${row.store} is configured`, {
      retryable: false,
    });
  const reading = await readDocument(store, row.key, {
    versionId: row.versionId === '' ? undefined : row.versionId,
    algorithms: ['SHA-256'],
    keep: 0,
    signal: deps.signal,
  });
  const found = reading.digests['SHA-256'] ?? '';
  if (found === row.sha256) return undefined;
  if (reading.entry.etag !== row.etag)
    throw new ConflictError('ERR_CONFLICT_CHANGED', 'it was written over since it was listed');
  return `its content no longer fits what was taken in on ${row.firstSeen.toString()} (SHA-256 ${found}, was ${row.sha256}) and no later write explains it`;
}

async function intactState(row: DocumentRow, catalogue: Catalogue): Promise<DocumentState> {
  if (row.state !== 'broken') return row.state;
  return (await catalogue.memberships(row.id)).length > 0 ? 'protected' : 'waiting';
}

/**
 * Documents that are read at once: what a store far away takes for one is its answer's way, not its work, and a
 * folder's threads want several each.
 */
const readsAtOnce = 32;

/** What a night's rows are marked with at once: one write instead of one a document. */
const readChunk = 200;

/** `wasRead`: told of every document whose octets could be read. */
async function rereadDocument(
  row: DocumentRow,
  deps: FixityDependencies,
  wasRead: (id: number) => unknown,
): Promise<FindingLine | undefined> {
  const { catalogue, journal, runAt } = deps;
  try {
    const reason = await damageOf(row, deps);
    const state = reason === undefined ? await intactState(row, catalogue) : 'broken';
    if (state !== row.state) {
      await journal([
        {
          kind: 'state',
          document: identityOf(row),
          state,
          reason: reason ?? 'its content fits again',
          at: runAt.toString(),
        },
      ]);
      await catalogue.updateDocument(row.id, { state, stateSince: runAt, stateReason: reason });
    }
    wasRead(row.id);
    return reason === undefined
      ? undefined
      : { kind: 'broken', level: 'error', key: row.key, message: reason };
  } catch (error) {
    if (deps.signal.aborted || !(error instanceof TokiwaError)) throw error;
    return {
      kind: 'unreadable',
      level: 'error',
      key: row.key,
      message: `it could not be re-read: ${error.message}`,
      cause: error.code,
    };
  }
}

/** When the next document or leaf table has to be re-read; absent: the archive is empty. */
export async function nextReread(
  catalogue: Catalogue,
  fixityDays: number,
): Promise<Temporal.Instant | undefined> {
  const oldest = await catalogue.oldestRead();
  return oldest?.add({ hours: 24 * fixityDays });
}

function textOf(damage: readonly Damage[]): string {
  return damage
    .flatMap((part) => part.findings.map((finding) => `${part.part}: ${finding.message}`))
    .join('; ');
}

/** One batch: damage is journalled, healed where its sources allow, and reported either way. */
async function checkBatch(
  batch: BatchRow,
  deps: FixityDependencies,
): Promise<readonly FindingLine[]> {
  const { catalogue, journal, runAt } = deps;
  const { batchId } = batch;
  const at = runAt.toString();
  const damage = await deps.checkBatch(batch);
  if (damage.length === 0) {
    await catalogue.putBatch({ ...batch, leafTableRead: runAt });
    return [];
  }
  const message = textOf(damage);
  await journal(
    damage.map((part) => ({
      kind: 'evidence-damage',
      batchId,
      part: part.part,
      message: textOf([part]),
      at,
    })),
  );
  // As the journal has it, whatever comes of the healing: the next night looks again at what is broken.
  if (damage.some(decides))
    await catalogue.putBatch({ ...batch, state: 'broken', stateReason: message });
  const left = await deps.healBatch(batch);
  if (left.length === 0) {
    await journal(
      damage.map((part) => ({ kind: 'evidence-healed', batchId, part: part.part, at })),
    );
    await catalogue.putBatch({ ...batch, leafTableRead: runAt });
    const healed = `${message}; made again from its sources, and it holds`;
    return [{ kind: 'healed', level: 'warning', batchId, message: healed }];
  }
  await catalogue.putBatch({
    ...batch,
    ...(left.some(decides) && { state: 'broken', stateReason: message }),
    leafTableRead: runAt,
  });
  const told = `${message}; ${remedyFor(left)}`;
  return [{ kind: 'broken-evidence', level: 'error', batchId, message: told }];
}

/**
 * Looks again at every batch that is broken, before the plan: one that was put back from a copy is
 * renewed the same night. What is still broken the plan reports.
 */
export async function recheckBroken(
  deps: Pick<FixityDependencies, 'catalogue' | 'journal' | 'checkBatch' | 'healBatch' | 'runAt'>,
): Promise<readonly FindingLine[]> {
  const { catalogue, journal, runAt } = deps;
  const findings = new FindingList();
  for await (const batch of catalogue.batches()) {
    if (batch.state !== 'broken') continue;
    const { batchId } = batch;
    let damage = await deps.checkBatch(batch);
    if (damage.some(decides)) damage = await deps.healBatch(batch);
    if (damage.some(decides)) continue;
    await journal([{ kind: 'evidence-healed', batchId, part: 'link', at: runAt.toString() }]);
    await catalogue.putBatch({
      ...batch,
      state: 'valid',
      stateReason: undefined,
      leafTableRead: runAt,
    });
    findings.push({ kind: 'healed', level: 'info', batchId, message: 'its evidence holds again' });
  }
  return findings.lines();
}

/**
 * Re-reads what has not been read for half the period, a nightly share of it at least, and all that
 * would pass the period before the next night.
 */
export async function rereadSlice(deps: FixityDependencies): Promise<FixitySummary> {
  const { catalogue, runAt, fixityDays, signal } = deps;
  const findings = new FindingList();
  // Broken until an operator closes it: reported every night, and read again in case it was mended.
  const mended: number[] = [];
  for await (const row of catalogue.documents({ states: ['broken'], lastReadBefore: runAt })) {
    signal.throwIfAborted();
    const finding = await rereadDocument(row, deps, (id) => mended.push(id));
    if (finding) findings.push(finding);
  }
  await catalogue.markRead(mended, runAt);
  if (deps.scope === 'none') return { reread: 0, findings: findings.lines() };
  const counts = await catalogue.countByState();
  const total = counts.protected + counts.broken + counts.waiting;
  const share = Math.ceil(total / fixityDays);
  const due = deps.scope === 'whole' ? runAt : daysBefore(runAt, fixityDays - 1);
  let reread = 0;
  const read: number[] = [];
  const together: DocumentRow[] = [];
  const rereadTogether = async (rows: readonly DocumentRow[]): Promise<FindingLine[]> => {
    const found = await Promise.all(
      rows.map(async (row) => [
        await rereadDocument(row, deps, (id) => read.push(id)),
        await deps.checkValidationData(row),
      ]),
    );
    return found.flat().filter((finding) => finding !== undefined);
  };
  const halfway = deps.scope === 'whole' ? runAt : daysBefore(runAt, fixityDays / 2);
  for await (const row of catalogue.documents({
    states: ['protected', 'waiting'],
    lastReadBefore: halfway,
  })) {
    signal.throwIfAborted();
    if (reread >= share && !isBefore(row.lastRead, due)) continue;
    reread++;
    together.push(row);
    if (together.length >= readsAtOnce)
      findings.push(...(await rereadTogether(together.splice(0))));
    if (read.length >= readChunk) await catalogue.markRead(read.splice(0), runAt);
  }
  findings.push(...(await rereadTogether(together)));
  await catalogue.markRead(read, runAt);
  if (!deps.withBatches) return { reread, findings: findings.lines() };
  for await (const batch of catalogue.batches()) {
    signal.throwIfAborted();
    // Broken ones were looked at before the plan.
    if (batch.state === 'retired' || batch.state === 'broken') continue;
    if (!isBefore(batch.leafTableRead, due)) continue;
    findings.push(...(await checkBatch(batch, deps)));
  }
  return { reread, findings: findings.lines() };
}
