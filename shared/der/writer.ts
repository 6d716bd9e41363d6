// DER encoder for the structures that we author: each function gives one whole element.
import { compareBytes, concatBytes } from '#shared/bytes.ts';

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

/** An element with this identifier octet (tag numbers below 31). */
export function derElement(identifier: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of contents) length += part.length;
  return concatBytes(Uint8Array.from([identifier, ...lengthOctets(length)]), ...contents);
}

/** SEQUENCE of whole elements, in the order given. */
export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(0x30, ...elements);
}

/** SET OF whole elements, sorted as X.690 §11.6 asks. */
export function derSetOf(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(0x31, ...elements.toSorted(compareBytes));
}

/** Constructed context tag: explicit around whole elements, or implicit around the contents of one. */
export function derContext(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  return derElement(0xa0 | tag, ...contents);
}

/** Primitive implicit context tag. */
export function derContextPrimitive(tag: number, content: Uint8Array): Uint8Array {
  return derElement(0x80 | tag, content);
}

/** INTEGER of any size, in the fewest octets. */
export function derInteger(value: bigint | number): Uint8Array {
  let rest = BigInt(value);
  const octets: number[] = [];
  for (;;) {
    const octet = Number(BigInt.asUintN(8, rest));
    octets.unshift(octet);
    rest >>= 8n;
    if ((rest === 0n && octet < 0x80) || (rest === -1n && octet >= 0x80)) break;
  }
  return derElement(0x02, Uint8Array.from(octets));
}

/** INTEGER from the octets of an unsigned number. */
export function derUnsignedInteger(octets: Uint8Array): Uint8Array {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const trimmed = octets.subarray(start);
  const first = trimmed[0] ?? 0;
  return derElement(
    0x02,
    ...(trimmed.length === 0 || first >= 0x80 ? [Uint8Array.of(0)] : []),
    trimmed,
  );
}

/** BOOLEAN TRUE as DER writes it; FALSE is only for fields without a default. */
export function derBoolean(value: boolean): Uint8Array {
  return Uint8Array.of(0x01, 0x01, value ? 0xff : 0x00);
}

export function derNull(): Uint8Array {
  return Uint8Array.of(0x05, 0x00);
}

export function derOctetString(content: Uint8Array): Uint8Array {
  return derElement(0x04, content);
}

/** BIT STRING without unused bits. */
export function derBitString(content: Uint8Array, unusedBits = 0): Uint8Array {
  return derElement(0x03, Uint8Array.of(unusedBits), content);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(oid: string): Uint8Array {
  const arcs = oid.split('.').map((arc) => BigInt(arc));
  const [first = 0n, second = 0n, ...rest] = arcs;
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const base128 = [Number(arc & 0x7fn)];
    for (let high = arc >> 7n; high > 0n; high >>= 7n) base128.unshift(Number(high & 0x7fn) | 0x80);
    octets.push(...base128);
  }
  return derElement(0x06, Uint8Array.from(octets));
}

export function derUtf8String(text: string): Uint8Array {
  return derElement(0x0c, new TextEncoder().encode(text));
}

export function derPrintableString(text: string): Uint8Array {
  return derElement(0x13, new TextEncoder().encode(text));
}

export function derIa5String(text: string): Uint8Array {
  return derElement(0x16, new TextEncoder().encode(text));
}
