// Verifies one signature value with one public key. node:crypto does the arithmetic; what is decided
// here is which key fits which algorithm and what is refused before any work. Acceptability over time
// is for shared/policy.
import { constants, verify } from 'node:crypto';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { oidName, oids } from '#shared/oid.ts';
import { nodeDigestName } from './digest.ts';
import type { DigestAlgorithm } from './digest.ts';
import { importPublicKey, parsePublicKey, withKeyAlgorithm } from './public-key.ts';
import type { ImportedKey, KeyFacts, KeyKind } from './public-key.ts';
import { signatureScheme } from './signature-algorithms.ts';
import type { SignatureScheme } from './signature-algorithms.ts';

export type { KeyFacts, KeyKind } from './public-key.ts';

export type SignatureInput = {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  /** Of the SignerInfo, for identifiers that name no digest (RFC 3370 §3.2). */
  readonly digestAlgorithm?: DigestAlgorithm;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
};

export type SignatureResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: 'signature-wrong' | 'algorithm-unsupported' | 'key-unusable';
      readonly detail: string;
    };

type Failure = Extract<SignatureResult, { readonly ok: false }>;

function failure(reason: Failure['reason'], detail: string): Failure {
  return { ok: false, reason, detail };
}

const keyOfScheme = {
  'rsa-pkcs1': 'RSA',
  'rsa-pss': 'RSA',
  ecdsa: 'EC',
  dsa: 'DSA',
} as const satisfies Record<Exclude<SignatureScheme['kind'], 'own'>, KeyKind>;

function wantedKey(scheme: SignatureScheme): KeyKind {
  return scheme.kind === 'own' ? scheme.key : keyOfScheme[scheme.kind];
}

/** One entry per array of key octets: the same key under the PSS parameters seen last. */
const pssKeys = new WeakMap<
  Uint8Array,
  { readonly parameters: string; readonly spki: Uint8Array }
>();

/**
 * node:crypto takes a mask digest other than the message digest only from the key's own parameters
 * (RFC 4055 §1.2), so the key is presented under the identifier of the signature.
 */
function keyForPss(input: SignatureInput): ImportedKey {
  const parameters = Buffer.from(input.algorithm.raw).toString('base64');
  const known = pssKeys.get(input.publicKey);
  if (known?.parameters === parameters) return importPublicKey(known.spki);
  const spki = withKeyAlgorithm(
    parsePublicKey(input.publicKey),
    buildAlgorithmIdentifier(oids.idRSASSAPSS, input.algorithm.parameters),
  );
  pssKeys.set(input.publicKey, { parameters, spki });
  return importPublicKey(spki);
}

function verifyWith(
  input: SignatureInput,
  scheme: SignatureScheme,
  key: Extract<ImportedKey, { readonly kind: 'usable' }>,
): boolean {
  const { data, signature } = input;
  switch (scheme.kind) {
    case 'own':
      return verify(null, data, key.key, signature);
    case 'rsa-pss':
      return verify(
        nodeDigestName(scheme.digest),
        data,
        {
          key: key.key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: scheme.saltLength,
        },
        signature,
      );
    case 'rsa-pkcs1':
      return scheme.digest
        ? verify(nodeDigestName(scheme.digest), data, key.key, signature)
        : false;
    case 'ecdsa':
      return scheme.digest
        ? verify(
            nodeDigestName(scheme.digest),
            data,
            { key: key.key, dsaEncoding: scheme.plain ? 'ieee-p1363' : 'der' },
            signature,
          )
        : false;
    case 'dsa':
      return scheme.digest
        ? verify(nodeDigestName(scheme.digest), data, key.key, signature)
        : false;
  }
}

/** The scheme, or why there is none. */
function schemeOf(input: SignatureInput): SignatureScheme | Failure {
  try {
    const scheme = signatureScheme(input.algorithm, input.digestAlgorithm);
    if (scheme.kind === 'own' || scheme.digest) return scheme;
    return failure('algorithm-unsupported', `${oidName(input.algorithm.oid)} names no digest`);
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof FormatError)
      return failure('algorithm-unsupported', error.message);
    throw error;
  }
}

/**
 * Verifies a signature over `data`. Never throws for hostile input; the reason tells a wrong
 * signature from one that could not be checked.
 */
export function verifySignature(input: SignatureInput): SignatureResult {
  const scheme = schemeOf(input);
  if ('ok' in scheme) return scheme;
  let imported = importPublicKey(input.publicKey);
  if (imported.kind === 'usable' && scheme.kind === 'rsa-pss') {
    const restricted = imported.info.algorithm.oid === oids.idRSASSAPSS;
    if (scheme.maskDigest !== scheme.digest && !restricted) imported = keyForPss(input);
  }
  if (imported.kind === 'unusable') return failure('key-unusable', imported.reason);
  const { kind } = imported.info.facts;
  if (kind !== wantedKey(scheme)) {
    return failure(
      'key-unusable',
      `${oidName(input.algorithm.oid)} needs a key of kind ${wantedKey(scheme)}, not ${kind}`,
    );
  }
  if (scheme.kind === 'rsa-pkcs1' && imported.info.algorithm.oid === oids.idRSASSAPSS)
    return failure('key-unusable', 'the key is for RSASSA-PSS only (RFC 4055 §1.2)');
  try {
    return verifyWith(input, scheme, imported)
      ? { ok: true }
      : failure('signature-wrong', `${oidName(input.algorithm.oid)} signature does not verify`);
  } catch (error) {
    // OpenSSL throws for PSS parameters that contradict the key and the like: no valid signature.
    const detail = error instanceof Error ? error.message : 'verification failed';
    return failure('signature-wrong', detail);
  }
}

/** Name, digest and key of a signature, for policy and reports. */
export type SignatureDescription = {
  readonly name: string;
  readonly digest?: DigestAlgorithm;
  readonly key: KeyFacts;
};

/** Describes without verifying; an unknown algorithm is named by its identifier. Never throws for hostile input. */
export function describeSignatureAlgorithm(
  algorithm: AlgorithmIdentifier,
  publicKey: Uint8Array,
  digestAlgorithm?: DigestAlgorithm,
): SignatureDescription {
  const imported = importPublicKey(publicKey);
  const key: KeyFacts =
    imported.kind === 'usable'
      ? imported.info.facts
      : (imported.facts ?? { kind: 'unknown', bits: 0 });
  const name = oidName(algorithm.oid);
  const scheme = schemeOf({
    publicKey,
    algorithm,
    ...(digestAlgorithm && { digestAlgorithm }),
    data: new Uint8Array(),
    signature: new Uint8Array(),
  });
  if ('ok' in scheme || scheme.kind === 'own' || !scheme.digest) return { name, key };
  return { name, digest: scheme.digest, key };
}
