// Reduced hash trees when verifying (RFC 4998 §4.3 step 3): any shape the RFC allows, groups of any
// size. Shares nothing with hash-tree.ts, so that what the archive wrote is judged by other code.
import { compareBytes } from '#shared/bytes.ts';
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';

/**
 * The root to which the lists lead, or `undefined` where a list is empty or a hash value is not of
 * the algorithm's length (a longer "hash value" could hide an inner node's two halves).
 *
 * Values are concatenated in binary ascending order whatever order they are stored in. A first list
 * of one value is that value, not its hash: §4.2 step 3 hashes only groups of more than one, and
 * RFC 6283 §3.2.2 says so in words.
 */
export function rootOfReduced(
  algorithm: DigestAlgorithm,
  lists: readonly PartialHashtree[],
): Uint8Array | undefined {
  const length = digestLength(algorithm);
  let node: Uint8Array | undefined;
  for (const list of lists) {
    if (list.length === 0 || list.some((value) => value.length !== length)) return undefined;
    const members = node ? [...list, node] : list;
    const [only] = members;
    node = members.length === 1 ? only : digest(algorithm, ...members.toSorted(compareBytes));
  }
  return node;
}
