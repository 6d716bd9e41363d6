// Ciphers that read what others encrypted, for documents that open without a password: AES in CBC mode
// over node:crypto, RC4 by hand since current libraries leave it out. Nothing is ever encrypted to keep
// it secret here. FIPS 197, SP 800-38A.
import { createCipheriv, createDecipheriv } from 'node:crypto';

const block = 16;

/** RC4 both ways. `key`: 1 to 256 octets. */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  const swap = (a: number, b: number): void => {
    const kept = state[a] ?? 0;
    state[a] = state[b] ?? 0;
    state[b] = kept;
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) & 0xff;
    swap(i, j);
  }
  const output = new Uint8Array(data.length);
  for (let n = 0, i = 0, j = 0; n < data.length; n++) {
    i = (i + 1) & 0xff;
    j = (j + (state[i] ?? 0)) & 0xff;
    swap(i, j);
    output[n] = (data[n] ?? 0) ^ (state[((state[i] ?? 0) + (state[j] ?? 0)) & 0xff] ?? 0);
  }
  return output;
}

function cbcName(key: Uint8Array): string {
  return `aes-${key.length * 8}-cbc`;
}

/**
 * AES-CBC decryption; `key` of 16 or 32 octets. Input that is no whole number of blocks, or wrong
 * padding where padding is taken off, gives `undefined`.
 */
export function decryptAesCbc(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  padding: 'pkcs7' | 'none',
): Uint8Array | undefined {
  if (data.length % block !== 0 || iv.length !== block) return undefined;
  const decipher = createDecipheriv(cbcName(key), key, iv).setAutoPadding(false);
  const output = new Uint8Array(Buffer.concat([decipher.update(data), decipher.final()]));
  if (padding === 'none') return output;
  const length = output.at(-1) ?? 0;
  return length >= 1 && length <= block ? output.subarray(0, -length) : undefined;
}

/** AES-CBC encryption without padding, as key derivations use it. `data`: whole blocks. */
export function encryptAesCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = createCipheriv(cbcName(key), key, iv).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(data), cipher.final()]));
}
