// The signed attribute CMSAlgorithmProtection (RFC 6211): the algorithms that the signer meant, so that
// nobody puts weaker ones in their place.
import { isDeepStrictEqual } from 'node:util';
import { concatBytes } from '#shared/bytes.ts';
import { signatureScheme } from '#shared/crypto/signature-algorithms.ts';
import {
  type AlgorithmIdentifier,
  parseAlgorithmIdentifier,
  readAlgorithmIdentifier,
  sameAlgorithm,
} from '#shared/der/algorithm-identifier.ts';
import { isContext, isUniversal, readChildren, readWhole, tags } from '#shared/der/reader.ts';
import { FormatError, TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';

/**
 * ```asn1
 * CMSAlgorithmProtection ::= SEQUENCE {
 *   digestAlgorithm DigestAlgorithmIdentifier, signatureAlgorithm [1] SignatureAlgorithmIdentifier OPTIONAL,
 *   macAlgorithm [2] MessageAuthenticationCodeAlgorithm OPTIONAL }
 * ```
 * With implicit tags; in a SignerInfo the second is there and the third is not.
 */
export type CMSAlgorithmProtection = {
  readonly digestAlgorithm: AlgorithmIdentifier;
  readonly signatureAlgorithm: AlgorithmIdentifier;
};

/** @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER */
export function parseAlgorithmProtection(value: Uint8Array): CMSAlgorithmProtection {
  const whole = readWhole(value);
  const [digest, signature, excess] = isUniversal(whole, tags.sequence) ? readChildren(whole) : [];
  if (!digest || !isContext(signature, 1) || excess)
    throw new FormatError('ERR_FORMAT_CMS', 'CMSAlgorithmProtection of a signer expected', {
      clause: 'RFC 6211 §2',
    });
  return {
    digestAlgorithm: readAlgorithmIdentifier(digest),
    signatureAlgorithm: parseAlgorithmIdentifier(
      concatBytes(Uint8Array.of(0x30), signature.raw.subarray(1)),
    ),
  };
}

/** Whether both name one algorithm: RSASSA-PSS with a default written out is that without. */
export function sameSignatureAlgorithm(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  if (sameAlgorithm(a, b)) return true;
  if (a.oid !== oids.idRSASSAPSS || b.oid !== oids.idRSASSAPSS) return false;
  try {
    return isDeepStrictEqual(signatureScheme(a), signatureScheme(b));
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}
