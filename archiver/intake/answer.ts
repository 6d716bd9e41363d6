// What who sent a document is told of it: its state, and its evidence records once they are there. Those of one batch
// are put together over one reading of it.
import type { BatchRow, Catalogue, DocumentRow, MembershipRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createAssembler, type Assembler } from '../evidence/assemble.ts';
import { createChainIndex } from '../evidence/chains.ts';
import { loadChainsOf } from '../evidence/chains-of.ts';
import { loadManifest } from '../evidence/manifest.ts';

/** One record of a document: one for each TSA that has stamped it, and one that it brought along. */
export type IntakeRecord = {
  readonly anchor: number;
  readonly batchId: string;
  readonly hashAlgorithm: string;
  readonly genTime: string;
  /** Until when it can be verified if it is not renewed. */
  readonly provableUntil: string | undefined;
  /** The EvidenceRecord in DER. */
  readonly octets: Uint8Array;
};

export type RecordReader = (
  catalogue: Catalogue,
  row: DocumentRow,
) => Promise<readonly IntakeRecord[]>;

/** Batches whose tables and tokens are kept at hand. */
const maxAssemblers = 4;

/** The newest sound place of a document under each TSA, and that of a record that was taken over. */
async function placesOf(
  catalogue: Catalogue,
  row: DocumentRow,
): Promise<readonly { readonly place: MembershipRow; readonly batch: BatchRow }[]> {
  const byChain = new Map<string, { place: MembershipRow; batch: BatchRow }>();
  for (const place of await catalogue.memberships(row.id)) {
    const batch = place.active ? await catalogue.getBatch(place.batchId) : undefined;
    if (!batch || batch.state === 'broken') continue;
    byChain.set(`${batch.anchor} ${batch.kind === 'taken-over'}`, { place, batch });
  }
  return [...byChain.values()].toSorted((a, b) => a.batch.anchor - b.batch.anchor);
}

/** @throws FormatError ERR_FORMAT_STORED, SourceError (the reader): the evidence cannot be read */
export function createRecordReader(store: ObjectStore, signal: AbortSignal): RecordReader {
  const assemblers = new Map<string, Assembler>();

  const assemblerOf = async (
    catalogue: Catalogue,
    { batchId, kind, tokenCount }: BatchRow,
    index: number,
  ): Promise<Assembler> => {
    // With earlier chains or later tokens, other batches have a part in the record.
    if (kind !== 'initial' || tokenCount > 1)
      return createAssembler(
        store,
        await loadChainsOf({ store, catalogue, signal }, [{ batchId, index }]),
        { signal },
      );
    const known = assemblers.get(batchId);
    if (known) return known;
    const manifest = await loadManifest(store, batchId, signal);
    const chains = createChainIndex(manifest ? [manifest] : []);
    const made = createAssembler(store, chains, { signal, readAhead: true });
    assemblers.set(batchId, made);
    const oldest = assemblers.keys().next();
    if (assemblers.size > maxAssemblers && !oldest.done) assemblers.delete(oldest.value);
    return made;
  };

  return async (catalogue, row) => {
    const records: IntakeRecord[] = [];
    for (const { place, batch } of await placesOf(catalogue, row)) {
      const assembler = await assemblerOf(catalogue, batch, place.groupIndex);
      const position = { batchId: batch.batchId, index: place.groupIndex };
      // One that another product began in XML is there to be asked for by itself.
      if ((await assembler.sequence(position)).form === 'xml') continue;
      records.push({
        anchor: batch.anchor,
        batchId: batch.batchId,
        hashAlgorithm: batch.digestAlgorithm,
        genTime: batch.genTime.toString(),
        provableUntil: batch.horizon?.toString(),
        octets: await assembler.record(position),
      });
    }
    return records;
  };
}
