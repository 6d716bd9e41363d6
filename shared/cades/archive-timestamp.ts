// Archive timestamps of CAdES: the imprint recomputed from octets as stored, the hash index compared with
// what is there, and what follows: which members of the signature the token is over. RFC 5126 §6.4.1 and
// TS 101 733 V2.2.1 Annex K (version 2), EN 319 122-1 §5.5.3 (version 3). It verifies no token.
import { equalBytes } from '#shared/bytes.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import {
  createDigest,
  digest,
  type DigestAlgorithm,
  type RunningDigest,
} from '#shared/crypto/digest.ts';
import { readChildren } from '#shared/der/reader.ts';
import { derElement } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { compareInstants } from '#shared/time.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import {
  type ArchivedMembers,
  type ArchivedSigner,
  archivedSignedData,
  archivedSigner,
  membersOfIndex,
} from './archived-members.ts';
import { algorithmOfIndex, readAtsHashIndex, type AtsHashIndexVersion } from './ats-hash-index.ts';

/** What the message digest is over. Version 2 needs the octets of detached content, version 3 its digest. */
export type ArchivedContent = {
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
  /** Missing where only digests are known. */
  readonly octets?: (() => Uint8Array) | undefined;
  /** Of content left out of a SignedData: a digest after `encapContentInfo` as stored, which is what version 2 needs. */
  readonly encapsulated?: ((algorithm: DigestAlgorithm) => RunningDigest | undefined) | undefined;
};

export type ArchiveTimestampReading = {
  /** The content is at hand, and so everything that the imprint is over. */
  readonly imprintFound: boolean;
  readonly imprintIntact: boolean;
  /** Version 3: whether the index is one, and everything that it lists is there. */
  readonly hashIndex?:
    | {
        readonly version: AtsHashIndexVersion;
        readonly valid: boolean;
        readonly problem?: string | undefined;
      }
    | undefined;
  /** What the token is over if its imprint is intact; absent where it is not. */
  readonly covers?: ArchivedMembers | undefined;
};

/** Archive timestamps of the signers of one SignedData; what several of them hash is hashed once. */
export type ArchiveTimestampReader = {
  /**
   * `token`: one that stands in an attribute of `signerInfo`, by identity of its octets. `undefined` for
   * version 1, whose input TS 101 733 V1.5.1 leaves open, and for a signer that is not of the SignedData.
   * @throws FormatError ERR_FORMAT_LIMIT where the readings of version 2 would be too much to hash
   */
  readonly read: (
    signerInfo: SignerInfo,
    timestamp: { readonly version: 1 | 2 | 3; readonly token: TimeStampToken },
    content: ArchivedContent | undefined,
  ) => ArchiveTimestampReading | undefined;
};

const notFound = { imprintFound: false, imprintIntact: false } as const;
/** Octets of unsigned attributes to be hashed for all version 2 timestamps of one SignedData. */
const maxAttributeOctets = 256 * 1024 * 1024;

/** How the unsigned attributes stand in the imprint of version 2. */
const unsignedAttrsFrames: readonly ((
  attributes: readonly Attribute[],
) => readonly Uint8Array[])[] = [
  // As the field that they were: [1] with the length of those that were there.
  (attributes) =>
    attributes.length > 0 ? [derElement(0xa1, ...attributes.map(({ raw }) => raw))] : [],
  // TS 101 733 before V2.2.1, Annex K: without tag and length.
  (attributes) => attributes.map(({ raw }) => raw),
];

/**
 * Which attributes were there when a version 2 timestamp was made. A SET OF in DER loses their order, so
 * later archive timestamps are told by their time; or, where attributes were appended, by their place.
 */
function earlierAttributes(
  { unsignedAttrs }: SignerInfo,
  { archiveTimes }: ArchivedSigner,
  own: Attribute,
  genTime: Temporal.Instant,
): readonly (readonly Attribute[])[] {
  const older = unsignedAttrs.filter((attribute) => {
    if (attribute === own) return false;
    if (!archiveTimes.has(attribute)) return true;
    const time = archiveTimes.get(attribute);
    return time !== undefined && compareInstants(time, genTime) < 0;
  });
  const before = unsignedAttrs.slice(0, unsignedAttrs.indexOf(own));
  return before.length === older.length && before.every((one, index) => one === older[index])
    ? [older]
    : [older, before];
}

