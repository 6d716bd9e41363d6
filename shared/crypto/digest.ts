// Digest names, one-shot and running digests over node:crypto, and their object identifiers.
import { type Hash, createHash, hash } from 'node:crypto';
import { UnsupportedError } from '#shared/errors.ts';

/** What the names in one row mean: FIPS 180-4, FIPS 202 and the old ones that old evidence still uses. */
const algorithms = {
  'SHA-256': { node: 'sha256', length: 32, oid: '2.16.840.1.101.3.4.2.1' },
  'SHA-384': { node: 'sha384', length: 48, oid: '2.16.840.1.101.3.4.2.2' },
  'SHA-512': { node: 'sha512', length: 64, oid: '2.16.840.1.101.3.4.2.3' },
  'SHA-224': { node: 'sha224', length: 28, oid: '2.16.840.1.101.3.4.2.4' },
  'SHA-512/256': { node: 'sha512-256', length: 32, oid: '2.16.840.1.101.3.4.2.6' },
  'SHA3-224': { node: 'sha3-224', length: 28, oid: '2.16.840.1.101.3.4.2.7' },
  'SHA3-256': { node: 'sha3-256', length: 32, oid: '2.16.840.1.101.3.4.2.8' },
  'SHA3-384': { node: 'sha3-384', length: 48, oid: '2.16.840.1.101.3.4.2.9' },
  'SHA3-512': { node: 'sha3-512', length: 64, oid: '2.16.840.1.101.3.4.2.10' },
  // As a message digest of CMS it always gives 64 octets (RFC 8702 §3.1); Ed448 needs it (RFC 8419 §3.1).
  SHAKE256: { node: 'shake256', length: 64, oid: '2.16.840.1.101.3.4.2.12' },
  'SHA-1': { node: 'sha1', length: 20, oid: '1.3.14.3.2.26' },
  MD5: { node: 'md5', length: 16, oid: '1.2.840.113549.2.5' },
  'RIPEMD-160': { node: 'ripemd160', length: 20, oid: '1.3.36.3.2.1' },
} as const;

export type DigestAlgorithm = keyof typeof algorithms;

/** All names, strongest SHA-2 first. */
export const digestAlgorithms = Object.keys(algorithms) as readonly DigestAlgorithm[];

/** Length of a digest in octets. */
export function digestLength(algorithm: DigestAlgorithm): number {
  return algorithms[algorithm].length;
}

/** The algorithm's object identifier. */
export function digestOid(algorithm: DigestAlgorithm): string {
  return algorithms[algorithm].oid;
}

/** The name that node:crypto gives the algorithm. */
export function nodeDigestName(algorithm: DigestAlgorithm): string {
  return algorithms[algorithm].node;
}

const byOid = new Map<string, DigestAlgorithm>(
  digestAlgorithms.map((name) => [algorithms[name].oid, name]),
);

/** The algorithm of an object identifier, `undefined` where it is not known. */
export function digestAlgorithmOfOid(oid: string): DigestAlgorithm | undefined {
  return byOid.get(oid);
}

/** @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM naming the identifier */
export function requireDigestAlgorithm(oid: string): DigestAlgorithm {
  const algorithm = byOid.get(oid);
  if (algorithm) return algorithm;
  throw new UnsupportedError(
    'ERR_UNSUPPORTED_ALGORITHM',
    `digest algorithm ${oid} is not supported`,
    { feature: oid },
  );
}

/** Whether `name` is one of ours. */
export function isDigestAlgorithm(name: string): name is DigestAlgorithm {
  return Object.hasOwn(algorithms, name);
}

/** One octet a character: about twice as fast to hand over from node:crypto as a buffer of its own. */
function latin1Digest(algorithm: DigestAlgorithm, input: Uint8Array): string {
  const { node, length: outputLength } = algorithms[algorithm];
  return hash(node, input, { outputEncoding: 'latin1', outputLength });
}

/** The digest of `input` in lower-case hexadecimal. */
export function digestHex(algorithm: DigestAlgorithm, input: Uint8Array): string {
  const { node, length: outputLength } = algorithms[algorithm];
  return hash(node, input, { outputEncoding: 'hex', outputLength });
}

/** Writes the digest of `input` to `target` at `offset`: for trees, where making each array costs. */
export function digestInto(
  algorithm: DigestAlgorithm,
  input: Uint8Array,
  target: Buffer,
  offset: number,
): void {
  target.write(latin1Digest(algorithm, input), offset, 'latin1');
}

/** So few octets are joined and hashed at once: making a running digest costs more than copying them. */
const joinedUpTo = 4096;

/** Digest of the concatenation of `parts`. */
export function digest(algorithm: DigestAlgorithm, ...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  const { node, length: outputLength } = algorithms[algorithm];
  if (parts.length === 1 && only) return Buffer.from(latin1Digest(algorithm, only), 'latin1');
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= joinedUpTo)
    return Buffer.from(latin1Digest(algorithm, Buffer.concat(parts, length)), 'latin1');
  const running = createHash(node, { outputLength });
  for (const part of parts) running.update(part);
  return running.digest();
}

/** Digest of octets, or of a text in UTF-8, in lower-case hexadecimal. */
export function hexDigest(algorithm: DigestAlgorithm, input: Uint8Array | string): string {
  const { node, length: outputLength } = algorithms[algorithm];
  return hash(node, input, { outputEncoding: 'hex', outputLength });
}

/** A running digest: `update` as octets come, `finish` once; `branch` goes on from here on its own. */
export type RunningDigest = {
  readonly algorithm: DigestAlgorithm;
  readonly update: (octets: Uint8Array) => void;
  readonly branch: () => RunningDigest;
  readonly finish: () => Uint8Array;
};

export function createDigest(algorithm: DigestAlgorithm): RunningDigest {
  const { node, length: outputLength } = algorithms[algorithm];
  return runningDigest(algorithm, createHash(node, { outputLength }));
}

function runningDigest(algorithm: DigestAlgorithm, running: Hash): RunningDigest {
  return {
    algorithm,
    update: (octets) => {
      running.update(octets);
    },
    branch: () =>
      runningDigest(algorithm, running.copy({ outputLength: algorithms[algorithm].length })),
    finish: () => running.digest(),
  };
}
