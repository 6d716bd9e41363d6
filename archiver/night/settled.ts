// Since which run's batches a run between nights has to look: what came before is settled, each batch counting and
// in the catalogue or given up. A night looks at all of them and trusts nothing of this.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { secondOf, secondOfBatch, type RunSecond } from '../evidence/batch-objects.ts';
import type { BatchId } from '../evidence/types.ts';

const cacheName = 'batches-settled';

/** `undefined`: all of them. To be asked by every run before it makes a batch. */
export async function settledBefore(
  catalogue: Catalogue,
  runAt: Temporal.Instant,
): Promise<RunSecond | undefined> {
  const since = (await catalogue.getCache(cacheName)) ?? '';
  if (since < secondOf(runAt)) return since === '' ? undefined : since;
  // The clock was put back: batches of this run sort before what is settled, and nobody would look at them.
  await catalogue.setCache(cacheName, '');
  return undefined;
}

/**
 * Told by a run once it has finished what earlier ones left. A whole run at a time: the trees that two TSAs stamped
 * in one are looked at together.
 */
export async function noteSettled(
  catalogue: Catalogue,
  runAt: Temporal.Instant,
  batches: { readonly counting: Iterable<BatchId>; readonly pending: Iterable<BatchId> },
): Promise<void> {
  const [newest] = [...batches.counting].map(secondOfBatch).sort().slice(-1);
  const [oldest = newest] = [...batches.pending].map(secondOfBatch).sort();
  if (newest === undefined || oldest === undefined) return;
  const since = oldest < newest ? oldest : newest;
  if (since < secondOf(runAt)) await catalogue.setCache(cacheName, since);
}
