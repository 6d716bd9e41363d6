// Collects the groups of one batch as they come and gives the finished leaf table: 36 octets a leaf
// with SHA-256 and nothing else stays in memory, whatever the groups are (design, invariant 8).
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildHashTree, leafDigest } from '#shared/ers/hash-tree.ts';
import {
  blindLength,
  blockSize,
  buildHeader,
  leafTableLayout,
  leavesOfRows,
  putRow,
  type LeafRow,
  type LeafTableShape,
} from './leaf-table.ts';
import { createPages } from './pages.ts';

/** A finished table: its root, and its octets as often as they are needed. */
export type BuiltLeafTable = {
  readonly shape: LeafTableShape;
  readonly root: Uint8Array;
  readonly size: number;
  readonly octets: () => AsyncIterable<Uint8Array>;
};

export type LeafTableBuilder = {
  /**
   * Adds one group. Digests are raw octets of the table's algorithm, copied. Of a blind table the
   * blind value is given, too; its digest is one of the members already.
   * @throws FormatError ERR_FORMAT_DIGEST_LENGTH: a digest of another length, or none
   */
  readonly add: (
    members: readonly Uint8Array[],
    more?: {
      readonly previous?: LeafRow['previous'];
      readonly blindValue?: Uint8Array | undefined;
    },
  ) => void;
  readonly count: () => number;
  /** Once, after at least one group. */
  readonly finish: () => BuiltLeafTable;
};

/** So many blocks are one piece of memory, and one piece of a write. */
const blocksPerPage = 4;

/** A builder for one table; `previous` and `blind` fix what each row carries. */
export function createLeafTableBuilder(options: {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly previous: boolean;
  readonly blind: boolean;
}): LeafTableBuilder {
  const { digestAlgorithm, previous, blind } = options;
  const length = digestLength(digestAlgorithm);
  const rowLength = length + 4 + (previous ? 8 : 0);
  const pages: Uint8Array[] = [];
  let page = new Uint8Array(0);
  /** Rows in the page at hand, and those of its blocks that are closed. */
  let rows = 0;
  let closed = 0;
  const members = createPages(length);
  const blinds = createPages(blindLength);
  const blockRoots: Uint8Array[] = [];
  let groupCount = 0;
  let memberCount = 0;

  const addRow = (row: LeafRow): void => {
    if (rows * rowLength === page.length) {
      page = new Uint8Array(blocksPerPage * blockSize * rowLength);
      pages.push(page);
      rows = 0;
      closed = 0;
    }
    putRow(page, rows * rowLength, row);
    rows += 1;
    if (rows - closed === blockSize) closeBlock();
  };

  const closeBlock = (): void => {
    const octets = page.subarray(closed * rowLength, rows * rowLength);
    const leaves = leavesOfRows(octets, { digestLength: length, rowLength });
    blockRoots.push(buildHashTree(digestAlgorithm, leaves).root.slice());
    closed = rows;
  };

  return {
    add: (digests, more = {}) => {
      const leaf = leafDigest(digestAlgorithm, digests);
      if (blind) blinds.entry().set(more.blindValue ?? new Uint8Array(blindLength));
      addRow({ leaf, memberStart: memberCount, previous: more.previous });
      if (digests.length > 1) {
        for (const value of digests) members.entry().set(value);
        memberCount += digests.length;
      }
      groupCount += 1;
    },
    count: () => groupCount,
    finish: () => {
      if (rows > closed) closeBlock();
      const shape = { digestAlgorithm, groupCount, memberCount, blind, previous };
      const roots = Buffer.concat(blockRoots);
      const root = buildHashTree(digestAlgorithm, roots).root.slice();
      return {
        shape,
        root,
        size: leafTableLayout(shape).size,
        octets: async function* () {
          yield buildHeader(shape, root);
          yield roots;
          for (const each of pages) yield each === page ? each.subarray(0, rows * rowLength) : each;
          yield* members.octets();
          yield* blinds.octets();
          await Promise.resolve();
        },
      };
    },
  };
}
