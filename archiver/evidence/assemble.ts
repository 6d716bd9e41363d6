// A document's own EvidenceRecord, put together on demand from its batch, the renewals over it and
// the batches before (RFC 4998 §3.1, §5.1). Nothing is stored n times; the same store gives the
// same octets.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { continueRecord, currentFirstList, currentLeaves } from '#shared/ers/continuation.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import {
  createBlockWriter,
  createPathEncoder,
  createRecordWriter,
  type PathEncoder,
  type RecordWriter,
} from '#shared/ers/record-writer.ts';
import type { RecordForm } from '#shared/ers/record-form.ts';
import { hashTreeRenewalDigests, xmlHashTreeRenewalGroup } from '#shared/ers/renewal.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { cached } from './bounded-cache.ts';
import { loadChainIndex, type ChainIndex } from './chains.ts';
import { blockSize } from './leaf-table.ts';
import { openLeafTable, type LeafTableReader, type StoredGroup } from './leaf-table-reader.ts';
import { groupStride, leafTableOf } from './manifest.ts';
import { loadTakenOver, type TakenOver } from './taken-over.ts';
import type { BatchId, ChainPlace, GroupPosition } from './types.ts';
import { readToken } from './token-object.ts';
import {
  createXmlChains,
  xmlRecordOf,
  xmlSequenceOf,
  type NotInXml,
  type XmlParts,
} from './xml-chains.ts';

/** The ArchiveTimeStampSequence of one group and its chains' hash algorithms. */
export type AssembledSequence = {
  /** XML only where it goes on from another product's record in XML. */
  readonly form: RecordForm;
  /** The whole element, in DER or in canonical XML. */
  readonly sequence: Uint8Array;
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  /** The record of another product that it goes on from, as it was found. */
  readonly takenOver?: EvidenceRecord | undefined;
};

export type Assembler = {
  /** @throws FormatError ERR_FORMAT_STORED: a leaf table is damaged; what the store throws */
  readonly sequence: (position: GroupPosition) => Promise<AssembledSequence>;
  /** The chains up to a place and its number of renewals; throws as `sequence`. */
  readonly sequenceUpTo: (place: ChainPlace) => Promise<AssembledSequence>;
  /** The EvidenceRecord, in the form of its sequence; throws as `sequence`. */
  readonly record: (position: GroupPosition) => Promise<Uint8Array>;
  /** The same place in parts of a record in XML, or why there is none; throws as `sequence`. */
  readonly inXml: (place: ChainPlace) => Promise<XmlParts | NotInXml>;
  /**
   * Every record of a batch in the order of its groups, a block at a time: for handing out many. The same octets as
   * `record` gives, borrowed: they hold until the next block is asked for. Throws as `sequence`.
   */
  readonly records: (batchId: BatchId) => AsyncIterable<readonly Uint8Array[]>;
  /** The group as its leaf table has it. */
  readonly group: (position: GroupPosition) => Promise<StoredGroup>;
  /**
   * What a group's leaf must hold for data objects of these digests (under the batch's algorithm):
   * the digests themselves or, after a hash-tree renewal, joined with the earlier sequence (§5.3).
   */
  readonly leafMembersOf: (
    position: GroupPosition,
    digests: readonly Uint8Array[],
  ) => Promise<readonly Uint8Array[]>;
  /** The group's blind value, a data object of its own; `undefined` where the batch is not blind. */
  readonly blindValue: (position: GroupPosition) => Promise<Uint8Array | undefined>;
};

/**
 * What a hash-tree renewal puts into the leaf of data objects of these digests, with the chains so far. Tokens of
 * another product may not be DER: then the re-encoding, which is what other verifiers hash (RFC 4998 §5.2 step 3).
 */
export function renewalMembers(
  algorithm: DigestAlgorithm,
  digests: readonly Uint8Array[],
  { form, sequence, takenOver }: AssembledSequence,
): readonly Uint8Array[] {
  if (form === 'xml') return xmlHashTreeRenewalGroup(algorithm, digests, sequence);
  const hashed = takenOver ? reEncodeAsDer(sequence) : sequence;
  return hashTreeRenewalDigests(algorithm, digests, hashed);
}

/** What another product said of the document's encryption and of its algorithms is said again. */
function recordAround({ sequence, digestAlgorithms, takenOver }: AssembledSequence): Uint8Array {
  return buildEvidenceRecord({
    digestAlgorithms,
    sequence,
    cryptoInfos: takenOver?.cryptoInfos.map(({ raw }) => raw),
    encryptionInfo: takenOver?.encryptionInfo,
  });
}

/** The first list as another product wrote it: neighbours may stand in it (§4.3, end). */
function groupTakenOver(record: EvidenceRecord): StoredGroup {
  return { members: currentFirstList(record), reducedHashtree: [], previous: undefined };
}

