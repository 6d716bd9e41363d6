// Signature methods of XML Signature by URI, as the algorithm identifiers of certificates and CMS, and
// the form of their values. XML Signature 1.1 §6.4, RFC 9231 §2.3.
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { type DigestAlgorithm, digestLength, digestOid } from '#shared/crypto/digest.ts';
import {
  type AlgorithmIdentifier,
  buildAlgorithmIdentifier,
} from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derInteger,
  derNull,
  derSequence,
  derUnsignedInteger,
} from '#shared/der/writer.ts';
import { UnsupportedError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { type XmlElement, attributeOf, childNamed, textOf } from '#shared/xml/tree.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import { signatureError } from '#shared/xmldsig/references.ts';

export type SignatureMethod = {
  /** As reports show it. */
  readonly name: string;
  readonly algorithm: AlgorithmIdentifier;
  /** For identifiers that name a kind of key alone. */
  readonly digestAlgorithm?: DigestAlgorithm | undefined;
  /** Two integers of the same length one after the other, where CMS has a SEQUENCE. §6.4.1, §6.4.3 */
  readonly twoIntegers: boolean;
};

const more2001 = 'http://www.w3.org/2001/04/xmldsig-more#';
const more2007 = 'http://www.w3.org/2007/05/xmldsig-more#';
const more2021 = 'http://www.w3.org/2021/04/xmldsig-more#';
const pssNamespace = more2007;

type Row = readonly [uri: string, name: string, oid: string, digest?: DigestAlgorithm];

const rsaRows: readonly Row[] = [
  [`${more2001}rsa-md5`, 'RSA with MD5', oids.md5WithRSAEncryption],
  [`${dsNamespace}rsa-sha1`, 'RSA with SHA-1', oids.sha1WithRSAEncryption],
  [`${more2001}rsa-ripemd160`, 'RSA with RIPEMD-160', oids.ripemd160WithRSASignature],
  [`${more2001}rsa-sha224`, 'RSA with SHA-224', oids.sha224WithRSAEncryption],
  [`${more2001}rsa-sha256`, 'RSA with SHA-256', oids.sha256WithRSAEncryption],
  [`${more2001}rsa-sha384`, 'RSA with SHA-384', oids.sha384WithRSAEncryption],
  [`${more2001}rsa-sha512`, 'RSA with SHA-512', oids.sha512WithRSAEncryption],
  [`${more2021}eddsa-ed25519`, 'Ed25519', oids.idEd25519],
  [`${more2021}eddsa-ed448`, 'Ed448', oids.idEd448],
];

const integerRows: readonly Row[] = [
  [`${dsNamespace}dsa-sha1`, 'DSA with SHA-1', oids.idDsaWithSha1],
  ['http://www.w3.org/2009/xmldsig11#dsa-sha256', 'DSA with SHA-256', oids.idDsaWithSha256],
  [`${more2001}ecdsa-sha1`, 'ECDSA with SHA-1', oids.ecdsaWithSHA1],
  [`${more2001}ecdsa-ripemd160`, 'ECDSA with RIPEMD-160', oids.idEcPublicKey, 'RIPEMD-160'],
  [`${more2007}ecdsa-ripemd160`, 'ECDSA with RIPEMD-160', oids.idEcPublicKey, 'RIPEMD-160'],
  [`${more2001}ecdsa-sha224`, 'ECDSA with SHA-224', oids.ecdsaWithSHA224],
  [`${more2001}ecdsa-sha256`, 'ECDSA with SHA-256', oids.ecdsaWithSHA256],
  [`${more2001}ecdsa-sha384`, 'ECDSA with SHA-384', oids.ecdsaWithSHA384],
  [`${more2001}ecdsa-sha512`, 'ECDSA with SHA-512', oids.ecdsaWithSHA512],
  [`${more2021}ecdsa-sha3-224`, 'ECDSA with SHA3-224', oids.idEcdsaWithSha3224],
  [`${more2021}ecdsa-sha3-256`, 'ECDSA with SHA3-256', oids.idEcdsaWithSha3256],
  [`${more2021}ecdsa-sha3-384`, 'ECDSA with SHA3-384', oids.idEcdsaWithSha3384],
  [`${more2021}ecdsa-sha3-512`, 'ECDSA with SHA3-512', oids.idEcdsaWithSha3512],
];

/** RFC 9231 §2.3.10: the salt as long as the digest, the mask with the same one. */
const pssRows: readonly (readonly [uri: string, digest: DigestAlgorithm])[] = [
  [`${more2007}sha1-rsa-MGF1`, 'SHA-1'],
  [`${more2007}sha224-rsa-MGF1`, 'SHA-224'],
  [`${more2007}sha256-rsa-MGF1`, 'SHA-256'],
  [`${more2007}sha384-rsa-MGF1`, 'SHA-384'],
  [`${more2007}sha512-rsa-MGF1`, 'SHA-512'],
  [`${more2007}sha3-224-rsa-MGF1`, 'SHA3-224'],
  [`${more2007}sha3-256-rsa-MGF1`, 'SHA3-256'],
  [`${more2007}sha3-384-rsa-MGF1`, 'SHA3-384'],
  [`${more2007}sha3-512-rsa-MGF1`, 'SHA3-512'],
];

function pss(
  digest: DigestAlgorithm,
  maskDigest = digest,
  saltLength = digestLength(digest),
): AlgorithmIdentifier {
  const hash = buildAlgorithmIdentifier(digestOid(digest), derNull());
  const mask = buildAlgorithmIdentifier(digestOid(maskDigest), derNull());
  return buildAlgorithmIdentifier(
    oids.idRSASSAPSS,
    derSequence(
      derContext(0, hash.raw),
      derContext(1, buildAlgorithmIdentifier(oids.idMgf1, mask.raw).raw),
      derContext(2, derInteger(saltLength)),
    ),
  );
}

function methodsOf(rows: readonly Row[], twoIntegers: boolean): [string, SignatureMethod][] {
  return rows.map(([uri, name, oid, digestAlgorithm]) => [
    uri,
    { name, algorithm: buildAlgorithmIdentifier(oid), digestAlgorithm, twoIntegers },
  ]);
}

/** HMAC is not among them: with a public key as secret, anybody makes a good signature. */
const methods: ReadonlyMap<string, SignatureMethod> = new Map([
  ...methodsOf(rsaRows, false),
  ...methodsOf(integerRows, true),
  ...pssRows.map(([uri, digest]): [string, SignatureMethod] => [
    uri,
    { name: `RSASSA-PSS with ${digest}`, algorithm: pss(digest), twoIntegers: false },
  ]),
]);

function unsupported(what: string): UnsupportedError {
  return new UnsupportedError(
    'ERR_UNSUPPORTED_ALGORITHM',
    `signature method ${JSON.stringify(what)} is no signature with a certificate's key`,
    { feature: what },
  );
}

function digestIn(parent: XmlElement | undefined): DigestAlgorithm | undefined {
  const element = childNamed(parent, dsNamespace, 'DigestMethod');
  const uri = attributeOf(element, 'Algorithm');
  if (uri === undefined) return undefined;
  const digest = digestAlgorithmOfUri(uri);
  if (!digest) throw unsupported(uri);
  return digest;
}

/** RFC 9231 §2.3.9: SHA-256 where nothing is said, the salt as long as the digest. */
function readPss(element: XmlElement): SignatureMethod {
  const parameters = childNamed(element, pssNamespace, 'RSAPSSParams');
  const digest = digestIn(parameters) ?? 'SHA-256';
  const mask = childNamed(parameters, pssNamespace, 'MaskGenerationFunction');
  if (mask && attributeOf(mask, 'Algorithm') !== `${more2007}MGF1`)
    throw unsupported(attributeOf(mask, 'Algorithm') ?? 'MaskGenerationFunction');
  const salt = childNamed(parameters, pssNamespace, 'SaltLength');
  const length = salt ? Number(/^\s*(\d{1,4})\s*$/.exec(textOf(salt) ?? '')?.[1]) : undefined;
  const trailer = childNamed(parameters, pssNamespace, 'TrailerField');
  if (Number.isNaN(length) || (trailer && textOf(trailer)?.trim() !== '1'))
    throw signatureError('RSAPSSParams with a salt or trailer that is none');
  return {
    name: `RSASSA-PSS with ${digest}`,
    algorithm: pss(digest, digestIn(mask) ?? digest, length),
    twoIntegers: false,
  };
}

/**
 * The method of a SignedInfo.
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM: HMAC, or one that is not known; FormatError
 */
export function readSignatureMethod(signedInfo: XmlElement): SignatureMethod {
  const element = childNamed(signedInfo, dsNamespace, 'SignatureMethod');
  const uri = attributeOf(element, 'Algorithm') ?? '';
  if (element && uri === `${more2007}rsa-pss`) return readPss(element);
  const method = methods.get(uri);
  if (!method) throw unsupported(uri);
  return method;
}

/** The value as CMS has it. @throws FormatError ERR_FORMAT_XML: an odd number of octets, or too many */
export function valueForCms({ twoIntegers }: SignatureMethod, value: Uint8Array): Uint8Array {
  if (!twoIntegers) return value;
  const half = value.length / 2;
  if (!Number.isInteger(half) || half === 0 || half > 128)
    throw signatureError(`signature value of ${value.length} octets, which are no two integers`);
  return derSequence(
    derUnsignedInteger(value.subarray(0, half)),
    derUnsignedInteger(value.subarray(half)),
  );
}
