// A file that only grows: an append is durable when its promise fulfils. Appends that wait at the
// same time share one write and one fsync. Framing of records, and what a torn last record after a
// crash means, is left to the callers.
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { concatBytes } from '#shared/bytes.ts';
import { InvariantError } from '#shared/errors.ts';
import { syncDirectory } from './durable-file.ts';

/** One writer per file: the length is tracked here, not asked of the system. */
export type AppendLog = {
  /** Octets that are durable. */
  readonly size: () => number;
  /**
   * Appends all of `octets` or nothing, in the order of the calls, without other appends between.
   * @returns the offset where they begin
   * @throws the system's error (such as ENOSPC), the file then being as long as before
   * @throws InvariantError ERR_INVARIANT_STATE once the file's state is no longer known
   */
  readonly append: (octets: Uint8Array) => Promise<number>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

type Waiting = {
  readonly octets: Uint8Array;
  readonly resolve: (offset: number) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Opens or makes the file. `size` says how much of it to keep: a caller that found a torn last
 * record gives its start, and the rest is cut off.
 * @throws the system's error
 */
export async function openAppendLog(
  path: string,
  options: { readonly mode?: number; readonly size?: number } = {},
): Promise<AppendLog> {
  const handle = await open(path, 'a', options.mode ?? 0o600);
  let size: number;
  try {
    if (options.size !== undefined) await handle.truncate(options.size);
    await handle.sync();
    await syncDirectory(dirname(path));
    size = (await handle.stat()).size;
  } catch (error) {
    await handle.close();
    throw error;
  }

  const waiting: Waiting[] = [];
  let flushing: Promise<void> | undefined;
  let broken: unknown;
  let closed = false;

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting.splice(0);
      try {
        if (broken !== undefined) throw lost(path, broken);
        let offset = size;
        size = await appendGroup(handle, size, concatBytes(...group.map((one) => one.octets)));
        for (const one of group) {
          one.resolve(offset);
          offset += one.octets.length;
        }
      } catch (error) {
        if (error instanceof UncertainState) broken = error.cause;
        for (const one of group)
          one.reject(error instanceof UncertainState ? lost(path, error.cause) : error);
      }
    }
    flushing = undefined;
  };

  return {
    size: () => size,
    append: (octets) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new InvariantError('ERR_INVARIANT_STATE', `${path} is closed`));
          return;
        }
        waiting.push({ octets, resolve, reject });
        // A turn later, so that appends of the same turn share the fsync.
        flushing ??= Promise.resolve().then(flush);
      }),
    [Symbol.asyncDispose]: async () => {
      if (closed) return;
      closed = true;
      await flushing;
      await handle.close();
    },
  };
}

/** The file may hold octets that no one was told of: nothing may be appended behind them. */
class UncertainState extends Error {
  override readonly name = 'UncertainState';
}

function lost(path: string, cause: unknown): InvariantError {
  return new InvariantError(
    'ERR_INVARIANT_STATE',
    `${path}: an earlier append failed half-way; open the file again to go on`,
    { cause },
  );
}

async function appendGroup(handle: FileHandle, size: number, octets: Uint8Array): Promise<number> {
  try {
    for (let offset = 0; offset < octets.length;)
      offset += (await handle.write(octets, offset)).bytesWritten;
  } catch (error) {
    // A full disk takes a part: without cutting it off, the next record would follow half a record.
    try {
      await handle.truncate(size);
    } catch {
      throw new UncertainState('append', { cause: error });
    }
    throw error;
  }
  try {
    await handle.datasync();
  } catch (error) {
    // After a failed fsync the system may have dropped the pages: a second fsync would lie.
    throw new UncertainState('datasync', { cause: error });
  }
  return size + octets.length;
}
