// A few records of a batch that is about to count, put together as anyone would ask for them, with the
// digests of their objects: what the record judge gets to see before the manifest is written.
import { fromHex } from '#shared/bytes.ts';
import type { EvidenceDataObject } from '#shared/ers/verdict.ts';
import { digest } from '#shared/crypto/digest.ts';
import { createAssembler, type Assembler } from './assemble.ts';
import { createChainIndex, type ChainIndex } from './chains.ts';
import { lineFitsLeaf } from './check-listed.ts';
import { readable } from './link-check.ts';
import { readObjectList } from './object-list.ts';
import { xmlRecordOf } from './xml-chains.ts';
import type {
  BatchId,
  BatchKind,
  BatchManifest,
  EvidenceContext,
  ObjectListLine,
} from './types.ts';

export type SampleRecord = {
  readonly record: Uint8Array;
  readonly dataObjects: readonly EvidenceDataObject[];
  /** Each digest that the record needs is known, so that its groups can be held to be these objects. */
  readonly exactGroup: boolean;
  /** How its first chain began: whose TSUs are asked of its tokens. */
  readonly kind: BatchKind;
};

/** Groups from the start of each list: their lines cost one short read, wherever the batch ends. */
const linesOfBatch = 3;

/**
 * Records of the first groups of the batch or, for a timestamp renewal, of the first and the last batch that it
 * covers and of each that another product began in XML; those of a hash-tree renewal in both forms. A batch
 * whose objects were all deleted gives none.
 */
export async function* sampleRecords(
  { store, chains, run }: EvidenceContext,
  manifest: BatchManifest,
): AsyncIterable<SampleRecord> {
  // The batch does not count yet: an index of its own sees it as if it did.
  const asIf = createChainIndex([...chains.manifests.values(), manifest]);
  const assembler = createAssembler(store, asIf, { signal: run.signal });
  for (const batchId of sampledBatches(asIf, manifest))
    for (const line of await firstLines({ store, run }, batchId)) {
      const position = { batchId, index: line.index };
      // A list that was damaged since is no fault of this batch; fixity reports it.
      if (batchId !== manifest.id && !(await lineFitsLeaf(assembler, asIf.manifest(batchId), line)))
        continue;
      const assembled = await readable(() => assembler.sequence(position));
      // One that another product began, and that cannot be read whole, is no fault of those it is renewed with.
      if (assembled.kind === 'unreadable' && asIf.manifest(batchId).kind === 'taken-over') continue;
      const { form, digestAlgorithms, takenOver } =
        assembled.kind === 'read' ? assembled.value : await assembler.sequence(position);
      const sample = {
        dataObjects: await dataObjectsOf(assembler, batchId, line),
        kind: takenOver ? 'taken-over' : 'initial',
        // Another product may have written neighbours into the list of its first archive timestamp.
        exactGroup:
          takenOver === undefined &&
          line.members.every(({ digests }) =>
            digestAlgorithms.every((algorithm) => digests[algorithm] !== undefined),
          ),
      } as const;
      yield { ...sample, record: await assembler.record(position) };
      if (form === 'asn1' && manifest.xmlGroups) {
        const parts = await assembler.inXml({ ...position, renewals: 0 });
        if (parts.kind === 'parts') yield { ...sample, record: xmlRecordOf(parts) };
      }
    }
}

function sampledBatches(
  chains: ChainIndex,
  { id, kind, previous }: BatchManifest,
): ReadonlySet<BatchId> {
  if (kind !== 'timestamp-renewal') return new Set([id]);
  const ids = previous.map(({ batchId }) => batchId);
  // Of records in XML that others made, the record alone tells whether its group is right.
  const inXml = ids.filter((each) => chains.manifest(each).recordForm === 'xml');
  return new Set([...ids.slice(0, 1), ...ids.slice(-1), ...inXml]);
}

async function firstLines(
  { store, run }: Pick<EvidenceContext, 'store' | 'run'>,
  batchId: BatchId,
): Promise<readonly ObjectListLine[]> {
  const lines: ObjectListLine[] = [];
  const read = async (): Promise<void> => {
    for await (const line of readObjectList(store, batchId, run.signal))
      if (lines.push(line) === linesOfBatch) return;
  };
  // Gone: every object was deleted. Damaged: the lines before say enough, and fixity reports it.
  await readable(read);
  return lines;
}

async function dataObjectsOf(
  assembler: Assembler,
  batchId: BatchId,
  { index, members }: ObjectListLine,
): Promise<readonly EvidenceDataObject[]> {
  const objects: EvidenceDataObject[] = members.map(({ key, digests }) => ({
    name: key,
    // A digest that the list does not have is not known here, which is no error of the record.
    digest: (algorithm) => {
      const listed = digests[algorithm];
      return listed === undefined ? undefined : fromHex(listed);
    },
  }));
  const blindValue = await assembler.blindValue({ batchId, index });
  if (blindValue)
    objects.push({ name: 'blind value', digest: (algorithm) => digest(algorithm, blindValue) });
  return objects;
}
