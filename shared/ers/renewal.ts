// What each of the two renewals of RFC 4998 §5.2 puts under the new archive timestamp, as the
// archive writes it. Everything is positional and hashes octets as stored; verify.ts accepts the
// other readings too. It plans nothing and asks for no token.
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { canonicalTimeStamp } from './xml-record-writer.ts';

/**
 * The data object group of a timestamp renewal: the digests of all tokens of the current chain,
 * oldest to newest, in evidence form. The RFC asks for the newest alone; with every earlier one in
 * the first list the record also satisfies verifiers that look for each of them.
 * @see RFC 4998 §5.2 "Timestamp Renewal"
 */
export function timestampRenewalGroup(
  algorithm: DigestAlgorithm,
  tokens: readonly Uint8Array[],
): Uint8Array[] {
  return tokens.map((token) => digest(algorithm, token));
}

/**
 * The same group for a record in XML: the digests of the canonical TimeStamp elements around these tokens.
 * @see RFC 6283 §4.2.1
 */
export function xmlTimestampRenewalGroup(
  algorithm: DigestAlgorithm,
  tokens: readonly Uint8Array[],
): Uint8Array[] {
  return tokens.map((token) => digest(algorithm, canonicalTimeStamp(token)));
}

/**
 * h(i)' = H(H(d(i)) ‖ H(atsc)) for each document digest, in the order given. `sequence` is the whole
 * DER ArchiveTimeStampSequence of all earlier chains; the digests are already under `algorithm`.
 * @see RFC 4998 §5.2 "Hash-Tree Renewal", steps 3 and 4
 */
export function hashTreeRenewalDigests(
  algorithm: DigestAlgorithm,
  documentDigests: readonly Uint8Array[],
  sequence: Uint8Array,
): Uint8Array[] {
  const sequenceDigest = digest(algorithm, sequence);
  return documentDigests.map((documentDigest) => digest(algorithm, documentDigest, sequenceDigest));
}

/**
 * The first list of a hash-tree renewal in XML: the data objects' digests and, beside them, that of the canonical
 * sequence of all earlier chains. Digests are already under `algorithm`.
 * @see RFC 6283 §4.2.2
 */
export function xmlHashTreeRenewalGroup(
  algorithm: DigestAlgorithm,
  documentDigests: readonly Uint8Array[],
  sequence: Uint8Array,
): Uint8Array[] {
  return [...documentDigests, digest(algorithm, sequence)];
}
