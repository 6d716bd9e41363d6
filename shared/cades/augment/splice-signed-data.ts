// What is added to a SignedData, put into its stored octets: certificates, revocation data, unsigned
// attributes, and what CMS itself then demands of version and digestAlgorithms. Everything else stays
// as it is stored, BER or DER (RFC 5652 §5.1, §5.3). What is to be added is decided elsewhere.
import { compareBytes } from '#shared/bytes.ts';
import { type SignedData, type SignerInfo, parseSignedData } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { isContext, readChildren, readTlv, type Tlv } from '#shared/der/reader.ts';
import {
  contentEnd,
  contentStart,
  planSplice,
  type Splice,
  type SpliceEdit,
  type SpliceElement,
  spliceElement,
} from '#shared/der/splice.ts';
import { derContext, derInteger } from '#shared/der/writer.ts';
import { InvariantError } from '#shared/errors.ts';

/** What one signer gets. */
export type SignerAdditions = {
  /** Whole Attribute elements. */
  readonly attributes: readonly Uint8Array[];
  /** Added to a token that stands in an unsigned attribute: a value of it, by identity. */
  readonly token?:
    { readonly octets: Uint8Array; readonly additions: SignedDataAdditions } | undefined;
};

/** What a SignedData gets. Each member is a whole element that is not there yet. */
export type SignedDataAdditions = {
  /** CertificateChoices. */
  readonly certificates: readonly Uint8Array[];
  /** RevocationInfoChoices: CRLs, or OCSP responses in the other format (RFC 5940). */
  readonly revocationInfo: readonly Uint8Array[];
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  /** In the order of signerInfos; signers beyond its end get nothing. */
  readonly signers: readonly SignerAdditions[];
};

export const noAdditions: SignedDataAdditions = {
  certificates: [],
  revocationInfo: [],
  digestAlgorithms: [],
  signers: [],
};

/**
 * A SignedData that was parsed from the whole document, or from one without its encapsulated content:
 * then `elided` says where in the parsed octets how many octets of the document are left out.
 */
export type StoredSignedData = {
  readonly signedData: SignedData;
  readonly elided?: { readonly at: number; readonly length: number } | undefined;
  /** Length of the whole document, octets after the signature included. */
  readonly length: number;
};

/** From an element of the parsed octets to its place in the document. */
type Locate = (tlv: Tlv, parent: SpliceElement | undefined) => SpliceElement;

/** One for each element, however often it is asked for: edits of one element grow one length. */
function locateIn({ signedData, elided }: StoredSignedData): Locate {
  const origin = signedData.raw.byteOffset;
  const known = new Map<number, SpliceElement>();
  const placeOf = ({ raw, headerLength, content }: Tlv) => {
    const start = raw.byteOffset - origin;
    if (!elided) return { start, contentLength: content.length };
    const isAfter = start >= elided.at;
    const isAround = !isAfter && start + headerLength + content.length >= elided.at;
    return {
      start: isAfter ? start + elided.length : start,
      contentLength: isAround ? content.length + elided.length : content.length,
    };
  };
  return (tlv, parent) => {
    const element = known.get(tlv.raw.byteOffset) ?? spliceElement(tlv, parent, placeOf(tlv));
    known.set(tlv.raw.byteOffset, element);
    return element;
  };
}

/** Where the element ends in the document, end-of-contents octets included. */
function endOf(element: SpliceElement): number {
  return contentEnd(element) + (element.indefinite ? 2 : 0);
}

/** Whether a SET OF is in the order of DER, so that what is added can keep it so. X.690 §11.6 */
function isSorted(members: readonly Tlv[]): boolean {
  return members.every((member, index) => {
    const previous = members[index - 1];
    return !previous || compareBytes(previous.raw, member.raw) <= 0;
  });
}

/** Members put into a set: in its order where it has DER's, else at its end. */
function editsOfSet(set: Tlv, element: SpliceElement, added: readonly Uint8Array[]): SpliceEdit[] {
  const members = readChildren(set);
  const sorted = isSorted(members);
  const first = contentStart(element);
  return added.toSorted(compareBytes).map((octets) => {
    const next = sorted && members.find(({ raw }) => compareBytes(raw, octets) > 0);
    const at = next ? first + (next.raw.byteOffset - set.content.byteOffset) : contentEnd(element);
    return { at, remove: 0, octets, within: element };
  });
}

/** A field [tag] IMPLICIT SET OF: its members, or the field itself where it is not there yet. */
function editsOfField(
  field: Tlv | undefined,
  added: readonly Uint8Array[],
  place: {
    readonly tag: number;
    readonly at: number;
    readonly within: SpliceElement;
    readonly locate: Locate;
  },
): SpliceEdit[] {
  const { tag, at, within, locate } = place;
  if (added.length === 0) return [];
  if (field) return editsOfSet(field, locate(field, within), added);
  return [{ at, remove: 0, octets: derContext(tag, ...added.toSorted(compareBytes)), within }];
}

