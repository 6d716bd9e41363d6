// What was fetched about certificates, kept in a folder from one night to the next: octets by address.
// Whether they are still fresh, and whether they verify, is asked each time by whoever reads them.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

export type StatusCache = {
  readonly load: (name: string) => Promise<Uint8Array | undefined>;
  /** Takes the place of what was kept under the name. */
  readonly keep: (name: string, octets: Uint8Array) => Promise<void>;
};

/** No CRL or OCSP response is worth asking after that long without a renewal. */
const keptDays = 90;

/** Everything in it may be lost: a file that cannot be read is asked for again. */
export async function openStatusCache(folder: string, now: Temporal.Instant): Promise<StatusCache> {
  await makeFolder(folder);
  const oldest = now.subtract({ hours: 24 * keptDays }).epochMilliseconds;
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    if ((await stat(file)).mtimeMs < oldest) await rm(file, { force: true });
  }
  const fileOf = (name: string): string =>
    path.join(folder, toHex(digest('SHA-256', new TextEncoder().encode(name))));
  return {
    load: async (name) => {
      try {
        return new Uint8Array(await readFile(fileOf(name)));
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    keep: (name, octets) => replaceFile(fileOf(name), octets),
  };
}

/** For one command: what was asked is remembered while it runs. */
export function memoryStatusCache(): StatusCache {
  const kept = new Map<string, Uint8Array>();
  return {
    load: (name) => Promise.resolve(kept.get(name)),
    keep: (name, octets) => {
      kept.set(name, octets);
      return Promise.resolve();
    },
  };
}