/** @see EN 319 122-1 §5.5, RFC 5126 §6.4.1 */
export function createArchiveTimestampReader(signedData: SignedData): ArchiveTimestampReader {
  const { elements } = signedData;
  const detached = signedData.eContent === undefined;
  const hashes = archivedSignedData(signedData);
  const signers = new Map<SignerInfo, ArchivedSigner>();
  /** Version 2 up to the CRLs: the same for every signer and timestamp over the same content. */
  const beginnings = new Map<ArchivedContent | undefined, Map<DigestAlgorithm, RunningDigest>>();
  let attributeOctets = maxAttributeOctets;

  const beginning = (
    algorithm: DigestAlgorithm,
    content: ArchivedContent | undefined,
    octets: Uint8Array | undefined,
  ): RunningDigest => {
    const known = beginnings.get(content) ?? new Map<DigestAlgorithm, RunningDigest>();
    beginnings.set(content, known);
    let running = known.get(algorithm);
    if (!running) {
      const { encapContentInfo, certificates, crls } = elements;
      const streamed = content?.encapsulated?.(algorithm);
      const first = streamed ? [] : [encapContentInfo.raw, octets];
      running = streamed ?? createDigest(algorithm);
      for (const part of [...first, certificates?.raw, crls?.raw]) if (part) running.update(part);
      known.set(algorithm, running);
    }
    return running.branch();
  };

  /** Before anything is put together: what is left is what a hostile file may still cost. */
  const spend = (octets: number): void => {
    attributeOctets -= octets;
    if (attributeOctets < 0)
      throw new FormatError(
        'ERR_FORMAT_LIMIT',
        `archive timestamps over more than ${maxAttributeOctets} octets of attributes`,
        { clause: 'RFC 5126 §6.4.1' },
      );
  };

  const readVersion2 = (
    signerInfo: SignerInfo,
    signer: ArchivedSigner,
    token: TimeStampToken,
    content: ArchivedContent | undefined,
  ): ArchiveTimestampReading => {
    const { algorithm, hashedMessage } = token.tstInfo.messageImprint;
    const own = signerInfo.unsignedAttrs.find(({ values }) => values.includes(token.raw));
    const isStreamed = algorithm && detached && content?.encapsulated?.(algorithm) !== undefined;
    const octets = detached && !isStreamed ? content?.octets?.() : undefined;
    if (!algorithm || !own || (detached && !octets && !isStreamed)) return notFound;
    const running = beginning(algorithm, detached ? content : undefined, octets);
    for (const field of signer.fields) running.update(field);
    for (const unsignedAttrs of earlierAttributes(signerInfo, signer, own, token.tstInfo.genTime))
      for (const frame of unsignedAttrsFrames) {
        spend(unsignedAttrs.reduce((sum, { raw }) => sum + raw.length, 0));
        const parts = frame(unsignedAttrs);
        const whole = running.branch();
        for (const part of parts) whole.update(part);
        if (!equalBytes(whole.finish(), hashedMessage)) continue;
        const { certificates, crls } = elements;
        return {
          imprintFound: true,
          imprintIntact: true,
          covers: {
            certificates: certificates ? readChildren(certificates).map(({ raw }) => raw) : [],
            crls: crls ? readChildren(crls).map(({ raw }) => raw) : [],
            unsignedAttrs,
          },
        };
      }
    return { imprintFound: true, imprintIntact: false };
  };

  const readVersion3 = (
    signer: ArchivedSigner,
    token: TimeStampToken,
    content: ArchivedContent | undefined,
  ): ArchiveTimestampReading => {
    const { algorithm, hashedMessage } = token.tstInfo.messageImprint;
    const signedDataHash = algorithm && content?.digest(algorithm);
    const attribute = readAtsHashIndex(token);
    const index = attribute?.index;
    const indexAlgorithm = index && algorithmOfIndex(index, algorithm);
    const compared =
      index && indexAlgorithm ? membersOfIndex(index, indexAlgorithm, hashes, signer) : undefined;
    const problem =
      attribute?.problem ??
      (compared
        ? compared.missing > 0
          ? `${compared.missing} listed hash values are of nothing that is there`
          : undefined
        : 'its algorithm is not that of the imprint');
    const [eContentType] = readChildren(elements.encapContentInfo);
    const intact =
      algorithm !== undefined &&
      signedDataHash !== undefined &&
      index !== undefined &&
      eContentType !== undefined &&
      equalBytes(
        digest(algorithm, eContentType.raw, signedDataHash, ...signer.fields, index.raw),
        hashedMessage,
      );
    return {
      imprintFound: signedDataHash !== undefined,
      imprintIntact: intact,
      hashIndex: attribute && {
        version: attribute.version,
        valid: problem === undefined,
        problem,
      },
      ...(intact && compared && { covers: compared.covers }),
    };
  };

  return {
    read: (signerInfo, { version, token }, content) => {
      if (version === 1 || !signedData.signerInfos.includes(signerInfo)) return undefined;
      const signer = signers.get(signerInfo) ?? archivedSigner(signerInfo);
      signers.set(signerInfo, signer);
      return version === 2
        ? readVersion2(signerInfo, signer, token, content)
        : readVersion3(signer, token, content);
    },
  };
}
