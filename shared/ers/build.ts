// RFC 4998 structures in strict DER, from octets: what the archive writes (§3.1, §4.1, §5.1).
// digestAlgorithm is always written, lists are in binary ascending order, nothing stored is
// re-encoded. It asks for no token and decides no tree: hash-tree.ts and renewal.ts do.
import { compareBytes } from '#shared/bytes.ts';
import { digestLength, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  derContext,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import type { EncryptionInfo, PartialHashtree } from '#shared/ers/evidence-record.ts';
import { FormatError } from '#shared/errors.ts';

/** RFC 5754 §2: the parameters of a SHA-2 identifier are absent; SHA-3 likewise (RFC 8702 §3.1). */
function algorithmIdentifier(algorithm: DigestAlgorithm): Uint8Array {
  return derSequence(derObjectIdentifier(digestOid(algorithm)));
}

function partialHashtree(algorithm: DigestAlgorithm, list: PartialHashtree): Uint8Array {
  for (const value of list) {
    if (value.length !== digestLength(algorithm)) {
      throw new FormatError(
        'ERR_FORMAT_DIGEST_LENGTH',
        `hash value of ${value.length} octets in a tree of ${algorithm}`,
        { clause: 'RFC 4998 §4.2' },
      );
    }
  }
  return derSequence(...list.toSorted(compareBytes).map((value) => derOctetString(value)));
}

/**
 * One ArchiveTimeStamp. `timeStamp` is the token in evidence form, `reducedHashtree` what
 * `reducedHashtreeFor` gives, absent where the token's imprint is the data object's own digest.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 4998 §4.1
 */
export function buildArchiveTimeStamp(fields: {
  readonly digestAlgorithm: DigestAlgorithm;
  /** Whole Attribute elements. */
  readonly attributes?: readonly Uint8Array[] | undefined;
  readonly reducedHashtree?: readonly PartialHashtree[] | undefined;
  readonly timeStamp: Uint8Array;
}): Uint8Array {
  const { digestAlgorithm, attributes, reducedHashtree, timeStamp } = fields;
  return derSequence(
    // IMPLICIT: the context tag takes the place of AlgorithmIdentifier's own.
    derContext(0, derObjectIdentifier(digestOid(digestAlgorithm))),
    ...(attributes?.length ? [derContext(1, ...attributes.toSorted(compareBytes))] : []),
    ...(reducedHashtree?.length
      ? [derContext(2, ...reducedHashtree.map((list) => partialHashtree(digestAlgorithm, list)))]
      : []),
    timeStamp,
  );
}

/** ArchiveTimeStampChain from whole ArchiveTimeStamp elements, oldest first. @see RFC 4998 §5.1 */
export function buildArchiveTimeStampChain(archiveTimeStamps: readonly Uint8Array[]): Uint8Array {
  return derSequence(...archiveTimeStamps);
}

/** ArchiveTimeStampSequence from whole ArchiveTimeStampChain elements, oldest first. @see RFC 4998 §5.1 */
export function buildArchiveTimeStampSequence(chains: readonly Uint8Array[]): Uint8Array {
  return derSequence(...chains);
}

/**
 * The EvidenceRecord around a whole ArchiveTimeStampSequence element. `digestAlgorithms` names the
 * hash algorithm of every chain, once each; `cryptoInfos` are whole Attribute elements.
 * @see RFC 4998 §3.1
 */
export function buildEvidenceRecord(fields: {
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  readonly cryptoInfos?: readonly Uint8Array[] | undefined;
  readonly encryptionInfo?: EncryptionInfo | undefined;
  readonly sequence: Uint8Array;
}): Uint8Array {
  const { digestAlgorithms, cryptoInfos, encryptionInfo, sequence } = fields;
  return derSequence(
    derInteger(1),
    derSequence(...[...new Set(digestAlgorithms)].map(algorithmIdentifier)),
    ...(cryptoInfos?.length ? [derContext(0, ...cryptoInfos)] : []),
    ...(encryptionInfo
      ? [derContext(1, derObjectIdentifier(encryptionInfo.type), encryptionInfo.value)]
      : []),
    sequence,
  );
}
