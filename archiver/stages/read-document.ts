// One pass over a document: every digest it needs, and its octets up to a limit for inspection.
import type { DigestedObject, DigestOptions, ObjectStore } from '#shared/ports/object-store.ts';
import { digestBody } from '../digest-body.ts';

export type DocumentReading = DigestedObject;

/**
 * Reads one object once, where its store can beside this thread. Memory: `keep` octets and one chunk.
 * @throws SourceError, ConflictError as the store does
 */
export async function readDocument(
  store: ObjectStore,
  key: string,
  options: DigestOptions,
): Promise<DocumentReading> {
  if (store.digest) return store.digest(key, options);
  const { signal, versionId } = options;
  return digestBody(await store.read(key, { signal, versionId }), options);
}
