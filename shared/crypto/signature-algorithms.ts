// Signature algorithms by object identifier, and the parameters of RSASSA-PSS. What is listed can be
// verified; whether it is still acceptable at a time is for shared/policy.
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { parseAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import { UnsupportedError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { requireDigestAlgorithm } from './digest.ts';
import type { DigestAlgorithm } from './digest.ts';
import type { KeyKind } from './public-key.ts';

/** How a signature value is made from data; `digest` missing where the scheme hashes by itself. */
export type SignatureScheme =
  | { readonly kind: 'rsa-pkcs1'; readonly digest: DigestAlgorithm | undefined }
  | {
      readonly kind: 'rsa-pss';
      readonly digest: DigestAlgorithm;
      readonly maskDigest: DigestAlgorithm;
      readonly saltLength: number;
    }
  | {
      readonly kind: 'ecdsa';
      readonly digest: DigestAlgorithm | undefined;
      readonly plain: boolean;
    }
  | { readonly kind: 'dsa'; readonly digest: DigestAlgorithm | undefined }
  /** EdDSA, ML-DSA, SLH-DSA: the key's own scheme over the data itself. */
  | { readonly kind: 'own'; readonly key: KeyKind };

function rsa(digest?: DigestAlgorithm): SignatureScheme {
  return { kind: 'rsa-pkcs1', digest };
}
function ecdsa(digest?: DigestAlgorithm, plain = false): SignatureScheme {
  return { kind: 'ecdsa', digest, plain };
}
function dsa(digest?: DigestAlgorithm): SignatureScheme {
  return { kind: 'dsa', digest };
}
function own(key: KeyKind): SignatureScheme {
  return { kind: 'own', key };
}

const schemes: ReadonlyMap<string, SignatureScheme> = new Map([
  // A key identifier in place of a signature identifier: legal in CMS (RFC 3370 §3.2), where the
  // digest stands beside it.
  [oids.rsaEncryption, rsa()],
  [oids.idEcPublicKey, ecdsa()],
  [oids.idDsa, dsa()],
  [oids.md5WithRSAEncryption, rsa('MD5')],
  [oids.sha1WithRSAEncryption, rsa('SHA-1')],
  [oids.sha1WithRSASignature, rsa('SHA-1')],
  [oids.sha224WithRSAEncryption, rsa('SHA-224')],
  [oids.sha256WithRSAEncryption, rsa('SHA-256')],
  [oids.sha384WithRSAEncryption, rsa('SHA-384')],
  [oids.sha512WithRSAEncryption, rsa('SHA-512')],
  [oids.sha512256WithRSAEncryption, rsa('SHA-512/256')],
  [oids.ripemd160WithRSASignature, rsa('RIPEMD-160')],
  [oids.idRsassaPkcs1V15WithSha3224, rsa('SHA3-224')],
  [oids.idRsassaPkcs1V15WithSha3256, rsa('SHA3-256')],
  [oids.idRsassaPkcs1V15WithSha3384, rsa('SHA3-384')],
  [oids.idRsassaPkcs1V15WithSha3512, rsa('SHA3-512')],
  [oids.ecdsaWithSHA1, ecdsa('SHA-1')],
  [oids.ecdsaWithSHA224, ecdsa('SHA-224')],
  [oids.ecdsaWithSHA256, ecdsa('SHA-256')],
  [oids.ecdsaWithSHA384, ecdsa('SHA-384')],
  [oids.ecdsaWithSHA512, ecdsa('SHA-512')],
  [oids.idEcdsaWithSha3224, ecdsa('SHA3-224')],
  [oids.idEcdsaWithSha3256, ecdsa('SHA3-256')],
  [oids.idEcdsaWithSha3384, ecdsa('SHA3-384')],
  [oids.idEcdsaWithSha3512, ecdsa('SHA3-512')],
  [oids.ecdsaPlainSHA1, ecdsa('SHA-1', true)],
  [oids.ecdsaPlainSHA224, ecdsa('SHA-224', true)],
  [oids.ecdsaPlainSHA256, ecdsa('SHA-256', true)],
  [oids.ecdsaPlainSHA384, ecdsa('SHA-384', true)],
  [oids.ecdsaPlainSHA512, ecdsa('SHA-512', true)],
  [oids.idDsaWithSha1, dsa('SHA-1')],
  [oids.idDsaWithSha224, dsa('SHA-224')],
  [oids.idDsaWithSha256, dsa('SHA-256')],
  [oids.idDsaWithSha384, dsa('SHA-384')],
  [oids.idDsaWithSha512, dsa('SHA-512')],
  [oids.idEd25519, own('Ed25519')],
  [oids.idEd448, own('Ed448')],
  [oids.idMlDsa44, own('ML-DSA-44')],
  [oids.idMlDsa65, own('ML-DSA-65')],
  [oids.idMlDsa87, own('ML-DSA-87')],
  [oids.idSlhDsaSha2128s, own('SLH-DSA-SHA2-128s')],
  [oids.idSlhDsaSha2128f, own('SLH-DSA-SHA2-128f')],
  [oids.idSlhDsaSha2192s, own('SLH-DSA-SHA2-192s')],
  [oids.idSlhDsaSha2192f, own('SLH-DSA-SHA2-192f')],
  [oids.idSlhDsaSha2256s, own('SLH-DSA-SHA2-256s')],
  [oids.idSlhDsaSha2256f, own('SLH-DSA-SHA2-256f')],
  [oids.idSlhDsaShake128s, own('SLH-DSA-SHAKE-128s')],
  [oids.idSlhDsaShake128f, own('SLH-DSA-SHAKE-128f')],
  [oids.idSlhDsaShake192s, own('SLH-DSA-SHAKE-192s')],
  [oids.idSlhDsaShake192f, own('SLH-DSA-SHAKE-192f')],
  [oids.idSlhDsaShake256s, own('SLH-DSA-SHAKE-256s')],
  [oids.idSlhDsaShake256f, own('SLH-DSA-SHAKE-256f')],
]);

function unsupportedParameters(what: string): UnsupportedError {
  return new UnsupportedError('ERR_UNSUPPORTED_ALGORITHM', `RSASSA-PSS with ${what}`, {
    feature: oids.idRSASSAPSS,
  });
}

/**
 * `RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, maskGenAlgorithm [1] DEFAULT
 * mgf1SHA1, saltLength [2] DEFAULT 20, trailerField [3] DEFAULT 1 }` (RFC 8017 §A.2.3).
 */
function readPssParameters(algorithm: AlgorithmIdentifier): SignatureScheme {
  let digest: DigestAlgorithm = 'SHA-1';
  let maskDigest: DigestAlgorithm = 'SHA-1';
  let saltLength = 20;
  // RFC 4055 §3.1: parameters MUST be present with a signature; absent ones are not defaults.
  if (!algorithm.parameters) throw unsupportedParameters('no parameters');
  for (const field of readChildren(readWhole(algorithm.parameters))) {
    const [value] = readChildren(field);
    if (!value) throw unsupportedParameters('an empty parameter');
    if (isContext(field, 0)) {
      digest = requireDigestAlgorithm(parseAlgorithmIdentifier(value.raw).oid);
    } else if (isContext(field, 1)) {
      const mask = parseAlgorithmIdentifier(value.raw);
      if (mask.oid !== oids.idMgf1 || !mask.parameters)
        throw unsupportedParameters(`mask generation ${mask.oid}`);
      maskDigest = requireDigestAlgorithm(parseAlgorithmIdentifier(mask.parameters).oid);
    } else if (isContext(field, 2) && isUniversal(value, tags.integer)) {
      saltLength = Number(readInteger(value));
      if (saltLength < 0 || saltLength > 2048)
        throw unsupportedParameters(`a salt of ${saltLength} octets`);
    } else if (!isContext(field, 3) || readInteger(value) !== 1n) {
      throw unsupportedParameters('an unknown trailer or parameter');
    }
  }
  return { kind: 'rsa-pss', digest, maskDigest, saltLength };
}

/**
 * The scheme of an AlgorithmIdentifier; `digestAlgorithm` fills in where the identifier names none.
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM
 * @throws FormatError ERR_FORMAT_DER for malformed PSS parameters
 */
export function signatureScheme(
  algorithm: AlgorithmIdentifier,
  digestAlgorithm?: DigestAlgorithm,
): SignatureScheme {
  if (algorithm.oid === oids.idRSASSAPSS) return readPssParameters(algorithm);
  const scheme = schemes.get(algorithm.oid);
  if (!scheme) {
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_ALGORITHM',
      `signature algorithm ${algorithm.oid} is not supported`,
      { feature: algorithm.oid },
    );
  }
  if (scheme.kind === 'own' || scheme.kind === 'rsa-pss' || scheme.digest) return scheme;
  return { ...scheme, digest: digestAlgorithm };
}
