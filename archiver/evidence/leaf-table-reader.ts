// Reads stored leaf tables: one group's reduced hash tree in at most three range reads, or block by
// block for a walk over all groups. What is read must lead to the root that the manifest names.
import { equalBytes } from '#shared/bytes.ts';
import {
  buildHashTree,
  leafDigest,
  reducedHashtreeFor,
  siblingPath,
  type HashTree,
} from '#shared/ers/hash-tree.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, readRange } from './batch-objects.ts';
import {
  blindLength,
  blockSize,
  getRow,
  leafTableLayout,
  leavesOfRows,
  memberStartAt,
  type LeafRow,
  type LeafTableShape,
} from './leaf-table.ts';
import type { BatchId } from './types.ts';

/** Up to this size a table is read whole at once: a round trip costs more than the octets. */
const wholeUpTo = 64 * 1024;

/** What is read at once of a section when reading ahead: about a dozen blocks. */
const aheadOctets = 512 * 1024;

/** One group as its leaf table has it. */
export type StoredGroup = {
  /** The group's digests, ascending: the first list of its reduced hash tree. */
  readonly members: readonly Uint8Array[];
  readonly reducedHashtree: readonly PartialHashtree[];
  readonly previous: LeafRow['previous'];
};

/** The groups of one block. */
export type StoredBlock = {
  readonly count: number;
  /** Over the block's leaves, and over the roots of all blocks. */
  readonly tree: HashTree;
  readonly upper: HashTree;
  /** The leaf of a group, by its place in the block: of a lone object the digest itself. */
  readonly leaf: (at: number) => Uint8Array;
  /** Digests of a group that has several. @throws FormatError ERR_FORMAT_STORED: they do not fit its leaf */
  readonly several: (at: number) => readonly Uint8Array[] | undefined;
};

export type LeafTableReader = {
  /**
   * Group `index`, checked: members to leaf, leaf to root.
   * @throws FormatError ERR_FORMAT_STORED: the table is damaged; what the store throws
   */
  readonly group: (index: number) => Promise<StoredGroup>;
  /** A whole block, checked: its groups at hand without another read. Throws as `group`. */
  readonly block: (number: number) => Promise<StoredBlock>;
  /** The blind value of group `index` of a blind table; zeros stand for a group without one. */
  readonly blindValue: (index: number) => Promise<Uint8Array | undefined>;
};

type Block = {
  readonly number: number;
  /** Its rows as they are stored. */
  readonly octets: Uint8Array;
  /** Where the members of the row after the last one start. */
  readonly memberEnd: number;
  readonly tree: HashTree;
  /** All members of the block, when reading ahead. */
  readonly members?: Uint8Array | undefined;
};

/**
 * A reader of one table. It keeps the last block: groups asked for in order cost one read or two a
 * block when `readAhead` is set, and any single group three without it.
 */
