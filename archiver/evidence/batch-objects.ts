// Names of a batch's objects in the evidence store, and whole reads of the small ones with a bound.
// `store` is the evidence store with its prefix already taken off (docs/formats.md, "Evidence store").
import { joinBytes, toHex } from '#shared/bytes.ts';
import { FormatError, SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { RandomSource } from '#shared/ports/runtime.ts';
import type { BatchId } from './types.ts';

/** Everything under one batch, by what it is. */
export const batchObjectNames = {
  objectList: 'objects.jsonl',
  leafTable: 'leaves.tkl',
  request: 'request.json',
  received: 'received.tsr',
  takenOver: 'taken-over.ers',
  token: 'token.der',
  manifest: 'manifest.json',
  superseded: 'superseded.json',
} as const;

export type BatchObjectName = keyof typeof batchObjectNames;

export const batchesPrefix = 'batches/';

export function batchKey(id: BatchId, name: BatchObjectName): string {
  return `${batchesPrefix}${id}/${batchObjectNames[name]}`;
}

const namesByFile = new Map<string, BatchObjectName>(
  Object.entries(batchObjectNames).map(([name, file]) => [file, name as BatchObjectName]),
);

/** Which batch and object a key means; `undefined` for a key that is not ours. */
export function parseBatchKey(
  key: string,
): { readonly id: BatchId; readonly name: BatchObjectName } | undefined {
  const [, id = '', file = ''] = /^batches\/(\d{8}T\d{6}Z-[0-9a-f]{8})\/([^/]+)$/.exec(key) ?? [];
  const name = namesByFile.get(file);
  return name && { id, name };
}

/**
 * A store that lists an object and does not give it: an old answer or a damaged store. Nothing may be concluded
 * from its absence, least of all that a batch never was or that no token was asked for.
 */
export function listedButGone(store: ObjectStore, key: string): SourceError {
  return new SourceError('ERR_SOURCE_ANSWER', `${store.name} lists ${key} and does not give it`, {
    retryable: true,
  });
}

/** What the ids of a run's batches start with: the second of its `runAt`. */
export type RunSecond = string;

export function secondOf(runAt: Temporal.Instant): RunSecond {
  return runAt.toString({ smallestUnit: 'second' }).replace(/[-:]/g, '');
}

export function secondOfBatch(id: BatchId): RunSecond {
  return id.slice(0, id.indexOf('-'));
}

/** A new id: sorts by `runAt`; four random octets tell the batches of one run apart. */
export function newBatchId(runAt: Temporal.Instant, random: RandomSource): BatchId {
  return `${secondOf(runAt)}-${toHex(random(4))}`;
}

/** A token with its certificates and CRLs, or a manifest of many thousand batches. */
const maxSmallObject = 64 * 1024 * 1024;

/**
 * The whole of a small object.
 * @throws FormatError ERR_FORMAT_LIMIT above 64 MiB, ERR_FORMAT_STORED where fewer or more octets
 *   came than the store announced; what the store throws
 */
export async function readSmall(
  store: ObjectStore,
  key: string,
  options: { readonly signal: AbortSignal },
): Promise<{ readonly octets: Uint8Array; readonly etag: string }> {
  const { entry, body } = await store.read(key, options);
  if (entry.size > maxSmallObject)
    throw new FormatError('ERR_FORMAT_LIMIT', `${key} has ${entry.size} octets`);
  const octets = await collect(body, entry.size);
  if (octets.length !== entry.size)
    throw new FormatError('ERR_FORMAT_STORED', `${key}: not as long as its store says`);
  return { octets, etag: entry.etag };
}

/** Octets `start` to `end` of an object. @throws FormatError ERR_FORMAT_STORED where fewer came */
export async function readRange(
  store: ObjectStore,
  key: string,
  range: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (range.start === range.end) return new Uint8Array(0);
  const { body } = await store.read(key, { signal, range });
  const octets = await collect(body, range.end - range.start);
  if (octets.length !== range.end - range.start)
    throw new FormatError('ERR_FORMAT_STORED', `${key} is cut short`, { offset: range.start });
  return octets;
}

/** Chunks joined; stops as soon as there is more than was announced. */
async function collect(body: AsyncIterable<Uint8Array>, expected: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > expected) break;
  }
  return joinBytes(chunks);
}

/** `undefined` where the object is not there; every other failure stays one. */
export async function ifPresent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
    throw error;
  }
}
