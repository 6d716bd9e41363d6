// What the simulation does to files from outside: placing and altering documents, losing a leaf
// table, writing exported evidence. The archive itself works through its stores.
import { appendFile, copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '#shared/io/make-folder.ts';

/** Copies every file below `from` to the same place below `to`, which is made. */
export async function copyDocuments(from: string, to: string): Promise<void> {
  await makeFolder(to);
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const source = path.join(entry.parentPath, entry.name);
    const target = path.join(to, path.relative(from, source));
    await makeFolder(path.dirname(target));
    await copyFile(source, target);
  }
}

export function addDocument(folder: string, key: string, text: string): Promise<void> {
  return writeFile(path.join(folder, key), text);
}

/** One more octet: other content under the same key. */
export function alterDocument(folder: string, key: string): Promise<void> {
  return appendFile(path.join(folder, key), 'x');
}

/** The leaf table of a batch is gone from an evidence store in a folder. */
export function loseLeafTable(evidence: string, batchId: string): Promise<void> {
  return rm(path.join(evidence, 'batches', batchId, 'leaves.tkl'), { force: true });
}

/** Records by name with a list beside them, and the anchors as they stand. */
export async function writeExport(
  folder: string,
  content: {
    readonly records: ReadonlyMap<string, Uint8Array>;
    readonly list: unknown;
    readonly anchors: readonly string[];
  },
): Promise<void> {
  await makeFolder(folder);
  for (const [name, record] of content.records) await writeFile(path.join(folder, name), record);
  await writeFile(
    path.join(folder, 'records.json'),
    `${JSON.stringify(content.list, undefined, 1)}\n`,
  );
  for (const [index, file] of content.anchors.entries())
    await copyFile(file, path.join(folder, `anchors-${index}.pem`));
}
