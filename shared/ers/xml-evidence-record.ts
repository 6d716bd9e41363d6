// RFC 6283 EvidenceRecord (§2, §3, §4): types and reader over a parsed document, and the same record in
// the shape of RFC 4998, as which it is verified: trees and renewals are alike but for what is hashed,
// which is canonical XML here. It judges nothing.
import { fromBase64 } from '#shared/bytes.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { type DigestAlgorithm, digestOid, requireDigestAlgorithm } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type {
  ArchiveTimeStamp,
  EvidenceRecord,
  PartialHashtree,
} from '#shared/ers/evidence-record.ts';
import {
  type CanonicalMethod,
  type Canonicalizer,
  createCanonicalizer,
  defaultCanonicalMethod,
} from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { namedCanonicalMethod } from '#shared/xmldsig/references.ts';
import { attempt } from '#shared/problem.ts';
import { type TimeStampToken, parseTimeStampToken } from '#shared/tsp/token.ts';
import {
  type XmlElement,
  attributeOf,
  childNamed,
  childrenNamed,
  textOf,
} from '#shared/xml/tree.ts';

export const xmlErsNamespace = 'urn:ietf:params:xml:ns:ers';

export type XmlArchiveTimeStamp = {
  readonly element: XmlElement;
  readonly timeStamp: XmlElement;
  /** Absent where there is no HashTree. */
  readonly hashTree: readonly PartialHashtree[] | undefined;
  readonly token: TimeStampToken;
};

export type XmlArchiveTimeStampChain = {
  readonly element: XmlElement;
  readonly digestAlgorithm: DigestAlgorithm;
  /** RFC 6283 §3.1.1; Canonical XML 1.0 where none is named. */
  readonly canonicalizationMethod: CanonicalMethod;
  readonly archiveTimeStamps: readonly XmlArchiveTimeStamp[];
};

export type XmlEvidenceRecord = {
  readonly element: XmlElement;
  /** The ArchiveTimeStampSequence. */
  readonly sequence: XmlElement;
  readonly chains: readonly XmlArchiveTimeStampChain[];
  /** CryptographicInformation by its Type: certificates, CRLs, OCSP responses. §2.4 */
  readonly cryptographicInformation: readonly {
    readonly type: string;
    readonly octets: Uint8Array;
  }[];
};

const maxArchiveTimeStamps = 1000;
const maxHashValues = 100_000;

function malformed(message: string): FormatError {
  return new FormatError('ERR_FORMAT_EVIDENCE_RECORD', message, { clause: 'RFC 6283 §3.1' });
}

/** Children in the order of their Order attribute, which must count from 1. §3.1.1 */
function inOrder(parent: XmlElement | undefined, name: string): XmlElement[] {
  const children = childrenNamed(parent, xmlErsNamespace, name);
  const byOrder = new Map<number, XmlElement>();
  for (const child of children) {
    const text = attributeOf(child, 'Order') ?? '';
    const order = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
    if (order === 0 || order > children.length || byOrder.has(order))
      throw malformed(`${name} elements are not numbered from 1 without a gap`);
    byOrder.set(order, child);
  }
  return children.map((_, index) => byOrder.get(index + 1)).filter((child) => child !== undefined);
}

function base64Text(element: XmlElement): Uint8Array {
  const text = textOf(element);
  const octets = text === undefined ? undefined : fromBase64(text);
  if (!octets) throw malformed(`${element.localName} is no Base64 text`);
  return octets;
}

type Budget = { archiveTimeStamps: number; hashValues: number };

function readHashTree(element: XmlElement, budget: Budget): PartialHashtree[] {
  return inOrder(element, 'Sequence').map((sequence) =>
    childrenNamed(sequence, xmlErsNamespace, 'DigestValue').map((value) => {
      if (--budget.hashValues < 0)
        throw new FormatError('ERR_FORMAT_LIMIT', 'too many hash values in the record');
      return base64Text(value);
    }),
  );
}

