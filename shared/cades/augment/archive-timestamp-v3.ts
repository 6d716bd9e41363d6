// What a new archive timestamp of a signer is over: the hash index of all that stands in the SignedData and
// beside the signature now, and the imprint. EN 319 122-1 §5.5.2, §5.5.3. Reading one is
// archive-timestamp.ts's work, which shares nothing with this but the clauses.
import { toHex } from '#shared/bytes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { digest, type DigestAlgorithm, digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { isContext, readChildren, readTlv, type Tlv } from '#shared/der/reader.ts';
import {
  derElement,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { InvariantError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';

/** An Attribute with one value. */
export function buildAttribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derElement(0x31, value));
}

/**
 * ATSHashIndexV3 over every certificate, CRL and unsigned attribute value, each as stored.
 * @see EN 319 122-1 §5.5.2
 */
export function buildAtsHashIndexV3(
  algorithm: DigestAlgorithm,
  { elements }: SignedData,
  { unsignedAttrs }: SignerInfo,
): Uint8Array {
  const hash = (...parts: readonly Uint8Array[]): Uint8Array =>
    derOctetString(digest(algorithm, ...parts));
  // A member that stands twice has one hash, which is that of each: EU DSS takes a second for one of nothing.
  const ofMembers = (field: Tlv | undefined): readonly Uint8Array[] => {
    const hashes = field ? readChildren(field).map(({ raw }) => hash(raw)) : [];
    return [...new Map(hashes.map((one) => [toHex(one), one])).values()];
  };
  return derSequence(
    buildAlgorithmIdentifier(digestOid(algorithm)).raw,
    derSequence(...ofMembers(elements.certificates)),
    derSequence(...ofMembers(elements.crls)),
    derSequence(
      ...unsignedAttrs.flatMap(({ raw, values }) => {
        const [type] = readChildren(readTlv(raw));
        return values.map((value) => hash(...(type ? [type.raw] : []), value));
      }),
    ),
  );
}

/**
 * The imprint of a signer's archive-time-stamp-v3 with that index. `contentDigest`: of what the
 * message digest is over, by `algorithm`.
 * @see EN 319 122-1 §5.5.3
 */
export function archiveImprintV3(
  algorithm: DigestAlgorithm,
  { elements }: SignedData,
  signerInfo: SignerInfo,
  parts: { readonly contentDigest: Uint8Array; readonly atsHashIndex: Uint8Array },
): Uint8Array {
  const [eContentType] = readChildren(elements.encapContentInfo);
  if (!eContentType) throw new InvariantError('ERR_INVARIANT_STATE', 'no eContentType');
  // version, sid, digestAlgorithm, signedAttrs, signatureAlgorithm and signature, without any modification.
  const fields = readChildren(readTlv(signerInfo.raw));
  if (isContext(fields.at(-1), 1)) fields.pop();
  return digest(
    algorithm,
    eContentType.raw,
    parts.contentDigest,
    ...fields.map(({ raw }) => raw),
    parts.atsHashIndex,
  );
}

/** The attribute of the token that holds the index. */
export function buildAtsHashIndexAttribute(atsHashIndex: Uint8Array): Uint8Array {
  return buildAttribute(oids.idAaATSHashIndexV3, atsHashIndex);
}
