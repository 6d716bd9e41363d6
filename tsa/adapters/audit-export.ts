// The audit log out of a database into a folder, in the files in which a proxy without one would have written it: for
// whoever checks or keeps it elsewhere.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { replaceFile } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import type { AuditFolder } from './audit-files.ts';

async function copyLines(from: AuditFolder, name: string, folder: string): Promise<number> {
  const partial = path.join(folder, `${name}.partial`);
  const out = createWriteStream(partial, { mode: 0o600, flush: true });
  let lines = 0;
  for await (const { octets } of from.lines(name)) {
    lines++;
    if (!out.write(Buffer.concat([octets, Buffer.from('\n')]))) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  await rename(partial, path.join(folder, name));
  return lines;
}

/** Copies every line and stamp. @returns how many of each @throws the system's error, SourceError */
export async function exportAuditLog(
  from: AuditFolder,
  folder: string,
): Promise<{ readonly lines: number; readonly stamps: number }> {
  await makeFolder(folder, { mode: 0o700 });
  let lines = 0;
  for (const name of await from.list()) lines += await copyLines(from, name, folder);
  const stamps = await from.stamps();
  for (const name of stamps)
    await replaceFile(path.join(folder, name), await from.stamp(name), { mode: 0o600 });
  return { lines, stamps: stamps.length };
}
