// A file that only grows: an append is durable when its promise fulfils. Appends that wait at the
// same time share one write and one fsync. Framing of records, and what a torn last record after a
// crash means, is left to the callers.
import { constants, fdatasync, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { concatBytes } from '#shared/bytes.ts';
import { InvariantError } from '#shared/errors.ts';
import { syncDirectory, systemErrorCode } from './durable-file.ts';

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
 * With it a write returns when it is durable, which spares a second way through the thread pool. Elsewhere the flag
 * promises less than fdatasync does (macOS), or is not there.
 */
const durableWrites = process.platform === 'linux' ? constants.O_DSYNC : 0;

/** By these nothing of a write was taken, or so much as it said: what was written before is as it was. */
const refusals: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/**
 * Opens or makes the file. `size` says how much of it to keep: a caller that found a torn last
 * record gives its start, and the rest is cut off.
 * @throws the system's error
 */
export async function openAppendLog(
  path: string,
  options: { readonly mode?: number; readonly size?: number } = {},
): Promise<AppendLog> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | durableWrites;
  const handle = await open(path, flags, options.mode ?? 0o600);
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
    // All that comes in one turn of the event loop shares the fsync.
    await nextTurn();
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
        flushing ??= flush();
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

/** One call of the system: the promises of node:fs cost as much again. @returns how many octets it took */
function writeOnce(handle: FileHandle, octets: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(handle.fd, octets, offset, octets.length - offset, null, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}

function syncData(handle: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(handle.fd, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

async function appendGroup(handle: FileHandle, size: number, octets: Uint8Array): Promise<number> {
  try {
    for (let offset = 0; offset < octets.length;) offset += await writeOnce(handle, octets, offset);
    if (durableWrites === 0) await syncData(handle);
  } catch (error) {
    // After a failed fsync the system may have dropped the pages: a second fsync would lie.
    if (!refusals.includes(systemErrorCode(error)))
      throw new UncertainState('append', { cause: error });
    // A full disk takes a part: without cutting it off, the next record would follow half a record.
    try {
      await handle.truncate(size);
    } catch {
      throw new UncertainState('append', { cause: error });
    }
    throw error;
  }
  return size + octets.length;
}
