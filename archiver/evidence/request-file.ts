// request.json: the octets of a TimeStampReq, nonce included, durable before they are sent, with what
// the batch is and how each attempt ended. From it alone an interrupted batch is finished: the same
// octets go out again, and the proxy's journal gives the same token (design, invariant 3).
import { z } from 'zod';
import { fromBase64, toBase64 } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, ifPresent, readSmall } from './batch-objects.ts';
import { preparedSchema } from './manifest.ts';
import { buildStoredJson, parseStoredJson } from './stored-json.ts';
import type { BatchId, PreparedBatch } from './types.ts';

/**
 * How one sending ended: it never reached the TSA, the TSA said no, or whether a token was made is
 * not known. Only after `unknown` may the same octets have bought something.
 */
export type StampAttempt = {
  readonly at: string;
  readonly outcome: 'not-sent' | 'rejected' | 'unknown';
  readonly detail: string;
};

export type StampRequest = {
  readonly batch: PreparedBatch;
  /** The TimeStampReq in DER. */
  readonly octets: Uint8Array;
  readonly tsa: string;
  readonly attempts: readonly StampAttempt[];
};

const identity = { format: 'tokiwa-request', version: 1 } as const;

const requestSchema = z.object({
  batch: preparedSchema,
  octets: z.string(),
  tsa: z.string(),
  attempts: z.array(
    z.object({
      at: z.string(),
      outcome: z.enum(['not-sent', 'rejected', 'unknown']),
      detail: z.string(),
    }),
  ),
});

/** Writes the request; `etag` is that of what it replaces, absent for the first. Returns the new one. */
export async function storeRequest(
  store: ObjectStore,
  request: StampRequest,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const { batch, octets, tsa, attempts } = request;
  const content = buildStoredJson({ ...identity, batch, octets: toBase64(octets), tsa, attempts });
  const entry = await store.write(batchKey(batch.id, 'request'), content, {
    signal,
    condition: etag === undefined ? { kind: 'absent' } : { kind: 'match', etag },
    contentType: 'application/json',
  });
  return entry.etag;
}

/** The request of a batch, `undefined` where none was made. @throws FormatError, UnsupportedError */
export async function loadRequest(
  store: ObjectStore,
  id: BatchId,
  signal: AbortSignal,
): Promise<{ readonly request: StampRequest; readonly etag: string } | undefined> {
  const key = batchKey(id, 'request');
  const found = await ifPresent(readSmall(store, key, { signal }));
  if (!found) return undefined;
  const value = parseStoredJson(found.octets, key, { ...identity, schema: requestSchema });
  const octets = fromBase64(value.octets);
  if (!octets || value.batch.id !== id)
    throw new FormatError('ERR_FORMAT_STORED', `${key} is not the request of its batch`);
  return { request: { ...value, octets }, etag: found.etag };
}
