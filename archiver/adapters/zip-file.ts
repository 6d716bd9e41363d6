// A ZIP file from named contents (APPNOTE 6.3.10), streamed: a document larger than memory goes through.
// The library stays in here.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { configure, Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js';
import { ConflictError } from '#shared/errors.ts';
import type { PackFile } from '../pack/pack-files.ts';

/** The script of every pack, as it lies in the source. */
export async function readPackScript(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(new URL('../pack/verify.sh', import.meta.url)));
}

/** What was judged is what is packed. */
async function* checked(
  file: Extract<PackFile, { readonly sha256: string }>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of await file.open(signal)) {
    hash.update(chunk);
    // A copy: a store may use its buffer again.
    yield Uint8Array.from(chunk);
  }
  if (hash.digest('hex') !== file.sha256)
    throw new ConflictError('ERR_CONFLICT_CHANGED', `${file.name} was changed while it was packed`);
}

/**
 * Writes the files in their order; the name is there whole or not at all.
 * @throws ConflictError ERR_CONFLICT_CHANGED: a streamed file is no longer what it was
 */
export async function writeZip(
  name: string,
  files: readonly PackFile[],
  options: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): Promise<void> {
  const { at, signal } = options;
  configure({ useWebWorkers: false });
  const unfinished = `${name}.part`;
  try {
    const target = Writable.toWeb(createWriteStream(unfinished));
    const zip = new ZipWriter(target, {
      lastModDate: new Date(at.epochMilliseconds),
      extendedTimestamp: false,
      signal,
    });
    for (const file of files)
      await zip.add(
        file.name,
        'octets' in file
          ? new Uint8ArrayReader(file.octets)
          : { readable: Readable.toWeb(Readable.from(checked(file, signal))) as ReadableStream },
      );
    await zip.close();
    await rename(unfinished, name);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
