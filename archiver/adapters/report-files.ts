// The state folder's files for people and for an operator's alarm: the newest report, and when a run
// last went through. What they say is decided elsewhere.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

const encoder = new TextEncoder();

function lastSuccessFile(state: string): string {
  return path.join(state, 'last-success');
}

/** When a run last went through, as it was stored; absent: none has. */
export async function loadLastSuccess(state: string): Promise<string | undefined> {
  try {
    return (await readFile(lastSuccessFile(state), 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces `last-success`; its time of change serves an alarm as well as its text. */
export async function storeLastSuccess(state: string, finishedAt: string): Promise<void> {
  await replaceFile(lastSuccessFile(state), encoder.encode(`${finishedAt}\n`));
}

async function* octetsOf(pieces: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) yield encoder.encode(piece);
}

/** Replaces `reports/latest.json`; a reader sees the old report until the new one is whole. */
export async function storeLatestReport(
  state: string,
  pieces: AsyncIterable<string>,
): Promise<void> {
  const folder = path.join(state, 'reports');
  await makeFolder(folder);
  await replaceFile(path.join(folder, 'latest.json'), octetsOf(pieces));
}
