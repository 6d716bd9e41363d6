// A document that comes in over the wire, into its store: streamed once, never over another one, and the same
// octets under the same key are the same document (design invariant 1: a document is never harmed).
import { equalBytes, fromHex, toHex } from '#shared/bytes.ts';
import { createDigest } from '#shared/crypto/digest.ts';
import { ConflictError, SourceError } from '#shared/errors.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import { readDocument } from '../stages/read-document.ts';

export type UploadOptions = {
  readonly maxBytes: number;
  /** SHA-256 that the sender gave: other octets are not stored. */
  readonly expected?: Uint8Array | undefined;
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
};

export type Upload =
  | {
      /** `there`: the very same octets were there already. */
      readonly kind: 'stored' | 'there';
      readonly sha256: string;
      readonly size: number;
      readonly versionId: string;
    }
  /** Other octets stand under the key; nothing was written. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'too-large' }
  /** Not what the sender's digest says; nothing was written. */
  | { readonly kind: 'damaged' };

/** Ends an upload in the middle; a store writes nothing of a content whose source fails. */
class Refused extends Error {
  readonly upload: Upload;

  constructor(upload: Upload) {
    super(upload.kind);
    this.upload = upload;
  }
}

/** Counts and digests what passes; at its end, or where it is too much, it may refuse. */
function createMeter({ maxBytes, expected }: UploadOptions) {
  const running = createDigest('SHA-256');
  let size = 0;
  let digest: Uint8Array | undefined;
  const pass = async function* (body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes) throw new Refused({ kind: 'too-large' });
      running.update(chunk);
      yield chunk;
    }
    digest = running.finish();
    if (expected && !equalBytes(expected, digest)) throw new Refused({ kind: 'damaged' });
  };
  return {
    pass,
    /** Once all has passed. */
    result: () => (digest ? { sha256: toHex(digest), size } : undefined),
  };
}

/** Another upload that has just put its file in place touches it once more. */
const maxComparisons = 5;

/** Whether what stands under the key are these octets; looked at again where it was touched meanwhile. */
async function compare(
  store: ObjectStore,
  entry: ObjectEntry,
  upload: { readonly sha256: string; readonly size: number },
  signal: AbortSignal,
): Promise<Upload> {
  let current = entry;
  for (let comparison = 1; ; comparison++) {
    try {
      return await compareOnce(store, current, upload, signal);
    } catch (error) {
      const touched = error instanceof ConflictError && error.code === 'ERR_CONFLICT_CHANGED';
      if (!touched || comparison === maxComparisons) throw error;
      current = await store.head(entry.key, { signal });
    }
  }
}

async function compareOnce(
  store: ObjectStore,
  entry: ObjectEntry,
  { sha256, size }: { readonly sha256: string; readonly size: number },
  signal: AbortSignal,
): Promise<Upload> {
  const versionId = entry.versionId ?? '';
  if (entry.size !== size) return { kind: 'conflict' };
  const reading = await readDocument(store, entry.key, {
    versionId: entry.versionId,
    algorithms: ['SHA-256'],
    keep: 0,
    signal,
  });
  return reading.digests['SHA-256'] === sha256
    ? { kind: 'there', sha256, size, versionId }
    : { kind: 'conflict' };
}

async function entryOf(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<ObjectEntry | undefined> {
  try {
    return await store.head(key, { signal });
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Whether a failed write may have been this one, or another's that came first. */
function isDoubtful(error: unknown): boolean {
  return (
    (error instanceof ConflictError && error.code === 'ERR_CONFLICT_EXISTS') ||
    (error instanceof SourceError && error.outcomeUnknown)
  );
}

async function store(
  target: ObjectStore,
  key: string,
  open: () => AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Upload> {
  const { signal, contentType } = options;
  const meter = createMeter(options);
  const drain = async (): Promise<{ readonly sha256: string; readonly size: number }> => {
    // What a store left of the body is read on from there.
    const rest = meter.pass(open())[Symbol.asyncIterator]();
    while (!(await rest.next()).done);
    const result = meter.result();
    if (!result) throw new TypeError('a body that was read to its end has a digest');
    return result;
  };
  const found = await entryOf(target, key, signal);
  if (found) return compare(target, found, await drain(), signal);
  try {
    const written = await target.write(key, meter.pass(open()), {
      signal,
      contentType,
      condition: { kind: 'absent' },
    });
    const result = meter.result() ?? (await drain());
    return { kind: 'stored', ...result, versionId: written.versionId ?? '' };
  } catch (error) {
    if (!isDoubtful(error)) throw error;
    const result = meter.result() ?? (await drain());
    const other = await entryOf(target, key, signal);
    if (!other) throw error;
    return compare(target, other, result, signal);
  }
}

/**
 * Stores a document under a key that nothing stands under yet. `open` gives the body from where it was left.
 * @throws FormatError ERR_FORMAT_KEY: the store cannot hold such a key
 * @throws SourceError from the store; the body's own error where its sender went away
 */
export async function storeDocument(
  target: ObjectStore,
  key: string,
  open: () => AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Upload> {
  try {
    return await store(target, key, open, options);
  } catch (error) {
    if (error instanceof Refused) return error.upload;
    throw error;
  }
}

/** The SHA-256 of a Content-Digest field; `undefined` where it has none (RFC 9530 §2). */
export function sha256OfContentDigest(field: string): Uint8Array | undefined {
  const match = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)/.exec(field.slice(0, 1000));
  return match?.[1] === undefined
    ? undefined
    : fromHex(Buffer.from(match[1], 'base64').toString('hex'));
}
