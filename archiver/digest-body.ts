// The octets of one object through every digest that is asked for, in one pass.
import { toHex } from '#shared/bytes.ts';
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DigestedObject, DigestOptions, ObjectEntry } from '#shared/ports/object-store.ts';

/** Memory: `keep` octets and one chunk. @throws what the body throws */
export async function digestBody(
  { entry, body }: { readonly entry: ObjectEntry; readonly body: AsyncIterable<Uint8Array> },
  options: DigestOptions,
): Promise<DigestedObject> {
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
