// The chains that a document's record is made of, and no other: its batch, the timestamp renewals that cover it, and what
// stood before a hash-tree renewal. The catalogue says where renewals are, so that one record costs as many manifests as
// have a part in it, however many batches there are.
import type { BatchRow, Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createChainIndex, loadChainIndex, type ChainIndex } from './chains.ts';
import { openLeafTable } from './leaf-table-reader.ts';
import { leafTableOf, loadManifest } from './manifest.ts';
import type { BatchId, BatchManifest, GroupPosition } from './types.ts';

export type ChainSources = {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'getBatch' | 'timestampRenewals'>;
  readonly signal: AbortSignal;
};

class Loading {
  readonly #sources: ChainSources;
  readonly #manifests = new Map<BatchId, BatchManifest>();

  constructor(sources: ChainSources) {
    this.#sources = sources;
  }

  get manifests(): Iterable<BatchManifest> {
    return this.#manifests.values();
  }

  async manifest(id: BatchId): Promise<BatchManifest | undefined> {
    const known = this.#manifests.get(id);
    if (known) return known;
    const { store, signal } = this.#sources;
    const found = await loadManifest(store, id, signal);
    if (found) this.#manifests.set(id, found);
    return found;
  }

  /** The first `count` timestamp renewals of a batch; false: they are not all where the catalogue looks. */
  async renewals({ batchId, anchor, genTime }: BatchRow, count: number): Promise<boolean> {
    let left = count;
    if (left === 0) return true;
    for (const id of await this.#sources.catalogue.timestampRenewals(anchor, genTime)) {
      const covering = await this.manifest(id);
      if (!covering?.previous.some((one) => one.batchId === batchId)) continue;
      left -= 1;
      if (left === 0) return true;
    }
    return false;
  }

  /** Where the record stood before, `undefined` where it began here. */
  async before(
    manifest: BatchManifest,
    index: number,
  ): Promise<(GroupPosition & { readonly renewals: number }) | undefined> {
    if (manifest.kind !== 'hash-tree-renewal') return undefined;
    const { store, signal } = this.#sources;
    const { previous } = await openLeafTable(store, leafTableOf(manifest), { signal }).group(index);
    const earlier = previous && manifest.previous[previous.ordinal];
    return earlier && { ...earlier, index: previous.index };
  }

  /** False: the catalogue does not know all of it. */
  async load(position: GroupPosition): Promise<boolean> {
    const { catalogue } = this.#sources;
    const seen = new Set<BatchId>();
    let renewals: number | undefined;
    for (let at: GroupPosition | undefined = position; at;) {
      const { batchId, index }: GroupPosition = at;
      const row = await catalogue.getBatch(batchId);
      const manifest = await this.manifest(batchId);
      if (!row || !manifest || seen.has(batchId)) return false;
      seen.add(batchId);
      if (!(await this.renewals(row, renewals ?? row.tokenCount - 1))) return false;
      const earlier = await this.before(manifest, index);
      renewals = earlier?.renewals;
      at = earlier;
    }
    return true;
  }
}

/**
 * An index of what has a part in the records of these groups; of other batches it says nothing. Where the catalogue is
 * behind the store, everything is read.
 * @throws FormatError ERR_FORMAT_STORED: a manifest or leaf table is damaged; what the store throws
 */
export async function loadChainsOf(
  sources: ChainSources,
  positions: readonly GroupPosition[],
): Promise<ChainIndex> {
  const loading = new Loading(sources);
  for (const position of positions)
    if (!(await loading.load(position))) return loadChainIndex(sources.store, sources.signal);
  return createChainIndex(loading.manifests);
}
