// Deletes a document whose retention has ended (`tokiwa delete KEY`, R-67): the document itself where that is
// asked for, its names from the object lists, its row from the catalogue, and the journal says who did it. What
// other documents are proved by is not touched.
import { ConfigError, ConflictError, SourceError } from '#shared/errors.ts';
import { instantAfter } from '#shared/policy/retention-rule.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { isBefore } from '#shared/time.ts';
import { beginDeletion, endDeletion, openDeletions } from './deletions.ts';
import { listBatches } from './evidence/manifest.ts';
import { readSoundLines } from './evidence/object-list.ts';
import { removeLines } from './evidence/remove-lines.ts';
import type { GroupPosition } from './evidence/types.ts';
import type { NightDependencies } from './night/dependencies.ts';
import type { FindingLine } from './reports/report.ts';
import { identityOf } from './stages/scan.ts';

export type DeleteOptions = {
  readonly by: string;
  readonly at: Temporal.Instant;
  /** Its store, writable: the document goes, too. Absent: it has to be gone already. */
  readonly documents?: ObjectStore | undefined;
  readonly signal: AbortSignal;
};

export type Deleted = { readonly documents: number; readonly batches: number };

/** @throws ConfigError ERR_CONFIG_USAGE: it has to be kept, or nobody knows until when */
function requireEnded(
  { key, retention }: DocumentRow,
  timeZone: string,
  at: Temporal.Instant,
): void {
  const { lastDay, hold } = retention;
  const refuse = (why: string): ConfigError =>
    new ConfigError('ERR_CONFIG_USAGE', `${JSON.stringify(key)} is not deleted: ${why}`);
  if (hold) throw refuse('it is on hold (`tokiwa retention hold KEY off` lifts that)');
  if (lastDay === undefined)
    throw refuse('its retention has no known end (`tokiwa retention set KEY` gives it a start)');
  if (isBefore(at, instantAfter(Temporal.PlainDate.from(lastDay), timeZone)))
    throw refuse(`its retention ends on ${lastDay}`);
}

/**
 * The document as it was taken in is there; `false`: it is gone.
 * @throws ConflictError ERR_CONFLICT_CHANGED: other content stands under its key
 */
async function isThere(
  store: ObjectStore,
  { key, versionId, etag, state }: DocumentRow,
  signal: AbortSignal,
): Promise<boolean> {
  if (state === 'changed')
    throw new ConflictError(
      'ERR_CONFLICT_CHANGED',
      `other content than was taken in stands under ${JSON.stringify(key)}: restore it or take that in (\`tokiwa accept\`) first`,
    );
  try {
    const head = await store.head(key, {
      signal,
      versionId: versionId === '' ? undefined : versionId,
    });
    if (head.etag === etag) return true;
    throw new ConflictError(
      'ERR_CONFLICT_CHANGED',
      `${JSON.stringify(key)} was written since the last run: nothing is deleted before a run has seen it`,
    );
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return false;
    throw error;
  }
}

/** Descriptions of a document that are none themselves. */
const sidecars = ['.retention.json', '.meta.json'];

async function removeDocument(
  store: ObjectStore,
  { key, versionId }: DocumentRow,
  signal: AbortSignal,
): Promise<void> {
  await store.remove(key, { signal, versionId: versionId === '' ? undefined : versionId });
  for (const suffix of sidecars) await store.remove(`${key}${suffix}`, { signal });
}

/** Where batches that count not yet, or never will, name one of the documents: the catalogue has none of them. */
async function* uncountedPlaces(
  evidence: ObjectStore,
  rows: readonly DocumentRow[],
  signal: AbortSignal,
): AsyncIterable<GroupPosition> {
  const deleted = new Set(
    rows.map(({ store, key, versionId, sha256 }) =>
      JSON.stringify([store, key, versionId, sha256]),
    ),
  );
  for await (const { id, objects } of listBatches(evidence, signal)) {
    if (objects.has('manifest') || !objects.has('objectList')) continue;
    for await (const { index, members } of readSoundLines(evidence, id, signal))
      if (
        members.some(({ store, key, versionId = '', digests }) =>
          deleted.has(JSON.stringify([store, key, versionId, digests['SHA-256']])),
        )
      )
        yield { batchId: id, index };
  }
}

/** What has to be said of a document that is gone: journal first, then the lists, then the catalogue. */
async function forget(
  { catalogue, evidence }: Pick<NightDependencies, 'catalogue' | 'evidence'>,
  rows: readonly DocumentRow[],
  { by, at, signal }: Pick<DeleteOptions, 'by' | 'at' | 'signal'>,
): Promise<Deleted> {
  await evidence.journal.append(
    rows.map((each) => ({
      kind: 'deleted' as const,
      document: identityOf(each),
      by,
      at: at.toString(),
    })),
    { at, run: 'delete', signal },
  );
  const places = new Map<string, Set<number>>();
  const add = (batchId: string, index: number): void => {
    places.set(batchId, (places.get(batchId) ?? new Set()).add(index));
  };
  for (const each of rows)
    for (const { batchId, groupIndex } of await catalogue.memberships(each.id))
      add(batchId, groupIndex);
  const counting = places.size;
  for await (const { batchId, index } of uncountedPlaces(evidence.objects, rows, signal))
    add(batchId, index);
  for (const [batchId, indexes] of places)
    await removeLines(evidence.objects, batchId, indexes, signal);
  for (const each of rows.toReversed()) await catalogue.removeDocument(each.id);
  return { documents: rows.length, batches: counting };
}

