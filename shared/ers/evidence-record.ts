// RFC 4998 EvidenceRecord (§3, §4.1, §5.1): types and parser. BER is read, the octets stay as stored.
// It judges nothing (verify.ts) and writes nothing (build.ts). The ASN.1 module has IMPLICIT TAGS
// (Appendix B): [0], [1] and [2] replace the tag of what they mark.
import { requireDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  defaultLimits,
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readOctets,
  readTlv,
  readWhole,
  tags,
  type ReadLimits,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';

/** `PartialHashtree ::= SEQUENCE OF OCTET STRING`: hash values with one parent, in stored order. */
export type PartialHashtree = readonly Uint8Array[];

/** `Attribute` as CryptoInfos and `attributes` hold it; `values` are whole elements. */
export type EvidenceAttribute = {
  readonly oid: string;
  readonly raw: Uint8Array;
  readonly values: readonly Uint8Array[];
};

/** A digest and what made it. */
export type Imprint = { readonly algorithm: DigestAlgorithm; readonly digest: Uint8Array };

/**
 * ```asn1
 * ArchiveTimeStamp ::= SEQUENCE {
 *   digestAlgorithm [0] AlgorithmIdentifier OPTIONAL,
 *   attributes      [1] Attributes OPTIONAL,
 *   reducedHashtree [2] SEQUENCE OF PartialHashtree OPTIONAL,
 *   timeStamp       ContentInfo }
 * ```
 */
export type ArchiveTimeStamp = {
  readonly raw: Uint8Array;
  /** The field, where present. */
  readonly digestAlgorithm?: DigestAlgorithm | undefined;
  /** The field, or else the algorithm of the token's imprint (§4.1). */
  readonly effectiveDigestAlgorithm: DigestAlgorithm;
  readonly attributes: readonly EvidenceAttribute[];
  /** Absent, too, where the stored list is empty: both say that the token covers one hash value. */
  readonly reducedHashtree?: readonly PartialHashtree[] | undefined;
  /** The ContentInfo as stored: what a timestamp renewal hashes (§5.2). */
  readonly timeStamp: Uint8Array;
  readonly token: TimeStampToken;
  /** The token's messageImprint, its algorithm by name. */
  readonly imprint: Imprint;
};

/** `ArchiveTimeStampChain ::= SEQUENCE OF ArchiveTimeStamp`; `raw` is the whole element. */
export type ArchiveTimeStampChain = {
  readonly raw: Uint8Array;
  /** The tree hash of the first archive timestamp; the others have to use it, too (§5.1). */
  readonly digestAlgorithm: DigestAlgorithm;
  /** Never empty. */
  readonly archiveTimeStamps: readonly ArchiveTimeStamp[];
};

/** `ArchiveTimeStampSequence ::= SEQUENCE OF ArchiveTimeStampChain`; `raw` is the whole element. */
export type ArchiveTimeStampSequence = {
  readonly raw: Uint8Array;
  /** Never empty. */
  readonly chains: readonly ArchiveTimeStampChain[];
};

/** `EncryptionInfo`; the value is a whole element. @see RFC 4998 §6.1 */
export type EncryptionInfo = { readonly type: string; readonly value: Uint8Array };

/**
 * ```asn1
 * EvidenceRecord ::= SEQUENCE {
 *   version                  INTEGER { v1(1) },
 *   digestAlgorithms         SEQUENCE OF AlgorithmIdentifier,
 *   cryptoInfos          [0] CryptoInfos OPTIONAL,
 *   encryptionInfo       [1] EncryptionInfo OPTIONAL,
 *   archiveTimeStampSequence ArchiveTimeStampSequence }
 * ```
 */
export type EvidenceRecord = {
  readonly raw: Uint8Array;
  readonly version: number;
  /** Object identifiers as listed; a name that we do not know is no error here. */
  readonly digestAlgorithms: readonly string[];
  readonly cryptoInfos: readonly EvidenceAttribute[];
  readonly encryptionInfo?: EncryptionInfo | undefined;
  readonly sequence: ArchiveTimeStampSequence;
  /** Of a record in XML: what its renewals hash in another way than RFC 4998. */
  readonly xml?: XmlRenewals | undefined;
};

export type XmlRenewals = {
  /** Canonical octets of the sequence of all chains older than the one of this index. RFC 6283 §4.2.2 */
  readonly olderSequence: (chainIndex: number) => Uint8Array;
  /** A data object that is XML, canonicalized as the chain says; `undefined`: it is none. §3.1.1 */
  readonly canonicalData: (octets: Uint8Array, chainIndex: number) => Uint8Array | undefined;
};

/** Bounds, held before anything is allocated for the part in question. */
export type EvidenceRecordLimits = {
  readonly maxOctets: number;
  readonly maxArchiveTimeStamps: number;
  /** Hash values over all reduced hash trees. */
  readonly maxHashValues: number;
  /** Octets of older chains, summed over all hash-tree renewals: each of these hashes them anew (§5.3). */
  readonly maxRenewalOctets: number;
  readonly read: ReadLimits;
};

export const defaultEvidenceRecordLimits: EvidenceRecordLimits = {
  maxOctets: 32 * 1024 * 1024,
  maxArchiveTimeStamps: 1_000,
  maxHashValues: 100_000,
  maxRenewalOctets: 256 * 1024 * 1024,
  read: defaultLimits,
};

function malformed(message: string, at: Tlv | undefined, clause: string): FormatError {
  return new FormatError('ERR_FORMAT_EVIDENCE_RECORD', message, { offset: at?.offset, clause });
}

function beyondLimit(message: string): FormatError {
  return new FormatError('ERR_FORMAT_LIMIT', message, { clause: 'RFC 4998 §3.1' });
}

/** How a token is read: anew, or remembered from another record (token-memory.ts). */
export type TokenParser = (octets: Uint8Array) => TimeStampToken;

/** The list that starts at `start` of a tree's contents, and where it ends. */
export type ListReader = (
  tree: Uint8Array,
  start: number,
) => { readonly list: PartialHashtree; readonly end: number };

/**
 * How the contents of a reduced hash tree are read where some of its lists may be known from another record
 * (tree-memory.ts); `undefined`: not a tree to remember. `ordinal` counts the record's archive timestamps from 0.
 */
export type TreeParser = (
  tree: Uint8Array,
  ordinal: number,
  readList: ListReader,
) => readonly PartialHashtree[] | undefined;

/** Readers of what the records of one batch share. */
export type PartParsers = { readonly token: TokenParser; readonly tree: TreeParser };

/** What is left of the limits while one record is read. */
type Budget = {
  /** Of the next archive timestamp. */
  ordinal: number;
  archiveTimeStamps: number;
  hashValues: number;
  renewalOctets: number;
  readonly read: ReadLimits;
  readonly parsers: PartParsers | undefined;
};

function parseAttributes(children: readonly Tlv[], read: ReadLimits): EvidenceAttribute[] {
  return children.map((attribute) => {
    const [type, values, ...rest] = isUniversal(attribute, tags.sequence)
      ? readChildren(attribute, read)
      : [];
    if (!isUniversal(type, tags.objectIdentifier) || !isUniversal(values, tags.set) || rest.length)
      throw malformed('not an Attribute', attribute, 'RFC 4998 §3.1');
    return {
      oid: readObjectIdentifier(type),
      raw: attribute.raw,
      values: readChildren(values, read).map((value) => value.raw),
    };
  });
}

/** The object identifier of an AlgorithmIdentifier, whatever tag it stands under. */
function algorithmOid(element: Tlv, read: ReadLimits): string {
  const [oid] = element.constructed ? readChildren(element, read) : [];
  if (!isUniversal(oid, tags.objectIdentifier))
    throw malformed('not an AlgorithmIdentifier', element, 'RFC 4998 §4.1');
  return readObjectIdentifier(oid);
}

function parsePartialHashtree(list: Tlv, budget: Budget): PartialHashtree {
  if (!isUniversal(list, tags.sequence))
    throw malformed('PartialHashtree is not a SEQUENCE', list, 'RFC 4998 §4.1');
  return readChildren(list, budget.read).map((value) => {
    if (!isUniversal(value, tags.octetString))
      throw malformed('hash value is not an OCTET STRING', value, 'RFC 4998 §4.1');
    if (--budget.hashValues < 0) throw beyondLimit('too many hash values in the record');
    return readOctets(value, budget.read);
  });
}

/** The lists of a reduced hash tree; those that were remembered count, too. */
function parseTree(field: Tlv, ordinal: number, budget: Budget): readonly PartialHashtree[] {
  const base = field.offset + field.headerLength;
  const before = budget.hashValues;
  const lists = budget.parsers?.tree(field.content, ordinal, (tree, start) => {
    const element = readTlv(tree, start, tree.length, base, budget.read);
    return { list: parsePartialHashtree(element, budget), end: element.end };
  });
  if (!lists)
    return readChildren(field, budget.read).map((list) => parsePartialHashtree(list, budget));
  budget.hashValues = lists.reduce((left, list) => left - list.length, before);
  if (budget.hashValues < 0) throw beyondLimit('too many hash values in the record');
  return lists;
}

function parseArchiveTimeStamp(element: Tlv, budget: Budget): ArchiveTimeStamp {
  if (!isUniversal(element, tags.sequence))
    throw malformed('ArchiveTimeStamp is not a SEQUENCE', element, 'RFC 4998 §4.1');
  const ordinal = budget.ordinal++;
  if (--budget.archiveTimeStamps < 0) throw beyondLimit('too many archive timestamps');
  const fields = readChildren(element, budget.read);
  const take = (tag: number): Tlv | undefined =>
    isContext(fields[0], tag) ? fields.shift() : undefined;
  const algorithmField = take(0);
  const attributesField = take(1);
  const treeField = take(2);
  const [timeStamp, ...rest] = fields;
  if (!isUniversal(timeStamp, tags.sequence) || rest.length > 0)
    throw malformed('ArchiveTimeStamp does not end with its timeStamp', element, 'RFC 4998 §4.1');
  const token = (budget.parsers?.token ?? parseTimeStampToken)(timeStamp.raw);
  const { messageImprint } = token.tstInfo;
  const imprint: Imprint = {
    algorithm: requireDigestAlgorithm(messageImprint.hashAlgorithm.oid),
    digest: messageImprint.hashedMessage,
  };
  const digestAlgorithm =
    algorithmField && requireDigestAlgorithm(algorithmOid(algorithmField, budget.read));
  const lists = treeField ? parseTree(treeField, ordinal, budget) : [];
  return {
    raw: element.raw,
    digestAlgorithm,
    effectiveDigestAlgorithm: digestAlgorithm ?? imprint.algorithm,
    attributes: attributesField
      ? parseAttributes(readChildren(attributesField, budget.read), budget.read)
      : [],
    reducedHashtree: lists.length > 0 ? lists : undefined,
    timeStamp: timeStamp.raw,
    token,
    imprint,
  };
}

function parseSequence(element: Tlv, budget: Budget): ArchiveTimeStampSequence {
  let olderOctets = 0;
  const chains = readChildren(element, budget.read).map((chain) => {
    budget.renewalOctets -= olderOctets;
    olderOctets += chain.raw.length;
    if (budget.renewalOctets < 0) throw beyondLimit('too much to hash for the hash-tree renewals');
    if (!isUniversal(chain, tags.sequence))
      throw malformed('ArchiveTimeStampChain is not a SEQUENCE', chain, 'RFC 4998 §5.1');
    const archiveTimeStamps = readChildren(chain, budget.read).map((archiveTimeStamp) =>
      parseArchiveTimeStamp(archiveTimeStamp, budget),
    );
    const [first] = archiveTimeStamps;
    if (!first) throw malformed('ArchiveTimeStampChain is empty', chain, 'RFC 4998 §5.1');
    return { raw: chain.raw, digestAlgorithm: first.effectiveDigestAlgorithm, archiveTimeStamps };
  });
  if (chains.length === 0)
    throw malformed('ArchiveTimeStampSequence is empty', element, 'RFC 4998 §5.1');
  return { raw: element.raw, chains };
}

function parseEncryptionInfo(element: Tlv, read: ReadLimits): EncryptionInfo {
  const [type, value, ...rest] = readChildren(element, read);
  if (!isUniversal(type, tags.objectIdentifier) || !value || rest.length > 0)
    throw malformed('not an EncryptionInfo', element, 'RFC 4998 §6.1');
  return { type: readObjectIdentifier(type), value: value.raw };
}

/**
 * Reads one evidence record in BER or DER; octet fields are views of the input (constructed BER
 * strings aside). Tokens are read, not verified; octets after the record are refused.
 * `parsers`: other readers, for many records that share tokens and upper nodes.
 * @throws FormatError ERR_FORMAT_EVIDENCE_RECORD, ERR_FORMAT_DER, ERR_FORMAT_LIMIT, or what reading a token throws
 * @throws UnsupportedError another version, an unknown hash algorithm of a tree, a timestamp that is no RFC 3161 token
 * @see RFC 4998 §3.1
 */
export function parseEvidenceRecord(
  octets: Uint8Array,
  limits: EvidenceRecordLimits = defaultEvidenceRecordLimits,
  parsers?: PartParsers,
): EvidenceRecord {
  if (octets.length > limits.maxOctets)
    throw beyondLimit(`record of ${octets.length} octets is larger than ${limits.maxOctets}`);
  const budget: Budget = {
    ordinal: 0,
    archiveTimeStamps: limits.maxArchiveTimeStamps,
    hashValues: limits.maxHashValues,
    renewalOctets: limits.maxRenewalOctets,
    read: limits.read,
    parsers,
  };
  const record = readWhole(octets, limits.read);
  if (!isUniversal(record, tags.sequence))
    throw malformed('EvidenceRecord is not a SEQUENCE', record, 'RFC 4998 §3.1');
  const [versionField, algorithmsField, ...fields] = readChildren(record, limits.read);
  if (!isUniversal(versionField, tags.integer) || !isUniversal(algorithmsField, tags.sequence))
    throw malformed('EvidenceRecord without version or digestAlgorithms', record, 'RFC 4998 §3.1');
  const version = readInteger(versionField);
  if (version !== 1n) {
    throw new UnsupportedError('ERR_UNSUPPORTED_VERSION', `evidence record version ${version}`, {
      feature: `EvidenceRecord v${version}`,
    });
  }
  const cryptoInfosField = isContext(fields[0], 0) ? fields.shift() : undefined;
  const encryptionInfoField = isContext(fields[0], 1) ? fields.shift() : undefined;
  const [sequenceField, ...rest] = fields;
  if (!isUniversal(sequenceField, tags.sequence) || rest.length > 0)
    throw malformed('EvidenceRecord does not end with its sequence', record, 'RFC 4998 §3.1');
  return {
    raw: octets,
    version: 1,
    digestAlgorithms: readChildren(algorithmsField, limits.read).map((algorithm) =>
      algorithmOid(algorithm, limits.read),
    ),
    cryptoInfos: cryptoInfosField
      ? parseAttributes(readChildren(cryptoInfosField, limits.read), limits.read)
      : [],
    encryptionInfo: encryptionInfoField && parseEncryptionInfo(encryptionInfoField, limits.read),
    sequence: parseSequence(sequenceField, budget),
  };
}
