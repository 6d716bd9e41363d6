// The durable part of serial numbers: which block was handed out last. Only the number stands in the file.
import { readFile } from 'node:fs/promises';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';

/**
 * Takes the next block number from the file and makes that durable. A missing or damaged file starts
 * again at 0: the random prefix of every block keeps serials apart even then.
 * @throws the system's error: no serial may be issued
 */
export async function reserveBlock(file: string): Promise<number> {
  let block = 0;
  try {
    const text = await readFile(file, 'utf8');
    if (/^\d{1,12}\n$/.test(text)) block = Number(text) + 1;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  await replaceFile(file, Buffer.from(`${block}\n`), { mode: 0o600 });
  return block;
}
