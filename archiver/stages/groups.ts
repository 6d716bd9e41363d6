// Which data object groups wait for a token: a document with its detached signatures and, once it is
// collected, their validation data, in the order in which documents came (RFC 4998 §4.2).
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { evidenceStoreName } from '../evidence-store.ts';
import { digestStoreName } from '../intake/digest-statement.ts';
import type { AnchorNumber, DocumentGroup, GroupMember, MemberRole } from '../evidence/types.ts';
import type { FindingLine } from '../reports/report.ts';
import { readDocument, type DocumentReading } from './read-document.ts';

/** What a group costs in reading: nothing, unless a digest of the tree's hash is not known yet. */
export type GroupSources = {
  readonly catalogue: Catalogue;
  /** Document stores by name, and the evidence store. */
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly signal: AbortSignal;
  readonly onFinding: (finding: FindingLine) => void;
};

/** What of a row makes it a member; of the evidence store's objects there is no more. */
type MemberSource = Pick<
  DocumentRow,
  'store' | 'key' | 'versionId' | 'sha256' | 'size' | 'digests'
>;

/** A document that cannot be read tonight waits; the others do not wait for it. */
async function readAgain(
  store: ObjectStore,
  row: MemberSource,
  algorithm: DigestAlgorithm,
  { signal, onFinding }: GroupSources,
): Promise<DocumentReading | undefined> {
  try {
    return await readDocument(store, row.key, {
      versionId: row.versionId === '' ? undefined : row.versionId,
      algorithms: ['SHA-256', algorithm],
      keep: 0,
      signal,
    });
  } catch (error) {
    if (signal.aborted || !(error instanceof TokiwaError)) throw error;
    const message = `it could not be read for tonight’s batch: ${error.message}`;
    const { code: cause } = error;
    onFinding({ kind: 'unreadable', level: 'error', key: row.key, message, cause });
    return undefined;
  }
}

/** Only its owner has the document. */
export function digestsWanted(key: string, algorithm: DigestAlgorithm): FindingLine {
  const message = `only its digests are here, and none under ${algorithm}: its owner has to send it`;
  return { kind: 'digests-overdue', level: 'error', key, message };
}

async function memberOf(
  row: MemberSource,
  role: MemberRole,
  algorithm: DigestAlgorithm,
  sources: GroupSources,
): Promise<GroupMember | undefined> {
  let digests: GroupMember['digests'] = { ...row.digests, 'SHA-256': row.sha256 };
  if (digests[algorithm] === undefined && row.store === digestStoreName) {
    sources.onFinding(digestsWanted(row.key, algorithm));
    return undefined;
  }
  if (digests[algorithm] === undefined) {
    const store = sources.stores.get(row.store);
    if (!store) return undefined;
    const reading = await readAgain(store, row, algorithm, sources);
    if (!reading) return undefined;
    if (reading.digests['SHA-256'] !== row.sha256) {
      sources.onFinding({
        kind: 'changed',
        level: 'error',
        key: row.key,
        message: 'its content is not what was taken in; it is left out of tonight’s batch',
      });
      return undefined;
    }
    digests = { ...digests, ...reading.digests };
  }
  return {
    store: row.store,
    key: row.key,
    versionId: row.versionId === '' ? undefined : row.versionId,
    size: row.size,
    role,
    digests,
  };
}

/** Attached objects of a document that stand as they were taken in. */
async function attachedTo(catalogue: Catalogue, id: number): Promise<DocumentRow[]> {
  const rows: DocumentRow[] = [];
  for await (const row of catalogue.attachedDocuments(id)) {
    if (row.state === 'waiting' || row.state === 'protected') rows.push(row);
  }
  return rows;
}

/** Documents whose group has to be stamped: waiting ones, and those that got a new member. */
async function* headsOfGroups(catalogue: Catalogue): AsyncIterable<DocumentRow> {
  yield* catalogue.documents({ states: ['waiting'], attached: false });
  yield* catalogue.documents({ states: ['protected'], attached: false, regroup: true });
  // A signature whose document is broken, missing or changed is protected alone.
  for await (const row of catalogue.documents({ states: ['waiting'], attached: true })) {
    const main =
      row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
    if (main?.state !== 'waiting' && !main?.regroup) yield row;
  }
}

/** Documents whose group another TSA has stamped and this one is still to stamp. */
async function* headsWithoutAnchor(
  catalogue: Catalogue,
  lackingAnchor: AnchorNumber,
): AsyncIterable<DocumentRow> {
  const states = ['protected'] as const;
  yield* catalogue.documents({ states, attached: false, lackingAnchor });
  for await (const row of catalogue.documents({ states, attached: true, lackingAnchor })) {
    const main =
      row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
    if (main?.state !== 'waiting' && main?.state !== 'protected') yield row;
  }
}

async function countOf(heads: AsyncIterable<DocumentRow>): Promise<number> {
  let count = 0;
  const reading = heads[Symbol.asyncIterator]();
  while (!(await reading.next()).done) count++;
  return count;
}

/** How many groups wait. */
export function countWaitingGroups(catalogue: Catalogue): Promise<number> {
  return countOf(headsOfGroups(catalogue));
}

/** How many groups are proved by another TSA alone. */
export function countGroupsWithoutAnchor(
  catalogue: Catalogue,
  anchor: AnchorNumber,
): Promise<number> {
  return countOf(headsWithoutAnchor(catalogue, anchor));
}

/** The groups themselves, at most `limit`; a member that cannot be read is left for the next night. */
export function waitingGroups(
  algorithm: DigestAlgorithm,
  limit: number,
  sources: GroupSources,
): AsyncIterable<DocumentGroup> {
  return groupsOf(headsOfGroups(sources.catalogue), algorithm, limit, sources);
}

/** The same for groups that are proved by another TSA alone. */
export function groupsWithoutAnchor(
  anchor: AnchorNumber,
  algorithm: DigestAlgorithm,
  limit: number,
  sources: GroupSources,
): AsyncIterable<DocumentGroup> {
  return groupsOf(headsWithoutAnchor(sources.catalogue, anchor), algorithm, limit, sources);
}

async function* groupsOf(
  heads: AsyncIterable<DocumentRow>,
  algorithm: DigestAlgorithm,
  limit: number,
  sources: GroupSources,
): AsyncIterable<DocumentGroup> {
  let left = limit;
  for await (const head of heads) {
    if (left-- <= 0) return;
    const main = await memberOf(
      head,
      head.attachedTo === undefined ? 'document' : 'detached-signature',
      algorithm,
      sources,
    );
    if (!main) continue;
    const members = [main];
    for (const row of await attachedTo(sources.catalogue, head.id)) {
      const member = await memberOf(row, 'detached-signature', algorithm, sources);
      if (member) members.push(member);
    }
    const { validationData } = head;
    if (validationData) {
      const { key, size, digests } = validationData;
      const object = { store: evidenceStoreName, key, versionId: '', size, digests };
      const sha256 = digests['SHA-256'];
      const member = await memberOf({ ...object, sha256 }, 'validation-data', algorithm, sources);
      // Without it the group would be stamped in vain and wait again.
      if (!member) continue;
      members.push(member);
    }
    yield { members };
  }
}
