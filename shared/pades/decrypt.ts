// The standard security handler with the empty user password: files that open without asking, their
// printing or editing restricted. ISO 32000-2 §7.6.2 to §7.6.5, revisions 2 to 6. Signatures in such
// files are over the encrypted octets; decryption is for reading what the objects say.
import { concatBytes, equalBytes } from '#shared/bytes.ts';
import { decryptAesCbc, encryptAesCbc, rc4 } from '#shared/crypto/ciphers.ts';
import { digest } from '#shared/crypto/digest.ts';
import {
  type PdfDictionary,
  type PdfObject,
  countOf,
  isKind,
  nameOf,
  pdfError,
} from '#shared/pades/objects.ts';

/** Decrypts what belongs to one object; the octets come back as they are where a filter says identity. */
export type PdfCipher = {
  readonly decryptString: (octets: Uint8Array, number: number, generation: number) => Uint8Array;
  readonly decryptStream: (octets: Uint8Array, number: number, generation: number) => Uint8Array;
};

type Method = 'identity' | 'rc4' | 'aes-128' | 'aes-256';

/** §7.6.4.3.2 step a: what a shorter password is filled with. */
const passwordPadding = Uint8Array.from(
  Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex'),
);
const noIv = new Uint8Array(16);
const empty = new Uint8Array();

function stringOf(dictionary: PdfDictionary, key: string): Uint8Array {
  const value = dictionary.entries.get(key);
  if (!isKind(value, 'string')) throw pdfError(`encryption dictionary without a string /${key}`);
  return value.octets;
}

/** Algorithm 2: the file key of revisions 2 to 4. */
function fileKey(dictionary: PdfDictionary, id: Uint8Array, revision: number): Uint8Array {
  const permissions = dictionary.entries.get('P');
  const p = new Uint8Array(4);
  new DataView(p.buffer).setInt32(0, Number(permissions) | 0, true);
  const open = revision >= 4 && dictionary.entries.get('EncryptMetadata') === false;
  const bits = countOf(dictionary.entries.get('Length')) ?? 40;
  const length = revision === 2 ? 5 : Math.min(16, Math.max(5, bits >> 3));
  let key = digest(
    'MD5',
    passwordPadding,
    stringOf(dictionary, 'O').subarray(0, 32),
    p,
    id,
    open ? Uint8Array.of(255, 255, 255, 255) : empty,
  );
  if (revision >= 3) for (let i = 0; i < 50; i++) key = digest('MD5', key.subarray(0, length));
  return key.subarray(0, length);
}

/** Algorithms 4 to 6: whether the empty password is the user's. */
function opens(
  dictionary: PdfDictionary,
  key: Uint8Array,
  id: Uint8Array,
  revision: number,
): boolean {
  const stored = stringOf(dictionary, 'U');
  if (revision === 2) return equalBytes(rc4(key, passwordPadding), stored.subarray(0, 32));
  let check = rc4(key, digest('MD5', passwordPadding, id));
  for (let i = 1; i < 20; i++)
    check = rc4(
      key.map((octet) => octet ^ i),
      check,
    );
  return equalBytes(check, stored.subarray(0, 16));
}

/** Algorithm 2.B, and for revision 5 the plain digest that came before it. */
function hash256(salt: Uint8Array, revision: number): Uint8Array {
  let key = digest('SHA-256', salt);
  if (revision < 6) return key;
  for (let round = 0, last = 0; round < 64 || last > round - 32; round++) {
    const sequence = concatBytes(...Array.from({ length: 64 }, () => key));
    const encrypted = encryptAesCbc(key.subarray(0, 16), key.subarray(16, 32), sequence);
    const remainder = encrypted.subarray(0, 16).reduce((sum, octet) => sum + octet, 0) % 3;
    key = digest(remainder === 0 ? 'SHA-256' : remainder === 1 ? 'SHA-384' : 'SHA-512', encrypted);
    last = encrypted.at(-1) ?? 0;
  }
  return key.subarray(0, 32);
}

