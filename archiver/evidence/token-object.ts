// A batch's token in its evidence form, for whatever hashes it. What this run wrote is what has to come back:
// a store that answers with an earlier content would have a later timestamp cover octets that are gone.
import { equalBytes } from '#shared/bytes.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';
import type { BatchId } from './types.ts';

/**
 * @throws SourceError ERR_SOURCE_ANSWER: the store gives other octets than this run wrote; what readSmall throws
 */
export async function readToken(
  store: ObjectStore,
  chains: Pick<ChainIndex, 'writtenToken'>,
  id: BatchId,
  options: { readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const key = batchKey(id, 'token');
  const { octets } = await readSmall(store, key, options);
  const written = chains.writtenToken(id);
  if (!written || equalBytes(octets, written)) return octets;
  throw new SourceError(
    'ERR_SOURCE_ANSWER',
    `${store.name} gives an earlier content of ${key} than was written: a later run goes on`,
    { retryable: true },
  );
}
