// Octet strings: compare, concatenate, hex and base64, views without copies.

/** Whether two octet strings are equal. Not constant-time: nothing secret is compared here. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // A call out of the engine costs as much as some dozens of octets.
  if (a.length > 64) return Buffer.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Binary ascending order, a prefix first: negative, zero or positive. RFC 4998 §4.2 sorts hashes by it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Whether an octet string is one of `values`. Few are compared one by one; of many a set is made, since lists
 * may be long, and come from outside.
 */
export function memberOf(values: readonly Uint8Array[]): (value: Uint8Array) => boolean {
  if (values.length <= 4) return (value) => values.some((each) => equalBytes(each, value));
  const known = new Set(values.map(toHex));
  return (value) => known.has(toHex(value));
}

/** One new octet string from several that a call names; of a list from outside, {@link joinBytes}. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return joinBytes(parts);
}

/** One new octet string from a list of any length: a call takes so many arguments and no more. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const result = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Octets that come in parts. */
export type ByteCollector = {
  readonly add: (part: Uint8Array) => void;
  readonly length: () => number;
  /** All that came so far; of one part, the part itself. */
  readonly octets: () => Uint8Array;
};

/**
 * Collects parts without keeping them: whoever sends octets one by one would have each of them kept as an object, and
 * with it whatever it is a view of.
 */
export function createByteCollector(): ByteCollector {
  let buffer = new Uint8Array();
  let length = 0;
  let only: Uint8Array | undefined;
  const append = (part: Uint8Array): void => {
    if (length + part.length > buffer.length) {
      const larger = new Uint8Array(Math.max(2 * buffer.length, length + part.length, 1024));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(part, length);
    length += part.length;
  };
  return {
    add: (part) => {
      // Most come in one.
      if (length === 0 && only === undefined) {
        only = part;
        return;
      }
      if (only) append(only);
      only = undefined;
      append(part);
    },
    length: () => only?.length ?? length,
    octets: () => only ?? buffer.subarray(0, length),
  };
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Octets of a hexadecimal string of either case; `undefined` where it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  // Decoding stops at the first character that is no digit.
  const octets = Buffer.from(text, 'hex');
  return 2 * octets.length === text.length ? new Uint8Array(octets) : undefined;
}

/** Base64 with padding, no line breaks. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Octets of a base64 string (white space allowed); `undefined` where it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  return new Uint8Array(Buffer.from(compact, 'base64'));
}
