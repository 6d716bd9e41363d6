// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): what kind of key it is and how large, told before any
// cryptographic library sees it, and the library's key object. Explicit EC parameters (RFC 5480
// §2.1.1), oversized RSA keys and exponents are refused here: their verification costs minutes.
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isUniversal,
  readBitString,
  readChildren,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { derBitString, derSequence } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oidName, oids } from '#shared/oid.ts';

export type MlDsaKind = 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';
export type SlhDsaKind = `SLH-DSA-${'SHA2' | 'SHAKE'}-${'128' | '192' | '256'}${'s' | 'f'}`;
export type KeyKind =
  'RSA' | 'EC' | 'DSA' | 'Ed25519' | 'Ed448' | MlDsaKind | SlhDsaKind | 'unknown';

/** What policy and reports need to know of a public key. */
export type KeyFacts = {
  readonly kind: KeyKind;
  /** Modulus, field or key length in bits; 0 where it cannot be told. */
  readonly bits: number;
  /** Name of an EC curve; missing with explicit or unknown parameters. */
  readonly curve?: string;
};

/** `SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }` */
export type PublicKeyInfo = {
  readonly algorithm: AlgorithmIdentifier;
  /** Contents of the BIT STRING: what key identifiers hash (RFC 5280 §4.2.1.2, RFC 6960 §4.1.1). */
  readonly keyOctets: Uint8Array;
  readonly facts: KeyFacts;
  /** Why the key is not to be used for verifying, where it is not. */
  readonly unusable?: string;
};

/** Curves by identifier, with field size. Others are told apart only by their identifier. */
const curves: Readonly<Record<string, readonly [name: string, bits: number]>> = {
  [oids.secp256r1]: ['P-256', 256],
  [oids.secp384r1]: ['P-384', 384],
  [oids.secp521r1]: ['P-521', 521],
  [oids.secp224r1]: ['P-224', 224],
  [oids.secp256k1]: ['secp256k1', 256],
  [oids.brainpoolP224r1]: ['brainpoolP224r1', 224],
  [oids.brainpoolP256r1]: ['brainpoolP256r1', 256],
  [oids.brainpoolP256t1]: ['brainpoolP256t1', 256],
  [oids.brainpoolP384r1]: ['brainpoolP384r1', 384],
  [oids.brainpoolP384t1]: ['brainpoolP384t1', 384],
  [oids.brainpoolP512r1]: ['brainpoolP512r1', 512],
  [oids.brainpoolP512t1]: ['brainpoolP512t1', 512],
};

/** Keys that one identifier describes completely: kind and length of the public key in octets. */
const fixedKeys: Readonly<Record<string, readonly [kind: KeyKind, octets: number]>> = {
  [oids.idEd25519]: ['Ed25519', 32],
  [oids.idEd448]: ['Ed448', 57],
  [oids.idMlDsa44]: ['ML-DSA-44', 1312],
  [oids.idMlDsa65]: ['ML-DSA-65', 1952],
  [oids.idMlDsa87]: ['ML-DSA-87', 2592],
  [oids.idSlhDsaSha2128s]: ['SLH-DSA-SHA2-128s', 32],
  [oids.idSlhDsaSha2128f]: ['SLH-DSA-SHA2-128f', 32],
  [oids.idSlhDsaSha2192s]: ['SLH-DSA-SHA2-192s', 48],
  [oids.idSlhDsaSha2192f]: ['SLH-DSA-SHA2-192f', 48],
  [oids.idSlhDsaSha2256s]: ['SLH-DSA-SHA2-256s', 64],
  [oids.idSlhDsaSha2256f]: ['SLH-DSA-SHA2-256f', 64],
  [oids.idSlhDsaShake128s]: ['SLH-DSA-SHAKE-128s', 32],
  [oids.idSlhDsaShake128f]: ['SLH-DSA-SHAKE-128f', 32],
  [oids.idSlhDsaShake192s]: ['SLH-DSA-SHAKE-192s', 48],
  [oids.idSlhDsaShake192f]: ['SLH-DSA-SHAKE-192f', 48],
  [oids.idSlhDsaShake256s]: ['SLH-DSA-SHAKE-256s', 64],
  [oids.idSlhDsaShake256f]: ['SLH-DSA-SHAKE-256f', 64],
};

/** Above these a single verification takes seconds; no scheme asks for them. */
const maxModulusBits = 16_384;
const maxExponentBits = 256;
const maxDsaBits = 8192;

type Judged = { readonly facts: KeyFacts; readonly unusable?: string };

/** Length of a positive INTEGER in bits, from its octets: cheaper than the number itself. */
function bitLength({ content }: Tlv): number {
  let start = 0;
  while (content[start] === 0) start++;
  const first = content[start];
  return first === undefined ? 0 : (content.length - start) * 8 - (Math.clz32(first) - 24);
}

function isPositive({ content }: Tlv): boolean {
  return (content[0] ?? 0x80) < 0x80 && content.some((octet) => octet !== 0);
}

function isOdd({ content }: Tlv): boolean {
  return ((content.at(-1) ?? 0) & 1) === 1;
}

/** RFC 8017 §3.1 asks for a modulus of odd primes and an odd exponent of at least 3. */
function judgeRsa(keyOctets: Uint8Array): Judged {
  const [modulus, exponent] = readChildren(readWhole(keyOctets));
  if (!isUniversal(modulus, tags.integer) || !isUniversal(exponent, tags.integer))
    throw new FormatError('ERR_FORMAT_KEY', 'RSAPublicKey expected', { clause: 'RFC 8017 §A.1.1' });
  const facts: KeyFacts = { kind: 'RSA', bits: bitLength(modulus) };
  if (facts.bits > maxModulusBits)
    return { facts, unusable: `RSA modulus of ${facts.bits} bits exceeds ${maxModulusBits}` };
  if (!isPositive(modulus) || !isOdd(modulus))
    return { facts, unusable: 'RSA modulus is not odd and positive' };
  if (bitLength(exponent) > maxExponentBits)
    return { facts, unusable: `RSA exponent exceeds ${maxExponentBits} bits` };
  if (!isPositive(exponent) || !isOdd(exponent) || bitLength(exponent) < 2)
    return { facts, unusable: 'RSA exponent is not an odd number of at least 3' };
  return { facts };
}

