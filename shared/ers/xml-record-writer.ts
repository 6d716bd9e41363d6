// RFC 6283 EvidenceRecord as the archive writes it: without a space or a prefix, every element in its canonical form
// already, so that what renewals hash can be told without a parser. It decides no tree and asks for no token:
// hash-tree.ts and renewal.ts do.
import { compareBytes, toBase64 } from '#shared/bytes.ts';
import { digestUri } from '#shared/crypto/digest-uri.ts';
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
import { FormatError } from '#shared/errors.ts';
import { xmlErsNamespace } from './xml-evidence-record.ts';

/** Exclusive: the same octets wherever the record is put in. RFC 6283 §3.1.1 */
const canonicalizationMethod = 'http://www.w3.org/2001/10/xml-exc-c14n#';

/** One archive timestamp; the token in evidence form. */
export type XmlArchiveTimeStampFields = {
  /** Empty where the token is over the data object itself. */
  readonly reducedHashtree: readonly PartialHashtree[];
  readonly timeStamp: Uint8Array;
};

/** One chain, oldest archive timestamp first. */
export type XmlChainFields = {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly archiveTimeStamps: readonly XmlArchiveTimeStampFields[];
};

const declaration = ` xmlns="${xmlErsNamespace}"`;

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
  return octetsOf(timeStampElement(token, declaration));
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
 * One ArchiveTimeStamp element. `namespace`: with its own declaration, for a place inside of another's record.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 6283 §3.1.1
 */
export function xmlArchiveTimeStamp(
  algorithm: DigestAlgorithm,
  { reducedHashtree, timeStamp }: XmlArchiveTimeStampFields,
  order: number,
  { namespace = false } = {},
): string {
  const lists = reducedHashtree.map((list, level) => sequenceElement(algorithm, list, level + 1));
  const tree = lists.length > 0 ? `<HashTree>${lists.join('')}</HashTree>` : '';
  return `<ArchiveTimeStamp${namespace ? declaration : ''} Order="${order}">${tree}${timeStampElement(timeStamp)}</ArchiveTimeStamp>`;
}

/** One ArchiveTimeStampChain element; otherwise as `xmlArchiveTimeStamp`. */
export function xmlChain(
  { digestAlgorithm, archiveTimeStamps }: XmlChainFields,
  order: number,
  { namespace = false } = {},
): string {
  const parts = archiveTimeStamps.map((each, index) =>
    xmlArchiveTimeStamp(digestAlgorithm, each, index + 1),
  );
  return (
    `<ArchiveTimeStampChain${namespace ? declaration : ''} Order="${order}">` +
    `<DigestMethod Algorithm="${digestUri(digestAlgorithm)}"></DigestMethod>` +
    `<CanonicalizationMethod Algorithm="${canonicalizationMethod}"></CanonicalizationMethod>` +
    `${parts.join('')}</ArchiveTimeStampChain>`
  );
}

function sequenceOf(chains: readonly XmlChainFields[], namespace = ''): string {
  const parts = chains.map((chain, index) => xmlChain(chain, index + 1));
  return `<ArchiveTimeStampSequence${namespace}>${parts.join('')}</ArchiveTimeStampSequence>`;
}

/**
 * The canonical sequence of these chains: what a hash-tree renewal puts beside the data objects.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 6283 §4.2.2
 */
export function canonicalSequence(chains: readonly XmlChainFields[]): Uint8Array {
  return octetsOf(sequenceOf(chains, declaration));
}

/**
 * The record of these chains, oldest first.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH
 * @see RFC 6283 §2.1, §3.1.1
 */
export function buildXmlEvidenceRecord(chains: readonly XmlChainFields[]): Uint8Array {
  return octetsOf(
    `<EvidenceRecord${declaration} Version="1.0">${sequenceOf(chains)}</EvidenceRecord>`,
  );
}
