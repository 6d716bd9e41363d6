// Proofs of existence: which object is known to have existed since when, and by which timestamp. What a
// timestamp covers is found by the readers (CoveredObjects) and added here once it is found valid.
// EN 319 102-1 §5.6.2.3.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { compareInstants } from '#shared/time.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import {
  type CoveredObjects,
  identityOf,
  objectsOfOcspResponse,
  objectsOfToken,
} from '#shared/validation/covered-objects.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import type { EvidenceRecordReading } from '#shared/validation/reading.ts';

/** Since when an object is known to exist, and the timestamp or record that says so. */
export type ProofOfExistence = {
  readonly time: Temporal.Instant;
  /** Its id in the verdict tree. */
  readonly by: string;
};

/** Grows while timestamps are judged, newest first; an object is known by the digest of its octets. */
export type ProofStore = {
  readonly add: (objects: readonly Uint8Array[], proof: ProofOfExistence) => void;
  /** The same for content of which only digests may be at hand; without SHA-256 there is none. */
  readonly addContent: (content: DetachedContent, proof: ProofOfExistence) => void;
  /** The oldest proof, `undefined` where nothing but its presence today shows that the object exists. */
  readonly since: (object: Uint8Array) => ProofOfExistence | undefined;
  readonly contentSince: (content: DetachedContent) => ProofOfExistence | undefined;
};

export function createProofStore(): ProofStore {
  const proofs = new Map<string, ProofOfExistence>();
  const keyOf = (object: Uint8Array): string => toHex(digest('SHA-256', object));
  const keyOfContent = (content: DetachedContent): string | undefined => {
    const value = content.digest('SHA-256');
    return value && toHex(value);
  };
  const keep = (key: string, proof: ProofOfExistence): void => {
    const known = proofs.get(key);
    if (!known || compareInstants(proof.time, known.time) < 0) proofs.set(key, proof);
  };
  return {
    add: (objects, proof) => {
      for (const object of objects) keep(keyOf(object), proof);
    },
    addContent: (content, proof) => {
      const key = keyOfContent(content);
      if (key !== undefined) keep(key, proof);
    },
    since: (object) => proofs.get(keyOf(object)),
    contentSince: (content) => {
      const key = keyOfContent(content);
      return key === undefined ? undefined : proofs.get(key);
    },
  };
}

/**
 * Since when a record existed together with all that it is over: then its hash trees say what they say today,
 * though their hash has been broken since. `undefined`: one of them may be younger.
 */
export function recordSince(
  { record, dataObjects }: EvidenceRecordReading,
  proofs: ProofStore,
): ProofOfExistence | undefined {
  const each = [proofs.since(record.raw), ...dataObjects.map(proofs.contentSince)];
  const known = each.filter((proof) => proof !== undefined);
  if (known.length < each.length) return undefined;
  return known.toSorted((a, b) => compareInstants(a.time, b.time)).at(-1);
}

/** Everything in a document that a proof over its octets reaches: signature values, tokens, validation data. */
export function objectsOf(reading: DocumentReading): readonly Uint8Array[] {
  return [
    ...reading.cmsSignatures.map(({ signerInfo }) => signerInfo.signature),
    ...reading.xmlSignatures.map(({ value }) => value),
    ...reading.timestamps.flatMap(({ token }) => objectsOfToken(token)),
    ...reading.certificates.map(({ raw }) => raw),
    ...reading.crls.map(identityOf),
    ...reading.ocspResponses.flatMap(objectsOfOcspResponse),
  ];
}

/** Adds everything in a document, its records with what they are over included; `detached` is beside it, and not proved. */
export function proveDocument(
  proofs: ProofStore,
  reading: DocumentReading,
  detached: readonly DetachedContent[] | undefined,
  proof: ProofOfExistence,
): void {
  proofs.add(objectsOf(reading), proof);
  for (const { record, dataObjects } of reading.evidenceRecords) {
    proofs.add([record.raw], proof);
    for (const content of dataObjects)
      if (detached?.includes(content) !== true) proofs.addContent(content, proof);
  }
}

/**
 * The objects that a timestamp covers, documents opened. Its own token is not among them: a PDF's
 * revision holds it, but in the gap of its ByteRange.
 */
export function objectsCovered(
  { objects = [], tokens = [], documents = [] }: CoveredObjects,
  own: TimeStampToken | undefined,
): readonly Uint8Array[] {
  const inDocuments = documents.flatMap((bytes) =>
    objectsOf(readDocument({ bytes, size: bytes.length })),
  );
  const all = [...objects, ...tokens.flatMap(objectsOfToken), ...inDocuments];
  if (!own) return all;
  const ownObjects = new Set(objectsOfToken(own).map(toHex));
  return all.filter((object) => !ownObjects.has(toHex(object)));
}
