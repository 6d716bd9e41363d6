// Which timestamp renewals cover which batch, in order: the archive timestamp chains of RFC 4998
// §5.1 as the manifests tell them. An index in memory, made from the store and thrown away.
import { InvariantError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { listManifests, type ManifestListing } from './manifest.ts';
import type { BatchId, BatchManifest, GroupPosition } from './types.ts';

export type ChainIndex = {
  readonly manifests: ReadonlyMap<BatchId, BatchManifest>;
  /** @throws InvariantError ERR_INVARIANT_STATE: no manifest of that batch */
  readonly manifest: (id: BatchId) => BatchManifest;
  /**
   * Where the timestamp renewals of a batch stand, oldest first: with the batch's own token, its
   * current chain. Empty for a batch that was never renewed.
   */
  readonly renewalsOf: (id: BatchId) => readonly GroupPosition[];
  /** Whether a later timestamp covers this batch's token, so that its evidence form is frozen. */
  readonly isCovered: (id: BatchId) => boolean;
  /** The evidence form of an uncovered token that was written since. */
  readonly writtenToken: (id: BatchId) => Uint8Array | undefined;
  readonly noteToken: (id: BatchId, evidenceForm: Uint8Array) => void;
  /** Takes in a batch that was committed since. */
  readonly add: (manifest: BatchManifest) => void;
};

/** An index over these manifests, in any order. */
export function createChainIndex(initial: Iterable<BatchManifest> = []): ChainIndex {
  const manifests = new Map<BatchId, BatchManifest>();
  const written = new Map<BatchId, Uint8Array>();
  const renewals = new Map<BatchId, GroupPosition[]>();
  let covered: Set<BatchId> | undefined;

  const add = (manifest: BatchManifest): void => {
    if (manifests.has(manifest.id)) return;
    manifests.set(manifest.id, manifest);
    if (manifest.kind !== 'timestamp-renewal') return;
    for (const [index, { batchId, renewals: before }] of manifest.previous.entries()) {
      const chain = renewals.get(batchId) ?? [];
      renewals.set(batchId, chain);
      // Each renewal says how many stood before it; two that say the same would fork the chain.
      if (chain[before])
        throw new InvariantError(
          'ERR_INVARIANT_STATE',
          `batches ${chain[before].batchId} and ${manifest.id} both renew ${batchId} as number ${before + 1}`,
        );
      chain[before] = { batchId: manifest.id, index };
    }
  };

  for (const manifest of initial) add(manifest);

  const manifest = (id: BatchId): BatchManifest => {
    const found = manifests.get(id);
    if (found) return found;
    throw new InvariantError('ERR_INVARIANT_STATE', `batch ${id} has no manifest`);
  };

  const renewalsOf = (id: BatchId): readonly GroupPosition[] => {
    const chain = renewals.get(id) ?? [];
    const gap = Array.from(chain).findIndex((position) => position === undefined);
    if (gap >= 0)
      throw new InvariantError(
        'ERR_INVARIANT_STATE',
        `renewal ${gap + 1} of batch ${id} is not in the store`,
      );
    return chain;
  };

  /** The newest token that each later batch covers; the older ones of the chain were before. */
  const findCovered = (): Set<BatchId> => {
    const found = new Set<BatchId>();
    for (const { previous } of manifests.values())
      for (const { batchId, renewals: count } of previous) {
        found.add(batchId);
        for (const position of renewalsOf(batchId).slice(0, count)) found.add(position.batchId);
      }
    return found;
  };

  return {
    manifests,
    manifest,
    renewalsOf,
    isCovered: (id) => {
      covered ??= findCovered();
      return covered.has(id);
    },
    writtenToken: (id) => written.get(id),
    noteToken: (id, evidenceForm) => {
      written.set(id, evidenceForm);
    },
    add: (added) => {
      covered = undefined;
      add(added);
    },
  };
}

/**
 * The index over everything that counts in the store, or over what has come `since`.
 * @throws FormatError ERR_FORMAT_STORED: a manifest is damaged and nobody is asked
 */
export async function loadChainIndex(
  store: ObjectStore,
  signal: AbortSignal,
  listing?: ManifestListing,
): Promise<ChainIndex> {
  const index = createChainIndex();
  for await (const manifest of listManifests(store, signal, listing)) index.add(manifest);
  return index;
}
