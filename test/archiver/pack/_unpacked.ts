// A document's evidence pack as whoever gets it has it: written, then unpacked into a folder.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writePack } from '#archiver/commands/pack.ts';
import { entryData, readZip } from '#shared/asic/zip.ts';
import type { TestArchive } from '../night/_night.ts';

const { signal } = new AbortController();

/** The pack of a document, unpacked; where it lies. */
export async function unpacked(archive: TestArchive, key: string, name = 'pack'): Promise<string> {
  const file = path.join(archive.folder, `${name}.zip`);
  const at = archive.clock.now();
  const status = await writePack(await archive.open(), await archive.row(key), file, {
    at,
    signal,
  });
  if (status !== 'valid') throw new Error(`the verdict is ${status}`);
  const folder = path.join(archive.folder, name);
  const zip = readZip(new Uint8Array(await readFile(file)));
  for (const entry of zip.entries) {
    const target = path.join(folder, entry.name);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, entryData(zip, entry));
  }
  return folder;
}
