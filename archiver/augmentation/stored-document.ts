// A CAdES document from wherever it stands, read so that no more is held than a limit allows: beyond it, what is
// beside the content.
import { fromHex, joinBytes } from '#shared/bytes.ts';
import { recordAttributeTypes } from '#shared/cades/evidence-record-subject.ts';
import {
  digestContent,
  digestEncapsulated,
  type Elided,
  readWithoutContent,
} from '#shared/cades/without-content.ts';
import { parseSignedData, type SignedData } from '#shared/cms/signed-data.ts';
import {
  type DigestAlgorithm,
  digestAlgorithmOfOid,
  type RunningDigest,
} from '#shared/crypto/digest.ts';
import { readTlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import type { DocumentIdentity } from '#shared/ports/catalogue.ts';
import { oids } from '#shared/oid.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { readDocument as readSignatures } from '#shared/validation/inspect.ts';
import { readDocument } from '../stages/read-document.ts';
import type { CadesDocument } from './types.ts';

/** Digests of the content that judging and stamping will ask for. */
function algorithmsOf(
  { raw, signerInfos }: SignedData,
  digestAlgorithm: DigestAlgorithm,
): readonly DigestAlgorithm[] {
  const { timestamps } = readSignatures({ bytes: raw, size: raw.length });
  const used = [
    digestAlgorithm,
    ...signerInfos.map((signerInfo) => digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid)),
    ...timestamps.map(({ token }) => token.tstInfo.messageImprint.algorithm),
  ];
  return [...new Set(used.flatMap((algorithm) => algorithm ?? []))];
}

/** The document that a detached signature is over. */
export async function contentOf(
  store: ObjectStore,
  { key, versionId }: Pick<DocumentIdentity, 'key' | 'versionId'>,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<DetachedContent> {
  const { digests } = await readDocument(store, key, {
    versionId: versionId === '' ? undefined : versionId,
    algorithms,
    keep: 0,
    signal,
  });
  return { name: key, digest: (algorithm) => fromHex(digests[algorithm] ?? '') ?? undefined };
}

/** A document that can be read as often as it takes, each time the same octets or an error. */
export type ReadableDocument = {
  readonly name: string;
  readonly size: number;
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
};

/** A version of an object in a store. */
export function readableObject(
  store: ObjectStore,
  { key, versionId }: Pick<DocumentIdentity, 'key' | 'versionId'>,
  size: number,
  signal: AbortSignal,
): ReadableDocument {
  const version = versionId === '' ? undefined : versionId;
  return {
    name: key,
    size,
    open: async () => (await store.read(key, { signal, versionId: version })).body,
  };
}

async function readWhole(open: ReadableDocument['open']): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  // A copy: the source may use its buffer again.
  for await (const part of await open()) parts.push(Uint8Array.from(part));
  return joinBytes(parts);
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield octets;
}

/** Smaller content is hashed and copied for next to nothing as often as it takes. */
const leastElided = 16 * 1024;

/** RFC 4998 Appendix A: a record in an attribute is over the whole, content included. */
function holdsRecord({ signerInfos }: SignedData): boolean {
  return signerInfos.some(({ unsignedAttrs }) =>
    unsignedAttrs.some(({ oid }) => recordAttributeTypes.includes(oid)),
  );
}

/** Archive timestamps before version 3 hash the content as it is encapsulated. RFC 5126 §6.4.1 */
const olderArchives: readonly string[] = [
  oids.idAaEtsArchiveTimestamp,
  oids.idAaEtsArchiveTimestampV2,
];

function isOverWhole(signedData: SignedData): boolean {
  return (
    holdsRecord(signedData) ||
    signedData.signerInfos.some(({ unsignedAttrs }) =>
      unsignedAttrs.some(({ oid }) => olderArchives.includes(oid)),
    )
  );
}

/** What archive timestamps of version 2 hash first, by their algorithms: one more pass where there are any. */
async function beginningsOf(
  signedData: SignedData,
  elided: Elided,
  open: ReadableDocument['open'],
): Promise<ReadonlyMap<DigestAlgorithm, RunningDigest>> {
  if (!isOverWhole(signedData)) return new Map();
  const { raw, elements } = signedData;
  const { timestamps } = readSignatures({ bytes: raw, size: raw.length });
  const algorithms = timestamps
    .filter(({ type }) => type === 'archive')
    .flatMap(({ token }) => token.tstInfo.messageImprint.algorithm ?? []);
  const { encapContentInfo } = elements;
  return digestEncapsulated(await open(), { encapContentInfo, elided }, [...new Set(algorithms)]);
}

/**
 * Reads a document. Its content is digested once and left out of what is worked on, unless something is over the
 * whole; of a document that is too large to be held it passes by.
 * @throws FormatError: no SignedData
 */
export async function readStored(
  { name, size, open }: ReadableDocument,
  options: {
    readonly digestAlgorithm: DigestAlgorithm;
    /** So many octets are held. */
    readonly limitBytes: number;
    /** Gives what a detached signature is over, by the algorithms that are asked for. */
    readonly detached?:
      ((algorithms: readonly DigestAlgorithm[]) => Promise<DetachedContent>) | undefined;
  },
): Promise<CadesDocument> {
  const { digestAlgorithm, limitBytes, detached } = options;
  const held = size <= limitBytes ? await readWhole(open) : undefined;
  const whole = held && parseSignedData(readTlv(held).raw);
  if (held && whole && (whole.eContent ?? []).length < leastElided)
    return {
      name,
      stored: { signedData: whole, length: held.length },
      content: whole.eContent ? undefined : await detached?.(algorithmsOf(whole, digestAlgorithm)),
    };
  if (held && whole && isOverWhole(whole))
    return { name, stored: { signedData: whole, length: held.length } };
  const source = held ? () => Promise.resolve(once(held)) : open;
  // One pass serves, but for timestamps by algorithms that the document does not list.
  const read = await readWithoutContent(await source(), (listed) => [
    ...new Set([digestAlgorithm, ...listed]),
  ]);
  const { octets, elided, length } = read;
  const signedData = parseSignedData(readTlv(octets).raw);
  const stored = { signedData, elided, length };
  if (elided && holdsRecord(signedData))
    throw new FormatError(
      'ERR_FORMAT_LIMIT',
      'an evidence record inside, over content that is too large to be held',
      { clause: 'RFC 4998 Appendix A' },
    );
  const algorithms = algorithmsOf(signedData, digestAlgorithm);
  if (!elided) return { name, stored, content: await detached?.(algorithms) };
  const missing = algorithms.filter((algorithm) => !read.digests.has(algorithm));
  const more = missing.length > 0 ? await digestContent(await source(), missing) : [];
  const digests = new Map([...read.digests, ...more]);
  const beginnings = await beginningsOf(signedData, elided, source);
  const eContent = whole?.eContent;
  return {
    name,
    stored,
    content: {
      name,
      digest: (algorithm) => digests.get(algorithm),
      encapsulated: (algorithm) => beginnings.get(algorithm)?.branch(),
      ...(eContent && { octets: () => eContent }),
    },
  };
}