/** Edits of a token inside of an attribute: the same additions, one SignedData further in. */
function editsOfToken(
  { octets, additions }: NonNullable<SignerAdditions['token']>,
  attributes: Tlv,
  within: SpliceElement,
  locate: Locate,
): SpliceEdit[] {
  const holds = (tlv: Tlv): boolean =>
    tlv.raw.byteOffset <= octets.byteOffset &&
    octets.byteOffset < tlv.raw.byteOffset + tlv.raw.length;
  const attribute = readChildren(attributes).find(holds);
  const [, values] = attribute ? readChildren(attribute) : [];
  if (!attribute || !values)
    throw new InvariantError('ERR_INVARIANT_STATE', 'a token that stands in no attribute');
  const outer = locate(values, locate(attribute, within));
  return editsOf(parseSignedData(octets), additions, locate, outer);
}

function editsOfSigner(
  { raw }: SignerInfo,
  { attributes, token }: SignerAdditions,
  signerInfos: SpliceElement,
  locate: Locate,
): SpliceEdit[] {
  const signerInfo = readTlv(raw);
  const within = locate(signerInfo, signerInfos);
  const last = readChildren(signerInfo).at(-1);
  const unsignedAttrs = isContext(last, 1) ? last : undefined;
  return [
    ...editsOfField(unsignedAttrs, attributes, { tag: 1, at: contentEnd(within), within, locate }),
    ...(token && unsignedAttrs
      ? editsOfToken(token, unsignedAttrs, locate(unsignedAttrs, within), locate)
      : []),
  ];
}

/** RFC 5652 §5.1: 5 where `crls` holds another format than CRLs. */
function editsOfVersion(
  signedData: SignedData,
  { revocationInfo }: SignedDataAdditions,
  within: SpliceElement,
  locate: Locate,
): SpliceEdit[] {
  const { version } = signedData.elements;
  const holdsOther = revocationInfo.some((member) => isContext(readTlv(member), 1));
  if (!holdsOther || signedData.version >= 5) return [];
  const element = locate(version, within);
  return [{ at: element.start, remove: version.raw.length, octets: derInteger(5), within }];
}

function editsOf(
  signedData: SignedData,
  additions: SignedDataAdditions,
  locate: Locate,
  outer: SpliceElement | undefined,
): SpliceEdit[] {
  const { elements, signerInfos } = signedData;
  const contentInfo = locate(elements.contentInfo, outer);
  const [, wrapper] = readChildren(elements.contentInfo);
  if (!wrapper) throw new InvariantError('ERR_INVARIANT_STATE', 'a ContentInfo without content');
  const within = locate(elements.signedData, locate(wrapper, contentInfo));
  const known = new Set(signedData.digestAlgorithms.map(({ oid }) => oid));
  const digestAlgorithms = [...new Set(additions.digestAlgorithms.map(digestOid))]
    .filter((oid) => !known.has(oid))
    .map((oid) => buildAlgorithmIdentifier(oid).raw);
  const afterContent = endOf(locate(elements.encapContentInfo, within));
  const afterCertificates = elements.certificates
    ? endOf(locate(elements.certificates, within))
    : afterContent;
  const signers = locate(elements.signerInfos, within);
  return [
    ...editsOfVersion(signedData, additions, within, locate),
    ...editsOfSet(
      elements.digestAlgorithms,
      locate(elements.digestAlgorithms, within),
      digestAlgorithms,
    ),
    ...editsOfField(elements.certificates, additions.certificates, {
      tag: 0,
      at: afterContent,
      within,
      locate,
    }),
    ...editsOfField(elements.crls, additions.revocationInfo, {
      tag: 1,
      at: afterCertificates,
      within,
      locate,
    }),
    ...signerInfos.flatMap((signerInfo, index) => {
      const added = additions.signers[index];
      return added ? editsOfSigner(signerInfo, added, signers, locate) : [];
    }),
  ];
}

/**
 * The plan that puts `additions` into the document. Only lengths around them, `version` and
 * `digestAlgorithms` change besides; indefinite lengths and any order of members stay. Signers stay in
 * their places even where, longer now, DER would have them in others.
 * @see RFC 5652 §5.1, §5.3, RFC 5940
 */
export function spliceSignedData(stored: StoredSignedData, additions: SignedDataAdditions): Splice {
  const edits = editsOf(stored.signedData, additions, locateIn(stored), undefined);
  return planSplice(stored.length, edits);
}
