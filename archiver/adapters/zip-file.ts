// A ZIP file from named contents (APPNOTE 6.3.10), streamed: a document larger than memory goes through.
// The library stays in here.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable, Writable } from 'node:stream';
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

async function addAll(
  zip: ZipWriter<unknown>,
  files: readonly PackFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const file of files)
    await zip.add(
      file.name,
      'octets' in file
        ? new Uint8ArrayReader(file.octets)
        : { readable: Readable.toWeb(Readable.from(checked(file, signal))) as ReadableStream },
    );
  await zip.close();
}

/**
 * The ZIP of these files in their order, made as it is read. Where it throws, what was read of it is no ZIP.
 * @throws ConflictError ERR_CONFLICT_CHANGED: a streamed file is no longer what it was
 */
export async function* zipOf(
  files: readonly PackFile[],
  options: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { at, signal } = options;
  configure({ useWebWorkers: false });
  const octets = new PassThrough();
  const zip = new ZipWriter(Writable.toWeb(octets), {
    lastModDate: new Date(at.epochMilliseconds),
    extendedTimestamp: false,
    signal,
  });
  const added = addAll(zip, files, signal).catch((error: unknown) => {
    octets.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    yield* octets as AsyncIterable<Uint8Array>;
  } finally {
    octets.destroy();
    await added;
  }
}
