// Writes into a folder store: a file aside, fsynced, then one step that makes it count. `absent`
// rests on link, which fails where the name is taken; `match` on the folder's lock. A crash before
// that step leaves the old state and a file aside, which a later opening clears away.
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConflictError, SourceError } from '#shared/errors.ts';
import { syncDirectory, systemErrorCode, writeNewFile } from '#shared/io/durable-file.ts';
import type { WriteOptions, WrittenObject } from '#shared/ports/object-store.ts';
import { entryOf } from './folder-entry.ts';
import { translateSystemError } from './folder-errors.ts';
import { checkNewKey, namesOfKey, pathOf, privateFolder } from './folder-key.ts';
import { type FolderLock, openFolderLock } from './folder-lock.ts';

export type FolderWriter = {
  readonly lock: FolderLock;
  readonly write: (
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ) => Promise<WrittenObject>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const unfinishedPrefix = 'unfinished-';

/** Far longer than a transfer takes; a file aside that was last written to before is a leftover. */
const leftoverAfterMs = 24n * 3_600_000n;

/** @throws the system's error where the folder cannot be written */
export async function openFolderWriter(store: string, root: Buffer): Promise<FolderWriter> {
  const aside = join(root.toString(), privateFolder);
  await makeParents(store, root, [Buffer.from(privateFolder), Buffer.from('lock')]);
  await clearLeftovers(aside);
  const lock = openFolderLock(join(aside, 'lock'));
  return {
    lock,
    write: async (key, content, options) => {
      options.signal.throwIfAborted();
      const names = namesOfKey(key);
      // A file that exists is replaced under the name that it has.
      if (options.condition?.kind !== 'match') checkNewKey(key);
      const unfinished = join(aside, `${unfinishedPrefix}${crypto.randomUUID()}`);
      let placed = false;
      try {
        await writeNewFile(unfinished, content, { signal: options.signal });
        // Held open so that the marker is this file's, whatever others do to the name afterwards.
        await using handle = await open(unfinished, 'r+');
        await makeParents(store, root, names);
        if (options.condition?.kind === 'absent') await linkAbsent(store, unfinished, root, key);
        else await lock.hold(() => replace({ store, unfinished, handle, root, key }, options));
        placed = true;
        await syncDirectory(pathOf(root, names.slice(0, -1)));
        await rm(unfinished, { force: true });
        const { size, etag } = entryOf(key, await handle.stat({ bigint: true }));
        return { key, size, etag };
      } catch (error) {
        throw translateSystemError(error, store, key, { outcomeUnknown: placed });
      } finally {
        await rm(unfinished, { force: true });
      }
    },
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

async function linkAbsent(
  store: string,
  unfinished: string,
  root: Buffer,
  key: string,
): Promise<void> {
  try {
    await link(unfinished, pathOf(root, namesOfKey(key)));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST')
      throw new ConflictError('ERR_CONFLICT_EXISTS', `${store} has ${JSON.stringify(key)} already`);
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP')
      throw new SourceError(
        'ERR_SOURCE_REFUSED',
        `${store}: its file system has no hard links, without which two writers cannot be told apart`,
        { retryable: false, cause: error },
      );
    throw error;
  }
}

type Replacement = {
  readonly store: string;
  readonly unfinished: string;
  readonly handle: FileHandle;
  readonly root: Buffer;
  readonly key: string;
};

/** Puts the new file in the old one's place; the caller holds the lock. */
async function replace(
  { store, unfinished, handle, root, key }: Replacement,
  { condition, successorOf }: WriteOptions,
): Promise<void> {
  const path = pathOf(root, namesOfKey(key));
  const current = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (current?.isFile() === false)
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `${store}: ${JSON.stringify(key)} is a folder, a link or a device`,
      { retryable: false },
    );
  const found = current === undefined ? undefined : entryOf(key, current).etag;
  if (condition?.kind === 'match' && condition.etag !== found)
    throw new ConflictError(
      'ERR_CONFLICT_CHANGED',
      `${store}: ${JSON.stringify(key)} is not the object that was read`,
      { expected: condition.etag, found },
    );
  if (successorOf && current) await takeOver(handle, current);
  await makeNewer(handle, current?.mtimeNs);
  await rename(unfinished, path);
}

/** A new version of a file belongs to whom the old one belonged, and is read by whom that was read. */
async function takeOver(
  handle: FileHandle,
  { mode, uid, gid }: { readonly mode: bigint; readonly uid: bigint; readonly gid: bigint },
): Promise<void> {
  const made = await handle.stat({ bigint: true });
  // Giving a file away takes the right to do so; keeping it, none.
  if (made.uid !== uid || made.gid !== gid) await handle.chown(Number(uid), Number(gid));
  await handle.chmod(Number(mode & 0o7777n));
}

/**
 * Each replacement is newer than what it replaces, also within one tick of the file system's clock
 * or after that clock was set back: else an inode used again could bring an old marker back.
 */
async function makeNewer(handle: FileHandle, replacedNs: bigint | undefined): Promise<void> {
  const { atimeMs, mtimeNs } = await handle.stat({ bigint: true });
  if (replacedNs === undefined || mtimeNs > replacedNs) return;
  // The call takes seconds as a double, exact to a quarter of a microsecond: two are surely later.
  await handle.utimes(Number(atimeMs) / 1e3, (Number(replacedNs / 1000n) + 2) / 1e6);
}

/** Makes the folders on the way to a key, each durable before the next. */
async function makeParents(store: string, root: Buffer, names: readonly Buffer[]): Promise<void> {
  for (let depth = 1; depth < names.length; depth++) {
    const path = pathOf(root, names.slice(0, depth));
    await makeFolder(path);
    if (!(await lstat(path)).isDirectory())
      throw new SourceError(
        'ERR_SOURCE_REFUSED',
        `${store}: ${JSON.stringify(path.toString())} is no folder: an object or a link is in the way`,
        { retryable: false },
      );
  }
}

/** Makes one folder, durably; nothing where the name is taken. */
async function makeFolder(path: Buffer): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return;
    throw error;
  }
  await syncDirectory(path.subarray(0, path.lastIndexOf('/')));
}

/** Age is told by the file system's own clock, from a file made now: ours may differ on a network. */
async function clearLeftovers(aside: string): Promise<void> {
  const names = (await readdir(aside)).filter((name) => name.startsWith(unfinishedPrefix));
  if (names.length === 0) return;
  const sample = join(aside, `${unfinishedPrefix}${crypto.randomUUID()}`);
  await writeNewFile(sample, new Uint8Array());
  const now = (await lstat(sample, { bigint: true })).mtimeMs;
  await rm(sample);
  for (const name of names) {
    const path = join(aside, name);
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stats !== undefined && now - stats.mtimeMs > leftoverAfterMs)
      await rm(path, { force: true });
  }
}
