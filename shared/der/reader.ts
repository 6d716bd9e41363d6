// Tag-length-value reader over octets: X.690 BER and DER, with limits on depth, size and number of
// elements. It gives views and offsets, never copies; shared/der/strict.ts decides what is DER.
import { equalBytes } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';

/** X.690 §8.1.2.2. */
export type TagClass = 'universal' | 'application' | 'context' | 'private';

/** Bounds before anything is read: depth of nesting and elements visited while skipping indefinite lengths. */
export type ReadLimits = { readonly maxDepth: number; readonly maxElements: number };

export const defaultLimits: ReadLimits = { maxDepth: 64, maxElements: 1_000_000 };

const tagClasses: readonly TagClass[] = ['universal', 'application', 'context', 'private'];

function malformed(message: string, offset: number): FormatError {
  return new FormatError('ERR_FORMAT_DER', `${message} at octet ${offset}`, {
    offset,
    clause: 'X.690 §8.1',
  });
}

type Header = {
  readonly tagClass: TagClass;
  readonly tag: number;
  readonly constructed: boolean;
  readonly headerLength: number;
  /** −1 for an indefinite length. */
  readonly length: number;
};

function readHeader(input: Uint8Array, start: number, end: number, base: number): Header {
  let position = start;
  const first = input[position++];
  if (first === undefined || position > end) throw malformed('element expected', base + start);
  let tag = first & 0x1f;
  if (tag === 0x1f) {
    tag = 0;
    for (let count = 0; ; count++) {
      const octet = position < end ? input[position++] : undefined;
      if (octet === undefined) throw malformed('tag number cut short', base + start);
      if (count === 4) throw malformed('tag number too large', base + start);
      tag = tag * 128 + (octet & 0x7f);
      if ((octet & 0x80) === 0) break;
    }
  }
  const lengthOctet = position < end ? input[position++] : undefined;
  if (lengthOctet === undefined) throw malformed('length missing', base + start);
  let length = lengthOctet;
  if (lengthOctet === 0x80) {
    length = -1;
  } else if (lengthOctet > 0x80) {
    const count = lengthOctet & 0x7f;
    if (count === 0x7f) throw malformed('reserved length form', base + start);
    length = 0;
    for (let i = 0; i < count; i++) {
      const octet = position < end ? input[position++] : undefined;
      if (octet === undefined) throw malformed('length cut short', base + start);
      length = length * 256 + octet;
      if (length > 0x1f_ffff_ffff) throw malformed('length too large', base + start);
    }
  }
  return {
    tagClass: tagClasses[first >> 6] ?? 'universal',
    tag,
    constructed: (first & 0x20) !== 0,
    headerLength: position - start,
    length,
  };
}

