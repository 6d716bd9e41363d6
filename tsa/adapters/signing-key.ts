// Private keys of the local authority: made and used through node:crypto, kept as PKCS #8 PEM files that nobody
// else may read, encrypted by a password where one is configured (PKCS #8, PBES2 with AES-256).
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
} from 'node:crypto';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type DigestAlgorithm, nodeDigestName } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { derNull } from '#shared/der/writer.ts';
import { ConfigError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { createFile } from '#shared/io/durable-file.ts';
import type { Signer } from '../local/certificate-builder.ts';
import type { LocalKeyKind } from '../config/config.ts';
import { readPrivateFile } from '#shared/io/private-file.ts';

/** A private key in memory with its public half. */
export type SigningKey = Signer & {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
};

type ByDigest = Partial<Readonly<Record<DigestAlgorithm, Uint8Array>>>;

const identifier = (oid: string): Uint8Array => buildAlgorithmIdentifier(oid).raw;

/** RFC 5758 §3.2. */
const ecdsa: ByDigest = {
  'SHA-256': identifier('1.2.840.10045.4.3.2'),
  'SHA-384': identifier('1.2.840.10045.4.3.3'),
  'SHA-512': identifier('1.2.840.10045.4.3.4'),
};

/** RFC 4055 §5, where the NULL is demanded. */
const rsa: ByDigest = {
  'SHA-256': buildAlgorithmIdentifier('1.2.840.113549.1.1.11', derNull()).raw,
  'SHA-384': buildAlgorithmIdentifier('1.2.840.113549.1.1.12', derNull()).raw,
  'SHA-512': buildAlgorithmIdentifier('1.2.840.113549.1.1.13', derNull()).raw,
};

/** RFC 9882 §3.3: any digest as strong as the key; it is that of the message, the key signs by its own scheme. */
const own = (oid: string, ...digests: readonly DigestAlgorithm[]): ByDigest =>
  Object.fromEntries(digests.map((one) => [one, identifier(oid)]));

type KeyRow = {
  readonly generate: () => Promise<{ readonly privateKey: KeyObject }>;
  readonly algorithms: ByDigest;
  /** It signs the data itself, not a digest that is named to it. */
  readonly ownScheme: boolean;
};

const generate = promisify(generateKeyPair);

const keyRows: Readonly<Record<LocalKeyKind, KeyRow>> = {
  'P-256': {
    generate: () => generate('ec', { namedCurve: 'P-256' }),
    algorithms: ecdsa,
    ownScheme: false,
  },
  'P-384': {
    generate: () => generate('ec', { namedCurve: 'P-384' }),
    algorithms: ecdsa,
    ownScheme: false,
  },
  'RSA-3072': {
    generate: () => generate('rsa', { modulusLength: 3072 }),
    algorithms: rsa,
    ownScheme: false,
  },
  'RSA-4096': {
    generate: () => generate('rsa', { modulusLength: 4096 }),
    algorithms: rsa,
    ownScheme: false,
  },
  // RFC 8419 §3.1: with signed attributes, SHA-512.
  Ed25519: {
    generate: () => generate('ed25519'),
    algorithms: own(oids.idEd25519, 'SHA-512'),
    ownScheme: true,
  },
  'ML-DSA-44': {
    generate: () => generate('ml-dsa-44'),
    algorithms: own(oids.idMlDsa44, 'SHA-256', 'SHA-384', 'SHA-512'),
    ownScheme: true,
  },
  'ML-DSA-65': {
    generate: () => generate('ml-dsa-65'),
    algorithms: own(oids.idMlDsa65, 'SHA-384', 'SHA-512'),
    ownScheme: true,
  },
  'ML-DSA-87': {
    generate: () => generate('ml-dsa-87'),
    algorithms: own(oids.idMlDsa87, 'SHA-512'),
    ownScheme: true,
  },
};

/** Digests that signatures of the local unit may use. */
export const signatureDigests = ['SHA-256', 'SHA-384', 'SHA-512'] as const;

function signingKeyOf(
  privateKey: KeyObject,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
): SigningKey {
  const { algorithms, ownScheme } = keyRows[kind];
  const algorithm = algorithms[digestAlgorithm];
  if (!algorithm) {
    throw new ConfigError('ERR_CONFIG_INVALID', `${kind} cannot sign with ${digestAlgorithm}`);
  }
  const digestName = ownScheme ? null : nodeDigestName(digestAlgorithm);
  return {
    algorithm,
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    sign: (octets) => sign(digestName, octets, privateKey),
  };
}

/** Makes a key pair and its file (mode 0600), encrypted where there is a password, durable when the promise fulfils. @throws the system's error */
export async function createSigningKey(
  file: string,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
  password?: string,
): Promise<SigningKey> {
  const { privateKey } = await keyRows[kind].generate();
  const pem = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(password === undefined ? {} : { cipher: 'aes-256-cbc', passphrase: password }),
  });
  const created = await createFile(file, Buffer.from(pem), { mode: 0o600 });
  if (!created) throw new ConfigError('ERR_CONFIG_INVALID', `key file ${file} exists already`);
  return signingKeyOf(privateKey, kind, digestAlgorithm);
}

/**
 * Loads a key file.
 * @throws ConfigError ERR_CONFIG_INVALID: it is missing, no key, encrypted by another password, or readable by anyone
 *   but its owner
 */
export async function loadSigningKey(
  file: string,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
  password?: string,
): Promise<SigningKey> {
  const pem = await readPrivateFile(file, 'key file');
  try {
    // A file from before the password was set is read as it is.
    const key = createPrivateKey({
      key: pem,
      ...(password === undefined ? {} : { passphrase: password }),
    });
    return signingKeyOf(key, kind, digestAlgorithm);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('ERR_CONFIG_INVALID', `key file ${file} cannot be used`, {
      cause: error,
    });
  }
}

/** Destroys a key that has no further use; the old tokens need only the certificate. */
export async function removeSigningKey(file: string): Promise<void> {
  await rm(file, { force: true });
}
