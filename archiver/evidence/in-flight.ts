// What batches without a certain outcome hold: documents that are not stamped a second time beside them,
// and batches whose tokens must not change and whose chains a second renewal would fork.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { listBatches } from './manifest.ts';
import { readObjectList } from './object-list.ts';
import { loadRequest } from './request-file.ts';
import type {
  AnchorNumber,
  BatchId,
  DocumentGroup,
  EvidenceContext,
  EvidenceRun,
  PreparedBatch,
} from './types.ts';

/** Batches that were asked for and neither count nor are given up, with what is known of them. */
async function* listPending(
  store: ObjectStore,
  { signal, since }: Pick<EvidenceRun, 'signal' | 'since'>,
): AsyncIterable<PreparedBatch> {
  for await (const { id, objects } of listBatches(store, signal, since)) {
    if (!objects.has('request') || objects.has('manifest') || objects.has('superseded')) continue;
    const stored = await loadRequest(store, id, signal);
    if (stored) yield stored.request.batch;
  }
}

/** Covered batch to the pending renewal that covers it. */
export async function loadInFlight(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<ReadonlyMap<BatchId, BatchId>> {
  const inFlight = new Map<BatchId, BatchId>();
  for await (const { id, previous } of listPending(store, { signal }))
    for (const { batchId } of previous) inFlight.set(batchId, id);
  return inFlight;
}

/** A group by its objects: where they are and what they were. */
function identityOf({ members }: DocumentGroup): string {
  const names = members.map(({ store, key, versionId, digests }) =>
    JSON.stringify([store, key, versionId ?? '', digests['SHA-256']]),
  );
  return toHex(digest('SHA-256', new TextEncoder().encode(names.sort().join('\n'))));
}

/** Whether some batch of documents waits for a certain answer of this TSA. */
export async function hasPending(
  store: ObjectStore,
  anchor: AnchorNumber,
  run: Pick<EvidenceRun, 'signal' | 'since'>,
): Promise<boolean> {
  for await (const batch of listPending(store, run))
    if (batch.kind === 'initial' && (batch.anchor ?? 1) === anchor) return true;
  return false;
}

/**
 * `groups` without those that a pending batch of documents holds already by the same TSA: what may have
 * been bought is not bought again. Memory: one digest for each group of the pending batches, mostly none.
 */
export async function* withoutPending(
  { store, anchor = 1, run }: Pick<EvidenceContext, 'store' | 'anchor' | 'run'>,
  groups: AsyncIterable<DocumentGroup>,
): AsyncIterable<DocumentGroup> {
  const { signal } = run;
  const pending = new Set<string>();
  for await (const { id, kind, anchor: by = 1 } of listPending(store, run))
    if (kind === 'initial' && by === anchor)
      for await (const line of readObjectList(store, id, signal)) pending.add(identityOf(line));
  for await (const group of groups)
    if (pending.size === 0 || !pending.has(identityOf(group))) yield group;
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
