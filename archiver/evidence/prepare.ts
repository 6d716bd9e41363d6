// The first half of a batch of documents: object list and leaf table, durable before any token is
// asked for (style §2 "Writes"). Groups stream; what stays in memory is the leaf table.
import { fromHex, joinBytes, toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { batchKey, newBatchId } from './batch-objects.ts';
import { blindLength } from './leaf-table.ts';
import { createLeafTableBuilder, type LeafTableBuilder } from './leaf-table-builder.ts';
import { buildObjectListHead, buildObjectListLine } from './object-list.ts';
import type {
  BatchId,
  BatchKind,
  DocumentGroup,
  EvidenceRun,
  GroupMember,
  PreparedBatch,
  PreviousBatch,
} from './types.ts';

export type InitialBatch = {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly groups: AsyncIterable<DocumentGroup>;
  /** 32 random octets a group, so that siblings say nothing about one another. */
  readonly blind?: boolean;
  /** Groups that the other TSA stamped in an earlier night. */
  readonly madeUp?: boolean;
};

type Run = Pick<EvidenceRun, 'runAt' | 'random' | 'signal'>;

/**
 * Writes object list and leaf table of an initial batch; `undefined` where there is no group.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH: a member without a digest of the tree's algorithm
 * @see RFC 4998 §4.2
 */
export async function prepareBatch(
  store: ObjectStore,
  batch: InitialBatch,
  run: Run,
): Promise<PreparedBatch | undefined> {
  const { digestAlgorithm, groups, blind = false } = batch;
  const id = newBatchId(run.runAt, run.random);
  const builder = createLeafTableBuilder({ digestAlgorithm, previous: false, blind });
  const lines = async function* (): AsyncIterable<Uint8Array> {
    yield buildObjectListHead(id);
    for await (const { members } of groups) {
      run.signal.throwIfAborted();
      const digests = members.map((member) => memberDigest(member, digestAlgorithm));
      const blindValue = blind ? run.random(blindLength) : undefined;
      if (blindValue) digests.push(digest(digestAlgorithm, blindValue));
      builder.add(digests, { blindValue });
      yield buildObjectListLine({ index: builder.count() - 1, members });
    }
  };
  const prepared = await storePrepared(
    store,
    { id, kind: 'initial', builder, lines: lines() },
    run,
  );
  return prepared && batch.madeUp ? { ...prepared, madeUp: true } : prepared;
}

/** A member's digest under the tree's algorithm, as the caller computed it. */
function memberDigest(member: GroupMember, algorithm: DigestAlgorithm): Uint8Array {
  const octets = fromHex(member.digests[algorithm] ?? '');
  if (octets && octets.length > 0) return octets;
  throw new FormatError(
    'ERR_FORMAT_DIGEST_LENGTH',
    `${member.store}:${member.key} comes without its ${algorithm} digest`,
    { clause: 'RFC 4998 §4.2' },
  );
}

/**
 * Streams the object list, which fills the builder, then writes the leaf table. The list of a batch
 * that turns out to be empty is taken away again.
 */
export async function storePrepared(
  store: ObjectStore,
  batch: {
    readonly id: BatchId;
    readonly kind: BatchKind;
    readonly builder: LeafTableBuilder;
    /** Lines of the object list; drawing them adds the groups to `builder`. */
    readonly lines: AsyncIterable<Uint8Array>;
    /** Asked after the last line. */
    readonly previous?: () => readonly PreviousBatch[];
    readonly findings?: () => readonly Finding[];
  },
  run: Run,
): Promise<PreparedBatch | undefined> {
  const { id, kind, builder } = batch;
  const { signal, runAt } = run;
  const listKey = batchKey(id, 'objectList');
  await store.write(listKey, inChunks(batch.lines), { signal, condition: { kind: 'absent' } });
  if (builder.count() === 0) {
    await store.remove(listKey, { signal });
    return undefined;
  }
  return storeLeafTable(store, { ...batch, id, kind, builder }, { signal, runAt });
}

const chunkLength = 64 * 1024;

/** The same octets in fewer pieces: a store's write costs per piece, and a line is small. */
export async function* inChunks(lines: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const line of lines) {
    parts.push(line);
    length += line.length;
    if (length < chunkLength) continue;
    yield joinBytes(parts);
    parts = [];
    length = 0;
  }
  yield joinBytes(parts);
}

/** Writes the finished leaf table and returns what the request has to know. */
export async function storeLeafTable(
  store: ObjectStore,
  batch: {
    readonly id: BatchId;
    readonly kind: BatchKind;
    readonly builder: LeafTableBuilder;
    readonly previous?: () => readonly PreviousBatch[];
    readonly findings?: () => readonly Finding[];
  },
  run: Pick<EvidenceRun, 'runAt' | 'signal'>,
): Promise<PreparedBatch> {
  const table = batch.builder.finish();
  await store.write(batchKey(batch.id, 'leafTable'), table.octets(), {
    signal: run.signal,
    condition: { kind: 'absent' },
  });
  const { digestAlgorithm, groupCount, memberCount, blind } = table.shape;
  return {
    id: batch.id,
    kind: batch.kind,
    runAt: run.runAt,
    digestAlgorithm,
    groupCount,
    memberCount,
    blind,
    root: toHex(table.root),
    previous: batch.previous?.() ?? [],
    findings: batch.findings?.() ?? [],
  };
}