/** RFC 5480 §2.1.1: implicit and specified curves are forbidden; only a named one says what it is. */
function judgeEc(algorithm: AlgorithmIdentifier): Judged {
  const parameters = algorithm.parameters ? readWhole(algorithm.parameters) : undefined;
  if (!isUniversal(parameters, tags.objectIdentifier)) {
    return {
      facts: { kind: 'EC', bits: 0 },
      unusable: 'EC parameters are explicit or missing, only named curves are accepted',
    };
  }
  const oid = readObjectIdentifier(parameters);
  const [curve, bits] = curves[oid] ?? [];
  if (curve === undefined || bits === undefined)
    return { facts: { kind: 'EC', bits: 0 }, unusable: `curve ${oid} is not supported` };
  return { facts: { kind: 'EC', bits, curve } };
}

function judgeDsa(algorithm: AlgorithmIdentifier): Judged {
  const parameters = algorithm.parameters ? readWhole(algorithm.parameters) : undefined;
  const [p] = isUniversal(parameters, tags.sequence) ? readChildren(parameters) : [];
  // Parameters may be inherited from the issuer's key (RFC 3279 §2.3.2); path validation adds them.
  if (!isUniversal(p, tags.integer))
    return { facts: { kind: 'DSA', bits: 0 }, unusable: 'DSA parameters are not in the key' };
  const facts: KeyFacts = { kind: 'DSA', bits: bitLength(p) };
  return facts.bits > maxDsaBits
    ? { facts, unusable: `DSA prime of ${facts.bits} bits exceeds ${maxDsaBits}` }
    : { facts };
}

function judge(algorithm: AlgorithmIdentifier, keyOctets: Uint8Array): Judged {
  const { oid } = algorithm;
  if (oid === oids.rsaEncryption || oid === oids.idRSASSAPSS) return judgeRsa(keyOctets);
  if (oid === oids.idEcPublicKey) return judgeEc(algorithm);
  if (oid === oids.idDsa) return judgeDsa(algorithm);
  const fixed = fixedKeys[oid];
  if (fixed) {
    const [kind, octets] = fixed;
    const facts: KeyFacts = { kind, bits: octets * 8 };
    if (keyOctets.length === octets) return { facts };
    return { facts, unusable: `${kind} key of ${keyOctets.length} octets instead of ${octets}` };
  }
  return {
    facts: { kind: 'unknown', bits: 0 },
    unusable: `public key algorithm ${oidName(oid)} is not supported`,
  };
}

/**
 * Reads a SubjectPublicKeyInfo; fields are views of `spki`. A key that is well formed but not to be
 * used comes back with `unusable`.
 * @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_KEY
 */
export function parsePublicKey(spki: Uint8Array): PublicKeyInfo {
  const whole = readWhole(spki);
  const [algorithmTlv, keyTlv, excess] = isUniversal(whole, tags.sequence)
    ? readChildren(whole)
    : [];
  if (!algorithmTlv || !isUniversal(keyTlv, tags.bitString) || excess) {
    throw new FormatError('ERR_FORMAT_KEY', 'SubjectPublicKeyInfo expected', {
      clause: 'RFC 5280 §4.1.2.7',
    });
  }
  const algorithm = readAlgorithmIdentifier(algorithmTlv);
  const { octets: keyOctets, unusedBits } = readBitString(keyTlv);
  const judged = judge(algorithm, keyOctets);
  return unusedBits === 0
    ? { algorithm, keyOctets, ...judged }
    : { algorithm, keyOctets, ...judged, unusable: 'public key is not a whole number of octets' };
}

/** The same key under another AlgorithmIdentifier: inherited DSA parameters, PSS parameters. */
export function withKeyAlgorithm(key: PublicKeyInfo, algorithm: AlgorithmIdentifier): Uint8Array {
  return derSequence(algorithm.raw, derBitString(key.keyOctets));
}

export type ImportedKey =
  | { readonly kind: 'usable'; readonly key: KeyObject; readonly info: PublicKeyInfo }
  | { readonly kind: 'unusable'; readonly reason: string; readonly facts?: KeyFacts };

function importFresh(spki: Uint8Array): ImportedKey {
  let info: PublicKeyInfo;
  try {
    info = parsePublicKey(spki);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { kind: 'unusable', reason: error.message };
  }
  if (info.unusable !== undefined)
    return { kind: 'unusable', reason: info.unusable, facts: info.facts };
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return { kind: 'usable', key, info };
  } catch (error) {
    // OpenSSL names a point off the curve and the like; any failure of its means the same to us.
    const reason = error instanceof Error ? error.message : 'key refused';
    return { kind: 'unusable', reason, facts: info.facts };
  }
}

/** Keyed by the octets' identity: lives as long as the certificate that the octets belong to. */
const imported = new WeakMap<Uint8Array, ImportedKey>();

/** The key object of a SubjectPublicKeyInfo; importing is done once for the same array of octets. */
export function importPublicKey(spki: Uint8Array): ImportedKey {
  const known = imported.get(spki);
  if (known) return known;
  const fresh = importFresh(spki);
  imported.set(spki, fresh);
  return fresh;
}
