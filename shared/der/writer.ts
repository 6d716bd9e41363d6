// DER encoder for the structures that we author: each function gives one whole element.
import { compareBytes } from '#shared/bytes.ts';

/** Octets that a length takes: one below 128, else one more than its number has (X.690 §8.1.3). */
function lengthOfLength(length: number): number {
  let octets = 1;
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

/** Writes identifier and length octets. @returns where the contents begin */
function writeHead(target: Uint8Array, at: number, identifier: number, length: number): number {
  const forLength = lengthOfLength(length);
  target[at] = identifier;
  if (forLength === 1) target[at + 1] = length;
  else {
    target[at + 1] = 0x80 | (forLength - 1);
    for (let i = at + forLength, rest = length; i > at + 1; i--, rest = Math.floor(rest / 256))
      target[i] = rest % 256;
  }
  return at + 1 + forLength;
}

/** An element with this identifier octet (tag numbers below 31). */
export function derElement(identifier: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of contents) length += part.length;
  // One array an element: a structure has dozens of them.
  const element = new Uint8Array(1 + lengthOfLength(length) + length);
  let offset = writeHead(element, 0, identifier, length);
  for (const part of contents) {
    element.set(part, offset);
    offset += part.length;
  }
  return element;
}

/** A constructed element that is not written yet. */
export type DerFrame = {
  readonly identifier: number;
  readonly contents: readonly (Uint8Array | DerFrame)[];
  readonly contentLength: number;
  /** With identifier and length octets. */
  readonly length: number;
};

/** A frame around elements and frames: `writeFrame` then copies each of them once, however deep it stands. */
export function derFrame(
  identifier: number,
  ...contents: readonly (Uint8Array | DerFrame)[]
): DerFrame {
  let contentLength = 0;
  for (const part of contents) contentLength += part.length;
  const length = 1 + lengthOfLength(contentLength) + contentLength;
  return { identifier, contents, contentLength, length };
}

function writeInto(target: Uint8Array, at: number, frame: DerFrame): number {
  let offset = writeHead(target, at, frame.identifier, frame.contentLength);
  for (const part of frame.contents)
    if (part instanceof Uint8Array) {
      target.set(part, offset);
      offset += part.length;
    } else offset = writeInto(target, offset, part);
  return offset;
}

/** The octets of a frame. */
export function writeFrame(frame: DerFrame): Uint8Array {
  const element = new Uint8Array(frame.length);
  writeInto(element, 0, frame);
  return element;
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
  if (value >= 0 && value < 0x80) return Uint8Array.of(0x02, 0x01, Number(value));
  const number = BigInt(value);
  // Two's complement: of a negative number the complement is written, and its octets turned over.
  const hex = (number < 0n ? -number - 1n : number).toString(16);
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const fill = number < 0n ? 0xff : 0x00;
  const content = magnitude.map((octet) => octet ^ fill);
  const needsSign = (magnitude[0] ?? 0) >= 0x80;
  return derElement(0x02, ...(needsSign ? [Uint8Array.of(fill)] : []), content);
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

const knownIdentifiers = new Map<string, Uint8Array>();
/** More than the structures of one process name. */
const maxKnownIdentifiers = 256;

/** OBJECT IDENTIFIER from its dotted form. The octets may be shared: they are read, never written. */
export function derObjectIdentifier(oid: string): Uint8Array {
  const known = knownIdentifiers.get(oid);
  if (known) return known;
  const element = encodeObjectIdentifier(oid);
  if (knownIdentifiers.size < maxKnownIdentifiers) knownIdentifiers.set(oid, element);
  return element;
}

function encodeObjectIdentifier(oid: string): Uint8Array {
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

const utf8 = new TextEncoder();

export function derUtf8String(text: string): Uint8Array {
  return derElement(0x0c, utf8.encode(text));
}

export function derPrintableString(text: string): Uint8Array {
  return derElement(0x13, utf8.encode(text));
}

export function derIa5String(text: string): Uint8Array {
  return derElement(0x16, utf8.encode(text));
}
