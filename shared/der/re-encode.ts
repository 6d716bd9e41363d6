// A BER element brought to DER by its universal tags alone (X.690 §10, §11): what other
// implementations hash where they re-encode before hashing. Implicit tags say nothing about the type
// beneath, so a SET OF under one keeps its order. Signatures are verified over it only where the standard
// says so: signed attributes, RFC 5652 §5.4.
import { compareBytes, concatBytes, joinBytes } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import {
  defaultLimits,
  readBitString,
  readChildren,
  readOctets,
  readWhole,
  tags,
  type ReadLimits,
  type Tlv,
} from './reader.ts';
import { derBoolean, derElement } from './writer.ts';

/** String types whose constructed form is a list of segments (X.690 §8.7.3, §8.23). */
const segmentedTags: readonly number[] = [
  tags.octetString,
  tags.utf8String,
  18,
  tags.printableString,
  tags.teletexString,
  21,
  tags.ia5String,
  tags.utcTime,
  tags.generalizedTime,
  25,
  tags.visibleString,
  27,
  tags.universalString,
  tags.bmpString,
];

/** Segments of a BIT STRING; only the last may have unused bits (X.690 §8.6.4). */
function joinBitString(element: Tlv, limits: ReadLimits): Uint8Array {
  const segments = readChildren(element, limits).map((segment) => readBitString(segment));
  const unusedBits = segments.at(-1)?.unusedBits ?? 0;
  return derElement(0x03, Uint8Array.of(unusedBits), ...segments.map(({ octets }) => octets));
}

/** The element with its own identifier octets (several from tag number 31 on) and the shortest length. */
function withShortestLength(element: Tlv, ...contents: readonly Uint8Array[]): Uint8Array {
  let end = 1;
  if (element.tag >= 31) while ((element.raw[end++] ?? 0) & 0x80);
  return concatBytes(element.raw.subarray(0, end), derElement(0, ...contents).subarray(1));
}

/** Elements left before the limit is reached, over the whole input. */
type Budget = { elements: number; readonly limits: ReadLimits };

function reEncode(element: Tlv, budget: Budget, depth: number): Uint8Array {
  const { limits } = budget;
  if (--budget.elements < 0) {
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${limits.maxElements} elements`, {
      offset: element.offset,
    });
  }
  if (depth > limits.maxDepth) {
    throw new FormatError('ERR_FORMAT_LIMIT', `nested deeper than ${limits.maxDepth}`, {
      offset: element.offset,
    });
  }
  const universal = element.tagClass === 'universal';
  if (universal && element.constructed && element.tag === tags.bitString)
    return joinBitString(element, limits);
  if (universal && element.constructed && segmentedTags.includes(element.tag))
    return derElement(element.tag, readOctets(element, limits));
  if (!element.constructed) {
    return universal && element.tag === tags.boolean
      ? derBoolean(element.content[0] !== 0)
      : withShortestLength(element, element.content);
  }
  const children = readChildren(element, limits).map((child) => reEncode(child, budget, depth + 1));
  if (universal && element.tag === tags.set) children.sort(compareBytes);
  return withShortestLength(element, joinBytes(children));
}

/**
 * The DER re-encoding of one whole BER element; equal to the input where that is DER already.
 * @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function reEncodeAsDer(octets: Uint8Array, limits: ReadLimits = defaultLimits): Uint8Array {
  return reEncode(readWhole(octets, limits), { elements: limits.maxElements, limits }, 1);
}
