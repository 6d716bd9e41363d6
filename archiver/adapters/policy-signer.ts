// The key that policies are signed with when they are handed on: a PEM file that nobody but its owner may read, and
// the certificate that names it.
import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { nodeDigestName } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { readBoundedFile } from '#shared/io/bounded-file.ts';
import { readPrivateFile, readSecretFile } from '#shared/io/private-file.ts';
import { certificatesOf } from '#shared/trust/policy-file.ts';
import type { EnvelopedSigner } from '#shared/xmldsig/sign-enveloped.ts';

export type PolicySignerFiles = {
  readonly key: string;
  readonly certificate: string;
  /** Its content decrypts the key. */
  readonly passwordFile?: string | undefined;
};

async function loadKey({ key, passwordFile }: PolicySignerFiles): Promise<KeyObject> {
  const pem = await readPrivateFile(key, 'key file');
  const passphrase =
    passwordFile === undefined ? undefined : await readSecretFile(passwordFile, 'password file');
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_USAGE', `key file ${key} cannot be used`, { cause });
  }
}

/**
 * Opens key and certificate.
 * @throws ConfigError: one of them cannot be read, can be read by others, or they are not of each other
 */
export async function loadPolicySigner(files: PolicySignerFiles): Promise<EnvelopedSigner> {
  const [certificate] = certificatesOf(readBoundedFile(files.certificate));
  if (!certificate)
    throw new ConfigError('ERR_CONFIG_USAGE', `${files.certificate} holds no certificate`);
  const key = await loadKey(files);
  if (!new X509Certificate(certificate.raw).checkPrivateKey(key))
    throw new ConfigError('ERR_CONFIG_USAGE', `${files.certificate} is of another key`);
  return {
    certificate,
    sign: (octets, digestAlgorithm) =>
      sign(nodeDigestName(digestAlgorithm), octets, { key, dsaEncoding: 'ieee-p1363' }),
  };
}