/** Offset after the end-of-contents octets that close the indefinite length whose contents start at `start`. */
function endOfIndefinite(
  input: Uint8Array,
  start: number,
  end: number,
  base: number,
  limits: ReadLimits,
): number {
  // Iterative: `ends` holds, for each open element, where it ends (−1: at its end-of-contents octets).
  const ends: number[] = [-1];
  let position = start;
  let elements = 0;
  for (;;) {
    const open = ends.at(-1);
    if (open === undefined) return position;
    if (open >= 0 && position === open) {
      ends.pop();
      continue;
    }
    const limit = ends.findLast((value) => value >= 0) ?? end;
    if (
      open === -1 &&
      input[position] === 0 &&
      input[position + 1] === 0 &&
      position + 2 <= limit
    ) {
      position += 2;
      ends.pop();
      continue;
    }
    if (++elements > limits.maxElements) {
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${limits.maxElements} elements`, {
        offset: base + position,
      });
    }
    const header = readHeader(input, position, limit, base);
    if (header.length === -1) {
      if (!header.constructed)
        throw malformed('primitive element of indefinite length', base + position);
      if (ends.length >= limits.maxDepth) throw tooDeep(limits, base + position);
      ends.push(-1);
      position += header.headerLength;
    } else {
      const next = position + header.headerLength + header.length;
      if (next > limit) throw malformed('element runs past its container', base + position);
      // The contents of a definite length need no look: its end is known.
      position = next;
    }
  }
}

function tooDeep(limits: ReadLimits, offset: number): FormatError {
  return new FormatError(
    'ERR_FORMAT_LIMIT',
    `nested deeper than ${limits.maxDepth} at octet ${offset}`,
    { offset },
  );
}

/**
 * One element. Its octets are views of the input, each made when first asked for and the same from then on:
 * most elements are looked into or passed over, and a view of each would cost more than reading it.
 */
class Element {
  readonly tagClass: TagClass;
  readonly tag: number;
  readonly constructed: boolean;
  /** Offset of the first identifier octet, counted from the start of what was read. */
  readonly offset: number;
  /** Identifier and length octets. */
  readonly headerLength: number;
  readonly contentLength: number;
  readonly indefinite: boolean;
  /** What the element was read from, and where it begins and ends there. */
  readonly input: Uint8Array;
  readonly start: number;
  readonly end: number;
  #content: Uint8Array | undefined;
  #raw: Uint8Array | undefined;

  constructor(input: Uint8Array, start: number, end: number, base: number, header: Header) {
    this.input = input;
    this.start = start;
    this.end = end;
    this.offset = base + start;
    this.tagClass = header.tagClass;
    this.tag = header.tag;
    this.constructed = header.constructed;
    this.headerLength = header.headerLength;
    this.indefinite = header.length === -1;
    this.contentLength = end - start - header.headerLength - (header.length === -1 ? 2 : 0);
  }

  /** The contents octets; of an indefinite length without the end-of-contents octets. */
  get content(): Uint8Array {
    const start = this.start + this.headerLength;
    return (this.#content ??= this.input.subarray(start, start + this.contentLength));
  }

  /** The whole element, end-of-contents octets included. */
  get raw(): Uint8Array {
    return (this.#raw ??= this.input.subarray(this.start, this.end));
  }
}

export type Tlv = Element;

/**
 * The element that starts at `start`; `base` is added to every offset reported.
 * @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 * @see X.690 §8.1
 */
export function readTlv(
  input: Uint8Array,
  start = 0,
  end = input.length,
  base = 0,
  limits: ReadLimits = defaultLimits,
): Tlv {
  const header = readHeader(input, start, end, base);
  const contentStart = start + header.headerLength;
  let rawEnd: number;
  if (header.length === -1) {
    if (!header.constructed)
      throw malformed('primitive element of indefinite length', base + start);
    rawEnd = endOfIndefinite(input, contentStart, end, base, limits);
  } else {
    rawEnd = contentStart + header.length;
    if (rawEnd > end) throw malformed('element runs past its container', base + start);
  }
  return new Element(input, start, rawEnd, base, header);
}

/**
 * The one element that makes up the whole input.
 * @throws FormatError ERR_FORMAT_DER, also for octets after it
 */
export function readWhole(input: Uint8Array, limits: ReadLimits = defaultLimits): Tlv {
  const tlv = readTlv(input, 0, input.length, 0, limits);
  if (tlv.raw.length !== input.length) {
    throw malformed(`${input.length - tlv.raw.length} octets after the end`, tlv.raw.length);
  }
  return tlv;
}

/** The elements inside a constructed one, in order. @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_LIMIT */
export function readChildren(parent: Tlv, limits: ReadLimits = defaultLimits): Tlv[] {
  if (!parent.constructed) throw malformed('constructed element expected', parent.offset);
  const children: Tlv[] = [];
  // In the parent's own input, so that no view of its contents is made.
  const { input } = parent;
  const start = parent.start + parent.headerLength;
  const end = start + parent.contentLength;
  const base = parent.offset - parent.start;
  for (let position = start; position < end;) {
    if (children.length >= limits.maxElements) {
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${limits.maxElements} elements`, {
        offset: base + position,
      });
    }
    const child = readTlv(input, position, end, base, limits);
    children.push(child);
    position = child.end;
  }
  return children;
}

/**
 * Walks the whole tree and refuses nesting beyond the limits: run before handing octets to a reader
 * that recurses (asn1js). Iterative. Primitive contents are not looked into.
 * @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function checkLimits(input: Uint8Array, limits: ReadLimits = defaultLimits): void {
  type Frame = { readonly end: number; readonly indefinite: boolean };
  const frames: Frame[] = [];
  let position = 0;
  let elements = 0;
  for (;;) {
    const frame = frames.at(-1);
    if (frame) {
      if (!frame.indefinite && position === frame.end) {
        frames.pop();
        continue;
      }
      if (
        frame.indefinite &&
        input[position] === 0 &&
        input[position + 1] === 0 &&
        position + 2 <= frame.end
      ) {
        position += 2;
        frames.pop();
        continue;
      }
    } else if (elements > 0) {
      return;
    }
    if (++elements > limits.maxElements) {
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${limits.maxElements} elements`, {
        offset: position,
      });
    }
    const end = frame ? frame.end : input.length;
    const header = readHeader(input, position, end, 0);
    const contentStart = position + header.headerLength;
    if (header.length === -1 && !header.constructed)
      throw malformed('primitive element of indefinite length', position);
    const contentEnd = header.length === -1 ? end : contentStart + header.length;
    if (contentEnd > end) throw malformed('element runs past its container', position);
    if (header.constructed) {
      if (frames.length >= limits.maxDepth) throw tooDeep(limits, position);
      frames.push({ end: contentEnd, indefinite: header.length === -1 });
      position = contentStart;
    } else {
      position = contentEnd;
    }
  }
}

/** Whether the element has this universal tag. */
export function isUniversal(tlv: Tlv | undefined, tag: number): tlv is Tlv {
  return tlv?.tagClass === 'universal' && tlv.tag === tag;
}

/** Whether the element has this context-specific tag. */
export function isContext(tlv: Tlv | undefined, tag: number): tlv is Tlv {
  return tlv?.tagClass === 'context' && tlv.tag === tag;
}

