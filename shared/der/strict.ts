// Is this DER, and where is the first offence (X.690 §10, §11)? Readers take BER as genuine signers
// write it; this says what they took. What the tags hide (order in an implicitly tagged SET OF, trailing
// zero bits of a named bit list, defaults encoded) needs the type and stays with its reader.
import { compareBytes } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { defaultLimits, maxIdentifierOctets, readTlv, tags } from './reader.ts';
import type { ReadLimits, Tlv } from './reader.ts';

/** The first octet of the element that offends, and what is wrong with it. */
export type DerOffence = { readonly offset: number; readonly what: string };

/** Fewest identifier and length octets for an element. X.690 §8.1.2, §10.1. */
function minimalHeaderLength(tag: number, length: number): number {
  let octets = 2;
  if (tag >= 31) for (let rest = tag; rest > 0; rest >>>= 7) octets++;
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Octet `i` of the contents, read in place: a token has a hundred elements, and a view of each costs most of the walk. */
function octetOf({ input, start, headerLength }: Tlv, i: number): number {
  return input[start + headerLength + i] ?? 0;
}

function isUtf8(tlv: Tlv): boolean {
  const isAscii = (): boolean => {
    for (let i = 0; i < tlv.contentLength; i++) if (octetOf(tlv, i) >= 0x80) return false;
    return true;
  };
  if (isAscii()) return true;
  try {
    utf8.decode(tlv.content);
    return true;
  } catch {
    return false;
  }
}

function integerOffence(tlv: Tlv): string | undefined {
  if (tlv.contentLength === 0) return 'integer without contents';
  if (tlv.contentLength === 1) return undefined;
  const first = octetOf(tlv, 0);
  const second = octetOf(tlv, 1);
  const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
  return padded ? 'integer in more octets than needed' : undefined;
}

function bitStringOffence(tlv: Tlv): string | undefined {
  if (tlv.contentLength === 0) return 'bit string without contents';
  const unused = octetOf(tlv, 0);
  if (unused > 7 || (unused > 0 && tlv.contentLength === 1))
    return 'bit string with impossible unused bits';
  const last = octetOf(tlv, tlv.contentLength - 1);
  return unused > 0 && (last & ((1 << unused) - 1)) !== 0 ? 'unused bits are not zero' : undefined;
}

/** What `readObjectIdentifier` refuses: no octets or too many, an arc with a leading zero, a last arc cut short. */
function objectIdentifierOffence(tlv: Tlv): string | undefined {
  const { contentLength } = tlv;
  const malformed = 'malformed object identifier';
  if (contentLength === 0 || contentLength > maxIdentifierOctets) return malformed;
  let previous = 0;
  for (let i = 0; i < contentLength; i++) {
    const octet = octetOf(tlv, i);
    if (previous < 0x80 && octet === 0x80) return malformed;
    previous = octet;
  }
  return previous < 0x80 ? undefined : malformed;
}

/** Offset behind the digits that begin at octet `i` of the contents. */
function behindDigits(tlv: Tlv, i: number): number {
  let end = i;
  while (end < tlv.contentLength && octetOf(tlv, end) >= 0x30 && octetOf(tlv, end) <= 0x39) end++;
  return end;
}

const dot = 0x2e;
const zulu = 0x5a;

function timeOffence(tlv: Tlv): string | undefined {
  const { contentLength, tag } = tlv;
  if (contentLength > 64) return 'time of more than 64 octets';
  const digits = behindDigits(tlv, 0);
  const endsInZ = contentLength > 0 && octetOf(tlv, contentLength - 1) === zulu;
  if (tag === tags.utcTime)
    return digits === 12 && contentLength === 13 && endsInZ
      ? undefined
      : 'UTCTime other than YYMMDDHHMMSSZ';
  const isWhole = contentLength === 15;
  const hasFraction =
    contentLength > 16 &&
    octetOf(tlv, 14) === dot &&
    behindDigits(tlv, 15) === contentLength - 1 &&
    octetOf(tlv, contentLength - 2) !== 0x30;
  return digits === 14 && endsInZ && (isWhole || hasFraction)
    ? undefined
    : 'GeneralizedTime without Z or seconds, or with a padded fraction';
}

/** Contents of a primitive element of a universal type. */
function primitiveOffence(tlv: Tlv): string | undefined {
  const { contentLength } = tlv;
  switch (tlv.tag) {
    case 0:
      return 'end-of-contents octets outside of an indefinite length';
    case tags.boolean:
      return contentLength === 1 && (octetOf(tlv, 0) === 0 || octetOf(tlv, 0) === 0xff)
        ? undefined
        : 'boolean other than 00 or FF';
    case tags.integer:
    case tags.enumerated:
      return integerOffence(tlv);
    case tags.bitString:
      return bitStringOffence(tlv);
    case tags.null:
      return contentLength === 0 ? undefined : 'NULL with contents';
    case tags.objectIdentifier:
      return objectIdentifierOffence(tlv);
    case tags.utf8String:
      return isUtf8(tlv) ? undefined : 'octets that are not UTF-8';
    case tags.bmpString:
      return contentLength % 2 === 0 ? undefined : 'BMPString of an odd length';
    case tags.universalString:
      return contentLength % 4 === 0 ? undefined : 'UniversalString not in groups of four';
    case tags.utcTime:
    case tags.generalizedTime:
      return timeOffence(tlv);
    case tags.sequence:
    case tags.set:
      return 'primitive SEQUENCE or SET';
    default:
      return undefined;
  }
}

/** EXTERNAL, EMBEDDED PDV, SEQUENCE and SET: the universal types that DER writes constructed. */
const constructedTags: ReadonlySet<number> = new Set([8, 11, tags.sequence, tags.set]);

function elementOffence(tlv: Tlv): string | undefined {
  if (tlv.indefinite) return 'indefinite length';
  if (tlv.headerLength !== minimalHeaderLength(tlv.tag, tlv.contentLength))
    return 'tag or length in more octets than needed';
  if (tlv.tagClass !== 'universal') return undefined;
  if (!tlv.constructed) return primitiveOffence(tlv);
  return constructedTags.has(tlv.tag) ? undefined : 'constructed encoding of a primitive type';
}

type Frame = { readonly end: number; readonly isSet: boolean; previous: Tlv | undefined };

function walk(octets: Uint8Array, limits: ReadLimits): DerOffence | undefined {
  const frames: Frame[] = [{ end: octets.length, isSet: false, previous: undefined }];
  let position = 0;
  for (let elements = 0; ; elements++) {
    let frame = frames.at(-1);
    while (frame && elements > 0 && position === frame.end) {
      frames.pop();
      frame = frames.at(-1);
    }
    if (!frame) return undefined;
    if (frames.length === 1 && elements > 0)
      return { offset: position, what: 'octets after the end' };
    if (elements >= limits.maxElements || frames.length > limits.maxDepth)
      return { offset: position, what: 'more elements or levels than are looked at' };
    const tlv = readTlv(octets, position, frame.end, 0, limits);
    const what = elementOffence(tlv);
    if (what) return { offset: position, what };
    if (frame.isSet) {
      if (frame.previous && compareBytes(frame.previous.raw, tlv.raw) > 0)
        return { offset: position, what: 'SET not in ascending order' };
      frame.previous = tlv;
    }
    if (tlv.constructed) {
      const isSet = tlv.tagClass === 'universal' && tlv.tag === tags.set;
      position += tlv.headerLength;
      frames.push({ end: position + tlv.contentLength, isSet, previous: undefined });
    } else {
      position = tlv.end;
    }
  }
}

/**
 * The first offence against DER, in the order of the octets; `undefined` for one whole DER element.
 * What is no BER at all is an offence too. Iterative; contents of octet strings are not looked into.
 * @see X.690 §10, §11
 */
export function findDerOffence(
  octets: Uint8Array,
  limits: ReadLimits = defaultLimits,
): DerOffence | undefined {
  try {
    return walk(octets, limits);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { offset: error.offset ?? 0, what: error.message };
  }
}
