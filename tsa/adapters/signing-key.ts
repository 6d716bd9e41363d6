// Private keys of the local authority: made and used through node:crypto, kept as PKCS #8 PEM files that nobody
// else may read. Encrypted key files and other key kinds are rows to add here.
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
import { createFile } from '#shared/io/durable-file.ts';
import type { Signer } from '../certificate-builder.ts';
import type { LocalKeyKind } from '../config.ts';
import { readPrivateFile } from './private-file.ts';

/** A private key in memory with its public half. */
export type SigningKey = Signer & {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
};

/** Signature algorithms by key and digest: RFC 5758 §3.2 and RFC 4055 §5 (there the NULL is demanded). */
const signatureAlgorithms: Readonly<
  Record<LocalKeyKind, Partial<Readonly<Record<DigestAlgorithm, Uint8Array>>>>
> = {
  'P-256': {
    'SHA-256': buildAlgorithmIdentifier('1.2.840.10045.4.3.2').raw,
    'SHA-384': buildAlgorithmIdentifier('1.2.840.10045.4.3.3').raw,
    'SHA-512': buildAlgorithmIdentifier('1.2.840.10045.4.3.4').raw,
  },
  'RSA-3072': {
    'SHA-256': buildAlgorithmIdentifier('1.2.840.113549.1.1.11', derNull()).raw,
    'SHA-384': buildAlgorithmIdentifier('1.2.840.113549.1.1.12', derNull()).raw,
    'SHA-512': buildAlgorithmIdentifier('1.2.840.113549.1.1.13', derNull()).raw,
  },
};

/** Digests that signatures of the local unit may use. */
export const signatureDigests = ['SHA-256', 'SHA-384', 'SHA-512'] as const;

const generate = promisify(generateKeyPair);

async function generateKey(kind: LocalKeyKind): Promise<KeyObject> {
  const pair =
    kind === 'P-256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 3072 });
  return pair.privateKey;
}

function signingKeyOf(
  privateKey: KeyObject,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
): SigningKey {
  const algorithm = signatureAlgorithms[kind][digestAlgorithm];
  if (!algorithm) {
    throw new ConfigError('ERR_CONFIG_INVALID', `${kind} cannot sign with ${digestAlgorithm}`);
  }
  const digestName = nodeDigestName(digestAlgorithm);
  return {
    algorithm,
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    sign: (octets) => sign(digestName, octets, privateKey),
  };
}

/** Makes a key pair and its file (mode 0600), durable when the promise fulfils. @throws the system's error */
export async function createSigningKey(
  file: string,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
): Promise<SigningKey> {
  const privateKey = await generateKey(kind);
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const created = await createFile(file, Buffer.from(pem), { mode: 0o600 });
  if (!created) throw new ConfigError('ERR_CONFIG_INVALID', `key file ${file} exists already`);
  return signingKeyOf(privateKey, kind, digestAlgorithm);
}

/**
 * Loads a key file.
 * @throws ConfigError ERR_CONFIG_INVALID: it is missing, no key, or readable by anyone but its owner
 */
export async function loadSigningKey(
  file: string,
  kind: LocalKeyKind,
  digestAlgorithm: DigestAlgorithm,
): Promise<SigningKey> {
  const pem = await readPrivateFile(file, 'key file');
  try {
    return signingKeyOf(createPrivateKey(pem), kind, digestAlgorithm);
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