export function openLeafTable(
  store: ObjectStore,
  table: { readonly id: BatchId; readonly shape: LeafTableShape; readonly root: Uint8Array },
  options: { readonly signal: AbortSignal; readonly readAhead?: boolean },
): LeafTableReader {
  const { shape } = table;
  const layout = leafTableLayout(shape);
  const key = batchKey(table.id, 'leafTable');
  let whole: Promise<Uint8Array> | undefined;
  let upper: HashTree | undefined;
  let current: Block | undefined;
  /** A record asks for its group twice: for its archive timestamp, and for what stood before. */
  let last: { readonly index: number; readonly group: StoredGroup } | undefined;

  const section = async (start: number, end: number): Promise<Uint8Array> => {
    if (layout.size > wholeUpTo) return readRange(store, key, { start, end }, options.signal);
    whole ??= readRange(store, key, { start: 0, end: layout.size }, options.signal);
    return (await whole).subarray(start, end);
  };

  /** From a section that is read in order, if reading ahead: more of it than was asked for. */
  const inOrder = (sectionEnd: number) => {
    let window: { readonly start: number; readonly octets: Uint8Array } | undefined;
    return async (start: number, end: number): Promise<Uint8Array> => {
      if (!options.readAhead) return section(start, end);
      if (!window || start < window.start || end > window.start + window.octets.length) {
        const until = Math.max(end, Math.min(start + aheadOctets, sectionEnd));
        window = { start, octets: await section(start, until) };
      }
      return window.octets.subarray(start - window.start, end - window.start);
    };
  };
  const rowOctets = inOrder(layout.membersOffset);
  const memberOctets = inOrder(layout.blindsOffset);

  const membersBetween = (from: number, to: number): Promise<Uint8Array> =>
    from <= to && to <= shape.memberCount
      ? memberOctets(
          layout.membersOffset + from * layout.digestLength,
          layout.membersOffset + to * layout.digestLength,
        )
      : Promise.reject(damaged(key, 'members out of order'));

  const loadBlock = async (number: number): Promise<Block> => {
    const first = number * blockSize;
    const count = Math.min(blockSize, shape.groupCount - first);
    const isLast = first + count === shape.groupCount;
    const start = layout.rowsOffset + first * layout.rowLength;
    // One row more says where the members of the last one end.
    const octets = await rowOctets(start, start + (count + (isLast ? 0 : 1)) * layout.rowLength);
    const memberEnd = isLast
      ? shape.memberCount
      : memberStartAt(octets, layout, count * layout.rowLength);
    const leaves = leavesOfRows(octets.subarray(0, count * layout.rowLength), layout);
    const tree = buildHashTree(shape.digestAlgorithm, leaves);
    const members = options.readAhead
      ? await membersBetween(memberStartAt(octets, layout, 0), memberEnd)
      : undefined;
    return { number, octets, memberEnd, tree, members };
  };

  /** The tree over the blocks' roots; of one block nothing needs to be read. */
  const loadUpper = async (block: Block): Promise<HashTree> => {
    const roots =
      layout.blockCount === 1
        ? block.tree.root
        : await section(layout.rootsOffset, layout.rowsOffset);
    const tree = buildHashTree(shape.digestAlgorithm, roots);
    if (!equalBytes(tree.root, table.root)) throw damaged(key, 'does not lead to its root');
    return tree;
  };

  const rowOf = (block: Block, at: number): LeafRow => {
    if (!(at >= 0 && at < block.tree.leafCount))
      throw damaged(key, `no group ${block.number * blockSize + at}`);
    return getRow(block.octets, layout, at * layout.rowLength);
  };

  /** Where the members of the group at this place start, or those of the block end. */
  const memberStart = (block: Block, at: number): number =>
    at < block.tree.leafCount
      ? memberStartAt(block.octets, layout, at * layout.rowLength)
      : block.memberEnd;

  const readMembers = async (block: Block, at: number): Promise<Uint8Array[]> => {
    const [start, end] = [memberStart(block, at), memberStart(block, at + 1)];
    if (end === start) return [rowOf(block, at).leaf];
    const octets = block.members
      ? membersIn(block, block.members, start, end)
      : await membersBetween(start, end);
    return checkedMembers(block, at, octets);
  };

  const membersIn = (block: Block, all: Uint8Array, from: number, to: number): Uint8Array => {
    const base = memberStart(block, 0);
    return all.subarray((from - base) * layout.digestLength, (to - base) * layout.digestLength);
  };

  const checkedMembers = (block: Block, at: number, octets: Uint8Array): Uint8Array[] => {
    const { leaf } = rowOf(block, at);
    const members = Array.from({ length: octets.length / layout.digestLength }, (_, i) =>
      octets.slice(i * layout.digestLength, (i + 1) * layout.digestLength),
    );
    if (members.length === 0 || !equalBytes(leafDigest(shape.digestAlgorithm, members), leaf))
      throw damaged(key, `group ${block.number * blockSize + at} does not fit its leaf`);
    return members;
  };

  /** A block that leads to the root by way of its own. */
  const checkedBlock = async (number: number): Promise<readonly [Block, HashTree]> => {
    if (current?.number !== number) current = await loadBlock(number);
    const block = current;
    upper ??= await loadUpper(block);
    const stored = upper.levels[0]?.subarray(
      number * layout.digestLength,
      (number + 1) * layout.digestLength,
    );
    if (!stored || !equalBytes(stored, block.tree.root))
      throw damaged(key, `block ${number} does not lead to its root`);
    return [block, upper];
  };

  return {
    block: async (number) => {
      const [block, over] = await checkedBlock(number);
      const { tree } = block;
      const all = block.members ?? (await membersBetween(memberStart(block, 0), block.memberEnd));
      return {
        count: tree.leafCount,
        tree,
        upper: over,
        leaf: (at) => rowOf(block, at).leaf,
        several: (at) => {
          const [start, end] = [memberStart(block, at), memberStart(block, at + 1)];
          if (end === start) return undefined;
          return checkedMembers(block, at, membersIn(block, all, start, end));
        },
      };
    },
    group: async (index) => {
      if (last?.index === index) return last.group;
      if (!(index >= 0 && index < shape.groupCount)) throw damaged(key, `no group ${index}`);
      const number = Math.floor(index / blockSize);
      const [block, over] = await checkedBlock(number);
      const at = index % blockSize;
      const { previous } = rowOf(block, at);
      const members = await readMembers(block, at);
      const { tree } = block;
      const group: StoredGroup = {
        members,
        // Not everyone who asks for a group wants its way to the root.
        get reducedHashtree() {
          return reducedHashtreeFor(members, siblingPath(tree, at), siblingPath(over, number));
        },
        previous,
      };
      last = { index, group };
      return group;
    },
    blindValue: async (index) => {
      const start = layout.blindsOffset + index * blindLength;
      const value = await section(start, start + blindLength);
      return value.some((octet) => octet !== 0) ? value : undefined;
    },
  };
}

function damaged(key: string, what: string): FormatError {
  return new FormatError('ERR_FORMAT_STORED', `${key}: ${what}`);
}
