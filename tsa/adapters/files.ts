// The journal's folder: segments that one process at a time appends to and anyone may read. What stands in them
// is for journal.ts.
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '#shared/errors.ts';
import { type AppendLog, openAppendLog } from '#shared/io/append-log.ts';
import { maxReplyOctets } from '#shared/tsp/http-exchange.ts';

/** One line of a segment with its place, line break excluded. `whole` is false for a torn last line. */
export type SegmentLine = {
  readonly offset: number;
  readonly octets: Uint8Array;
  readonly whole: boolean;
};

export type JournalFiles = {
  /** Names of all segments, ascending. */
  readonly list: () => Promise<readonly string[]>;
  /** Makes a new segment to append to. @throws the system's error */
  readonly create: (name: string) => Promise<AppendLog>;
  /** Streams the lines of a segment. @throws FormatError ERR_FORMAT_LIMIT: a line above the limit */
  readonly lines: (name: string) => AsyncIterable<SegmentLine>;
  /** Exactly `length` octets from `offset`, or fewer at the end. @throws the system's error */
  readonly read: (name: string, offset: number, length: number) => Promise<Uint8Array>;
};

/** Room for the largest answer that is taken from a provider, in base64, and what stands around it. */
const maxLineBytes = 2 * maxReplyOctets;

async function* linesOf(file: string): AsyncIterable<SegmentLine> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let joined = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = joined.indexOf(10); end >= 0; end = joined.indexOf(10)) {
      yield { offset, octets: joined.subarray(0, end), whole: true };
      offset += end + 1;
      joined = joined.subarray(end + 1);
    }
    if (joined.length > maxLineBytes)
      throw new FormatError('ERR_FORMAT_LIMIT', `${file}: a line of more than ${maxLineBytes}`, {
        offset,
      });
    rest = joined;
  }
  if (rest.length > 0) yield { offset, octets: rest, whole: false };
}

/** Opens the journal's folder, making it where it is missing. @throws the system's error */
export async function openJournalFiles(folder: string): Promise<JournalFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = (name: string): string => path.join(folder, name);
  return {
    list: async () => (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted(),
    create: (name) => openAppendLog(file(name), { size: 0 }),
    lines: (name) => linesOf(file(name)),
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
