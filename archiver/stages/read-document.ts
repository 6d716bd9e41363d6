// One pass over a document: every digest it needs, and its octets up to a limit for inspection.
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { toHex } from '#shared/bytes.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';

export type DocumentReading = {
  readonly entry: ObjectEntry;
  readonly size: number;
  /** Hexadecimal, by algorithm. */
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>>;
  /** The whole content, or its first `keep` octets where it is larger. */
  readonly head: Uint8Array;
};

/**
 * Streams one object. Memory: `keep` octets and one chunk.
 * @throws SourceError, ConflictError as the store does
 */
export async function readDocument(
  store: ObjectStore,
  key: string,
  options: {
    readonly versionId?: string | undefined;
    readonly algorithms: readonly DigestAlgorithm[];
    readonly keep: number;
    readonly signal: AbortSignal;
  },
): Promise<DocumentReading> {
  const { entry, body } = await store.read(key, {
    signal: options.signal,
    versionId: options.versionId,
  });
  const running = [...new Set(options.algorithms)].map((algorithm) => createDigest(algorithm));
  const kept: Uint8Array[] = [];
  let size = 0;
  let room = options.keep;
  for await (const chunk of body) {
    options.signal.throwIfAborted();
    size += chunk.length;
    for (const digest of running) digest.update(chunk);
    if (room > 0) {
      // A copy: the store may use its buffer again.
      kept.push(Uint8Array.from(chunk.subarray(0, room)));
      room -= Math.min(room, chunk.length);
    }
  }
  const digests: Partial<Record<DigestAlgorithm, string>> = {};
  for (const digest of running) digests[digest.algorithm] = toHex(digest.finish());
  return {
    entry,
    size,
    digests,
    head: kept.length === 1 && kept[0] ? kept[0] : new Uint8Array(Buffer.concat(kept)),
  };
}
