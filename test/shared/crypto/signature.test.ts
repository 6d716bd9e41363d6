import test from 'ava';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { describeSignatureAlgorithm, verifySignature } from '#shared/crypto/signature.ts';
import type { SignatureInput, SignatureResult } from '#shared/crypto/signature.ts';
import { parsePublicKey, withKeyAlgorithm } from '#shared/crypto/public-key.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBitString,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
  derUnsignedInteger,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { pssAlgorithm, testKey } from '../../_keys.ts';
import type { KeyName } from '../../_keys.ts';

const data = new TextEncoder().encode('signed data');

const names: readonly KeyName[] = [
  'P-256',
  'P-384',
  'P-521',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
  'RSA-2048',
  'RSA-PSS-2048',
  'DSA-2048',
  'Ed25519',
  'Ed448',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
  'SLH-DSA-SHA2-128f',
];

function inputOf(name: KeyName): SignatureInput {
  const { publicKey, algorithm, sign: signWith } = testKey(name);
  return { publicKey, algorithm, data, signature: signWith(data) };
}

function flipped(octets: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(octets);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

const verifies = test.macro({
  exec(t, name: KeyName) {
    const input = inputOf(name);
    t.deepEqual(verifySignature(input), { ok: true });
    for (const broken of [
      { ...input, data: flipped(data) },
      { ...input, signature: flipped(input.signature) },
      { ...input, signature: new Uint8Array() },
    ]) {
      const result = verifySignature(broken);
      t.true(!result.ok && result.reason === 'signature-wrong');
    }
  },
  title: (_, name: KeyName) => `${name} verifies, and a flipped bit does not`,
});

for (const name of names) test(verifies, name);

function reasonOf(result: SignatureResult): string {
  return result.ok ? 'ok' : result.reason;
}

test('a digest is taken from the SignerInfo where the identifier names none', (t) => {
  const input = {
    ...inputOf('RSA-2048'),
    algorithm: buildAlgorithmIdentifier(oids.rsaEncryption, derNull()),
  };
  t.is(reasonOf(verifySignature({ ...input, digestAlgorithm: 'SHA-256' })), 'ok');
  t.is(reasonOf(verifySignature({ ...input, digestAlgorithm: 'SHA-512' })), 'signature-wrong');
  t.is(reasonOf(verifySignature(input)), 'algorithm-unsupported');
});

test('PSS with another digest for the mask, by a key that does not say so', (t) => {
  const { privateKey, publicKey: restricted } = generateKeyPairSync('rsa-pss', {
    modulusLength: 2048,
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha1',
  });
  const signature = sign('sha256', data, {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32,
  });
  const publicKey = withKeyAlgorithm(
    parsePublicKey(restricted.export({ type: 'spki', format: 'der' })),
    buildAlgorithmIdentifier(oids.rsaEncryption, derNull()),
  );
  const rows = [
    [pssAlgorithm('SHA-256', 'SHA-1', 32), 'ok'],
    [pssAlgorithm('SHA-256', 'SHA-256', 32), 'signature-wrong'],
    [pssAlgorithm('SHA-256', 'SHA-1', 20), 'signature-wrong'],
    [pssAlgorithm('SHA-1', 'SHA-1', 32), 'signature-wrong'],
  ] as const;
  for (const [algorithm, expected] of rows)
    t.is(reasonOf(verifySignature({ publicKey, algorithm, data, signature })), expected);
});

test('PSS parameters must be there and known', (t) => {
  const input = inputOf('RSA-PSS-2048');
  const bare = buildAlgorithmIdentifier(oids.idRSASSAPSS);
  const foreign = buildAlgorithmIdentifier(oids.idRSASSAPSS, derInteger(5));
  for (const algorithm of [bare, foreign])
    t.is(reasonOf(verifySignature({ ...input, algorithm })), 'algorithm-unsupported');
});

test('a key for PSS alone signs nothing else', (t) => {
  const pss = inputOf('RSA-PSS-2048');
  const publicKey = withKeyAlgorithm(parsePublicKey(pss.publicKey), pss.algorithm);
  t.is(reasonOf(verifySignature({ ...pss, publicKey })), 'ok');
  const pkcs1 = inputOf('RSA-2048');
  const restricted = withKeyAlgorithm(parsePublicKey(pkcs1.publicKey), pssAlgorithm('SHA-256'));
  t.is(reasonOf(verifySignature({ ...pkcs1, publicKey: restricted })), 'key-unusable');
});

test('plain ECDSA is read as two numbers', (t) => {
  const { privateKey, publicKey } = testKey('P-256');
  const signature = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const input = { publicKey, data, signature };
  const algorithm = buildAlgorithmIdentifier(oids.ecdsaPlainSHA256);
  t.is(reasonOf(verifySignature({ ...input, algorithm })), 'ok');
  const der = buildAlgorithmIdentifier(oids.ecdsaWithSHA256);
  t.is(reasonOf(verifySignature({ ...input, algorithm: der })), 'signature-wrong');
});

test('old digests verify: acceptability is for the policy', (t) => {
  const { publicKey, privateKey } = testKey('RSA-2048');
  const rows = [
    ['md5', oids.md5WithRSAEncryption],
    ['sha1', oids.sha1WithRSAEncryption],
    ['ripemd160', oids.ripemd160WithRSASignature],
  ] as const;
  for (const [name, oid] of rows) {
    const signature = sign(name, data, privateKey);
    const algorithm = buildAlgorithmIdentifier(oid, derNull());
    t.is(reasonOf(verifySignature({ publicKey, algorithm, data, signature })), 'ok', name);
  }
});

test('another kind of key, or an unknown algorithm, is said as such', (t) => {
  const rsa = inputOf('RSA-2048');
  const ec = inputOf('P-256');
  t.is(reasonOf(verifySignature({ ...rsa, publicKey: ec.publicKey })), 'key-unusable');
  t.is(
    reasonOf(verifySignature({ ...ec, algorithm: buildAlgorithmIdentifier('1.2.3.4') })),
    'algorithm-unsupported',
  );
});

function rsaKey(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return derSequence(
    buildAlgorithmIdentifier(oids.rsaEncryption, derNull()).raw,
    derBitString(derSequence(derUnsignedInteger(modulus), derUnsignedInteger(exponent))),
  );
}

const odd = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

const unusableKeys: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['modulus of 65,536 bits', rsaKey(odd(8192), Uint8Array.of(3)), /65536 bits/],
  ['even modulus', rsaKey(Uint8Array.of(0xff, 0xfe), Uint8Array.of(3)), /odd/],
  ['exponent of 4,096 bits', rsaKey(odd(512), odd(512)), /exponent/],
  ['exponent 1', rsaKey(odd(256), Uint8Array.of(1)), /exponent/],
  [
    'explicit curve',
    derSequence(
      buildAlgorithmIdentifier(oids.idEcPublicKey, derSequence(derInteger(1))).raw,
      derBitString(Uint8Array.of(4, 1, 1)),
    ),
    /explicit/,
  ],
  [
    'unknown curve',
    derSequence(
      buildAlgorithmIdentifier(oids.idEcPublicKey, derObjectIdentifier('1.3.132.0.6')).raw,
      derBitString(Uint8Array.of(4, 1, 1)),
    ),
    /curve 1\.3\.132\.0\.6/,
  ],
  [
    'point off the curve',
    derSequence(
      buildAlgorithmIdentifier(oids.idEcPublicKey, derObjectIdentifier(oids.secp256r1)).raw,
      derBitString(Uint8Array.of(4, ...odd(64))),
    ),
    /./,
  ],
  [
    'Ed25519 key of 31 octets',
    derSequence(buildAlgorithmIdentifier(oids.idEd25519).raw, derBitString(odd(31))),
    /31 octets/,
  ],
  ['no SubjectPublicKeyInfo', derInteger(1), /SubjectPublicKeyInfo/],
];

const refuses = test.macro({
  exec(t, [, publicKey, detail]: (typeof unusableKeys)[number]) {
    const { algorithm } = testKey('P-256');
    const result = verifySignature({ publicKey, algorithm, data, signature: odd(70) });
    t.true(!result.ok && result.reason === 'key-unusable' && detail.test(result.detail));
  },
  title: (_, [title]: (typeof unusableKeys)[number]) => `refused before verifying: ${title}`,
});

for (const row of unusableKeys) test(refuses, row);

test('a description names digest and key', (t) => {
  const { algorithm, publicKey } = testKey('brainpoolP384r1');
  t.deepEqual(describeSignatureAlgorithm(algorithm, publicKey), {
    name: 'ecdsa-with-SHA256',
    digest: 'SHA-256',
    key: { kind: 'EC', bits: 384, curve: 'brainpoolP384r1' },
  });
  const own = testKey('ML-DSA-65');
  t.is(describeSignatureAlgorithm(own.algorithm, own.publicKey).digest, undefined);
  t.is(describeSignatureAlgorithm(buildAlgorithmIdentifier('1.2.3'), publicKey).name, '1.2.3');
});
