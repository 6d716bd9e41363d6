// Hash values of what a renewal covers, in the two forms that implementations hash: octets as stored,
// and their DER re-encoding (RFC 4998 §5.2 asks for DER; others re-encode first). A record is hostile
// until verified: whatever is compared often is hashed and re-encoded once.
import { equalBytes } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { derSequence } from '#shared/der/writer.ts';
import type { HashedForm } from './verdict.ts';

export type FormDigest = { readonly form: HashedForm; readonly value: Uint8Array };

/** Both give the stored form first; the other is worked out only when asked for, and only if it differs. */
export type FormHasher = {
  /** Of one element. */
  readonly element: (algorithm: DigestAlgorithm, element: Uint8Array) => Iterable<FormDigest>;
  /** Of an ArchiveTimeStampSequence of the given whole chains. */
  readonly sequence: (
    algorithm: DigestAlgorithm,
    chains: readonly Uint8Array[],
  ) => Iterable<FormDigest>;
};

/**
 * A hasher for one walk; what it keeps is told apart by identity, so pass the same views again.
 * `forms`: canonical XML has one form only.
 */
export function createFormHasher(forms: 'one' | 'both' = 'both'): FormHasher {
  const reEncoded = new Map<Uint8Array, Uint8Array>();
  const digests = new Map<DigestAlgorithm, Map<Uint8Array, Uint8Array>>();

  /** The re-encoding, or the very same octets where they are DER already. */
  const derOf = (octets: Uint8Array): Uint8Array => {
    let der = reEncoded.get(octets);
    if (!der) {
      der = reEncodeAsDer(octets);
      if (equalBytes(der, octets)) der = octets;
      reEncoded.set(octets, der);
    }
    return der;
  };

  const digestOf = (algorithm: DigestAlgorithm, octets: Uint8Array): Uint8Array => {
    const known = digests.get(algorithm) ?? new Map<Uint8Array, Uint8Array>();
    digests.set(algorithm, known);
    const value = known.get(octets) ?? digest(algorithm, octets);
    known.set(octets, value);
    return value;
  };

  return {
    *element(algorithm, element) {
      yield { form: 'as-stored', value: digestOf(algorithm, element) };
      if (forms === 'one') return;
      const der = derOf(element);
      if (der !== element) yield { form: 'der', value: digestOf(algorithm, der) };
    },
    *sequence(algorithm, chains) {
      yield { form: 'as-stored', value: digest(algorithm, derSequence(...chains)) };
      const der = chains.map(derOf);
      if (der.some((chain, index) => chain !== chains[index]))
        yield { form: 'der', value: digest(algorithm, derSequence(...der)) };
    },
  };
}
