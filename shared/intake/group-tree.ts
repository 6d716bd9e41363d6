// The tree over groups of digests that came in together, and each group's EvidenceRecord once its token is there
// (RFC 4998 §4.2, §3.1): the first list is exactly the group, siblings follow.
import { joinBytes } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildHashTree, leafDigest } from '#shared/ers/hash-tree.ts';
import { createPathEncoder, createRecordWriter } from '#shared/ers/record-writer.ts';

/** Leaves of the groups in their order, one after another. @throws FormatError ERR_FORMAT_DIGEST_LENGTH */
export function leavesOfGroups(
  algorithm: DigestAlgorithm,
  groups: Iterable<readonly Uint8Array[]>,
): Uint8Array {
  return joinBytes([...groups].map((group) => leafDigest(algorithm, group)));
}

/** What the token is asked for. */
export function rootOfLeaves(algorithm: DigestAlgorithm, leaves: Uint8Array): Uint8Array {
  return buildHashTree(algorithm, leaves).root;
}

/** DER of the record of one group: its place among the leaves, and its digests. */
export type GroupRecords = (index: number, digests: readonly Uint8Array[]) => Uint8Array;

/** Records over `leaves`; `token` is in evidence form. Building the tree costs one hash a leaf, a record next to none. */
export function recordsOfLeaves(
  algorithm: DigestAlgorithm,
  leaves: Uint8Array,
  token: Uint8Array,
): GroupRecords {
  const tree = buildHashTree(algorithm, leaves);
  const path = createPathEncoder(algorithm);
  const write = createRecordWriter({ digestAlgorithm: algorithm, timeStamp: token, renewals: [] });
  return (index, digests) => write(digests, path(tree, index));
}
