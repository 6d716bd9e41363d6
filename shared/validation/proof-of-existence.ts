// Proofs of existence: which object is known to have existed since when, and by which timestamp. What a
// timestamp covers is found by the readers (CoveredObjects) and added here once it is found valid.
// EN 319 102-1 §5.6.2.3.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import {
  type CoveredObjects,
  identityOf,
  objectsOfOcspResponse,
  objectsOfToken,
} from '#shared/validation/covered-objects.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';

/** Since when an object is known to exist, and the timestamp or record that says so. */
export type ProofOfExistence = {
  readonly time: Temporal.Instant;
  /** Its id in the verdict tree. */
  readonly by: string;
};

/** Grows while timestamps are judged, newest first; an object is known by the digest of its octets. */
export type ProofStore = {
  readonly add: (objects: readonly Uint8Array[], proof: ProofOfExistence) => void;
  /** The oldest proof, `undefined` where nothing but its presence today shows that the object exists. */
  readonly since: (object: Uint8Array) => ProofOfExistence | undefined;
};

export function createProofStore(): ProofStore {
  const proofs = new Map<string, ProofOfExistence>();
  const keyOf = (object: Uint8Array): string => toHex(digest('SHA-256', object));
  return {
    add: (objects, proof) => {
      for (const object of objects) {
        const key = keyOf(object);
        const known = proofs.get(key);
        if (!known || Temporal.Instant.compare(proof.time, known.time) < 0) proofs.set(key, proof);
      }
    },
    since: (object) => proofs.get(keyOf(object)),
  };
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
