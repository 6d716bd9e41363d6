// AlgorithmIdentifier (RFC 5280 §4.1.1.2): identifier and raw parameters. What the parameters mean is
// for shared/crypto; NULL and absent parameters are kept apart, since real signers mix them up.
import { equalBytes } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { isUniversal, readChildren, readObjectIdentifier, readWhole, tags } from './reader.ts';
import type { Tlv } from './reader.ts';
import { derNull, derObjectIdentifier, derSequence } from './writer.ts';

/** `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY DEFINED BY algorithm OPTIONAL }` */
export type AlgorithmIdentifier = {
  readonly oid: string;
  /** The whole element as received; missing where the parameters are absent. */
  readonly parameters?: Uint8Array;
  readonly raw: Uint8Array;
};

/** Reads an element. @throws FormatError ERR_FORMAT_DER */
export function readAlgorithmIdentifier(tlv: Tlv): AlgorithmIdentifier {
  const [algorithm, parameters, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  if (!isUniversal(algorithm, tags.objectIdentifier) || excess) {
    throw new FormatError('ERR_FORMAT_DER', `AlgorithmIdentifier expected at octet ${tlv.offset}`, {
      offset: tlv.offset,
      clause: 'RFC 5280 §4.1.1.2',
    });
  }
  const oid = readObjectIdentifier(algorithm);
  return parameters ? { oid, parameters: parameters.raw, raw: tlv.raw } : { oid, raw: tlv.raw };
}

/** Reads the octets of one AlgorithmIdentifier, views of `octets`. @throws FormatError ERR_FORMAT_DER */
export function parseAlgorithmIdentifier(octets: Uint8Array): AlgorithmIdentifier {
  return readAlgorithmIdentifier(readWhole(octets));
}

/** An AlgorithmIdentifier with the given whole element as parameters, or without any. */
export function buildAlgorithmIdentifier(
  oid: string,
  parameters?: Uint8Array,
): AlgorithmIdentifier {
  const identifier = derObjectIdentifier(oid);
  return parameters
    ? { oid, parameters, raw: derSequence(identifier, parameters) }
    : { oid, raw: derSequence(identifier) };
}

/** NULL parameters and absent ones mean the same for the algorithms in use (RFC 4055 §2.1). */
function meaningful({ parameters }: AlgorithmIdentifier): Uint8Array {
  return parameters && !equalBytes(parameters, derNull()) ? parameters : new Uint8Array();
}

/** Whether two identifiers name the same algorithm with the same parameters. */
export function sameAlgorithm(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  return a.oid === b.oid && equalBytes(meaningful(a), meaningful(b));
}
