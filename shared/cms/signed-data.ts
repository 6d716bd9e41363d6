// SignedData in its ContentInfo (RFC 5652 §3, §5.1 to §5.3, §10.2): read from BER or DER, the original
// octets kept. It verifies nothing. A certificate or CRL that does not parse is kept and reported;
// everything else that is malformed is a FormatError.
import { concatBytes } from '#shared/bytes.ts';
import {
  readAlgorithmIdentifier,
  type AlgorithmIdentifier,
} from '#shared/der/algorithm-identifier.ts';
import {
  checkLimits,
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readOctets,
  readTlv,
  readWhole,
  tags,
  type ReadLimits,
  type Tlv,
} from '#shared/der/reader.ts';
import { derElement } from '#shared/der/writer.ts';
import { FormatError, TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { internCertificate, internCertificateList } from '#shared/x509/intern.ts';
import { readName, type Name } from '#shared/x509/name.ts';
import { parseOcspResponse, wrapBasicOcspResponse, type OcspResponse } from '#shared/x509/ocsp.ts';
import { readAttributes, type Attribute } from './attributes.ts';

/** `SignerIdentifier ::= CHOICE { issuerAndSerialNumber, subjectKeyIdentifier [0] }` */
export type SignerIdentifier =
  | {
      readonly kind: 'issuer-and-serial-number';
      readonly issuer: Name;
      readonly serialNumber: bigint;
    }
  | { readonly kind: 'subject-key-identifier'; readonly keyIdentifier: Uint8Array };

export type SignedAttributes = {
  /** As stored, with its tag [0]. */
  readonly raw: Uint8Array;
  /** The stored contents under the tag SET OF, over which the signature is made (RFC 5652 §5.4). */
  readonly forSignature: Uint8Array;
  readonly attributes: readonly Attribute[];
};

/**
 * ```asn1
 * SignerInfo ::= SEQUENCE {
 *   version CMSVersion, sid SignerIdentifier, digestAlgorithm DigestAlgorithmIdentifier,
 *   signedAttrs [0] IMPLICIT SignedAttributes OPTIONAL,
 *   signatureAlgorithm SignatureAlgorithmIdentifier, signature SignatureValue,
 *   unsignedAttrs [1] IMPLICIT UnsignedAttributes OPTIONAL }
 * ```
 */
export type SignerInfo = {
  readonly raw: Uint8Array;
  readonly version: number;
  readonly sid: SignerIdentifier;
  readonly digestAlgorithm: AlgorithmIdentifier;
  readonly signedAttrs?: SignedAttributes | undefined;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly unsignedAttrs: readonly Attribute[];
};

/** A member of `certificates` that is no X.509 certificate, or one that does not parse (`problem` says why). */
export type OtherCertificate = {
  readonly kind: 'attribute-certificate' | 'extended-certificate' | 'other' | 'malformed';
  readonly raw: Uint8Array;
  readonly problem?: string | undefined;
};

/** A member of `crls` that is no CRL (RFC 5652 §10.2.1, RFC 5940), or one that does not parse. */
export type OtherRevocationInfo = {
  readonly kind: 'other' | 'malformed';
  readonly raw: Uint8Array;
  readonly format?: string | undefined;
  readonly problem?: string | undefined;
};

/** The elements of the stored octets, for whoever splices; offsets count from the start of `raw`. */
export type SignedDataElements = {
  readonly contentInfo: Tlv;
  readonly signedData: Tlv;
  readonly version: Tlv;
  readonly digestAlgorithms: Tlv;
  readonly encapContentInfo: Tlv;
  readonly certificates?: Tlv | undefined;
  readonly crls?: Tlv | undefined;
  readonly signerInfos: Tlv;
};

/**
 * ```asn1
 * ContentInfo ::= SEQUENCE { contentType ContentType, content [0] EXPLICIT ANY }
 * SignedData ::= SEQUENCE {
 *   version CMSVersion, digestAlgorithms SET OF DigestAlgorithmIdentifier,
 *   encapContentInfo EncapsulatedContentInfo,
 *   certificates [0] IMPLICIT CertificateSet OPTIONAL, crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
 *   signerInfos SET OF SignerInfo }
 * ```
 */
export type SignedData = {
  readonly raw: Uint8Array;
  readonly version: number;
  readonly digestAlgorithms: readonly AlgorithmIdentifier[];
  readonly eContentType: string;
  /** The octets that the message digest covers; missing where the content is detached. */
  readonly eContent?: Uint8Array | undefined;
  /** Whether the field is there at all: a timestamp without certReq has none. */
  readonly certificatesPresent: boolean;
  readonly certificates: readonly Certificate[];
  readonly otherCertificates: readonly OtherCertificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  readonly otherRevocationInfo: readonly OtherRevocationInfo[];
  readonly signerInfos: readonly SignerInfo[];
  readonly elements: SignedDataElements;
};

/** Bounds before anything is read: real signatures with whole archives of CRLs stay far below. */
const limits: ReadLimits = { maxDepth: 64, maxElements: 1_000_000 };

function malformed(what: string, tlv: Tlv | undefined, clause: string): FormatError {
  const offset = tlv?.offset;
  return new FormatError(
    'ERR_FORMAT_CMS',
    `${what} expected${offset === undefined ? '' : ` at octet ${offset}`}`,
    { offset, clause },
  );
}

function readVersion(tlv: Tlv | undefined, clause: string): number {
  if (!isUniversal(tlv, tags.integer)) throw malformed('version', tlv, clause);
  // Any version is read, since the checks say which one is due; a huge one is no version at all.
  if (tlv.content.length > 4) throw malformed('version of at most four octets', tlv, clause);
  return Number(readInteger(tlv));
}

function readSignerIdentifier(tlv: Tlv | undefined): SignerIdentifier {
  if (isContext(tlv, 0))
    return { kind: 'subject-key-identifier', keyIdentifier: readOctets(tlv, limits) };
  const [issuer, serialNumber, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  if (!isUniversal(issuer, tags.sequence) || !isUniversal(serialNumber, tags.integer) || excess)
    throw malformed('SignerIdentifier', tlv, 'RFC 5652 §5.3');
  return {
    kind: 'issuer-and-serial-number',
    issuer: readName(issuer),
    serialNumber: readInteger(serialNumber),
  };
}

function readSignedAttributes(tlv: Tlv): SignedAttributes {
  // RFC 5652 §5.4: the tag is SET OF, not [0]. A definite length keeps its octets, so that what is
  // verified is what was received, superfluous length octets included.
  const forSignature = tlv.indefinite
    ? derElement(0x31, tlv.content)
    : concatBytes(Uint8Array.of(0x31), tlv.raw.subarray(1));
  return { raw: tlv.raw, forSignature, attributes: readAttributes(tlv) };
}

/**
 * One SignerInfo from its element: also what a countersignature attribute holds (RFC 5652 §11.4).
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER
 */
export function readSignerInfo(tlv: Tlv): SignerInfo {
  const clause = 'RFC 5652 §5.3';
  if (!isUniversal(tlv, tags.sequence)) throw malformed('SignerInfo', tlv, clause);
  const [version, sid, digestAlgorithm, ...rest] = readChildren(tlv, limits);
  if (!digestAlgorithm) throw malformed('SignerInfo with its algorithms', tlv, clause);
  const signedAttrs = isContext(rest[0], 0) ? rest.shift() : undefined;
  const [signatureAlgorithm, signature, unsignedAttrs, excess] = rest;
  if (!signatureAlgorithm || !isUniversal(signature, tags.octetString))
    throw malformed('signature', signature ?? tlv, clause);
  if (excess || (unsignedAttrs && !isContext(unsignedAttrs, 1)))
    throw malformed('end of SignerInfo', excess ?? unsignedAttrs, clause);
  return {
    raw: tlv.raw,
    version: readVersion(version, clause),
    sid: readSignerIdentifier(sid),
    digestAlgorithm: readAlgorithmIdentifier(digestAlgorithm),
    signedAttrs: signedAttrs && readSignedAttributes(signedAttrs),
    signatureAlgorithm: readAlgorithmIdentifier(signatureAlgorithm),
    signature: readOctets(signature, limits),
    unsignedAttrs: unsignedAttrs ? readAttributes(unsignedAttrs) : [],
  };
}

function readEncapsulatedContent(tlv: Tlv | undefined): {
  readonly eContentType: string;
  readonly eContent: Uint8Array | undefined;
} {
  const clause = 'RFC 5652 §5.2';
  const [type, content, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv, limits) : [];
  if (!isUniversal(type, tags.objectIdentifier) || excess)
    throw malformed('EncapsulatedContentInfo', tlv, clause);
  if (!content) return { eContentType: readObjectIdentifier(type), eContent: undefined };
  const [value, more] = isContext(content, 0) ? readChildren(content, limits) : [];
  // PKCS #7 1.5 allowed the bare content here (RFC 5652 §5.2.1); CMS wraps it in an OCTET STRING.
  if (!isUniversal(value, tags.octetString) || more)
    throw malformed('eContent as OCTET STRING', content, clause);
  return { eContentType: readObjectIdentifier(type), eContent: readOctets(value, limits) };
}

const otherCertificateKinds = [
  'extended-certificate',
  'attribute-certificate',
  'attribute-certificate',
] as const;

/** Certificates or CRLs of one SignedData: each is parsed, so their number is what reading costs. */
const maxMembers = 2000;

function readMembers(tlv: Tlv | undefined, what: string): readonly Tlv[] {
  const members = tlv ? readChildren(tlv, limits) : [];
  if (members.length > maxMembers)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxMembers} ${what} in SignedData`, {
      offset: tlv?.offset,
      clause: 'RFC 5652 §5.1',
    });
  return members;
}

function readCertificates(tlv: Tlv | undefined): {
  readonly certificates: readonly Certificate[];
  readonly otherCertificates: readonly OtherCertificate[];
} {
  const certificates: Certificate[] = [];
  const otherCertificates: OtherCertificate[] = [];
  for (const member of readMembers(tlv, 'certificates')) {
    if (member.tagClass === 'context') {
      const kind = otherCertificateKinds[member.tag] ?? 'other';
      otherCertificates.push({ kind, raw: member.raw });
      continue;
    }
    if (!isUniversal(member, tags.sequence))
      throw malformed('CertificateChoices', member, 'RFC 5652 §10.2.2');
    try {
      certificates.push(internCertificate(member.raw));
    } catch (error) {
      if (!(error instanceof TokiwaError)) throw error;
      otherCertificates.push({ kind: 'malformed', raw: member.raw, problem: error.message });
    }
  }
  return { certificates, otherCertificates };
}

/**
 * The OCSP response in an `OtherRevocationInfoFormat`; undefined: another format. Before RFC 5940 §2.1 had a format
 * for it, signers stored the BasicOCSPResponse under its own type.
 * @throws FormatError ERR_FORMAT_OCSP, ERR_FORMAT_LIMIT
 */
export function ocspResponseOfFormat(format: string, info: Uint8Array): OcspResponse | undefined {
  if (format === oids.idRiOcspResponse) return parseOcspResponse(info);
  if (format === oids.idPkixOcspBasic) return parseOcspResponse(wrapBasicOcspResponse(info));
  return undefined;
}

/** `[1] IMPLICIT OtherRevocationInfoFormat`: an OCSP response, else kept as it is. */
function readOtherRevocationInfo(member: Tlv): OcspResponse | OtherRevocationInfo {
  const [format, info] = readChildren(member, limits);
  if (!isUniversal(format, tags.objectIdentifier) || !info)
    throw malformed('OtherRevocationInfoFormat', member, 'RFC 5652 §10.2.1');
  const oid = readObjectIdentifier(format);
  return ocspResponseOfFormat(oid, info.raw) ?? { kind: 'other', raw: member.raw, format: oid };
}

function readRevocationInfo(tlv: Tlv | undefined): {
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  readonly otherRevocationInfo: readonly OtherRevocationInfo[];
} {
  const crls: CertificateList[] = [];
  const ocspResponses: OcspResponse[] = [];
  const otherRevocationInfo: OtherRevocationInfo[] = [];
  for (const member of readMembers(tlv, 'CRLs')) {
    try {
      if (isUniversal(member, tags.sequence)) {
        crls.push(internCertificateList(member.raw));
      } else if (isContext(member, 1)) {
        const info = readOtherRevocationInfo(member);
        if ('kind' in info && info.kind === 'other') otherRevocationInfo.push(info);
        else ocspResponses.push(info as OcspResponse);
      } else {
        throw malformed('RevocationInfoChoice', member, 'RFC 5652 §10.2.1');
      }
    } catch (error) {
      if (!(error instanceof TokiwaError)) throw error;
      otherRevocationInfo.push({ kind: 'malformed', raw: member.raw, problem: error.message });
    }
  }
  return { crls, ocspResponses, otherRevocationInfo };
}

/**
 * The content type and content of a ContentInfo, without looking into the content.
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 * @see RFC 5652 §3
 */
export function readContentInfo(octets: Uint8Array): {
  readonly contentInfo: Tlv;
  readonly contentType: string;
  readonly content: Tlv;
} {
  checkLimits(octets, limits);
  const contentInfo = readWhole(octets, limits);
  const [type, wrapper, excess] = isUniversal(contentInfo, tags.sequence)
    ? readChildren(contentInfo, limits)
    : [];
  const [content, more] = isContext(wrapper, 0) ? readChildren(wrapper, limits) : [];
  if (!isUniversal(type, tags.objectIdentifier) || !content || more || excess)
    throw malformed('ContentInfo', contentInfo, 'RFC 5652 §3');
  return { contentInfo, contentType: readObjectIdentifier(type), content };
}

/**
 * SignedData from the octets of its ContentInfo, BER or DER. Everything returned is a view of
 * `octets`, save certificates, CRLs and where BER segments had to be joined.
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER, ERR_FORMAT_LIMIT; octets after the end, too
 * @see RFC 5652 §5.1
 */
export function parseSignedData(octets: Uint8Array): SignedData {
  const clause = 'RFC 5652 §5.1';
  const { contentInfo, contentType, content } = readContentInfo(octets);
  if (contentType !== oids.idSignedData || !isUniversal(content, tags.sequence))
    throw malformed('ContentInfo of type id-signedData', content, 'RFC 5652 §3');
  const [version, digestAlgorithms, encapContentInfo, ...rest] = readChildren(content, limits);
  if (!isUniversal(digestAlgorithms, tags.set) || !encapContentInfo)
    throw malformed('digestAlgorithms', digestAlgorithms ?? content, clause);
  const certificates = isContext(rest[0], 0) ? rest.shift() : undefined;
  const crls = isContext(rest[0], 1) ? rest.shift() : undefined;
  const [signerInfos, excess] = rest;
  if (!isUniversal(signerInfos, tags.set) || excess)
    throw malformed('signerInfos at the end of SignedData', excess ?? signerInfos, clause);
  return {
    raw: octets,
    version: readVersion(version, clause),
    digestAlgorithms: readChildren(digestAlgorithms, limits).map(readAlgorithmIdentifier),
    ...readEncapsulatedContent(encapContentInfo),
    certificatesPresent: certificates !== undefined,
    ...readCertificates(certificates),
    ...readRevocationInfo(crls),
    signerInfos: readChildren(signerInfos, limits).map(readSignerInfo),
    elements: {
      contentInfo,
      signedData: content,
      version: version ?? content,
      digestAlgorithms,
      encapContentInfo,
      certificates,
      crls,
      signerInfos,
    },
  };
}

/** One SignerInfo from its octets. @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER */
export function parseSignerInfo(octets: Uint8Array): SignerInfo {
  checkLimits(octets, limits);
  return readSignerInfo(readTlv(octets));
}
