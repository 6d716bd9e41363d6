// Merkle trees over data object groups, as the archive builds them (RFC 4998 §4.2): binary, siblings
// hashed in binary ascending order, an odd node promoted. One octet array a level, so that memory is
// flat: about 2·n·length octets for n leaves. Reducing trees when verifying is reduce.ts.
import { compareBytes } from '#shared/bytes.ts';
import { digest, digestInto, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
import { FormatError } from '#shared/errors.ts';

/** `levels[0]` holds the leaves in input order, the last level the root alone; digests follow one another. */
export type HashTree = {
  readonly algorithm: DigestAlgorithm;
  readonly leafCount: number;
  readonly levels: readonly Uint8Array[];
  readonly root: Uint8Array;
};

function checkLength(algorithm: DigestAlgorithm, octets: number, whole: boolean): void {
  const length = digestLength(algorithm);
  if (whole ? octets === length : octets > 0 && octets % length === 0) return;
  throw new FormatError(
    'ERR_FORMAT_DIGEST_LENGTH',
    `${octets} octets are not ${whole ? 'a digest' : 'digests'} of ${algorithm}`,
    { clause: 'RFC 4998 §4.2' },
  );
}

/**
 * The leaf of a data object group: the digest itself of a lone object, else the hash of the group's
 * digests in binary ascending order. Equal digests stay as often as they occur.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH, also for an empty group
 * @see RFC 4998 §4.2 step 3
 */
export function leafDigest(
  algorithm: DigestAlgorithm,
  groupDigests: readonly Uint8Array[],
): Uint8Array {
  for (const value of groupDigests) checkLength(algorithm, value.length, true);
  const [first] = groupDigests;
  if (!first) checkLength(algorithm, 0, true);
  if (first && groupDigests.length === 1) return first;
  return digest(algorithm, ...groupDigests.toSorted(compareBytes));
}

/** Puts the pair that begins at `start` of `level` into `pair`, the lesser in binary order first. */
function putOrdered(level: Uint8Array, start: number, pair: Uint8Array, length: number): void {
  let difference = 0;
  for (let at = 0; at < length && difference === 0; at++)
    difference = (level[start + at] ?? 0) - (level[start + length + at] ?? 0);
  const first = difference > 0 ? start + length : start;
  const second = difference > 0 ? start : start + length;
  // By hand: views of a few dozen octets cost more than the octets.
  for (let at = 0; at < length; at++) {
    pair[at] = level[first + at] ?? 0;
    pair[length + at] = level[second + at] ?? 0;
  }
}

/**
 * The level above `level` (digests one after another): pairs in order, each hashed with the lesser
 * first, a last odd one carried up unchanged. Exported so that a tree can also be built level by
 * level into a file.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 4998 §4.2 step 4
 */
export function parentLevel(algorithm: DigestAlgorithm, level: Uint8Array): Uint8Array {
  checkLength(algorithm, level.length, false);
  const length = digestLength(algorithm);
  const count = level.length / length;
  const parents = Buffer.alloc(Math.ceil(count / 2) * length);
  const pair = new Uint8Array(2 * length);
  for (let index = 0; index + 1 < count; index += 2) {
    putOrdered(level, index * length, pair, length);
    digestInto(algorithm, pair, parents, (index / 2) * length);
  }
  if (count % 2 === 1) parents.set(level.subarray(-length), parents.length - length);
  return parents;
}

/**
 * The tree over `leaves` (digests one after another, as `leafDigest` gives them; borrowed, not
 * copied). Time O(n); refuses nothing but a wrong length.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH, also for no leaf at all
 * @see RFC 4998 §4.2
 */
export function buildHashTree(algorithm: DigestAlgorithm, leaves: Uint8Array): HashTree {
  checkLength(algorithm, leaves.length, false);
  const length = digestLength(algorithm);
  const levels = [leaves];
  let top = leaves;
  while (top.length > length) {
    top = parentLevel(algorithm, top);
    levels.push(top);
  }
  return { algorithm, leafCount: leaves.length / length, levels, root: top };
}

/** Where one sibling stands: level from the leaves up, index within that level. */
export type SiblingPosition = { readonly level: number; readonly index: number };

/**
 * Positions of the siblings that lead from leaf `index` of `leafCount` to the root, lowest first:
 * what a reader of a stored tree has to fetch. Levels where the node is promoted have none.
 */
export function siblingPositions(leafCount: number, index: number): SiblingPosition[] {
  const positions: SiblingPosition[] = [];
  let count = leafCount;
  let node = index;
  for (let level = 0; count > 1; level++) {
    const sibling = node % 2 === 0 ? node + 1 : node - 1;
    if (sibling < count) positions.push({ level, index: sibling });
    node = Math.floor(node / 2);
    count = Math.ceil(count / 2);
  }
  return positions;
}

/** The sibling digests from leaf `index` up to the root, lowest first; copies. */
export function siblingPath(tree: HashTree, index: number): Uint8Array[] {
  const length = digestLength(tree.algorithm);
  return siblingPositions(tree.leafCount, index).map((position) => {
    const level = tree.levels[position.level] ?? new Uint8Array();
    return level.slice(position.index * length, (position.index + 1) * length);
  });
}

/**
 * The reducedHashtree of one group: the first list is exactly the group's digests, then one list a
 * sibling. `paths` are sibling paths from the bottom up: one for a plain tree, and for joined
 * subtrees the path within the subtree, then the path of the subtree's root in the upper tree.
 * @see RFC 4998 §4.2 "Reduction"; §4.3, end: the first list tells the group from its neighbours
 */
export function reducedHashtreeFor(
  groupDigests: readonly Uint8Array[],
  ...paths: readonly (readonly Uint8Array[])[]
): PartialHashtree[] {
  return [groupDigests.toSorted(compareBytes), ...paths.flat().map((sibling) => [sibling])];
}
