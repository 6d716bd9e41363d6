// Collects the groups of one batch as they come and gives the finished leaf table: 36 octets a leaf
// with SHA-256 and nothing else stays in memory, whatever the groups are (design, invariant 8).
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildHashTree, leafDigest } from '#shared/ers/hash-tree.ts';
import { FormatError } from '#shared/errors.ts';
import {
  blindLength,
  blockSize,
  buildHeader,
  leafTableLayout,
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

/** A builder for one table; `previous` and `blind` fix what each row carries. */
export function createLeafTableBuilder(options: {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly previous: boolean;
  readonly blind: boolean;
}): LeafTableBuilder {
  const { digestAlgorithm, previous, blind } = options;
  const length = digestLength(digestAlgorithm);
  const rows = createPages(length + 4 + (previous ? 8 : 0));
  const members = createPages(length);
  const blinds = createPages(blindLength);
  const blockRoots: Uint8Array[] = [];
  const block = new Uint8Array(blockSize * length);
  let groupCount = 0;
  let memberCount = 0;

  const closeBlock = (leaves: number): void => {
    const tree = buildHashTree(digestAlgorithm, block.subarray(0, leaves * length));
    blockRoots.push(tree.root.slice());
  };

  return {
    add: (digests, more = {}) => {
      if (digests.length === 0 || digests.some((value) => value.length !== length))
        throw new FormatError(
          'ERR_FORMAT_DIGEST_LENGTH',
          `a group needs digests of ${length} octets (${digestAlgorithm})`,
          { clause: 'RFC 4998 §4.2' },
        );
      if (blind) blinds.entry().set(more.blindValue ?? new Uint8Array(blindLength));
      const leaf = leafDigest(digestAlgorithm, digests);
      putRow(rows.entry(), { leaf, memberStart: memberCount, previous: more.previous });
      if (digests.length > 1) {
        for (const value of digests) members.entry().set(value);
        memberCount += digests.length;
      }
      block.set(leaf, (groupCount % blockSize) * length);
      groupCount += 1;
      if (groupCount % blockSize === 0) closeBlock(blockSize);
    },
    count: () => groupCount,
    finish: () => {
      if (groupCount % blockSize !== 0) closeBlock(groupCount % blockSize);
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
          yield* rows.octets();
          yield* members.octets();
          yield* blinds.octets();
          await Promise.resolve();
        },
      };
    },
  };
}
