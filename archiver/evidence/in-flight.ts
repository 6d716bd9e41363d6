// Batches that a renewal without a certain outcome covers: their tokens must not change until it is
// finished or given up, and a second renewal beside it would fork their chains.
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { listBatches } from './manifest.ts';
import { loadRequest } from './request-file.ts';
import type { BatchId } from './types.ts';

/** Covered batch to the pending renewal that covers it. */
export async function loadInFlight(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<ReadonlyMap<BatchId, BatchId>> {
  const inFlight = new Map<BatchId, BatchId>();
  for await (const { id, objects } of listBatches(store, signal)) {
    if (!objects.has('request') || objects.has('manifest') || objects.has('superseded')) continue;
    const stored = await loadRequest(store, id, signal);
    for (const { batchId } of stored?.request.batch.previous ?? []) inFlight.set(batchId, id);
  }
  return inFlight;
}

/** Why a batch is left out tonight. */
export function inFlightFinding(batchId: BatchId, by: BatchId): Finding {
  return {
    check: 'no-renewal-in-flight',
    clause: 'RFC 4998 §5.2',
    level: 'unknown',
    message: `Renewal ${by} over batch ${batchId} is asked for and not yet certain.`,
    facts: { batchId, by },
  };
}
