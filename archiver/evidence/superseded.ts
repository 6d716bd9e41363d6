// superseded.json: says of a batch that it will never count, and why. Its groups wait for the next
// batch; its leaf table and request stay, as the record of a night without a token.
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey } from './batch-objects.ts';
import { buildStoredJson } from './stored-json.ts';
import type { BatchId } from './types.ts';

/** Writing it twice says the same, so no condition is asked. */
export async function storeSuperseded(
  store: ObjectStore,
  id: BatchId,
  reason: string,
  run: { readonly runAt: Temporal.Instant; readonly signal: AbortSignal },
): Promise<void> {
  await store.write(
    batchKey(id, 'superseded'),
    buildStoredJson({
      format: 'tokiwa-superseded',
      version: 1,
      batchId: id,
      at: run.runAt,
      reason,
    }),
    { signal: run.signal, contentType: 'application/json' },
  );
}