/** Universal tag numbers, X.680 table 1. */
export const tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  objectIdentifier: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  teletexString: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  visibleString: 26,
  universalString: 28,
  bmpString: 30,
} as const;

/** The contents of a string type, the segments of a constructed (BER) encoding joined. X.690 §8.7.3. */
export function readOctets(tlv: Tlv, limits: ReadLimits = defaultLimits): Uint8Array {
  if (!tlv.constructed) return tlv.content;
  const segments: Uint8Array[] = [];
  let length = 0;
  const pending: Tlv[] = readChildren(tlv, limits).reverse();
  for (let count = 0; pending.length > 0; count++) {
    if (count > limits.maxElements)
      throw new FormatError('ERR_FORMAT_LIMIT', 'too many string segments', { offset: tlv.offset });
    const segment = pending.pop();
    if (!segment) break;
    if (segment.constructed) {
      // Segments of segments are legal BER; each level is one more element, not one more call.
      pending.push(...readChildren(segment, limits).reverse());
    } else {
      segments.push(segment.content);
      length += segment.content.length;
    }
  }
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const segment of segments) {
    joined.set(segment, offset);
    offset += segment.length;
  }
  return joined;
}

/**
 * Identifiers that were read last, by their octets: the same few stand in every structure. A memory changes how
 * soon an answer is there, never the answer.
 */
const knownIdentifiers: ({ readonly octets: Uint8Array; readonly text: string } | undefined)[] = [];
const identifierPlaces = 64;
const longestKnown = 16;

/** A longer one is none that anybody uses. */
export const maxIdentifierOctets = 128;

/** Dotted form of an OBJECT IDENTIFIER. @throws FormatError ERR_FORMAT_DER @see X.690 §8.19 */
export function readObjectIdentifier(tlv: Tlv): string {
  const { content } = tlv;
  if (tlv.constructed || content.length === 0 || content.length > maxIdentifierOctets)
    throw malformed('bad object identifier', tlv.offset);
  if (content.length > longestKnown) return dottedForm(tlv);
  const place = (content.length * 7 + (content.at(-1) ?? 0)) % identifierPlaces;
  const known = knownIdentifiers[place];
  if (known && equalBytes(known.octets, content)) return known.text;
  const text = dottedForm(tlv);
  knownIdentifiers[place] = { octets: Uint8Array.from(content), text };
  return text;
}

function dottedForm({ content, offset }: Tlv): string {
  let text = '';
  let value: number | bigint = 0;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80)
      throw malformed('object identifier arc with a leading zero', offset);
    // Arcs beyond 2^49 are legal and rare; big integers for all of them would cost most of a parse.
    if (typeof value === 'number' && value >= 2 ** 42) value = BigInt(value);
    value =
      typeof value === 'number'
        ? value * 128 + (octet & 0x7f)
        : (value << 7n) | BigInt(octet & 0x7f);
    fresh = (octet & 0x80) === 0;
    if (!fresh) continue;
    text += text === '' ? firstArcs(value) : `.${value.toString()}`;
    value = 0;
  }
  if (!fresh) throw malformed('object identifier cut short', offset);
  return text;
}

/** The first subidentifier holds two arcs. X.690 §8.19.4. */
function firstArcs(value: number | bigint): string {
  if (typeof value === 'bigint') return `2.${value - 80n}`;
  const top = value < 40 ? 0 : value < 80 ? 1 : 2;
  return `${top}.${value - top * 40}`;
}

/** Value of an INTEGER or ENUMERATED of at most 4,096 octets. @throws FormatError ERR_FORMAT_DER */
export function readInteger(tlv: Tlv): bigint {
  const { content } = tlv;
  if (tlv.constructed || content.length === 0 || content.length > 4096)
    throw malformed('bad integer', tlv.offset);
  // A version or another small number: cheaper by far than by way of a text.
  if (content.length === 1) return BigInt(((content[0] ?? 0) << 24) >> 24);
  const hex = Buffer.from(content.buffer, content.byteOffset, content.length).toString('hex');
  const value = BigInt(`0x${hex}`);
  return (content[0] ?? 0) & 0x80 ? value - (1n << BigInt(content.length * 8)) : value;
}

/** Value of a BOOLEAN; any octet but zero is TRUE (BER). @throws FormatError ERR_FORMAT_DER */
export function readBoolean(tlv: Tlv): boolean {
  if (tlv.constructed || tlv.content.length !== 1) throw malformed('bad boolean', tlv.offset);
  return tlv.content[0] !== 0;
}

/** Octets of a BIT STRING and how many bits of the last one are unused. @throws FormatError ERR_FORMAT_DER */
export function readBitString(tlv: Tlv): {
  readonly octets: Uint8Array;
  readonly unusedBits: number;
} {
  const unusedBits = tlv.content[0];
  if (tlv.constructed || unusedBits === undefined || unusedBits > 7)
    throw malformed('bad bit string', tlv.offset);
  return { octets: tlv.content.subarray(1), unusedBits };
}
