// Small objects of the evidence store: read whole within a limit, and written so that the outcome is
// known, also where the answer to the write was lost.
import { equalBytes, joinBytes } from '#shared/bytes.ts';
import { ConflictError, FormatError, SourceError } from '#shared/errors.ts';
import type { ObjectEntry, ObjectStore, WriteCondition } from '#shared/ports/object-store.ts';

/** Far above what is written; an object above it is none of ours. */
export const maxSmallObjectBytes = 16 * 1024 * 1024;

export type SmallObject = { readonly entry: ObjectEntry; readonly octets: Uint8Array };

/**
 * The whole object, `undefined` where there is none.
 * @throws FormatError ERR_FORMAT_STORED above 16 MiB
 */
export async function readSmallObject(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<SmallObject | undefined> {
  try {
    const { entry, body } = await store.read(key, {
      signal,
      range: { start: 0, end: maxSmallObjectBytes },
    });
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    if (entry.size > maxSmallObjectBytes)
      throw new FormatError(
        'ERR_FORMAT_STORED',
        `${store.name}: ${key} has ${entry.size} octets, more than any object of its kind`,
      );
    return { entry, octets: joinBytes(parts) };
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Writes `octets`, which no one else would write, under a condition. Where the answer was lost, or
 * the condition failed because an earlier try of this very write had taken effect, what stands there
 * decides.
 * @returns the change marker of what was written
 * @throws ConflictError where another object stands there
 * @throws SourceError where the outcome is known to be none, or stays unknown
 */
export async function writeSmallObject(
  store: ObjectStore,
  key: string,
  octets: Uint8Array,
  options: { readonly condition: WriteCondition; readonly signal: AbortSignal },
): Promise<string> {
  try {
    return (await store.write(key, octets, { ...options, contentType: 'application/json' })).etag;
  } catch (error) {
    const doubtful =
      error instanceof ConflictError || (error instanceof SourceError && error.outcomeUnknown);
    if (!doubtful) throw error;
    const found = await readSmallObject(store, key, options.signal);
    if (found !== undefined && equalBytes(found.octets, octets)) return found.entry.etag;
    throw error;
  }
}
