// Dual anchoring (design §3): the same tree stamped by two independent TSAs, so that each document has a
// record by either. Both batches are whole: what is lost or distrusted of one leaves the other, and
// the second has a copy of list and leaf table.
import { InvariantError } from '#shared/errors.ts';
import { batchKey, newBatchId } from './batch-objects.ts';
import { withoutPending } from './in-flight.ts';
import { checkLeafTable } from './leaf-table-check.ts';
import { leafTableOf } from './manifest.ts';
import { buildObjectListHead, buildObjectListLine, readObjectList } from './object-list.ts';
import { inChunks, prepareBatch, type InitialBatch } from './prepare.ts';
import { stamp } from './stamp.ts';
import type { EvidenceContext, PreparedBatch, StampOutcome } from './types.ts';

/**
 * Prepares one tree and has it stamped by each TSA in turn, however the one before it ended: one
 * outcome each, in the order of `contexts`. Groups that wait for an answer of the first are left to it.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: what was written does not hold; it does not count
 * @see RFC 4998 §4.2
 */
export async function anchorByEach(
  contexts: readonly [EvidenceContext, ...EvidenceContext[]],
  batch: InitialBatch,
): Promise<readonly StampOutcome[]> {
  const [first, ...others] = contexts;
  const groups = withoutPending(first, batch.groups);
  const prepared = await prepareBatch(first.store, { ...batch, groups }, first.run);
  if (!prepared) return contexts.map(() => ({ kind: 'empty' }) as const);
  const outcomes = [await stamp(first, prepared)];
  for (const context of others)
    outcomes.push(await stamp(context, await copyBatch(context, prepared)));
  return outcomes;
}

/** List and leaf table under another id, checked before anything is asked for. */
async function copyBatch(
  { store, run }: EvidenceContext,
  original: PreparedBatch,
): Promise<PreparedBatch> {
  const { signal } = run;
  const id = newBatchId(run.runAt, run.random);
  const absent = { signal, condition: { kind: 'absent' } } as const;
  const lines = async function* (): AsyncIterable<Uint8Array> {
    yield buildObjectListHead(id);
    for await (const line of readObjectList(store, original.id, signal))
      yield buildObjectListLine(line);
  };
  await store.write(batchKey(id, 'objectList'), inChunks(lines()), absent);
  const { body } = await store.read(batchKey(original.id, 'leafTable'), { signal });
  await store.write(batchKey(id, 'leafTable'), body, absent);
  const copy: PreparedBatch = { ...original, id, sameTreeAs: original.id };
  const [finding] = await checkLeafTable(store, leafTableOf(copy), signal);
  if (finding)
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `the leaf table of batch ${original.id} does not read back: ${finding.message}`,
    );
  return copy;
}
