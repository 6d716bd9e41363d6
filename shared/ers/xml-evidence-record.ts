// RFC 6283 EvidenceRecord (§2, §3, §4): types and reader over a parsed document. It judges nothing;
// the hash tree is reduced as in RFC 4998 (shared/ers/reduce.ts). What is canonicalized for a renewal
// is for whoever verifies.
import { fromBase64 } from '#shared/bytes.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
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
  /** Absent where there is no HashTree. */
  readonly hashTree: readonly PartialHashtree[] | undefined;
  readonly token: TimeStampToken;
};

export type XmlArchiveTimeStampChain = {
  readonly element: XmlElement;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly canonicalizationMethod: string | undefined;
  readonly archiveTimeStamps: readonly XmlArchiveTimeStamp[];
};

export type XmlEvidenceRecord = {
  readonly element: XmlElement;
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
  if (!token) throw malformed('ArchiveTimeStamp without a token');
  const type = attributeOf(token, 'Type');
  if (type !== 'RFC3161')
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `timestamp of type ${type ?? 'none'}`, {
      feature: type ?? 'TimeStampToken',
    });
  return {
    element,
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
    canonicalizationMethod: attributeOf(
      childNamed(element, xmlErsNamespace, 'CanonicalizationMethod'),
      'Algorithm',
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
  if (chains.length === 0) throw malformed('ArchiveTimeStampSequence is empty');
  return {
    element: root,
    chains,
    cryptographicInformation: readCryptographicInformation(root),
  };
}
