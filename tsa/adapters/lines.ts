// A file of lines, read as a stream, so that no file has to fit into memory.
import { createReadStream } from 'node:fs';
import { FormatError } from '#shared/errors.ts';

/** One line with its place, line break excluded. `whole` is false for a last line without a line break. */
export type FileLine = {
  readonly offset: number;
  readonly octets: Uint8Array;
  readonly whole: boolean;
};

/**
 * The lines of a file.
 * @throws FormatError ERR_FORMAT_LIMIT: a line of more than `maxLineBytes`
 * @throws the system's error
 */
export async function* linesOf(file: string, maxLineBytes: number): AsyncIterable<FileLine> {
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
