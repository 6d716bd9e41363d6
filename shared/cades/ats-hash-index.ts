// The hash index of an archive timestamp: the unsigned attribute of its token that lists the hashes of
// certificates, CRLs and unsigned attributes. TS 101 733 V2.2.1 §6.4.2 (ats-hash-index), EN 319 122-1 §5.5.2
// (ats-hash-index-v2 in the draft V1.0.0, ats-hash-index-v3 since). What its entries stand for is looked up in archive-timestamp.ts.
import { attributesOfType } from '#shared/cms/attributes.ts';
import { type DigestAlgorithm, digestAlgorithmOfOid, digestOid } from '#shared/crypto/digest.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isUniversal,
  readChildren,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';

export type AtsHashIndexVersion = 'ats-hash-index' | 'ats-hash-index-v2' | 'ats-hash-index-v3';

/**
 * ```asn1
 * ATSHashIndex ::= SEQUENCE {
 *   hashIndAlgorithm AlgorithmIdentifier DEFAULT {algorithm id-sha256}, certificatesHashIndex SEQUENCE OF OCTET STRING,
 *   crlsHashIndex SEQUENCE OF OCTET STRING, unsignedAttrsHashIndex SEQUENCE OF OCTET STRING }
 * ```
 * In versions 2 and 3 the algorithm has no default; in version 3 the last list is `unsignedAttrValuesHashIndex`.
 */
export type AtsHashIndex = {
  readonly version: AtsHashIndexVersion;
  /** The whole value as stored. */
  readonly raw: Uint8Array;
  /** Dotted identifier. */
  readonly hashIndAlgorithm: string;
  readonly certificatesHashIndex: readonly Uint8Array[];
  readonly crlsHashIndex: readonly Uint8Array[];
  /** Of attributes in the first two versions, of attribute values in the third. */
  readonly unsignedAttrsHashIndex: readonly Uint8Array[];
};

const versions: readonly (readonly [string, AtsHashIndexVersion])[] = [
  [oids.idAaATSHashIndex, 'ats-hash-index'],
  [oids.idAaATSHashIndexV2, 'ats-hash-index-v2'],
  [oids.idAaATSHashIndexV3, 'ats-hash-index-v3'],
];

/** Hash values in one index: each costs a look-up. */
const maxEntries = 10_000;

function malformed(what: string): FormatError {
  return new FormatError('ERR_FORMAT_CMS', `hash index: ${what}`, {
    clause: 'EN 319 122-1 §5.5.2',
  });
}

function readHashes(list: Tlv | undefined): Uint8Array[] {
  if (!isUniversal(list, tags.sequence)) throw malformed('SEQUENCE OF OCTET STRING expected');
  const entries = readChildren(list);
  if (entries.length > maxEntries) throw malformed(`more than ${maxEntries} hash values`);
  return entries.map((entry) => {
    if (!isUniversal(entry, tags.octetString)) throw malformed('OCTET STRING expected');
    return readOctets(entry);
  });
}

function parseAtsHashIndex(value: Uint8Array, version: AtsHashIndexVersion): AtsHashIndex {
  const whole = readWhole(value);
  const members = isUniversal(whole, tags.sequence) ? readChildren(whole) : [];
  const hasAlgorithm = members.length === 4;
  if (!hasAlgorithm && (members.length !== 3 || version !== 'ats-hash-index'))
    throw malformed('an algorithm and three lists expected');
  const [algorithm] = hasAlgorithm ? members : [];
  const [certificates, crls, unsignedAttrs] = members.slice(-3);
  return {
    version,
    raw: value,
    hashIndAlgorithm: algorithm ? readAlgorithmIdentifier(algorithm).oid : digestOid('SHA-256'),
    certificatesHashIndex: readHashes(certificates),
    crlsHashIndex: readHashes(crls),
    unsignedAttrsHashIndex: readHashes(unsignedAttrs),
  };
}

/** What of an index a token has; `problem` where the attribute is there and holds no such index. */
export type AtsHashIndexReading = {
  readonly version: AtsHashIndexVersion;
  readonly index?: AtsHashIndex | undefined;
  readonly problem?: string | undefined;
};

/** The index in a token's unsigned attributes, which has to be there once with one value; `undefined` where there is none. */
export function readAtsHashIndex(token: TimeStampToken): AtsHashIndexReading | undefined {
  const unsigned = token.signedData.signerInfos.flatMap(({ unsignedAttrs }) => unsignedAttrs);
  const found = versions.flatMap(([oid, version]) =>
    attributesOfType(unsigned, oid).map(({ values }) => ({ version, values })),
  );
  const [first, another] = found;
  if (!first) return undefined;
  const { version, values } = first;
  const [value, excess] = values;
  if (another || !value || excess)
    return { version, problem: 'the attribute is not there once with one value' };
  try {
    return { version, index: parseAtsHashIndex(value, version) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { version, problem: error.message };
  }
}

/** The algorithm of an index, if it is one we know and the one of the imprint, as the clause demands. */
export function algorithmOfIndex(
  { hashIndAlgorithm }: AtsHashIndex,
  imprintAlgorithm: DigestAlgorithm | undefined,
): DigestAlgorithm | undefined {
  const algorithm = digestAlgorithmOfOid(hashIndAlgorithm);
  return algorithm === imprintAlgorithm ? algorithm : undefined;
}
