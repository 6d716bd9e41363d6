// What an evidence record in an unsigned attribute is over: the whole ContentInfo as it was before that
// attribute. RFC 4998 Appendix A; TS 119 122-3 §5.2, which asks for DER.
import { compareBytes, concatBytes, joinBytes } from '#shared/bytes.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { isContext, readChildren, readTlv, readWhole, type Tlv } from '#shared/der/reader.ts';
import { derContext, derElement, derSequence, derSetOf } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';

/** Attributes that hold records: over the CMS alone, or over it and its detached content. */
export const recordAttributeTypes: readonly string[] = [oids.idAaErInternal, oids.idAaErExternal];

/** The members of a set under an implicit tag, sorted as X.690 §11.6 asks; a general re-encoding cannot know them. */
function sortedSet(set: Tlv): Uint8Array {
  const members = readChildren(set).map(({ raw }) => raw);
  return derElement(set.raw[0] ?? 0, joinBytes(members.toSorted(compareBytes)));
}

/** A SignerInfo in DER with its attributes sorted. The identifier before them may have the tag [0], too. */
function sortedSigner(signerInfo: Tlv): Uint8Array {
  return derSequence(
    ...readChildren(signerInfo).map((field, index) => {
      const isAttributes = index > 2 && field.tagClass === 'context';
      return isAttributes ? sortedSet(field) : field.raw;
    }),
  );
}

/** The DER of a ContentInfo with SignedData. X.690 §11.6, RFC 5652 §5.1, §5.3 */
function contentInfoInDer(octets: Uint8Array): Uint8Array {
  const [type, wrapper] = readChildren(readWhole(reEncodeAsDer(octets)));
  const [signedData] = wrapper ? readChildren(wrapper) : [];
  const fields = signedData ? readChildren(signedData) : [];
  return derSequence(
    ...(type ? [type.raw] : []),
    derContext(
      0,
      derSequence(
        ...fields.map((field, index) => {
          if (field.tagClass === 'context') return sortedSet(field);
          return index === fields.length - 1
            ? derSetOf(...readChildren(field).map(sortedSigner))
            : field.raw;
        }),
      ),
    ),
  );
}

/** One way in which the ContentInfo may have been hashed. */
export type RecordSubject = {
  readonly form: 'as-stored' | 'der';
  readonly octets: () => Uint8Array;
  /** Worked out once each: many records may be over one subject. */
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array;
};

/** The element with other contents: an indefinite length stays one, any other is the shortest. */
function withContents({ raw, headerLength, indefinite }: Tlv, contents: Uint8Array): Uint8Array {
  return indefinite
    ? concatBytes(raw.subarray(0, headerLength), contents, Uint8Array.of(0, 0))
    : derElement(raw[0] ?? 0, contents);
}

/** The element with one child replaced, or taken away. */
function replacing(parent: Tlv, child: Uint8Array, by: Uint8Array | undefined): Uint8Array {
  const start = child.byteOffset - parent.content.byteOffset;
  return withContents(
    parent,
    concatBytes(
      parent.content.subarray(0, start),
      by ?? new Uint8Array(),
      parent.content.subarray(start + child.length),
    ),
  );
}

/** The ContentInfo with some unsigned attributes of a signer alone; without any the field goes, too. */
function withUnsignedAttrs(
  { elements }: SignedData,
  signerInfo: SignerInfo,
  kept: readonly Attribute[],
): Uint8Array {
  const signer = readTlv(signerInfo.raw);
  const field = readChildren(signer).at(-1);
  if (!isContext(field, 1)) return elements.contentInfo.raw;
  const attributes =
    kept.length > 0 ? withContents(field, joinBytes(kept.map(({ raw }) => raw))) : undefined;
  const { contentInfo, signedData, signerInfos } = elements;
  const newSigner = replacing(signer, field.raw, attributes);
  const newSigners = replacing(signerInfos, signerInfo.raw, newSigner);
  const newSignedData = replacing(signedData, signerInfos.raw, newSigners);
  const [, wrapper] = readChildren(contentInfo);
  if (!wrapper) return contentInfo.raw;
  return replacing(contentInfo, wrapper.raw, replacing(wrapper, signedData.raw, newSignedData));
}

function subjectOf(form: RecordSubject['form'], octets: () => Uint8Array): RecordSubject {
  const digests = new Map<DigestAlgorithm, Uint8Array>();
  return {
    form,
    octets,
    digest: (algorithm) => {
      const value = digests.get(algorithm) ?? digest(algorithm, octets());
      digests.set(algorithm, value);
      return value;
    },
  };
}

/** Octets put together for the records of one SignedData. */
const maxSubjectOctets = 128 * 1024 * 1024;

export type RecordSubjectReader = {
  /**
   * What a record may be over that stands in `attribute` of `signerInfo`, best guess first: without that
   * attribute and all after it, without any record, or without that attribute alone (a SET OF in DER
   * loses the order); as stored, or in DER. None in a countersignature. Octets are put together when
   * asked for, once each.
   */
  readonly of: (signerInfo: SignerInfo, attribute: Attribute) => readonly RecordSubject[];
};

function distinct(sets: readonly (readonly Attribute[])[]): readonly (readonly Attribute[])[] {
  const isSame = (a: readonly Attribute[], b: readonly Attribute[]): boolean =>
    a.length === b.length && a.every((one, index) => one === b[index]);
  return sets.filter((set, index) => sets.findIndex((other) => isSame(set, other)) === index);
}

/**
 * `octets` of its subjects throw FormatError ERR_FORMAT_LIMIT where records ask for too much.
 * @see RFC 4998 Appendix A
 */
export function createRecordSubjectReader(signedData: SignedData): RecordSubjectReader {
  const known = new Map<Attribute, readonly RecordSubject[]>();
  let left = maxSubjectOctets;
  const once = (make: () => Uint8Array): (() => Uint8Array) => {
    let octets: Uint8Array | undefined;
    return () => {
      if (octets) return octets;
      left -= signedData.raw.length;
      if (left < 0)
        throw new FormatError(
          'ERR_FORMAT_LIMIT',
          `evidence records over more than ${maxSubjectOctets} octets`,
          { clause: 'RFC 4998 Appendix A' },
        );
      return (octets = make());
    };
  };
  const subjectsOf = (signerInfo: SignerInfo, attribute: Attribute): readonly RecordSubject[] => {
    const { unsignedAttrs } = signerInfo;
    const at = unsignedAttrs.indexOf(attribute);
    if (at < 0 || !signedData.signerInfos.includes(signerInfo)) return [];
    const stored = distinct([
      unsignedAttrs.slice(0, at),
      unsignedAttrs.filter(({ oid }) => !recordAttributeTypes.includes(oid)),
      unsignedAttrs.filter((one) => one !== attribute),
    ]).map((kept) => once(() => withUnsignedAttrs(signedData, signerInfo, kept)));
    return [
      ...stored.map((octets) => subjectOf('as-stored', octets)),
      ...stored.map((octets) =>
        subjectOf(
          'der',
          once(() => contentInfoInDer(octets())),
        ),
      ),
    ];
  };
  return {
    of: (signerInfo, attribute) => {
      const subjects = known.get(attribute) ?? subjectsOf(signerInfo, attribute);
      known.set(attribute, subjects);
      return subjects;
    },
  };
}
