// The standard security handler, against a writer of its own: dictionaries are made here from the
// standard's algorithms with node:crypto.
import { createCipheriv, createHash } from 'node:crypto';
import test from 'ava';
import { fromHex, toHex } from '#shared/bytes.ts';
import { rc4 } from '#shared/crypto/ciphers.ts';
import { openWithoutPassword } from '#shared/pades/decrypt.ts';
import type { PdfDictionary, PdfObject } from '#shared/pades/objects.ts';

const md5 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const padding = Buffer.from(
  '28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a',
  'hex',
);
const id = Buffer.from('identifier of it');
const owner = Buffer.alloc(32, 7);
const secret = new TextEncoder().encode('what the object says');

const string = (octets: Uint8Array): PdfObject => ({ kind: 'string', octets, offset: 0, end: 0 });
const name = (value: string): PdfObject => ({ kind: 'name', value });
const dictionary = (entries: Readonly<Record<string, PdfObject>>): PdfDictionary => ({
  kind: 'dictionary',
  entries: new Map(Object.entries(entries)),
  duplicateKeys: [],
});
const ids: PdfObject = { kind: 'array', items: [string(id)] };

function aes(key: Uint8Array, data: Uint8Array): Buffer {
  const iv = Buffer.alloc(16, 3);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv);
  return Buffer.concat([iv, cipher.update(data), cipher.final()]);
}

/** Revisions 3 and 4 with a key of 16 octets and the empty password. */
function fileKey(): Buffer {
  const permissions = Buffer.from([0xfc, 0xff, 0xff, 0xff]);
  let key = md5(padding, owner, permissions, id);
  for (let i = 0; i < 50; i++) key = md5(key);
  return key;
}

function userEntry(key: Uint8Array): Uint8Array {
  let value: Uint8Array = rc4(key, md5(padding, id));
  for (let i = 1; i < 20; i++)
    value = rc4(
      key.map((octet) => octet ^ i),
      value,
    );
  return Buffer.concat([value, Buffer.alloc(16)]);
}

const objectKey = (key: Uint8Array, mark: string): Buffer =>
  md5(key, Uint8Array.of(12, 0, 0, 0, 0), Buffer.from(mark)).subarray(0, 16);
const crypt = (method: string): Readonly<Record<string, PdfObject>> => ({
  CF: dictionary({ StdCF: dictionary({ CFM: name(method) }) }),
  StmF: name('StdCF'),
  StrF: name('StdCF'),
});

const base = { Filter: name('Standard'), P: -4, O: string(owner), Length: 128 };
const key = fileKey();

test('RC4', (t) => {
  // RFC 6229 §2: the first octets of the key stream of this key.
  const stream = rc4(fromHex('0102030405') ?? new Uint8Array(), new Uint8Array(16));
  t.is(toHex(stream), 'b2396305f03dc027ccc3524a0a1118a8');
});

const older: readonly (readonly [string, Readonly<Record<string, PdfObject>>, Uint8Array])[] = [
  ['RC4', { V: 2, R: 3 }, rc4(objectKey(key, ''), secret)],
  ['AES-128', { V: 4, R: 4, ...crypt('AESV2') }, aes(objectKey(key, 'sAlT'), secret)],
  ['identity', { V: 4, R: 4 }, secret],
];
for (const [what, entries, stored] of older)
  test(`${what}: opens with the empty password`, (t) => {
    const cipher = openWithoutPassword(
      dictionary({ ...base, ...entries, U: string(userEntry(key)) }),
      ids,
    );
    t.deepEqual(cipher?.decryptString(stored, 12, 0), secret);
  });

/** ISO 32000-2 algorithm 2.B for the empty password. */
function hash(salt: Uint8Array): Buffer {
  let value = createHash('sha256').update(salt).digest();
  for (let round = 0; ; round++) {
    const repeated = Buffer.concat(Array.from({ length: 64 }, () => value));
    const cipher = createCipheriv('aes-128-cbc', value.subarray(0, 16), value.subarray(16, 32));
    const encrypted = cipher.setAutoPadding(false).update(repeated);
    const modulo = BigInt(`0x${encrypted.subarray(0, 16).toString('hex')}`) % 3n;
    value = createHash(['sha256', 'sha384', 'sha512'][Number(modulo)] ?? '')
      .update(encrypted)
      .digest();
    if (round >= 63 && (encrypted.at(-1) ?? 0) <= round - 31) return value.subarray(0, 32);
  }
}

test('AES-256: opens with the empty password', (t) => {
  const [check, salt] = [Buffer.alloc(8, 1), Buffer.alloc(8, 2)];
  const secretKey = Buffer.alloc(32, 9);
  const cipher = createCipheriv('aes-256-cbc', hash(salt), Buffer.alloc(16)).setAutoPadding(false);
  const entries = {
    ...base,
    V: 5,
    R: 6,
    ...crypt('AESV3'),
    U: string(Buffer.concat([hash(check), check, salt])),
    UE: string(cipher.update(secretKey)),
  };
  const opened = openWithoutPassword(dictionary(entries), ids);
  t.deepEqual(opened?.decryptStream(aes(secretKey, secret), 12, 0), secret);
});

test('a password is needed, or another handler', (t) => {
  const wrong = Buffer.alloc(48, 5);
  for (const entries of [
    { V: 2, R: 3, U: string(wrong) },
    { V: 5, R: 6, U: string(wrong), UE: string(wrong) },
    { V: 2, R: 3, Filter: name('Adobe.PubSec') },
    { V: 9, R: 9 },
  ])
    t.is(openWithoutPassword(dictionary({ ...base, ...entries }), ids), undefined);
});

test('octets that do not decrypt', (t) => {
  const cipher = openWithoutPassword(
    dictionary({ ...base, V: 4, R: 4, ...crypt('AESV2'), U: string(userEntry(key)) }),
    ids,
  );
  t.throws(() => cipher?.decryptString(secret, 12, 0), { code: 'ERR_FORMAT_PDF' });
  t.throws(() => openWithoutPassword(dictionary({ Filter: name('Standard'), V: 2, R: 3 }), ids), {
    code: 'ERR_FORMAT_PDF',
  });
});
