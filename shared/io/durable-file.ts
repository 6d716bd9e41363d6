// Files that are there whole or not at all after a crash: write beside, fsync, rename, fsync the
// folder. What the octets mean, and which of two writers may win, is left to the callers.
import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A path as text, or as octets where a name is not valid UTF-8. */
export type FilePath = string | Buffer;

/** The code of an operating system's error such as `ENOENT`; `undefined` for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Makes the entries of a folder durable. Windows has no such call and needs none. */
export async function syncDirectory(path: FilePath): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes all of `octets` at the handle's position: one `write` may take fewer than asked. */
async function writeAll(handle: FileHandle, octets: Uint8Array): Promise<void> {
  for (let offset = 0; offset < octets.length;) {
    const { bytesWritten } = await handle.write(octets, offset, octets.length - offset);
    offset += bytesWritten;
  }
}

/**
 * Makes a new file with this content and fsyncs it; not yet its folder. A failure, the content's own
 * included, leaves no file. The signal is heard between chunks.
 * @returns the number of octets written
 * @throws the system's error; EEXIST where the path is taken
 */
export async function writeNewFile(
  path: FilePath,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: { readonly mode?: number; readonly signal?: AbortSignal } = {},
): Promise<number> {
  const handle = await open(path, 'wx', options.mode ?? 0o666);
  let size = 0;
  try {
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        options.signal?.throwIfAborted();
        await writeAll(handle, chunk);
        size += chunk.length;
      }
      options.signal?.throwIfAborted();
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return size;
}

/**
 * Replaces or makes a file: after a crash it holds the old content or the new one, never a mixture,
 * and the new one once the promise fulfils. Concurrent writers: the last rename stays.
 * @throws the system's or the content's error, with the old file untouched
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await writeNewFile(temporary, content, options);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** What `link` answers on a file system without links, such as FAT. */
const withoutLinks: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'ENOSYS'];

/**
 * Gives a finished file its name, unless that is taken; the name that it had goes in any case. Where the
 * file system has no links it is copied, as exclusively, but then a crash may leave a part of it.
 * @returns `false` where the path is taken
 * @throws the system's error
 */
export async function publishFile(temporary: string, path: string): Promise<boolean> {
  try {
    // link, unlike rename, fails where the name is taken: the check and the act are one.
    await link(temporary, path).catch((error: unknown) => {
      if (!withoutLinks.includes(systemErrorCode(error))) throw error;
      return copyFile(temporary, path, constants.COPYFILE_EXCL);
    });
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

/**
 * Makes a file that must not exist, whole or not at all: of several callers, processes included,
 * exactly one gets `true`.
 * @returns `false`, with nothing changed, where the path is taken
 * @throws the system's error
 */
export async function createFile(
  path: string,
  content: Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<boolean> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await writeNewFile(temporary, content, options);
  return publishFile(temporary, path);
}