/** Algorithm 2.A: the file key of revisions 5 and 6, `undefined` where a password is asked. */
function fileKey256(dictionary: PdfDictionary, revision: number): Uint8Array | undefined {
  const u = stringOf(dictionary, 'U');
  if (!equalBytes(hash256(u.subarray(32, 40), revision), u.subarray(0, 32))) return undefined;
  const intermediate = hash256(u.subarray(40, 48), revision);
  return decryptAesCbc(intermediate, noIv, stringOf(dictionary, 'UE').subarray(0, 32), 'none');
}

/** Crypt filter of strings or streams. §7.6.6 */
function methodOf(dictionary: PdfDictionary, key: 'StmF' | 'StrF', version: number): Method {
  if (version < 4) return 'rc4';
  const name = nameOf(dictionary.entries.get(key)) ?? 'Identity';
  if (name === 'Identity') return 'identity';
  const filters = dictionary.entries.get('CF');
  const filter = isKind(filters, 'dictionary') ? filters.entries.get(name) : undefined;
  const method = isKind(filter, 'dictionary') ? nameOf(filter.entries.get('CFM')) : undefined;
  if (method === 'V2') return 'rc4';
  if (method === 'AESV2') return 'aes-128';
  return method === 'AESV3' ? 'aes-256' : 'identity';
}

/** Algorithm 1: the key of one object. */
function objectKey(key: Uint8Array, number: number, generation: number, aes: boolean): Uint8Array {
  const salt = Uint8Array.of(number, number >> 8, number >> 16, generation, generation >> 8);
  const mark = aes ? new TextEncoder().encode('sAlT') : empty;
  return digest('MD5', key, salt, mark).subarray(0, Math.min(key.length + 5, 16));
}

function decryptAes(key: Uint8Array, octets: Uint8Array): Uint8Array {
  if (octets.length === 0) return octets;
  const plain = decryptAesCbc(key, octets.subarray(0, 16), octets.subarray(16), 'pkcs7');
  if (!plain) throw pdfError('encrypted octets that do not decrypt');
  return plain;
}

function decryptWith(method: Method, key: Uint8Array): PdfCipher['decryptString'] {
  switch (method) {
    case 'identity':
      return (octets) => octets;
    case 'rc4':
      return (octets, number, generation) => rc4(objectKey(key, number, generation, false), octets);
    case 'aes-128':
      return (octets, number, generation) =>
        decryptAes(objectKey(key, number, generation, true), octets);
    case 'aes-256':
      return (octets) => decryptAes(key, octets);
  }
}

/**
 * A cipher for the file, `undefined` where a password or another handler is needed. `dictionary` has
 * its references resolved one level down; `id` is the first string of the trailer's /ID.
 * @throws FormatError ERR_FORMAT_PDF: an encryption dictionary that contradicts itself
 */
export function openWithoutPassword(
  dictionary: PdfDictionary,
  id: PdfObject | undefined,
): PdfCipher | undefined {
  if (nameOf(dictionary.entries.get('Filter')) !== 'Standard') return undefined;
  const version = countOf(dictionary.entries.get('V')) ?? 0;
  const revision = countOf(dictionary.entries.get('R')) ?? 0;
  if (version < 1 || version > 5 || version === 3 || revision < 2 || revision > 6) return undefined;
  const [first] = isKind(id, 'array') ? id.items : [];
  const idOctets = isKind(first, 'string') ? first.octets : empty;
  const candidate =
    revision >= 5 ? fileKey256(dictionary, revision) : fileKey(dictionary, idOctets, revision);
  if (!candidate) return undefined;
  if (revision < 5 && !opens(dictionary, candidate, idOctets, revision)) return undefined;
  return {
    decryptString: decryptWith(methodOf(dictionary, 'StrF', version), candidate),
    decryptStream: decryptWith(methodOf(dictionary, 'StmF', version), candidate),
  };
}
