// What an object that was read says of itself, a signature of which only the content is too large to be held
// included: the same at intake as in a catalogue that is made from the stores.
import { fromHex } from '#shared/bytes.ts';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import type { DetachedContent, Facts } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { factsOfLarge, type HeadOfObject, readLargeSignature } from './large-signature.ts';

/** A document that detached signatures may be about: known digests, others by reading it again. */
export type IntakeContent = {
  readonly name: string;
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>>;
  readonly read: (
    algorithms: readonly DigestAlgorithm[],
  ) => Promise<Readonly<Partial<Record<DigestAlgorithm, string>>>>;
};

/** Digest algorithms that signatures or records of the facts ask of detached content. */
function neededAlgorithms(facts: Facts): DigestAlgorithm[] {
  const names = [
    ...facts.signatures.flatMap((signature) => [
      signature.digestAlgorithm,
      ...signature.references.map((reference) => reference.algorithm),
    ]),
    ...facts.timestamps.map((timestamp) => timestamp.imprintAlgorithm),
    ...facts.evidenceRecords.flatMap((record) =>
      record.chains.map((chain) => chain.digestAlgorithm),
    ),
  ];
  return [...new Set(names)].filter(
    (name): name is DigestAlgorithm => name !== undefined && isDigestAlgorithm(name),
  );
}

/** The content as detached signatures ask for it; reads it again only for digests not known yet. */
async function detachedContent(facts: Facts, content: IntakeContent): Promise<DetachedContent> {
  const missing = neededAlgorithms(facts).filter(
    (algorithm) => content.digests[algorithm] === undefined,
  );
  const digests =
    missing.length === 0
      ? content.digests
      : { ...content.digests, ...(await content.read(missing)) };
  return {
    name: content.name,
    digest: (algorithm) => {
      const hex = digests[algorithm];
      return hex === undefined ? undefined : fromHex(hex);
    },
  };
}

export type FactsOfObject = {
  readonly facts: Facts;
  /** What can be judged: the octets that are at hand, and what its signatures are over apart from them. */
  readonly bytes: Uint8Array;
  readonly detached: readonly DetachedContent[];
  /** Nothing but content is missing in `bytes`. */
  readonly isWhole: boolean;
};

/** `content`: what detached signatures may be over. @throws SourceError from the store */
export async function readFacts(
  store: ObjectStore,
  place: Pick<ObjectEntry, 'key' | 'versionId'>,
  reading: HeadOfObject,
  content: IntakeContent | undefined,
  signal: AbortSignal,
): Promise<FactsOfObject> {
  const large = await readLargeSignature(store, place, reading, signal);
  const bytes = large?.stored.signedData.raw ?? reading.head;
  const input = { bytes, size: large ? bytes.length : reading.size };
  const alone = inspect(input);
  const asks = alone.signatures.length + alone.timestamps.length + alone.evidenceRecords.length > 0;
  const detached = large?.content
    ? // Without a name, as content that is found in its place.
      [{ digest: large.content.digest }]
    : content && asks
      ? [await detachedContent(alone, content)]
      : [];
  const facts = detached.length > 0 ? inspect({ ...input, detached }) : alone;
  return {
    facts: large ? factsOfLarge(facts, large) : facts,
    bytes,
    detached,
    isWhole: bytes.length === input.size,
  };
}