/** What goes with a document: what is attached to it, and the versions whose content stands whole in it. */
async function groupOf(catalogue: Catalogue, row: DocumentRow): Promise<readonly DocumentRow[]> {
  const rows = [row];
  for await (const each of catalogue.documents({ key: row.key, store: row.store }))
    if (each.id !== row.id && each.state === 'superseded') rows.push(each);
  for (const each of [...rows])
    rows.push(...(await Array.fromAsync(catalogue.attachedDocuments(each.id))));
  return rows;
}

/** Without versions the octets of an earlier version are gone, and what stands under its key is the newer one. */
function isReplaced({ state, versionId }: DocumentRow): boolean {
  return state === 'superseded' && versionId === '';
}

/**
 * Deletes a document with what is attached to it and its earlier versions. That it begins is written down, then the
 * document goes: what a lock or hold of its store forbids leaves everything as it was. Broken off later, the next
 * night or the same call finishes it.
 * @throws ConfigError ERR_CONFIG_USAGE: retention or a hold forbids it, it is attached to another, or it is still there
 * @throws ConflictError ERR_CONFLICT_LEASE: a run is at work; SourceError ERR_SOURCE_REFUSED: its store forbids it
 */
export async function deleteDocument(
  deps: NightDependencies,
  row: DocumentRow,
  { by, at, documents, signal }: DeleteOptions,
): Promise<Deleted> {
  const { catalogue, config, evidence, stores } = deps;
  if (row.attachedTo !== undefined)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(row.key)} belongs to another document, with which it is deleted`,
    );
  const rows = await groupOf(catalogue, row);
  for (const each of rows) requireEnded(each, config.timeZone, at);
  await using _lease = await evidence.acquireLease({
    ...deps.lease,
    run: 'delete',
    at,
    duration: Temporal.Duration.from({ minutes: 15 }),
    signal,
  });
  const present: DocumentRow[] = [];
  for (const each of rows) {
    const store = documents ?? stores.get(each.store);
    if (isReplaced(each) || !store || !(await isThere(store, each, signal))) continue;
    if (!documents)
      throw new ConfigError(
        'ERR_CONFIG_USAGE',
        `${JSON.stringify(each.key)} is still in its store: delete it there first, or say --document`,
      );
    present.push(each);
  }
  const deletion = { documents: rows.map(identityOf), by, at: at.toString() };
  const begun = await beginDeletion(evidence.objects, deletion, { signal });
  let removed = 0;
  try {
    for (const each of documents ? present : []) {
      if (documents) await removeDocument(documents, each, signal);
      removed += 1;
    }
  } catch (error) {
    if (removed === 0) await endDeletion(evidence.objects, begun, { signal });
    throw error;
  }
  const deleted = await forget(deps, rows, { by, at, signal });
  await endDeletion(evidence.objects, begun, { signal });
  return deleted;
}

/** Whether a document is gone from its store; other content under its key says so, too. */
async function isGone(
  { stores }: Pick<NightDependencies, 'stores'>,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<boolean> {
  const store = stores.get(row.store);
  if (!store || isReplaced(row)) return true;
  try {
    return !(await isThere(store, row, signal));
  } catch (error) {
    if (error instanceof ConflictError) return true;
    throw error;
  }
}

/**
 * Finishes deletions that were broken off once their documents had gone; gives up those that had only been said.
 * For a run, which has the lease.
 * @throws SourceError: a store cannot be asked; FormatError: a deletion that cannot be read
 */
export async function finishDeletions(
  deps: Pick<NightDependencies, 'catalogue' | 'evidence' | 'stores'>,
  signal: AbortSignal,
): Promise<readonly FindingLine[]> {
  const { catalogue, evidence } = deps;
  const findings: FindingLine[] = [];
  for await (const { name, deletion } of openDeletions(evidence.objects, { signal })) {
    const { documents, by } = deletion;
    const [first] = documents;
    const rows: DocumentRow[] = [];
    for (const { store, key, versionId, sha256 } of documents) {
      const row = await catalogue.findContent(store, key, versionId, sha256);
      if (row) rows.push(row);
    }
    const gone = await Promise.all(rows.map((row) => isGone(deps, row, signal)));
    if (rows.length > 0 && gone.some((each) => !each) && gone.some((each) => each)) {
      findings.push({
        kind: 'deletion',
        level: 'warning',
        key: first?.key,
        message: `its deletion by ${by} was broken off half-way: say \`tokiwa delete\` again`,
      });
      continue;
    }
    if (rows.length > 0 && gone.every((each) => each)) {
      await forget(deps, rows, { by, at: Temporal.Instant.from(deletion.at), signal });
      findings.push({
        kind: 'deletion',
        level: 'info',
        key: first?.key,
        message: `its deletion by ${by} was broken off and is finished now`,
      });
    }
    await endDeletion(evidence.objects, name, { signal });
  }
  return findings;
}
