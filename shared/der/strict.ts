// Is this DER, and where is the first offence (X.690 §10, §11)? Readers take BER as genuine signers
// write it; this says what they took. What the tags hide (order in an implicitly tagged SET OF, trailing
// zero bits of a named bit list, defaults encoded) needs the type and stays with its reader.
import { compareBytes } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { defaultLimits, readObjectIdentifier, readTlv, tags } from './reader.ts';
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

function isUtf8(octets: Uint8Array): boolean {
  try {
    utf8.decode(octets);
    return true;
  } catch {
    return false;
  }
}

function integerOffence({ content }: Tlv): string | undefined {
  const [first, second = 0] = content;
  if (first === undefined) return 'integer without contents';
  const padded =
    content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  return padded ? 'integer in more octets than needed' : undefined;
}

function bitStringOffence({ content }: Tlv): string | undefined {
  const [unused] = content;
  if (unused === undefined) return 'bit string without contents';
  if (unused > 7 || (unused > 0 && content.length === 1))
    return 'bit string with impossible unused bits';
  const last = content.at(-1) ?? 0;
  return unused > 0 && (last & ((1 << unused) - 1)) !== 0 ? 'unused bits are not zero' : undefined;
}

function objectIdentifierOffence(tlv: Tlv): string | undefined {
  try {
    readObjectIdentifier(tlv);
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return 'malformed object identifier';
    throw error;
  }
}

function timeOffence({ content, tag }: Tlv): string | undefined {
  if (content.length > 64) return 'time of more than 64 octets';
  const text = String.fromCharCode(...content);
  if (tag === tags.utcTime)
    return /^\d{12}Z$/.test(text) ? undefined : 'UTCTime other than YYMMDDHHMMSSZ';
  return /^\d{14}(\.\d*[1-9])?Z$/.test(text)
    ? undefined
    : 'GeneralizedTime without Z or seconds, or with a padded fraction';
}

/** Contents of a primitive element of a universal type. */
function primitiveOffence(tlv: Tlv): string | undefined {
  const { content } = tlv;
  switch (tlv.tag) {
    case 0:
      return 'end-of-contents octets outside of an indefinite length';
    case tags.boolean:
      return content.length === 1 && (content[0] === 0 || content[0] === 0xff)
        ? undefined
        : 'boolean other than 00 or FF';
    case tags.integer:
    case tags.enumerated:
      return integerOffence(tlv);
    case tags.bitString:
      return bitStringOffence(tlv);
    case tags.null:
      return content.length === 0 ? undefined : 'NULL with contents';
    case tags.objectIdentifier:
      return objectIdentifierOffence(tlv);
    case tags.utf8String:
      return isUtf8(content) ? undefined : 'octets that are not UTF-8';
    case tags.bmpString:
      return content.length % 2 === 0 ? undefined : 'BMPString of an odd length';
    case tags.universalString:
      return content.length % 4 === 0 ? undefined : 'UniversalString not in groups of four';
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
  if (tlv.headerLength !== minimalHeaderLength(tlv.tag, tlv.content.length))
    return 'tag or length in more octets than needed';
  if (tlv.tagClass !== 'universal') return undefined;
  if (!tlv.constructed) return primitiveOffence(tlv);
  return constructedTags.has(tlv.tag) ? undefined : 'constructed encoding of a primitive type';
}

type Frame = { readonly end: number; readonly isSet: boolean; previous: Uint8Array | undefined };

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
    if (frame.isSet && frame.previous && compareBytes(frame.previous, tlv.raw) > 0)
      return { offset: position, what: 'SET not in ascending order' };
    frame.previous = tlv.raw;
    if (tlv.constructed) {
      const isSet = tlv.tagClass === 'universal' && tlv.tag === tags.set;
      position += tlv.headerLength;
      frames.push({ end: position + tlv.content.length, isSet, previous: undefined });
    } else {
      position += tlv.raw.length;
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
