// Streams one file and notices when it is not the file that was looked up, or changes meanwhile.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ConflictError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import type { ObjectEntry } from '#shared/ports/object-store.ts';
import { entryOf } from './folder-entry.ts';
import { notFound, translateSystemError } from './folder-errors.ts';

const chunkBytes = 256 * 1024;

/**
 * The octets of the file that `entry` describes, in chunks that the caller may keep. Opened when the
 * first is asked for, so that a body that nobody reads holds nothing open.
 * @throws ConflictError ERR_CONFLICT_CHANGED before or at the end
 */
export async function* readFileBody(
  path: Buffer,
  entry: ObjectEntry,
  options: {
    readonly store: string;
    readonly range: { readonly start: number; readonly end: number } | undefined;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  const { store, range, signal } = options;
  signal.throwIfAborted();
  let handle: FileHandle | undefined;
  try {
    // No link is followed, and a pipe put in the file's place does not hang the open.
    handle = await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    await checkUnchanged(handle, entry, store);
    const end = Math.min(range?.end ?? entry.size, entry.size);
    for (let position = range?.start ?? 0; position < end;) {
      signal.throwIfAborted();
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      // Shorter than looked up: the check below says why the body ends here.
      if (bytesRead === 0) break;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    await checkUnchanged(handle, entry, store);
  } catch (error) {
    // Replaced by a link, which O_NOFOLLOW refuses, or by a folder: another object than looked up.
    const code = systemErrorCode(error);
    if (code === 'ELOOP' || code === 'EISDIR') throw changed(entry, store, code);
    if (code === 'ENOENT') throw notFound(store, entry.key);
    throw translateSystemError(error, store, entry.key);
  } finally {
    await handle?.close();
  }
}

async function checkUnchanged(
  handle: FileHandle,
  entry: ObjectEntry,
  store: string,
): Promise<void> {
  const { etag } = entryOf(entry.key, await handle.stat({ bigint: true }));
  if (etag !== entry.etag) throw changed(entry, store, etag);
}

function changed(entry: ObjectEntry, store: string, found: string): ConflictError {
  return new ConflictError(
    'ERR_CONFLICT_CHANGED',
    `${store}: ${JSON.stringify(entry.key)} changed while it was read`,
    { expected: entry.etag, found },
  );
}
