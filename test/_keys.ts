// Signing keys of every kind that the product verifies, made once per process and label: RSA keys are
// slow to make, and tests of one file may share them.
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { digestOid, nodeDigestName } from '#shared/crypto/digest.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { derContext, derInteger, derNull, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';

export type KeyName =
  | 'P-256'
  | 'P-384'
  | 'P-521'
  | 'brainpoolP256r1'
  | 'brainpoolP384r1'
  | 'brainpoolP512r1'
  | 'RSA-2048'
  | 'RSA-3072'
  | 'RSA-PSS-2048'
  | 'DSA-2048'
  | 'Ed25519'
  | 'Ed448'
  | 'ML-DSA-44'
  | 'ML-DSA-65'
  | 'ML-DSA-87'
  | 'SLH-DSA-SHA2-128f';

/** A key pair that signs with one algorithm. */
export type TestKey = {
  readonly name: KeyName;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly sign: (data: Uint8Array) => Uint8Array;
};

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

const curves: Partial<Record<KeyName, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
  brainpoolP256r1: 'brainpoolP256r1',
  brainpoolP384r1: 'brainpoolP384r1',
  brainpoolP512r1: 'brainpoolP512r1',
};

function generate(name: KeyName): Pair {
  const namedCurve = curves[name];
  if (namedCurve) return generateKeyPairSync('ec', { namedCurve });
  switch (name) {
    case 'RSA-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 });
    case 'DSA-2048':
      return generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 });
    case 'Ed25519':
      return generateKeyPairSync('ed25519');
    case 'Ed448':
      return generateKeyPairSync('ed448');
    case 'ML-DSA-44':
      return generateKeyPairSync('ml-dsa-44');
    case 'ML-DSA-65':
      return generateKeyPairSync('ml-dsa-65');
    case 'ML-DSA-87':
      return generateKeyPairSync('ml-dsa-87');
    case 'SLH-DSA-SHA2-128f':
      return generateKeyPairSync('slh-dsa-sha2-128f');
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}

const ownAlgorithms: Partial<Record<KeyName, string>> = {
  Ed25519: oids.idEd25519,
  Ed448: oids.idEd448,
  'ML-DSA-44': oids.idMlDsa44,
  'ML-DSA-65': oids.idMlDsa65,
  'ML-DSA-87': oids.idMlDsa87,
  'SLH-DSA-SHA2-128f': oids.idSlhDsaSha2128f,
};

const rsaAlgorithms: Partial<Record<DigestAlgorithm, string>> = {
  MD5: oids.md5WithRSAEncryption,
  'SHA-1': oids.sha1WithRSAEncryption,
  'SHA-256': oids.sha256WithRSAEncryption,
  'SHA-384': oids.sha384WithRSAEncryption,
  'SHA-512': oids.sha512WithRSAEncryption,
};

const ecdsaAlgorithms: Partial<Record<DigestAlgorithm, string>> = {
  'SHA-1': oids.ecdsaWithSHA1,
  'SHA-256': oids.ecdsaWithSHA256,
  'SHA-384': oids.ecdsaWithSHA384,
  'SHA-512': oids.ecdsaWithSHA512,
  'SHA3-256': oids.idEcdsaWithSha3256,
};

/** RSASSA-PSS with one digest for message and mask, salt as long as the digest (RFC 4055 §3.1). */
export function pssAlgorithm(
  digest: DigestAlgorithm,
  maskDigest: DigestAlgorithm = digest,
  saltLength = 32,
): AlgorithmIdentifier {
  const hash = buildAlgorithmIdentifier(digestOid(digest), derNull());
  const maskHash = buildAlgorithmIdentifier(digestOid(maskDigest), derNull());
  return buildAlgorithmIdentifier(
    oids.idRSASSAPSS,
    derSequence(
      derContext(0, hash.raw),
      derContext(1, buildAlgorithmIdentifier(oids.idMgf1, maskHash.raw).raw),
      derContext(2, derInteger(saltLength)),
    ),
  );
}

function required(oid: string | undefined, what: string): string {
  if (oid === undefined) throw new Error(`no signature algorithm for ${what}`);
  return oid;
}

function algorithmOf(name: KeyName, digest: DigestAlgorithm): AlgorithmIdentifier {
  const own = ownAlgorithms[name];
  if (own) return buildAlgorithmIdentifier(own);
  if (curves[name]) return buildAlgorithmIdentifier(required(ecdsaAlgorithms[digest], digest));
  if (name === 'DSA-2048') return buildAlgorithmIdentifier(oids.idDsaWithSha256);
  if (name === 'RSA-PSS-2048') return pssAlgorithm(digest);
  return buildAlgorithmIdentifier(required(rsaAlgorithms[digest], digest), derNull());
}

function signerOf(name: KeyName, key: KeyObject, digest: DigestAlgorithm) {
  if (ownAlgorithms[name]) return (data: Uint8Array) => sign(null, data, key);
  if (name === 'RSA-PSS-2048') {
    return (data: Uint8Array) =>
      sign(nodeDigestName(digest), data, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: 32,
      });
  }
  return (data: Uint8Array) => sign(nodeDigestName(digest), data, key);
}

const pairs = new Map<string, Pair>();

/** The key pair of this kind and label, made on first use. */
export function testKey(
  name: KeyName = 'P-256',
  label = 'default',
  digest: DigestAlgorithm = 'SHA-256',
): TestKey {
  const id = `${name} ${label}`;
  const pair = pairs.get(id) ?? generate(name);
  pairs.set(id, pair);
  return {
    name,
    privateKey: pair.privateKey,
    publicKey: new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' })),
    algorithm: algorithmOf(name, digest),
    digestAlgorithm: digest,
    sign: signerOf(name, pair.privateKey, digest),
  };
}

let fresh = 0;

/** A key pair that nothing else in this process has. */
export function freshKey(name: KeyName = 'P-256', digest?: DigestAlgorithm): TestKey {
  fresh += 1;
  return testKey(name, `fresh ${fresh}`, digest);
}
