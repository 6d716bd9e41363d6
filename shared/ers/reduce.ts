// Reduced hash trees when verifying (RFC 4998 §4.3 step 3): any shape the RFC allows, groups of any
// size. Shares nothing with hash-tree.ts, so that what the archive wrote is judged by other code.
import { compareBytes } from '#shared/bytes.ts';
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';

/** The node over a list and, but for the first list, the node below it. */
export type NodeHasher = (
  algorithm: DigestAlgorithm,
  list: PartialHashtree,
  below: Uint8Array | undefined,
) => Uint8Array;

/** Hashed in binary ascending order, whatever order they are stored in. @see RFC 4998 §4.3 step 3 */
export const hashMembers: NodeHasher = (algorithm, list, below) => {
  const [only] = list;
  if (below && only && list.length === 1)
    return compareBytes(only, below) < 0
      ? digest(algorithm, only, below)
      : digest(algorithm, below, only);
  return digest(algorithm, ...(below ? [...list, below] : list).toSorted(compareBytes));
};

/**
 * The root to which the lists lead, or `undefined` where a list is empty or a hash value is not of
 * the algorithm's length (a longer "hash value" could hide an inner node's two halves).
 *
 * A first list of one value is that value, not its hash: §4.2 step 3 hashes only groups of more than
 * one, and RFC 6283 §3.2.2 says so in words. `hashNode`: another way to each node.
 */
export function rootOfReduced(
  algorithm: DigestAlgorithm,
  lists: readonly PartialHashtree[],
  hashNode: NodeHasher = hashMembers,
): Uint8Array | undefined {
  const length = digestLength(algorithm);
  let node: Uint8Array | undefined;
  for (const list of lists) {
    const [only] = list;
    if (!only || list.some((value) => value.length !== length)) return undefined;
    node = !node && list.length === 1 ? only : hashNode(algorithm, list, node);
  }
  return node;
}
