// Inflate with a limit on the output: what a few octets of a hostile file may grow to is decided
// before they are read. RFC 1950 (zlib) for PDF, RFC 1951 (raw deflate) for ZIP.
import { type ZlibOptions, constants, inflateRawSync, inflateSync } from 'node:zlib';
import { FormatError } from '#shared/errors.ts';

export type InflateOptions = {
  /** `zlib` has header and checksum, `raw` has neither. */
  readonly form: 'zlib' | 'raw';
  /** Most octets of output; one more is an error. */
  readonly maxOutput: number;
  /** Code of the error, by the format that holds the data. */
  readonly code: 'ERR_FORMAT_PDF' | 'ERR_FORMAT_ZIP';
};

/**
 * The inflated octets. Memory stays within `maxOutput` plus a window.
 * @throws FormatError ERR_FORMAT_LIMIT: more output than allowed; `options.code`: not deflate data, or
 *   `raw` with more behind it
 */
export function inflate(compressed: Uint8Array, options: InflateOptions): Uint8Array {
  const { form, maxOutput, code } = options;
  try {
    // Many PDF writers cut the checksum off: what is there is taken, and weighed by who reads it.
    const finishFlush = form === 'zlib' ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
    const zlibOptions = { maxOutputLength: Math.max(1, maxOutput), finishFlush };
    const output =
      form === 'raw'
        ? inflateWhole(compressed, zlibOptions, code)
        : inflateSync(compressed, zlibOptions);
    if (output.length > maxOutput) throw tooLong(maxOutput);
    return output;
  } catch (error) {
    if (error instanceof FormatError) throw error;
    // Node tells "too long" from "not deflate data" by code alone.
    if (error instanceof RangeError) throw tooLong(maxOutput, error);
    throw new FormatError(code, 'compressed data cannot be inflated', { cause: error });
  }
}

/** Of an archive's entry all octets are its data: what stands behind the end of it some readers would show. */
function inflateWhole(
  compressed: Uint8Array,
  options: ZlibOptions,
  code: InflateOptions['code'],
): Uint8Array {
  // With `info` the answer is another one than its type says.
  const { buffer, engine } = inflateRawSync(compressed, { ...options, info: true }) as unknown as {
    readonly buffer: Uint8Array;
    readonly engine: { readonly bytesWritten: number };
  };
  const rest = compressed.length - engine.bytesWritten;
  if (rest > 0) throw new FormatError(code, `${rest} octets after the compressed data`);
  return buffer;
}

function tooLong(maxOutput: number, cause?: unknown): FormatError {
  return new FormatError('ERR_FORMAT_LIMIT', `inflates to more than ${maxOutput} octets`, {
    cause,
  });
}
