// A deletion takes a group's line out of the object list. Leaf table, tree and token stay as they are, so that
// every other proof of the batch is whole.
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey } from './batch-objects.ts';
import { buildObjectListHead, buildObjectListLine, readObjectList } from './object-list.ts';
import { inChunks } from './prepare.ts';
import type { BatchId } from './types.ts';

/**
 * Rewrites the list of a batch without the lines of these groups; a list that lacks them already stays.
 * @throws FormatError ERR_FORMAT_STORED: the list is damaged; what the store throws
 * @throws ConflictError ERR_CONFLICT_CHANGED: someone else wrote it
 */
export async function removeLines(
  store: ObjectStore,
  batchId: BatchId,
  indexes: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<void> {
  const key = batchKey(batchId, 'objectList');
  const { etag } = await store.head(key, { signal });
  let found = false;
  for await (const { index } of readObjectList(store, batchId, signal))
    found ||= indexes.has(index);
  if (!found) return;
  const left = async function* (): AsyncIterable<Uint8Array> {
    yield buildObjectListHead(batchId);
    for await (const line of readObjectList(store, batchId, signal))
      if (!indexes.has(line.index)) yield buildObjectListLine(line);
  };
  const condition = { kind: 'match', etag } as const;
  await store.write(key, inChunks(left()), { signal, condition });
}
