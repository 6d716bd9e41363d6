// What certificates, CRLs and basic OCSP responses have in common: the SIGNED frame around what is signed.
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { readBitString, readChildren, tags } from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { expectSequence, expectUniversal } from './extension.ts';

export type SignedStructure = {
  /** What the signature covers. */
  readonly tbs: Tlv;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  /** Whatever follows the signature: the certificates of an OCSP response. */
  readonly rest: readonly Tlv[];
};

/**
 * `SEQUENCE { toBeSigned SEQUENCE, signatureAlgorithm AlgorithmIdentifier, signatureValue BIT STRING, … }`
 * @throws FormatError naming `what`
 * @see RFC 5280 §4.1, §5.1; RFC 6960 §4.2.1
 */
export function readSigned(whole: Tlv, what: string): SignedStructure {
  const [tbs, algorithm, signature, ...rest] = readChildren(expectSequence(whole, what));
  return {
    tbs: expectSequence(tbs, `${what}: what is signed`),
    signatureAlgorithm: readAlgorithmIdentifier(expectSequence(algorithm, `${what}: algorithm`)),
    signature: readBitString(expectUniversal(signature, tags.bitString, `${what}: signature`))
      .octets,
    rest,
  };
}
