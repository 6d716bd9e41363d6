// Whether a SignedData holds everything that another one held, octet for octet, and where: content, signatures,
// and every member in its order. What was added may stand between (RFC 5652 §5.1, §5.3). It verifies no
// signature and knows nothing of how the octets came to be.
import { equalBytes } from '#shared/bytes.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import { parseSignedData, type SignedData, type SignerInfo } from '#shared/cms/signed-data.ts';
import { isContext, readChildren, readTlv, readWhole, type Tlv } from '#shared/der/reader.ts';
import { TokiwaError } from '#shared/errors.ts';

const octetsOf = (field: Tlv | undefined): readonly Uint8Array[] =>
  field ? readChildren(field).map(({ raw }) => raw) : [];

/** Whether all of `before` stand in `after` in the same order; `same` may accept more than equal octets. */
function isWithin<T>(
  before: readonly T[],
  after: readonly T[],
  same: (a: T, b: T) => boolean,
): boolean {
  let next = 0;
  for (const member of after) {
    const wanted = before[next];
    if (wanted !== undefined && same(wanted, member)) next += 1;
  }
  return next === before.length;
}

/** A token that got validation data is the same token: nothing of what it held is missing. */
function isSameToken(before: Uint8Array, after: Uint8Array): boolean {
  try {
    const [old, fresh] = [parseSignedData(before), parseSignedData(after)];
    return differences(old, fresh).length === 0;
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}

function isSameAttribute(before: Attribute, after: Attribute): boolean {
  if (equalBytes(before.raw, after.raw)) return true;
  return (
    before.oid === after.oid &&
    before.values.length === after.values.length &&
    before.values.every((value, index) => {
      const other = after.values[index];
      return other && (equalBytes(value, other) || isSameToken(value, other));
    })
  );
}

/** version up to signature. */
function fieldsOf({ raw }: SignerInfo): readonly Uint8Array[] {
  const fields = readChildren(readTlv(raw));
  const end = isContext(fields.at(-1), 1) ? -1 : fields.length;
  return fields.slice(0, end).map((field) => field.raw);
}

function areSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && isWithin(a, b, equalBytes);
}

function signerDifferences(
  before: SignerInfo,
  after: SignerInfo | undefined,
  index: number,
): readonly string[] {
  const name = `signer ${index + 1}`;
  if (!after) return [`${name} is missing`];
  return [
    ...(areSame(fieldsOf(before), fieldsOf(after)) ? [] : [`${name} is another one`]),
    ...(isWithin(before.unsignedAttrs, after.unsignedAttrs, isSameAttribute)
      ? []
      : [`an unsigned attribute of ${name} is changed, moved or missing`]),
  ];
}

/** What of `before` is not in `after` as it was; empty where all of it is. */
export function differences(before: SignedData, after: SignedData): readonly string[] {
  const [old, fresh] = [before.elements, after.elements];
  const set = (name: 'digestAlgorithms' | 'certificates' | 'crls'): readonly string[] =>
    isWithin(octetsOf(old[name]), octetsOf(fresh[name]), equalBytes)
      ? []
      : [`a member of ${name} is changed, moved or missing`];
  const isDue = after.version === before.version || after.version === 5;
  return [
    ...(isDue ? [] : [`the version is ${after.version}`]),
    ...set('digestAlgorithms'),
    ...(equalBytes(old.encapContentInfo.raw, fresh.encapContentInfo.raw)
      ? []
      : ['the encapsulated content is changed']),
    ...set('certificates'),
    ...set('crls'),
    ...(before.signerInfos.length === after.signerInfos.length ? [] : ['signers were added']),
    ...before.signerInfos.flatMap((signerInfo, index) =>
      signerDifferences(signerInfo, after.signerInfos[index], index),
    ),
  ];
}

/** The outer frame: the same tags around, definite or indefinite as they were. */
export function frameDiffers(before: Uint8Array, after: Uint8Array): boolean {
  const frame = (octets: Uint8Array): string => {
    const outer = readWhole(octets);
    const [, wrapper] = readChildren(outer);
    const [signedData] = wrapper ? readChildren(wrapper) : [];
    return [outer, wrapper, signedData]
      .map((tlv) => `${tlv?.raw[0] ?? ''} ${tlv?.indefinite === true}`)
      .join();
  };
  return frame(before) !== frame(after);
}
