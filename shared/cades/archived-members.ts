// What an archive timestamp of CAdES can be over: certificates, CRLs and unsigned attributes as stored, each
// with the hash by which an index lists it. EN 319 122-1 §5.5.2. Hashes are worked out once an algorithm.
import { toHex } from '#shared/bytes.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { isContext, readChildren, readTlv } from '#shared/der/reader.ts';
import { TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { AtsHashIndex } from './ats-hash-index.ts';

/** Members that a token is over, besides the signature and its content. All octets as stored. */
export type ArchivedMembers = {
  /** CertificateChoices. */
  readonly certificates: readonly Uint8Array[];
  /** RevocationInfoChoices. */
  readonly crls: readonly Uint8Array[];
  /** Each with those of its values that are covered. */
  readonly unsignedAttrs: readonly Attribute[];
};

const archiveTypes: readonly string[] = [
  oids.idAaEtsArchiveTimestamp,
  oids.idAaEtsArchiveTimestampV2,
  oids.idAaEtsArchiveTimestampV3,
];

/** A member with what is hashed of it for an index. */
type Hashed<T> = { readonly item: T; readonly parts: readonly Uint8Array[] };

/** Hashes of the members under an algorithm, worked out once. */
function createHashCache<T>(
  members: readonly Hashed<T>[],
): (algorithm: DigestAlgorithm) => readonly (readonly [hash: string, item: T])[] {
  const known = new Map<DigestAlgorithm, readonly (readonly [string, T])[]>();
  return (algorithm) => {
    const hashes =
      known.get(algorithm) ??
      members.map(({ item, parts }) => [toHex(digest(algorithm, ...parts)), item] as const);
    known.set(algorithm, hashes);
    return hashes;
  };
}

/** The members that are listed, and how many hashes are of none. Each entry stands for one member. */
function lookUp<T>(
  index: readonly Uint8Array[],
  members: readonly (readonly [hash: string, item: T])[],
): { readonly listed: readonly T[]; readonly missing: number } {
  const open = new Map<string, number>();
  for (const hash of index.map(toHex)) open.set(hash, (open.get(hash) ?? 0) + 1);
  const listed: T[] = [];
  for (const [hash, item] of members) {
    const count = open.get(hash) ?? 0;
    if (count === 0) continue;
    open.set(hash, count - 1);
    listed.push(item);
  }
  return { listed, missing: index.length - listed.length };
}

type HashCache<T> = ReturnType<typeof createHashCache<T>>;

/** The members that all signers share. */
export type ArchivedSignedData = {
  readonly certificates: HashCache<Uint8Array>;
  readonly crls: HashCache<Uint8Array>;
};

export function archivedSignedData({ elements }: SignedData): ArchivedSignedData {
  const cacheOf = (field: SignedData['elements']['crls']): HashCache<Uint8Array> =>
    createHashCache(
      (field ? readChildren(field) : []).map(({ raw }) => ({ item: raw, parts: [raw] })),
    );
  return { certificates: cacheOf(elements.certificates), crls: cacheOf(elements.crls) };
}

/** Everything of one signer that its archive timestamps may be over. */
export type ArchivedSigner = {
  /** version to signature, each as stored. */
  readonly fields: readonly Uint8Array[];
  /** Archive timestamps among the unsigned attributes, with the newest time in each. */
  readonly archiveTimes: ReadonlyMap<Attribute, Temporal.Instant | undefined>;
  readonly wholeAttributes: HashCache<Attribute>;
  readonly attributeValues: HashCache<Attribute>;
};

function newestTime(values: readonly Uint8Array[]): Temporal.Instant | undefined {
  try {
    return values
      .map((value) => parseTimeStampToken(value).tstInfo.genTime)
      .toSorted(compareInstants)
      .at(-1);
  } catch (error) {
    if (error instanceof TokiwaError) return undefined;
    throw error;
  }
}

/** Reads the members of a signer; archive timestamps that do not parse have no time. */
export function archivedSigner({ raw, unsignedAttrs }: SignerInfo): ArchivedSigner {
  const elements = readChildren(readTlv(raw));
  const raws = elements.map((element) => element.raw);
  return {
    fields: isContext(elements.at(-1), 1) ? raws.slice(0, -1) : raws,
    archiveTimes: new Map(
      unsignedAttrs
        .filter(({ oid }) => archiveTypes.includes(oid))
        .map((attribute) => [attribute, newestTime(attribute.values)]),
    ),
    wholeAttributes: createHashCache(
      unsignedAttrs.map((attribute) => ({ item: attribute, parts: [attribute.raw] })),
    ),
    attributeValues: createHashCache(
      unsignedAttrs.flatMap((attribute) => {
        const types = readChildren(readTlv(attribute.raw)).slice(0, 1);
        return attribute.values.map((value) => ({
          item: { ...attribute, values: [value] },
          // §5.5.2: attrType, then one of the values.
          parts: [...types.map((type) => type.raw), value],
        }));
      }),
    ),
  };
}

/**
 * The members that an index lists, and how many of its hash values are of none.
 * @see EN 319 122-1 §5.5.2
 */
export function membersOfIndex(
  index: AtsHashIndex,
  algorithm: DigestAlgorithm,
  shared: ArchivedSignedData,
  { wholeAttributes, attributeValues }: ArchivedSigner,
): { readonly covers: ArchivedMembers; readonly missing: number } {
  const certificates = lookUp(index.certificatesHashIndex, shared.certificates(algorithm));
  const crls = lookUp(index.crlsHashIndex, shared.crls(algorithm));
  const attributes = index.version === 'ats-hash-index-v3' ? attributeValues : wholeAttributes;
  const unsignedAttrs = lookUp(index.unsignedAttrsHashIndex, attributes(algorithm));
  return {
    covers: {
      certificates: certificates.listed,
      crls: crls.listed,
      unsignedAttrs: unsignedAttrs.listed,
    },
    missing: certificates.missing + crls.missing + unsignedAttrs.missing,
  };
}
