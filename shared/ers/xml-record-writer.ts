// RFC 6283 EvidenceRecord as the archive writes it: one chain, without a space or a prefix, every element in its
// canonical form already, so that what renewals hash can be told without a parser. It decides no tree and
// asks for no token: hash-tree.ts and renewal.ts do.
import { compareBytes, concatBytes, toBase64 } from '#shared/bytes.ts';
import { digestUri } from '#shared/crypto/digest-uri.ts';
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
import { FormatError } from '#shared/errors.ts';
import { xmlErsNamespace } from './xml-evidence-record.ts';

/** Exclusive: the same octets wherever the record is put in. RFC 6283 §3.1.1 */
const canonicalizationMethod = 'http://www.w3.org/2001/10/xml-exc-c14n#';

/** One archive timestamp; the token in evidence form. */
export type XmlArchiveTimeStampFields = {
  readonly reducedHashtree: readonly PartialHashtree[];
  readonly timeStamp: Uint8Array;
};

function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function timeStampElement(token: Uint8Array, namespace = ''): string {
  return `<TimeStamp${namespace}><TimeStampToken Type="RFC3161">${toBase64(token)}</TimeStampToken></TimeStamp>`;
}

/**
 * The canonical TimeStamp element around a token: what a timestamp renewal of a record in XML hashes.
 * @see RFC 6283 §4.2.1
 */
export function canonicalTimeStamp(token: Uint8Array): Uint8Array {
  return octetsOf(timeStampElement(token, ` xmlns="${xmlErsNamespace}"`));
}

/** Values ascending, as they are hashed (RFC 6283 §3.2.2). */
function sequenceElement(algorithm: DigestAlgorithm, list: PartialHashtree, order: number): string {
  for (const value of list)
    if (value.length !== digestLength(algorithm))
      throw new FormatError(
        'ERR_FORMAT_DIGEST_LENGTH',
        `hash value of ${value.length} octets in a tree of ${algorithm}`,
        { clause: 'RFC 6283 §3.2.1' },
      );
  const values = list
    .toSorted(compareBytes)
    .map((value) => `<DigestValue>${toBase64(value)}</DigestValue>`);
  return `<Sequence Order="${order}">${values.join('')}</Sequence>`;
}

/**
 * The record of one chain, oldest archive timestamp first.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 6283 §2.1, §3.1.1
 */
export function buildXmlEvidenceRecord(
  digestAlgorithm: DigestAlgorithm,
  archiveTimeStamps: readonly XmlArchiveTimeStampFields[],
): Uint8Array {
  const parts = archiveTimeStamps.map(({ reducedHashtree, timeStamp }, index) => {
    const lists = reducedHashtree.map((list, level) =>
      sequenceElement(digestAlgorithm, list, level + 1),
    );
    return `<ArchiveTimeStamp Order="${index + 1}"><HashTree>${lists.join('')}</HashTree>${timeStampElement(timeStamp)}</ArchiveTimeStamp>`;
  });
  return concatBytes(
    octetsOf(
      `<EvidenceRecord xmlns="${xmlErsNamespace}" Version="1.0"><ArchiveTimeStampSequence><ArchiveTimeStampChain Order="1">` +
        `<DigestMethod Algorithm="${digestUri(digestAlgorithm)}"></DigestMethod>` +
        `<CanonicalizationMethod Algorithm="${canonicalizationMethod}"></CanonicalizationMethod>`,
    ),
    ...parts.map(octetsOf),
    octetsOf('</ArchiveTimeStampChain></ArchiveTimeStampSequence></EvidenceRecord>'),
  );
}
