// The journal's folder: segments that one process at a time appends to and anyone may read. What stands in them
// is for journal.ts.
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type AppendLog, openAppendLog } from '#shared/io/append-log.ts';
import { maxReplyOctets } from '#shared/tsp/http-exchange.ts';
import { type FileLine, linesOf } from './lines.ts';
import { takesWrites } from '#shared/io/reach.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

/** What a journal is read from. */
export type JournalFolder = {
  /** Names of all segments, ascending. */
  readonly list: () => Promise<readonly string[]>;
  /** Streams the lines of a segment. @throws FormatError ERR_FORMAT_LIMIT: a line above the limit */
  readonly lines: (name: string) => AsyncIterable<FileLine>;
};

export type JournalFiles = JournalFolder & {
  /** Makes a new segment to append to. @throws the system's error */
  readonly create: (name: string) => Promise<AppendLog>;
  /** Whether a file can be written here, as large as an ordinary day of lines begins. */
  readonly takesWrites: () => Promise<boolean>;
  /** Exactly `length` octets from `offset`, or fewer at the end. @throws the system's error */
  readonly read: (name: string, offset: number, length: number) => Promise<Uint8Array>;
};

/** Room for the largest answer that is taken from a provider, in base64, and what stands around it. */
const maxLineBytes = 2 * maxReplyOctets;

/** A folder that is only read; it has to be there. */
export function readJournalFolder(folder: string): JournalFolder {
  return {
    list: async () => (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted(),
    lines: (name) => linesOf(path.join(folder, name), maxLineBytes),
  };
}

/** Opens the journal's folder, making it where it is missing. @throws the system's error */
export async function openJournalFiles(folder: string): Promise<JournalFiles> {
  await makeFolder(folder, { mode: 0o700 });
  const file = (name: string): string => path.join(folder, name);
  return {
    ...readJournalFolder(folder),
    takesWrites: () => takesWrites(folder),
    create: (name) => openAppendLog(file(name), { size: 0 }),
    read: async (name, offset, length) => {
      const handle = await open(file(name), 'r');
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
  };
}
