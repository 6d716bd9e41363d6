// Whether the line of an object list fits its group: the digests that it names are those under the
// leaf (RFC 4998 §4.2), after a hash-tree renewal joined with the earlier sequence (§5.3).
import { compareBytes, equalBytes, fromHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { Assembler } from './assemble.ts';
import type { BatchManifest, ObjectListLine } from './types.ts';

/** @throws FormatError ERR_FORMAT_STORED: the leaf table is damaged; what the store throws */
export async function lineFitsLeaf(
  assembler: Assembler,
  { id: batchId, kind, digestAlgorithm, blind }: BatchManifest,
  { index, members }: ObjectListLine,
): Promise<boolean> {
  const position = { batchId, index };
  const digests: Uint8Array[] = [];
  for (const member of members) {
    const value = fromHex(member.digests[digestAlgorithm] ?? '');
    if (!value || value.length === 0) return false;
    digests.push(value);
  }
  const blindValue = blind ? await assembler.blindValue(position) : undefined;
  if (blindValue) digests.push(digest(digestAlgorithm, blindValue));
  const expected = (await assembler.leafMembersOf(position, digests)).toSorted(compareBytes);
  const found = (await assembler.group(position)).members.toSorted(compareBytes);
  // Another product may have written neighbours, or objects that are not here, into the same list.
  if (kind === 'taken-over')
    return expected.every((value) => found.some((each) => equalBytes(each, value)));
  return (
    found.length === expected.length &&
    found.every((value, i) => equalBytes(value, expected[i] ?? new Uint8Array(0)))
  );
}
