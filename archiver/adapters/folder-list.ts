// Walk through a folder in the order of keys, holding no more than the names of the folders on the
// way down. Symbolic links are never followed; what cannot be listed is told, not dropped.
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { ObjectEntry } from '#shared/ports/object-store.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { entryOf } from './folder-entry.ts';
import { compareKeys, componentOfName, pathOf, privateFolder } from './folder-key.ts';

/** Something in the folder that is no document: where, and why it is left out. */
export type SkippedFile = {
  /** A key, or for a folder its key with a slash behind: nothing below it was listed. */
  readonly key: string;
  readonly reason: 'symbolic-link' | 'special-file' | 'not-readable';
};

type Walk = {
  readonly prefix: string;
  readonly startAfter: string;
  readonly signal: AbortSignal;
  readonly onSkipped: (skipped: SkippedFile) => void;
};

type Child = { readonly key: string; readonly name: Buffer; readonly kind: Dirent<Buffer> };

/** Asked together, so that a folder on a network costs one round trip for many files. */
const statusesAtOnce = 32;

/** @throws the system's error where the top folder itself cannot be read */
export async function* walkFolder(root: Buffer, walk: Walk): AsyncGenerator<ObjectEntry> {
  yield* walkBelow(root, '', walk);
}

async function* walkBelow(
  folder: Buffer,
  folderKey: string,
  walk: Walk,
): AsyncGenerator<ObjectEntry> {
  const children = await childrenOf(folder, folderKey, walk);
  for (let start = 0; start < children.length; start += statusesAtOnce) {
    walk.signal.throwIfAborted();
    const some = children.slice(start, start + statusesAtOnce);
    const entries = await Promise.all(
      some.map(async ({ key, name, kind }) =>
        kind.isFile() ? entryOrGone(pathOf(folder, [name]), key) : undefined,
      ),
    );
    for (const [index, { key, name, kind }] of some.entries()) {
      walk.signal.throwIfAborted();
      const entry = entries[index];
      if (entry !== undefined) yield entry;
      else if (kind.isDirectory()) yield* walkBelow(pathOf(folder, [name]), key, walk);
      else if (!kind.isFile())
        walk.onSkipped({ key, reason: kind.isSymbolicLink() ? 'symbolic-link' : 'special-file' });
    }
  }
}

/** Children that can lie within prefix and start, in key order. A folder sorts as its name with a slash. */
async function childrenOf(folder: Buffer, folderKey: string, walk: Walk): Promise<Child[]> {
  const atTop = folderKey === '';
  let names: Dirent<Buffer>[];
  try {
    names = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (atTop) throw error;
    if (systemErrorCode(error) !== 'ENOENT')
      walk.onSkipped({ key: folderKey, reason: 'not-readable' });
    return [];
  }
  const children: Child[] = [];
  for (const kind of names) {
    const { name } = kind;
    if (atTop && name.toString('latin1') === privateFolder) continue;
    const key = `${folderKey}${componentOfName(name)}${kind.isDirectory() ? '/' : ''}`;
    if (isWanted(key, kind.isDirectory(), walk)) children.push({ key, name, kind });
  }
  return children.sort((a, b) => compareKeys(a.key, b.key));
}

function isWanted(key: string, isFolder: boolean, { prefix, startAfter }: Walk): boolean {
  if (!isFolder) return key.startsWith(prefix) && compareKeys(key, startAfter) > 0;
  const mayHoldPrefix = key.startsWith(prefix) || prefix.startsWith(key);
  return mayHoldPrefix && (startAfter.startsWith(key) || compareKeys(key, startAfter) > 0);
}

/** `undefined` where the file went since its folder was read. */
async function entryOrGone(path: Buffer, key: string): Promise<ObjectEntry | undefined> {
  try {
    const stats = await lstat(path, { bigint: true });
    return stats.isFile() ? entryOf(key, stats) : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
