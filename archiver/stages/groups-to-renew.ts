// The live documents of batches as groups for a hash-tree renewal, each document read once a night: what is
// renewed in a second place, by this action or by the other TSA's, takes the digests that were read for the first.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { DigestedObject, ObjectStore } from '#shared/ports/object-store.ts';
import { readObjectList } from '../evidence/object-list.ts';
import { createReadTonight } from '../evidence/read-tonight.ts';
import type { EvidenceContext, GroupMember, RenewalGroup } from '../evidence/types.ts';
import { digestStoreName } from '../intake/digest-statement.ts';
import type { FindingLine } from '../reports/report.ts';
import { digestsWanted } from './groups.ts';
import { readDocument } from './read-document.ts';

type Sources = {
  readonly context: EvidenceContext;
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** Hash-tree renewals of this run so far. */
  readonly renewedTonight: ReadonlySet<string>;
  readonly toAlgorithm: DigestAlgorithm;
  /** Told of each group whose owner has to send digests under it. */
  readonly onWanted: (finding: FindingLine) => void;
};

/**
 * Documents whose digests wait for their second place in the same action: stamped alone, and again with their
 * validation data. More are read twice; a night's memory does not grow with the archive.
 */
const maxWaiting = 100_000;

type Reading = Pick<DigestedObject, 'size' | 'digests'>;

/** Groups in the order of their batches. Broken, changed and missing documents stay out of every new tree (design §1.2). */
export async function* groupsToRenew(
  batchIds: readonly string[],
  sources: Sources,
): AsyncIterable<RenewalGroup> {
  const { context, catalogue, renewedTonight } = sources;
  const read = createReader(sources.stores);
  const ordinals = new Map(batchIds.map((batchId, ordinal) => [batchId, ordinal]));
  await using tonight = createReadTonight(context.store, context.run.signal);
  for (const [ordinal, batchId] of batchIds.entries()) {
    for await (const line of readObjectList(context.store, batchId, context.run.signal)) {
      const [main] = line.members;
      const row =
        main &&
        (await catalogue.findContent(
          main.store,
          main.key,
          main.versionId ?? '',
          main.digests['SHA-256'],
        ));
      if (row?.state !== 'protected') continue;
      const places = await catalogue.memberships(row.id);
      const place = places.find(
        (membership) => membership.batchId === batchId && membership.groupIndex === line.index,
      );
      if (!place?.active) continue;
      const stated = await statedOf(line.members, sources);
      if (!stated) continue;
      const renewed = places.find((membership) => renewedTonight.has(membership.batchId));
      const before =
        renewed &&
        (await tonight.membersAt({ batchId: renewed.batchId, index: renewed.groupIndex }));
      const again = places.some(
        (other) => other.active && (ordinals.get(other.batchId) ?? 0) > ordinal,
      );
      yield {
        position: { batchId, index: line.index },
        members: line.members.map(({ store, key, versionId, size, role }) => ({
          store,
          key,
          versionId,
          size,
          role,
          read: async (algorithms, { signal }) => {
            const own = stated.get(key);
            if (own && store === digestStoreName) return { size, digests: own };
            const known = before?.find((each) => isSame(each, { store, key, versionId }));
            if (known && hasAll(known, algorithms)) return known;
            return read({ store, key, versionId }, { algorithms, again, signal });
          },
        })),
      };
    }
  }
}

/**
 * The groups of batches that are joined: under their own hash, so that the digests which the list names and the
 * leaf holds are all that is asked for, as in a timestamp renewal. Nothing is read, and whoever is broken,
 * changed or missing keeps what proves it.
 */
export async function* groupsToJoin(
  batchIds: readonly string[],
  { context, catalogue }: Pick<Sources, 'context' | 'catalogue'>,
): AsyncIterable<RenewalGroup> {
  for (const batchId of batchIds)
    for await (const { index, members } of readObjectList(
      context.store,
      batchId,
      context.run.signal,
    )) {
      const [main] = members;
      if (!main) continue;
      const { store, key, versionId = '', digests } = main;
      const row = await catalogue.findContent(store, key, versionId, digests['SHA-256']);
      const places = row ? await catalogue.memberships(row.id) : [];
      if (!places.some((one) => one.active && one.batchId === batchId && one.groupIndex === index))
        continue;
      yield {
        position: { batchId, index },
        members: members.map((member) => ({ ...member, read: () => Promise.resolve(member) })),
      };
    }
}

/**
 * What owners have stated of a group's members that are not here, by key; `undefined` where one lacks the hash that
 * is wanted.
 */
async function statedOf(
  members: readonly GroupMember[],
  { catalogue, toAlgorithm, onWanted }: Sources,
): Promise<ReadonlyMap<string, Reading['digests']> | undefined> {
  const stated = new Map<string, Reading['digests']>();
  for (const { store, key, versionId = '', digests } of members) {
    if (store !== digestStoreName) continue;
    const row = await catalogue.findContent(store, key, versionId, digests['SHA-256']);
    if (row?.digests[toAlgorithm] === undefined) {
      onWanted(digestsWanted(key, toAlgorithm));
      return undefined;
    }
    stated.set(key, { ...row.digests, 'SHA-256': row.sha256 });
  }
  return stated;
}

type Place = Pick<GroupMember, 'store' | 'key' | 'versionId'>;

function isSame(a: Place, b: Place): boolean {
  return a.store === b.store && a.key === b.key && a.versionId === b.versionId;
}

function hasAll({ digests }: Pick<Reading, 'digests'>, algorithms: readonly DigestAlgorithm[]) {
  return algorithms.every((algorithm) => digests[algorithm] !== undefined);
}

/** Reads a document from its store; `again`: its digests are kept for the next time. */
function createReader(stores: ReadonlyMap<string, ObjectStore>) {
  const waiting = new Map<string, Promise<Reading>>();
  return async (
    place: Place,
    options: {
      readonly algorithms: readonly DigestAlgorithm[];
      readonly again: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<Reading> => {
    const { algorithms, again, signal } = options;
    const name = JSON.stringify([place.store, place.key, place.versionId]);
    const known = await waiting.get(name);
    if (!again) waiting.delete(name);
    if (known && hasAll(known, algorithms)) return known;
    const store = stores.get(place.store);
    if (!store)
      throw new SourceError('ERR_SOURCE_UNREACHABLE', `no store ${place.store} is configured`, {
        retryable: false,
      });
    const { versionId } = place;
    const reading = readDocument(store, place.key, { signal, versionId, algorithms, keep: 0 }).then(
      ({ size, digests }) => ({ size, digests }),
    );
    if (again && waiting.size < maxWaiting) waiting.set(name, reading);
    return reading;
  };
}
