// Finds the file of a key, reached through real folders only: a link could lead anywhere. The steps are the
// same for the thread that waits for the disk and for one that does not.
import { type BigIntStats, lstatSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { FormatError, SourceError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import type { ObjectEntry } from '#shared/ports/object-store.ts';
import { entryOf } from './folder-entry.ts';
import { notFound } from './folder-errors.ts';
import { namesOfKey, pathOf } from './folder-key.ts';

type LookedUp = { readonly path: Buffer; readonly stats: BigIntStats };

export type FoundFile = LookedUp & { readonly entry: ObjectEntry };

/** Yields paths whose status it wants. */
function* lookUp(
  store: string,
  root: Buffer,
  key: string,
): Generator<Buffer, LookedUp, BigIntStats> {
  const names = namesOfKey(key);
  for (let depth = 1; depth < names.length; depth++) {
    const stats = yield pathOf(root, names.slice(0, depth));
    if (stats.isSymbolicLink()) throw linkInTheWay(store, key);
    if (!stats.isDirectory()) throw notFound(store, key);
  }
  const path = pathOf(root, names);
  const stats = yield path;
  if (stats.isSymbolicLink()) throw linkInTheWay(store, key);
  if (!stats.isFile()) throw notFound(store, key);
  return { path, stats };
}

/** @throws SourceError, FormatError, or what the system says */
export async function findFile(store: string, root: Buffer, key: string): Promise<FoundFile> {
  const steps = lookUp(store, root, key);
  try {
    let step = steps.next();
    while (!step.done) step = steps.next(await lstat(step.value, { bigint: true }));
    return { ...step.value, entry: entryOf(key, step.value.stats) };
  } catch (error) {
    throw translateLookUp(error, store, key);
  }
}

/** The same in a thread that may wait, without what not every file is asked for. */
export function findFileSync(store: string, root: Buffer, key: string): LookedUp {
  const steps = lookUp(store, root, key);
  try {
    let step = steps.next();
    while (!step.done) step = steps.next(lstatSync(step.value, { bigint: true }));
    return step.value;
  } catch (error) {
    throw translateLookUp(error, store, key);
  }
}

function translateLookUp(error: unknown, store: string, key: string): unknown {
  const code = systemErrorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return notFound(store, key);
  if (code === 'ENAMETOOLONG')
    return new FormatError('ERR_FORMAT_KEY', `${store}: the path of a key is too long`);
  return error;
}

function linkInTheWay(store: string, key: string): SourceError {
  return new SourceError(
    'ERR_SOURCE_REFUSED',
    `${store}: ${JSON.stringify(key)} is or goes through a symbolic link, which is not followed`,
    { retryable: false },
  );
}
