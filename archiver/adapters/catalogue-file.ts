// The catalogue's file while it is made anew: written beside, put in place whole. SQLite keeps a log and
// an index next to a database; they belong to that content and never to the next.
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';

const companions = ['-wal', '-shm'];

/** A name beside the catalogue that no other rebuild has. */
export function freshCatalogueFile(file: string): string {
  return `${file}.${randomBytes(4).toString('hex')}.rebuild`;
}

/** Puts a closed `fresh` in the place of `file`. */
export async function replaceCatalogueFile(file: string, fresh: string): Promise<void> {
  for (const suffix of companions) await rm(`${file}${suffix}`, { force: true });
  await rename(fresh, file);
}

/** Removes a catalogue and what stands beside it; one that is absent is removed. */
export async function removeCatalogueFile(file: string): Promise<void> {
  for (const suffix of ['', ...companions]) await rm(`${file}${suffix}`, { force: true });
}