function readArchiveTimeStamp(element: XmlElement, budget: Budget): XmlArchiveTimeStamp {
  if (--budget.archiveTimeStamps < 0)
    throw new FormatError('ERR_FORMAT_LIMIT', 'too many archive timestamps');
  const tree = childNamed(element, xmlErsNamespace, 'HashTree');
  const timeStamp = childNamed(element, xmlErsNamespace, 'TimeStamp');
  const token = childNamed(timeStamp, xmlErsNamespace, 'TimeStampToken');
  if (!timeStamp || !token) throw malformed('ArchiveTimeStamp without a token');
  const type = attributeOf(token, 'Type');
  if (type !== 'RFC3161')
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `timestamp of type ${type ?? 'none'}`, {
      feature: type ?? 'TimeStampToken',
    });
  return {
    element,
    timeStamp,
    hashTree: tree && readHashTree(tree, budget),
    token: parseTimeStampToken(base64Text(token)),
  };
}

function readChain(element: XmlElement, budget: Budget): XmlArchiveTimeStampChain {
  const method = attributeOf(childNamed(element, xmlErsNamespace, 'DigestMethod'), 'Algorithm');
  const digestAlgorithm = digestAlgorithmOfUri(method ?? '');
  if (!digestAlgorithm)
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_ALGORITHM',
      `digest method ${JSON.stringify(method ?? '')}`,
      { feature: method ?? 'DigestMethod' },
    );
  const archiveTimeStamps = inOrder(element, 'ArchiveTimeStamp').map((one) =>
    readArchiveTimeStamp(one, budget),
  );
  if (archiveTimeStamps.length === 0) throw malformed('ArchiveTimeStampChain is empty');
  return {
    element,
    digestAlgorithm,
    canonicalizationMethod: namedCanonicalMethod(
      childNamed(element, xmlErsNamespace, 'CanonicalizationMethod'),
    ),
    archiveTimeStamps,
  };
}

function readCryptographicInformation(
  root: XmlElement,
): XmlEvidenceRecord['cryptographicInformation'] {
  return childrenNamed(root, xmlErsNamespace, 'ArchiveTimeStampSequence')
    .flatMap((sequence) => childrenNamed(sequence, xmlErsNamespace, 'ArchiveTimeStampChain'))
    .flatMap((chain) => childrenNamed(chain, xmlErsNamespace, 'ArchiveTimeStamp'))
    .flatMap((ats) => childrenNamed(ats, xmlErsNamespace, 'TimeStamp'))
    .flatMap((timeStamp) =>
      childrenNamed(timeStamp, xmlErsNamespace, 'CryptographicInformationList'),
    )
    .flatMap((list) => childrenNamed(list, xmlErsNamespace, 'CryptographicInformation'))
    .map((information) => ({
      type: attributeOf(information, 'Type') ?? '',
      octets: base64Text(information),
    }));
}

/**
 * The record whose root element is given.
 * @throws FormatError ERR_FORMAT_EVIDENCE_RECORD, ERR_FORMAT_LIMIT, or what reading a token throws
 * @throws UnsupportedError another timestamp type or digest algorithm
 * @see RFC 6283 §2.1
 */
export function readXmlEvidenceRecord(root: XmlElement): XmlEvidenceRecord {
  if (root.namespace !== xmlErsNamespace || root.localName !== 'EvidenceRecord')
    throw malformed('EvidenceRecord expected');
  const budget: Budget = { archiveTimeStamps: maxArchiveTimeStamps, hashValues: maxHashValues };
  const sequence = childNamed(root, xmlErsNamespace, 'ArchiveTimeStampSequence');
  const chains = inOrder(sequence, 'ArchiveTimeStampChain').map((chain) =>
    readChain(chain, budget),
  );
  if (!sequence || chains.length === 0) throw malformed('ArchiveTimeStampSequence is empty');
  return {
    element: root,
    sequence,
    chains,
    cryptographicInformation: readCryptographicInformation(root),
  };
}

const nothing = new Uint8Array();

