// Takes exact numbers of octets from a stream of chunks, keeping no more than one chunk and the rest.
import { FormatError } from '#shared/errors.ts';

export type OctetReader = {
  /** The next `length` octets. @throws FormatError ERR_FORMAT_STORED where the stream ends before */
  readonly take: (length: number) => Promise<Uint8Array>;
  /** Lets go of the stream, also in the middle. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export function createOctetReader(body: AsyncIterable<Uint8Array>, name: string): OctetReader {
  const chunks = body[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    take: async (length) => {
      const result = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done)
            throw new FormatError('ERR_FORMAT_STORED', `${name} is cut short`, { offset: filled });
          rest = next.value;
        }
        const part = rest.subarray(0, length - filled);
        result.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      return result;
    },
    [Symbol.asyncDispose]: async () => {
      await chunks.return?.();
    },
  };
}
