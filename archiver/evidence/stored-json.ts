// JSON objects of the evidence store: instants as ISO texts, a format name and version in each, and
// a reader that refuses what it does not know instead of guessing.
import { z } from 'zod';
import { FormatError, UnsupportedError } from '#shared/errors.ts';

/** An instant as `Temporal.Instant` prints it. */
export const instantSchema = z.string().transform((text, context) => {
  try {
    return Temporal.Instant.from(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not an instant' });
    return z.NEVER;
  }
});

export const hexSchema = z.string().regex(/^(?:[0-9a-f]{2})+$/);

const headSchema = z.object({ format: z.string(), version: z.number() });

/** Octets of a JSON object: two blanks, one line break at the end, the same for the same value. */
export function buildStoredJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Reads one JSON object whose `format` must be the given one, and its version among those that are known.
 * @throws FormatError ERR_FORMAT_STORED naming the key and the first field that is wrong
 * @throws UnsupportedError ERR_UNSUPPORTED_VERSION
 */
export function parseStoredJson<T>(
  octets: Uint8Array | string,
  key: string,
  expected: {
    readonly format: string;
    /** The one that is known, or all of them. */
    readonly version: number | readonly number[];
    readonly schema: z.ZodType<T>;
  },
): T {
  let value: unknown;
  try {
    value = JSON.parse(typeof octets === 'string' ? octets : new TextDecoder().decode(octets));
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_STORED', `${key} is not JSON`, { cause });
  }
  const head = headSchema.safeParse(value);
  if (!head.success || head.data.format !== expected.format)
    throw new FormatError('ERR_FORMAT_STORED', `${key} is no ${expected.format}`);
  if (![expected.version].flat().includes(head.data.version))
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_VERSION',
      `${key} is ${expected.format} of version ${head.data.version}`,
      { feature: `${expected.format} ${head.data.version}` },
    );
  return parseStored(value, key, expected.schema);
}

/** A value of a stored object against its schema. @throws FormatError ERR_FORMAT_STORED */
export function parseStored<T>(value: unknown, key: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FormatError(
    'ERR_FORMAT_STORED',
    `${key}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as written'}`,
  );
}
