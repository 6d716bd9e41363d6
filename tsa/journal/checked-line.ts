// A line of text led by a piece of its own digest, so that a torn or damaged line is told from a whole one.
import { z } from 'zod';
import { fromBase64 } from '#shared/bytes.ts';
import { hexDigest } from '#shared/crypto/digest.ts';

const checkLength = 16;

function checkOf(text: Uint8Array | string): string {
  return hexDigest('SHA-256', text).slice(0, checkLength);
}

/** The value as JSON in one line with its line break. Octets have to be texts already. */
export function buildCheckedLine(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  // In pieces: joined as strings, they would be copied once more.
  const line = Buffer.allocUnsafe(checkLength + 1 + Buffer.byteLength(text) + 1);
  line.write(`${checkOf(text)} `, 'latin1');
  line.write(text, checkLength + 1);
  line[line.length - 1] = 0x0a;
  return line;
}

/** The value of a line without its line break; `undefined` where the line is torn or damaged. */
export function parseCheckedLine(line: Uint8Array): unknown {
  const buffer = Buffer.from(line.buffer, line.byteOffset, line.length);
  const text = buffer.subarray(checkLength + 1);
  if (buffer.toString('latin1', 0, checkLength + 1) !== `${checkOf(text)} `) return undefined;
  return JSON.parse(text.toString());
}

/** An instant in a line, as Temporal writes it. */
export const instant = z.string().transform((text, context) => {
  try {
    return Temporal.Instant.from(text);
  } catch {
    context.addIssue('not an instant');
    return z.NEVER;
  }
});

/** Octets in a line, as base64. */
export const octets = z.string().transform((text, context) => {
  const value = fromBase64(text);
  if (value) return value;
  context.addIssue('not base64');
  return z.NEVER;
});