/**
 * Assembles records over one state of the store. Tokens and the archive timestamps of renewals are
 * read once for all groups of a batch; groups asked for in order share their blocks (`readAhead`).
 */
export function createAssembler(
  store: ObjectStore,
  chains: ChainIndex,
  options: { readonly signal: AbortSignal; readonly readAhead?: boolean },
): Assembler {
  const tokens = new Map<BatchId, Promise<Uint8Array>>();
  const tables = new Map<BatchId, LeafTableReader>();
  const renewalParts = new Map<string, Promise<readonly Uint8Array[]>>();

  const token = (id: BatchId): Promise<Uint8Array> =>
    cached(tokens, id, () => readToken(store, chains, id, options));

  const takenOverRecords = new Map<BatchId, Promise<TakenOver>>();
  const isTakenOver = (id: BatchId): boolean => chains.manifest(id).kind === 'taken-over';
  const takenOver = (id: BatchId): Promise<TakenOver> =>
    cached(takenOverRecords, id, () => loadTakenOver(store, chains, id, options));

  const table = (id: BatchId): LeafTableReader =>
    cached(tables, id, () => openLeafTable(store, leafTableOf(chains.manifest(id)), options));

  const archiveTimeStamp = async (position: GroupPosition): Promise<Uint8Array> => {
    const { reducedHashtree } = await table(position.batchId).group(position.index);
    return buildArchiveTimeStamp({
      digestAlgorithm: chains.manifest(position.batchId).digestAlgorithm,
      reducedHashtree,
      timeStamp: await token(position.batchId),
    });
  };

  /** The archive timestamps of the first `count` renewals of a batch: the same for all its groups. */
  const renewals = (id: BatchId, count: number): Promise<readonly Uint8Array[]> =>
    cached(renewalParts, `${id}/${count}`, async () => {
      const parts: Uint8Array[] = [];
      for (const position of chains.renewalsOf(id).slice(0, count))
        parts.push(await archiveTimeStamp(position));
      return parts;
    });

  /** Where a group's record stood before its hash-tree renewal, and how long that chain was. */
  const before = async (position: GroupPosition): Promise<ChainPlace | undefined> => {
    if (isTakenOver(position.batchId)) return undefined;
    const { previous } = await table(position.batchId).group(position.index);
    if (!previous) return undefined;
    const earlier = chains.manifest(position.batchId).previous[previous.ordinal];
    if (earlier)
      return { batchId: earlier.batchId, index: previous.index, renewals: earlier.renewals };
    throw new FormatError(
      'ERR_FORMAT_STORED',
      `batch ${position.batchId}, group ${position.index}: its earlier batch is not in the manifest`,
    );
  };

  const group = async (position: GroupPosition): Promise<StoredGroup> =>
    isTakenOver(position.batchId)
      ? groupTakenOver((await takenOver(position.batchId)).record)
      : table(position.batchId).group(position.index);

  const inXml = createXmlChains({ chains, group, token, takenOver, before });

  type SequenceWriter = {
    readonly write: RecordWriter;
    readonly lower: PathEncoder;
    readonly upper: PathEncoder;
    /** The upper path of the block at hand. */
    above?: { readonly number: number; readonly path: Uint8Array };
  };
  const sequenceWriters = new Map<string, Promise<SequenceWriter>>();

  /** The sequence of a group that has one chain only, where groups are asked for in order. */
  const writeSequence = async ({ batchId, index, renewals: count }: ChainPlace) => {
    const { digestAlgorithm } = chains.manifest(batchId);
    const writer = await cached(
      sequenceWriters,
      `${batchId}/${count}`,
      async (): Promise<SequenceWriter> => ({
        write: createRecordWriter({
          digestAlgorithm,
          timeStamp: await token(batchId),
          renewals: await renewals(batchId, count),
          sequenceOnly: true,
        }),
        lower: createPathEncoder(digestAlgorithm),
        upper: createPathEncoder(digestAlgorithm),
      }),
    );
    const number = Math.floor(index / blockSize);
    const at = index % blockSize;
    const block = await table(batchId).block(number);
    if (writer.above?.number !== number)
      writer.above = { number, path: writer.upper(block.upper, number) };
    const members = block.several(at) ?? [block.leaf(at)];
    return writer.write(members, writer.lower(block.tree, at), writer.above.path);
  };

  /** The chains up to a place and its number of renewals, oldest first. */
  const sequenceUpTo = async (place: ChainPlace): Promise<AssembledSequence> => {
    const { kind, groupCount, digestAlgorithm } = chains.manifest(place.batchId);
    if (options.readAhead && kind === 'initial' && place.index < groupCount)
      return {
        form: 'asn1',
        sequence: await writeSequence(place),
        digestAlgorithms: [digestAlgorithm],
      };
    const parts: Uint8Array[] = [];
    const digestAlgorithms: DigestAlgorithm[] = [];
    let record: EvidenceRecord | undefined;
    const seen = new Set<BatchId>();
    for (let at: ChainPlace | undefined = place; at; at = await before(at)) {
      const { batchId, renewals: count } = at;
      if (seen.has(batchId))
        throw new FormatError('ERR_FORMAT_STORED', `batch ${batchId} stands before itself`);
      seen.add(batchId);
      const later = await renewals(batchId, count);
      if (isTakenOver(batchId)) {
        const { record: found, newest } = await takenOver(batchId);
        record = found;
        if (found.xml) break;
        const continued = continueRecord(found, newest);
        parts.unshift(
          ...continued.olderChains,
          buildArchiveTimeStampChain([...continued.archiveTimeStamps, ...later]),
        );
        digestAlgorithms.unshift(
          ...found.sequence.chains.map(({ digestAlgorithm }) => digestAlgorithm),
        );
        break;
      }
      parts.unshift(buildArchiveTimeStampChain([await archiveTimeStamp(at), ...later]));
      digestAlgorithms.unshift(chains.manifest(batchId).digestAlgorithm);
    }
    if (record?.xml) {
      const inOwn = await inXml(place);
      if (inOwn.kind === 'none') throw new FormatError('ERR_FORMAT_STORED', inOwn.why);
      const sequence = xmlSequenceOf(inOwn);
      const older = record.sequence.chains.map((chain) => chain.digestAlgorithm);
      const all = [...older, ...inOwn.chains.map((chain) => chain.digestAlgorithm)];
      return { form: 'xml', sequence, digestAlgorithms: all, takenOver: record };
    }
    const sequence = buildArchiveTimeStampSequence(parts);
    return { form: 'asn1', sequence, digestAlgorithms, takenOver: record };
  };

  const records = async function* (batchId: BatchId): AsyncIterable<readonly Uint8Array[]> {
    const manifest = chains.manifest(batchId);
    const { digestAlgorithm, groupCount, kind } = manifest;
    if (kind === 'taken-over') {
      yield [await record({ batchId, index: 0 })];
      return;
    }
    const write = createBlockWriter({
      digestAlgorithm,
      timeStamp: await token(batchId),
      renewals: await renewals(batchId, chains.renewalsOf(batchId).length),
    });
    const upper = createPathEncoder(digestAlgorithm);
    for (let number = 0; number * blockSize < groupCount; number++) {
      const first = number * blockSize;
      const count = Math.min(blockSize, groupCount - first);
      // Chains before a hash-tree renewal are each group's own.
      if (kind === 'hash-tree-renewal') {
        const block: Uint8Array[] = [];
        for (let at = 0; at < count; at += groupStride(manifest))
          block.push(await record({ batchId, index: first + at }));
        yield block;
        continue;
      }
      const block = await table(batchId).block(number);
      yield write({
        tree: block.tree,
        above: upper(block.upper, number),
        several: block.several,
      });
    }
  };

  const newestPlace = (position: GroupPosition): ChainPlace => ({
    ...position,
    renewals: chains.renewalsOf(position.batchId).length,
  });
  const sequence = (position: GroupPosition): Promise<AssembledSequence> =>
    sequenceUpTo(newestPlace(position));

  const record = async (position: GroupPosition): Promise<Uint8Array> => {
    const assembled = await sequence(position);
    if (assembled.form === 'asn1') return recordAround(assembled);
    const parts = await inXml(newestPlace(position));
    if (parts.kind === 'parts') return xmlRecordOf(parts);
    throw new FormatError('ERR_FORMAT_STORED', parts.why);
  };

  return {
    sequence,
    sequenceUpTo,
    inXml,
    records,
    record,
    group,
    leafMembersOf: async (position, digests) => {
      if (isTakenOver(position.batchId))
        return currentLeaves((await takenOver(position.batchId)).record, digests);
      const earlier = await before(position);
      if (!earlier) return digests;
      const { digestAlgorithm } = chains.manifest(position.batchId);
      return renewalMembers(digestAlgorithm, digests, await sequenceUpTo(earlier));
    },
    blindValue: async (position) =>
      chains.manifest(position.batchId).blind
        ? table(position.batchId).blindValue(position.index)
        : undefined,
  };
}

/**
 * One group's EvidenceRecord in DER, from the store alone.
 * @throws FormatError ERR_FORMAT_STORED; InvariantError ERR_INVARIANT_STATE: no such batch
 * @see RFC 4998 §3.1
 */
export async function assembleEvidenceRecord(
  store: ObjectStore,
  position: GroupPosition,
  options: { readonly signal: AbortSignal; readonly chains?: ChainIndex },
): Promise<Uint8Array> {
  const chains = options.chains ?? (await loadChainIndex(store, options.signal));
  return createAssembler(store, chains, { signal: options.signal }).record(position);
}
