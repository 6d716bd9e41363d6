// Work that one question about a path may cost. Hostile bags of certificates make path building
// exponential (RFC 4158 §2.4.2 tells of loops); here it ends, and the verdict says that it did.
import { verifySignature } from '#shared/crypto/signature.ts';
import type { SignatureResult } from '#shared/crypto/signature.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';

/** What certificates, CRLs and basic OCSP responses have in common. */
export type SignedObject = {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
};

/** Mutable on purpose: one budget is shared by everything that a question leads to. */
export type WorkBudget = {
  /** Signatures that may still be verified. */
  signatures: number;
  /** Candidate paths that may still be looked at. */
  paths: number;
  /** Issuers that may still be tried: a search among few keys that sign each other verifies little and never ends. */
  steps: number;
  /** Names that may still be compared with subtrees of name constraints; genuine paths stay below a thousand. */
  comparisons: number;
  /** Results of this question, so that nothing is verified twice with one key. */
  readonly verified: Map<SignedObject, Map<Uint8Array, SignatureResult>>;
};

export function createWorkBudget(): WorkBudget {
  return { signatures: 512, paths: 256, steps: 16_384, comparisons: 262_144, verified: new Map() };
}

/** Whether nothing more may be looked for: what is left undone counts as not found. */
export function isSpent({ signatures, paths, steps }: WorkBudget): boolean {
  return signatures <= 0 || paths <= 0 || steps <= 0;
}

const exhausted: SignatureResult = {
  ok: false,
  reason: 'key-unusable',
  detail: 'the budget of signatures to verify is spent',
};

/**
 * Results of earlier questions, for as long as the parsed objects live: a certificate, a key and a CRL that are asked
 * about again are the same octets, and the result is a fact about octets.
 */
const verifiedBefore = new WeakMap<SignedObject, WeakMap<Uint8Array, SignatureResult>>();

function verifyOnce(signed: SignedObject, publicKey: Uint8Array): SignatureResult {
  const results = verifiedBefore.get(signed) ?? new WeakMap<Uint8Array, SignatureResult>();
  const known = results.get(publicKey);
  if (known) return known;
  const { signatureAlgorithm: algorithm, tbs: data, signature } = signed;
  const result = verifySignature({ publicKey, algorithm, data, signature });
  results.set(publicKey, result);
  verifiedBefore.set(signed, results);
  return result;
}

/** Verifies an object's signature with this key (SubjectPublicKeyInfo), at most once per budget. */
export function verifySignedObject(
  signed: SignedObject,
  publicKey: Uint8Array,
  budget: WorkBudget,
): SignatureResult {
  const results = budget.verified.get(signed) ?? new Map<Uint8Array, SignatureResult>();
  const known = results.get(publicKey);
  if (known) return known;
  if (budget.signatures <= 0) return exhausted;
  // Counted also where the result is known from before: a verdict must not depend on what was asked earlier.
  budget.signatures -= 1;
  const result = verifyOnce(signed, publicKey);
  results.set(publicKey, result);
  budget.verified.set(signed, results);
  return result;
}
