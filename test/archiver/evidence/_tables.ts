// Leaf tables for tests: built over given or numbered digests and put into a store.
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { toHex } from '#shared/bytes.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey } from '../../../archiver/evidence/batch-objects.ts';
import {
  createLeafTableBuilder,
  type BuiltLeafTable,
} from '../../../archiver/evidence/leaf-table-builder.ts';
import type { BatchId } from '../../../archiver/evidence/types.ts';

export const signal = new AbortController().signal;

export const tableId: BatchId = '20260101T000000Z-00000001';

/** Digest number `i` of member `member`. */
export function numbered(algorithm: DigestAlgorithm, i: number, member = 0): Uint8Array {
  return digest(algorithm, new TextEncoder().encode(`${i}/${member}`));
}

/** The members of group `i` when group sizes repeat as in `sizes`. */
export function numberedGroup(
  algorithm: DigestAlgorithm,
  i: number,
  sizes: readonly number[],
): Uint8Array[] {
  const size = sizes[i % sizes.length] ?? 1;
  return Array.from({ length: size }, (_, member) => numbered(algorithm, i, member));
}

export function buildTable(options: {
  readonly algorithm?: DigestAlgorithm;
  readonly groups: number;
  readonly sizes?: readonly number[];
  readonly previous?: boolean;
  readonly blind?: boolean;
}): BuiltLeafTable {
  const { algorithm = 'SHA-256', groups, sizes = [1], previous = false, blind = false } = options;
  const builder = createLeafTableBuilder({ digestAlgorithm: algorithm, previous, blind });
  for (let i = 0; i < groups; i++)
    builder.add(numberedGroup(algorithm, i, sizes), {
      ...(previous ? { previous: { ordinal: i % 3, index: i * 2 } } : {}),
      ...(blind ? { blindValue: digest('SHA-256', Uint8Array.of(i & 0xff)) } : {}),
    });
  return builder.finish();
}

export async function storeTable(
  store: ObjectStore,
  table: BuiltLeafTable,
): Promise<{
  readonly id: BatchId;
  readonly shape: BuiltLeafTable['shape'];
  readonly root: Uint8Array;
}> {
  await store.write(batchKey(tableId, 'leafTable'), table.octets(), { signal });
  return { id: tableId, shape: table.shape, root: table.root };
}

export async function octetsOf(table: BuiltLeafTable): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(table.octets())));
}

export function hexes(values: readonly Uint8Array[]): string[] {
  return values.map(toHex).sort();
}
