// References to validation data in unsigned attributes (CAdES-C; RFC 5126 §6.2, EN 319 122-1 Annex A.1): what is
// referred to by its digest, and whether the document carries it. Read only: levels of today carry the data itself.
import { equalBytes } from '#shared/bytes.ts';
import { attributesOfType } from '#shared/cms/attributes.ts';
import type { SignerInfo } from '#shared/cms/signed-data.ts';
import { digest, type DigestAlgorithm, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { type Problem, attempt } from '#shared/problem.ts';

export type ReferenceKind = 'certificate' | 'crl' | 'ocsp-response';

/** `algorithm` missing: one that is not known, or a reference without a digest. */
type Reference = {
  readonly kind: ReferenceKind;
  readonly algorithm?: DigestAlgorithm | undefined;
  readonly value?: Uint8Array | undefined;
};

/** How many of one attribute's references of a kind are to something that is at hand. */
export type ReferencesFound = {
  readonly attribute: string;
  readonly kind: ReferenceKind;
  readonly references: number;
  readonly found: number;
};

export type ReferencesReading = {
  readonly found: readonly ReferencesFound[];
  /** Attributes that do not parse. */
  readonly problems: readonly Problem[];
};

/** References in one attribute: each costs a look-up. */
const maxReferences = 5000;

function malformed(what: string, tlv: Tlv | undefined): FormatError {
  return new FormatError('ERR_FORMAT_CMS', `${what} expected among references`, {
    offset: tlv?.offset,
    clause: 'RFC 5126 §6.2',
  });
}

function listOf(tlv: Tlv | undefined): readonly Tlv[] {
  if (!isUniversal(tlv, tags.sequence)) throw malformed('SEQUENCE', tlv);
  const members = readChildren(tlv);
  if (members.length > maxReferences) throw malformed(`at most ${maxReferences} members`, tlv);
  return members;
}

/** `OtherHash ::= CHOICE { sha1Hash OCTET STRING, otherHash SEQUENCE { hashAlgorithm, hashValue } }` */
function readOtherHash(kind: ReferenceKind, tlv: Tlv | undefined): Reference {
  if (isUniversal(tlv, tags.octetString))
    return { kind, algorithm: 'SHA-1', value: readOctets(tlv) };
  const [algorithm, value] = listOf(tlv);
  if (!algorithm || !isUniversal(value, tags.octetString)) throw malformed('OtherHash', tlv);
  const { oid } = readAlgorithmIdentifier(algorithm);
  return { kind, algorithm: digestAlgorithmOfOid(oid), value: readOctets(value) };
}

/** `SEQUENCE OF OtherCertID { otherCertHash OtherHash, issuerSerial OPTIONAL }` */
function certificateReferences(value: Tlv): readonly Reference[] {
  return listOf(value).map((one) => readOtherHash('certificate', listOf(one)[0]));
}

/** `SEQUENCE OF CrlOcspRef { crlids [0], ocspids [1], otherRev [2] }` */
function revocationReferences(value: Tlv): readonly Reference[] {
  return listOf(value)
    .flatMap((one) => listOf(one))
    .flatMap((field): readonly Reference[] => {
      if (isContext(field, 2)) return [];
      const [list] = readChildren(field);
      const [ids] = listOf(list);
      if (isContext(field, 0))
        return listOf(ids).map((one) => readOtherHash('crl', listOf(one)[0]));
      // RFC 5126 §6.2.2: the digest of a response should be there, and need not.
      return listOf(ids).map((one): Reference => {
        const [, hash] = listOf(one);
        return hash ? readOtherHash('ocsp-response', hash) : { kind: 'ocsp-response' };
      });
    });
}

const attributes: readonly (readonly [
  oid: string,
  name: string,
  read: (value: Tlv) => readonly Reference[],
])[] = [
  [oids.idAaEtsCertificateRefs, 'complete-certificate-references', certificateReferences],
  [oids.idAaEtsRevocationRefs, 'complete-revocation-references', revocationReferences],
  [oids.idAaEtsAttrCertificateRefs, 'attribute-certificate-references', certificateReferences],
  [oids.idAaEtsAttrRevocationRefs, 'attribute-revocation-references', revocationReferences],
];

/** Objects at hand by kind, each in every form in which its digest may be taken. */
export type AtHand = Readonly<Record<ReferenceKind, readonly Uint8Array[]>>;

/** @see RFC 5126 §6.2 */
export function readReferences({ unsignedAttrs }: SignerInfo, atHand: AtHand): ReferencesReading {
  const problems: Problem[] = [];
  const digests = new Map<string, readonly Uint8Array[]>();
  const digestsOf = (kind: ReferenceKind, algorithm: DigestAlgorithm): readonly Uint8Array[] => {
    const key = `${kind} ${algorithm}`;
    const known = digests.get(key) ?? atHand[kind].map((octets) => digest(algorithm, octets));
    digests.set(key, known);
    return known;
  };
  const isFound = ({ kind, algorithm, value }: Reference): boolean =>
    algorithm !== undefined &&
    value !== undefined &&
    digestsOf(kind, algorithm).some((one) => equalBytes(one, value));
  const found = attributes.flatMap(([oid, attribute, read]) => {
    const references = attributesOfType(unsignedAttrs, oid)
      .flatMap(({ values }) => values)
      .flatMap((value) => attempt(problems, attribute, () => read(readWhole(value))) ?? []);
    return [...Map.groupBy(references, ({ kind }) => kind)].map(([kind, all]): ReferencesFound => ({
      attribute,
      kind,
      references: all.length,
      found: all.filter(isFound).length,
    }));
  });
  return { found, problems };
}
