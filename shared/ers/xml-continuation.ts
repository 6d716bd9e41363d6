// A record in XML that another product made, gone on from (RFC 6283 §4.2): its octets stay, the newest token is
// put in the form in which it is kept, later archive timestamps and chains are put in behind it. What renewals
// hash is canonicalized in its place, since inclusive methods see the namespaces around it.
import { concatBytes, toBase64 } from '#shared/bytes.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { createCanonicalizer } from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import type { XmlDocument, XmlElement } from '#shared/xml/tree.ts';
import { childNamed } from '#shared/xml/tree.ts';
import {
  readXmlEvidenceRecord,
  xmlErsNamespace,
  type XmlArchiveTimeStamp,
  type XmlArchiveTimeStampChain,
  type XmlEvidenceRecord,
} from './xml-evidence-record.ts';
import {
  xmlArchiveTimeStamp,
  xmlChain,
  type XmlArchiveTimeStampFields,
  type XmlChainFields,
} from './xml-record-writer.ts';

/** What goes on from a record as it was found. */
export type XmlContinuation = {
  /** Its newest token in evidence form. */
  readonly newest: Uint8Array;
  /** Timestamp renewals of its current chain since, oldest first. */
  readonly renewals: readonly XmlArchiveTimeStampFields[];
  /** Chains since, oldest first. */
  readonly chains: readonly XmlChainFields[];
};

function lastOf<T>(values: readonly T[]): T {
  const last = values.at(-1);
  if (last !== undefined) return last;
  throw new FormatError('ERR_FORMAT_EVIDENCE_RECORD', 'a record without a chain', {
    clause: 'RFC 6283 §3.1',
  });
}

type Read = {
  readonly document: XmlDocument;
  readonly record: XmlEvidenceRecord;
  readonly chain: XmlArchiveTimeStampChain;
  readonly newest: XmlArchiveTimeStamp;
};

function read(octets: Uint8Array): Read {
  const document = parseXml(octets);
  const record = readXmlEvidenceRecord(document.root);
  const chain = lastOf(record.chains);
  return { document, record, chain, newest: lastOf(chain.archiveTimeStamps) };
}

/** After the last of them in the text, whatever their Order. */
function endOf(elements: readonly { readonly element: XmlElement }[]): number {
  return Math.max(...elements.map(({ element }) => element.end));
}

/** Where the text of a token's element begins and ends. */
function contentOf({ timeStamp }: XmlArchiveTimeStamp): readonly [number, number] {
  const texts = childNamed(timeStamp, xmlErsNamespace, 'TimeStampToken')?.children ?? [];
  const [first] = texts;
  const last = texts.at(-1);
  if (first && last) return [first.start, last.end];
  throw new FormatError('ERR_FORMAT_EVIDENCE_RECORD', 'a timestamp without a token', {
    clause: 'RFC 6283 §3.1.1',
  });
}

/**
 * The record with what came since; everything outside of what is put in is as it was found.
 * @throws UnsupportedError ERR_UNSUPPORTED_FEATURE: it is not written in UTF-8
 * @throws FormatError as the readers of XML and of the record
 * @see RFC 6283 §4.2
 */
export function continueXmlRecord(
  octets: Uint8Array,
  { newest, renewals, chains }: XmlContinuation,
): Uint8Array {
  const { document, record, chain, newest: last } = read(octets);
  const { text, encoding } = document;
  if (encoding !== 'utf-8')
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      `a record in ${encoding} is not continued`,
      {
        feature: encoding,
      },
    );
  const own = { namespace: true };
  const count = chain.archiveTimeStamps.length;
  const stamps = renewals.map((each, index) =>
    xmlArchiveTimeStamp(chain.digestAlgorithm, each, count + index + 1, own),
  );
  const later = chains.map((each, index) => xmlChain(each, record.chains.length + index + 1, own));
  const [start, end] = contentOf(last);
  const inserts = [
    { start, end, put: toBase64(newest) },
    { start: endOf(chain.archiveTimeStamps), end: undefined, put: stamps.join('') },
    { start: endOf(record.chains), end: undefined, put: later.join('') },
  ].sort((a, b) => a.start - b.start);
  let at = 0;
  let out = '';
  for (const { start: from, end: to = from, put } of inserts) {
    out += text.slice(at, from) + put;
    at = to;
  }
  // A byte order mark stays where it was.
  const mark = octets.subarray(0, octets.length - Buffer.byteLength(text));
  return concatBytes(mark, Buffer.from(out + text.slice(at), 'utf8'));
}

/**
 * The canonical TimeStamp elements of the current chain, oldest first, the newest among them: what the next timestamp
 * renewal covers. Throws as the readers of XML and of the record.
 * @see RFC 6283 §4.2.1
 */
export function canonicalTimeStamps(octets: Uint8Array): readonly Uint8Array[] {
  const { document, chain } = read(octets);
  const canonicalize = createCanonicalizer(document);
  return chain.archiveTimeStamps.map(({ timeStamp }) =>
    canonicalize(timeStamp, chain.canonicalizationMethod),
  );
}

/**
 * The canonical sequence of all chains, as a next chain that names exclusive canonicalization hashes it.
 * Throws as the readers of XML and of the record.
 * @see RFC 6283 §4.2.2
 */
export function canonicalSequenceOf(octets: Uint8Array): Uint8Array {
  const { document, record } = read(octets);
  return createCanonicalizer(document)(record.sequence, { edition: 'exclusive', comments: false });
}
