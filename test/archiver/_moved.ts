// An archive's evidence moved: exported to a folder, imported from there into an empty store, the catalogue
// made anew.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { prefixedStore } from '#archiver/prefixed-store.ts';
import { rebuildCatalogue } from '#archiver/rebuild.ts';
import {
  exportedPrefix,
  exportEvidence,
  importEvidence,
  type Renaming,
} from '#archiver/transfer.ts';
import type { TestArchive } from './night/_night.ts';

const { signal } = new AbortController();

async function folderOf(archive: TestArchive, name: string): Promise<string> {
  const folder = path.join(archive.folder, name);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** The folder of an export. */
export async function exported(archive: TestArchive): Promise<string> {
  const folder = await folderOf(archive, 'export');
  await using target = await openFolderStore({ name: 'export', folder, access: 'write' });
  await exportEvidence((await archive.open()).evidence.objects, target, signal);
  return folder;
}

/** Everything is lost but the documents and the export. */
export async function imported(
  archive: TestArchive,
  from: string,
  renamings: readonly Renaming[] = [],
): Promise<void> {
  await archive.close();
  await rm(path.join(archive.folder, 'state'), { recursive: true, force: true });
  const folder = await folderOf(archive, 'state/evidence');
  await using source = await openFolderStore({ name: 'export', folder: from, access: 'read' });
  await using target = await openFolderStore({ name: 'evidence', folder, access: 'write' });
  const part = prefixedStore(source, exportedPrefix);
  await importEvidence(source, part, target, { renamings, signal });
  const events = (): void => undefined;
  await rebuildCatalogue(archive.config(), { clock: archive.clock, events, signal });
}