/** Only what a renewal follows is hashed; of the last one nothing is canonicalized. §4.2.1 */
function asArchiveTimeStamp(
  { hashTree, timeStamp, token }: XmlArchiveTimeStamp,
  { digestAlgorithm, canonicalizationMethod }: XmlArchiveTimeStampChain,
  canonicalize: Canonicalizer | undefined,
): ArchiveTimeStamp {
  const { hashAlgorithm, hashedMessage } = token.tstInfo.messageImprint;
  return {
    raw: nothing,
    digestAlgorithm,
    effectiveDigestAlgorithm: digestAlgorithm,
    attributes: [],
    reducedHashtree: hashTree && hashTree.length > 0 ? hashTree : undefined,
    timeStamp: canonicalize?.(timeStamp, canonicalizationMethod) ?? nothing,
    token,
    imprint: { algorithm: requireDigestAlgorithm(hashAlgorithm.oid), digest: hashedMessage },
  };
}

/**
 * Data objects that are XML in canonical form, each parsed once: a record has many chains, and its
 * canonicalizer bounds what all of them may cost. What does not parse is no XML, and hashed as it is.
 */
function createDataCanonicalizer(): (
  octets: Uint8Array,
  method: CanonicalMethod,
) => Uint8Array | undefined {
  type Parsed = (method: CanonicalMethod) => Uint8Array;
  const known = new Map<Uint8Array, Parsed | undefined>();
  const parsed = (octets: Uint8Array): Parsed | undefined => {
    // Most data objects are none: not worth decoding.
    const start = Buffer.from(octets.subarray(0, 200)).toString('latin1');
    if (!/^(?:\u00ef\u00bb\u00bf|[\u00fe\u00ff]{2}\0?)?[ \t\r\n]*</.test(start)) return undefined;
    const document = attempt([], undefined, () => parseXml(octets));
    if (!document) return undefined;
    const canonicalize = createCanonicalizer(document);
    return (method) => canonicalize(document, method);
  };
  return (octets, method) => {
    if (!known.has(octets)) known.set(octets, parsed(octets));
    return attempt([], undefined, () => known.get(octets)?.(method));
  };
}

/**
 * The record in the shape of RFC 4998: a timestamp renewal is over the canonical TimeStamp before it, a
 * hash-tree renewal over the data objects and, beside them, the canonical sequence of all older chains.
 * @throws FormatError ERR_FORMAT_LIMIT: too much to canonicalize; UnsupportedError: an unknown imprint
 * @see RFC 6283 §4.2
 */
export function asEvidenceRecord(
  record: XmlEvidenceRecord,
  canonicalize: Canonicalizer,
): EvidenceRecord {
  const { sequence, chains } = record;
  const canonicalData = createDataCanonicalizer();
  return {
    raw: nothing,
    version: 1,
    digestAlgorithms: chains.map(({ digestAlgorithm }) => digestOid(digestAlgorithm)),
    cryptoInfos: [],
    sequence: {
      raw: nothing,
      chains: chains.map((chain) => ({
        raw: nothing,
        digestAlgorithm: chain.digestAlgorithm,
        archiveTimeStamps: chain.archiveTimeStamps.map((one, index) =>
          asArchiveTimeStamp(
            one,
            chain,
            index < chain.archiveTimeStamps.length - 1 ? canonicalize : undefined,
          ),
        ),
      })),
    },
    xml: {
      olderSequence: (chainIndex) =>
        canonicalize(
          sequence,
          chains[chainIndex]?.canonicalizationMethod ?? defaultCanonicalMethod,
          new Set(chains.slice(chainIndex).map(({ element }) => element)),
        ),
      canonicalData: (octets, chainIndex) =>
        canonicalData(octets, chains[chainIndex]?.canonicalizationMethod ?? defaultCanonicalMethod),
    },
  };
}

/**
 * A record in a document of its own.
 * @throws FormatError, UnsupportedError as the readers of XML, of the record and of its tokens
 */
export function parseXmlEvidenceRecord(octets: Uint8Array): EvidenceRecord {
  const document = parseXml(octets);
  const record = asEvidenceRecord(
    readXmlEvidenceRecord(document.root),
    createCanonicalizer(document),
  );
  return { ...record, raw: octets };
}
