// The read-back verifier's own reading of leaves.tkl and objects.jsonl, from docs/formats.md and not from
// the code that writes them: groups in order with members and blind values, and the root recomputed.
import { compareBytes, concatBytes, equalBytes, joinBytes } from '#shared/bytes.ts';
import {
  digest,
  digestLength,
  isDigestAlgorithm,
  type DigestAlgorithm,
} from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';

/** What the header says. */
export type ReadHeader = {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly groupCount: number;
  readonly memberCount: number;
  readonly root: Uint8Array;
  readonly blind: boolean;
  readonly hasPrevious: boolean;
};

/** One group as stored; `leafFits` says whether its members give its leaf. */
export type ReadGroup = {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly members: readonly Uint8Array[];
  readonly leafFits: boolean;
  readonly previous?: { readonly ordinal: number; readonly index: number } | undefined;
  readonly blindValue?: Uint8Array | undefined;
};

type Source = {
  readonly store: ObjectStore;
  readonly key: string;
  readonly signal: AbortSignal;
};

const headerOctets = 128;
const rowsPerBlock = 1024;

function damaged(key: string, what: string): FormatError {
  return new FormatError('ERR_FORMAT_STORED', `${key}: ${what}`);
}

/** Pieces of any length out of one range, and a way to let go of it in the middle. */
type RangeSource = AsyncDisposable & { readonly take: (length: number) => Promise<Uint8Array> };

async function openRange(source: Source, start: number, end: number): Promise<RangeSource> {
  const { body } =
    start === end
      ? { body: (async function* (): AsyncIterable<Uint8Array> {})() }
      : await source.store.read(source.key, { signal: source.signal, range: { start, end } });
  const chunks = body[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    take: async (length) => {
      const parts: Uint8Array[] = [];
      for (let missing = length; missing > 0;) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done) throw damaged(source.key, 'cut short');
          rest = next.value;
        }
        const part = rest.subarray(0, missing);
        rest = rest.subarray(part.length);
        missing -= part.length;
        parts.push(part);
      }
      const [only] = parts;
      return parts.length === 1 && only ? only : joinBytes(parts);
    },
    [Symbol.asyncDispose]: async () => {
      await chunks.return?.();
    },
  };
}

/** The header. @throws FormatError ERR_FORMAT_STORED */
export async function readHeader(source: Source): Promise<ReadHeader> {
  await using range = await openRange(source, 0, headerOctets);
  const octets = await range.take(headerOctets);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const text = new TextDecoder('latin1');
  if (text.decode(octets.subarray(0, 8)) !== 'TKLEAVES' || view.getUint16(8) !== 1)
    throw damaged(source.key, 'not a leaf table of version 1');
  const name = text.decode(octets.subarray(40, 64)).split('\0')[0] ?? '';
  if (!isDigestAlgorithm(name)) throw damaged(source.key, 'unknown digest algorithm');
  const length = digestLength(name);
  const flags = view.getUint16(10);
  if (view.getUint16(12) !== length || view.getUint32(16) !== rowsPerBlock)
    throw damaged(source.key, 'header contradicts itself');
  return {
    digestAlgorithm: name,
    groupCount: Number(view.getBigUint64(24)),
    memberCount: Number(view.getBigUint64(32)),
    root: octets.slice(64, 64 + length),
    blind: (flags & 1) !== 0,
    hasPrevious: (flags & 2) !== 0,
  };
}

/** All groups in order, over one stream for each section. @throws FormatError ERR_FORMAT_STORED */
export async function* readGroups(source: Source, header: ReadHeader): AsyncIterable<ReadGroup> {
  const { digestAlgorithm, groupCount, memberCount, blind, hasPrevious } = header;
  const length = digestLength(digestAlgorithm);
  const rowLength = length + 4 + (hasPrevious ? 8 : 0);
  const rowsStart = headerOctets + Math.ceil(groupCount / rowsPerBlock) * length;
  const membersStart = rowsStart + groupCount * rowLength;
  const blindsStart = membersStart + memberCount * length;
  await using rows = await openRange(source, rowsStart, membersStart);
  await using members = await openRange(source, membersStart, blindsStart);
  const end = blindsStart + (blind ? groupCount * 32 : 0);
  await using blinds = await openRange(source, blindsStart, end);
  // A row ends its group only with the start of the next one: rows come a block at a time, and the
  // last of a block waits for the first of the next.
  let waiting: Uint8Array | undefined;
  let index = 0;
  const finish = async (row: Uint8Array, end: number): Promise<ReadGroup> => {
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const count = end - view.getUint32(length);
    if (count < 0 || count > memberCount) throw damaged(source.key, 'members out of order');
    const leaf = row.subarray(0, length);
    const own: Uint8Array[] = [];
    for (let i = 0; i < count; i++) own.push(await members.take(length));
    return {
      index: index++,
      leaf,
      members: count === 0 ? [leaf] : own,
      leafFits:
        count === 0 ||
        (count > 1 && equalBytes(leaf, digest(digestAlgorithm, ...own.toSorted(compareBytes)))),
      previous: hasPrevious
        ? { ordinal: view.getUint32(length + 4), index: view.getUint32(length + 8) }
        : undefined,
      blindValue: blind ? await blinds.take(32) : undefined,
    };
  };
  for (let first = 0; first < groupCount; first += rowsPerBlock) {
    const block = await rows.take(Math.min(rowsPerBlock, groupCount - first) * rowLength);
    const starts = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let at = 0; at < block.length; at += rowLength) {
      if (waiting) yield await finish(waiting, starts.getUint32(at + length));
      waiting = block.subarray(at, at + rowLength);
    }
  }
  if (waiting) yield await finish(waiting, memberCount);
}

/** Root over leaves as they come: whole subtrees wait by level; at the end they join from the right. */
export function createRootCounter(algorithm: DigestAlgorithm): {
  readonly add: (leaf: Uint8Array) => void;
  readonly root: () => Uint8Array | undefined;
} {
  const waiting: (Uint8Array | undefined)[] = [];
  const join = (a: Uint8Array, b: Uint8Array): Uint8Array =>
    digest(algorithm, compareBytes(a, b) <= 0 ? concatBytes(a, b) : concatBytes(b, a));
  return {
    add: (leaf) => {
      let node = leaf;
      let level = 0;
      for (let left = waiting[level]; left; left = waiting[++level]) {
        node = join(left, node);
        waiting[level] = undefined;
      }
      waiting[level] = node;
    },
    root: () => {
      let root: Uint8Array | undefined;
      for (const node of waiting) if (node) root = root ? join(node, root) : node;
      return root;
    },
  };
}

/** The lines of an object list as JSON values; the first is its head. @throws FormatError ERR_FORMAT_STORED */
export async function* readJsonLines(source: Source): AsyncIterable<unknown> {
  const { body } = await source.store.read(source.key, { signal: source.signal });
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseLine(line, source.key);
  }
  if (rest !== '') throw damaged(source.key, 'cut short');
}

function parseLine(line: string, key: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_STORED', `${key}: a line is not JSON`, { cause });
  }
}
