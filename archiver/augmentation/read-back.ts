// Judges a raised document from its octets alone, as a stranger would (design, invariant 1): everything earlier is
// there as it was, every earlier timestamp is over what it was over, the level is reached and covers all,
// and the whole verifies with what it carries. It imports nothing of what made it but types.
import { equalBytes, toHex } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { compareInstants } from '#shared/time.ts';
import { objectsOfToken } from '#shared/validation/covered-objects.ts';
import type { DetachedContent, SignatureLevel } from '#shared/validation/facts.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import { objectsCovered, objectsOf } from '#shared/validation/proof-of-existence.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import { differences, frameDiffers } from './compare.ts';
import { changedImprints } from './imprints.ts';
import { judgeDocument, judgedAt, offenceOf, readSigned } from './judge.ts';
import type { AugmentationLevel } from './types.ts';

/** One state of the document: its octets, or those that are left where its content is kept apart. */
export type DocumentState = {
  readonly name: string;
  readonly signedData: Uint8Array;
  readonly content?: DetachedContent | undefined;
};

export type ReadBack = {
  /** What speaks against the result, in words; empty: it counts. */
  readonly offences: readonly string[];
  readonly verdict: LongTermVerdict;
};

const order: readonly SignatureLevel[] = ['B', 'T', 'LT', 'LTA'];

function levelOffences({ facts }: LongTermVerdict, level: AugmentationLevel): readonly string[] {
  return facts.signatures
    .filter(({ countersigns }) => countersigns === undefined)
    .filter((one) => order.indexOf(one.level ?? 'B') < order.indexOf(level))
    .map(({ id, level: reached }) => `${id} is at level ${reached ?? 'B'}, not ${level}`);
}

/** The newest archive timestamp of every signature covers, together, all that is older. */
function coverageOffences(reading: DocumentReading): readonly string[] {
  const signatures = reading.facts.signatures.filter(
    ({ countersigns }) => countersigns === undefined,
  );
  const newest = signatures.map(({ id }) =>
    reading.timestamps
      .filter(({ of, type }) => of === id && type === 'archive')
      .toSorted((a, b) => compareInstants(a.token.tstInfo.genTime, b.token.tstInfo.genTime))
      .at(-1),
  );
  const own = new Set(newest.flatMap((one) => (one ? objectsOfToken(one.token).map(toHex) : [])));
  const covered = new Set(
    newest.flatMap((one) => (one?.covers ? objectsCovered(one.covers, one.token).map(toHex) : [])),
  );
  const open = objectsOf(reading)
    .map(toHex)
    .filter((object) => !own.has(object) && !covered.has(object));
  // Certificates that travel in a token are covered with it.
  const inTokens = new Set(
    reading.timestamps.flatMap(({ token }) =>
      token.signedData.certificates.map(({ raw }) => toHex(raw)),
    ),
  );
  const bare = open.filter((object) => !inTokens.has(object));
  return bare.length === 0
    ? []
    : [`${bare.length} objects are under no archive timestamp of the newest`];
}

function contentOffences(
  before: DocumentState,
  after: DocumentState,
  algorithms: readonly DigestAlgorithm[],
): readonly string[] {
  const differs = algorithms.some((algorithm) => {
    const old = before.content?.digest(algorithm);
    const fresh = after.content?.digest(algorithm);
    return old && fresh && !equalBytes(old, fresh);
  });
  return differs ? ['the content is changed'] : [];
}

/**
 * What the raised document is worth as of `at`. `material` is what the verifier brings; whether the
 * document would verify without is for the caller to ask by leaving it out.
 */
export function readBackAugmented(
  before: DocumentState,
  after: DocumentState,
  question: {
    readonly level: AugmentationLevel;
    readonly digestAlgorithm: DigestAlgorithm;
    readonly material: GivenMaterial;
    readonly at: Temporal.Instant;
  },
): ReadBack {
  const { level, digestAlgorithm, material, at } = question;
  const old = readSigned(before, before.signedData);
  const reading = readSigned(after, after.signedData);
  const since = judgedAt(at, reading);
  const verdict = judgeDocument(after, after.signedData, material, since, reading);
  const offence = offenceOf(verdict);
  return {
    offences: [
      ...(frameDiffers(before.signedData, after.signedData) ? ['the outer frame is changed'] : []),
      ...differences(parseSignedData(before.signedData), parseSignedData(after.signedData)),
      ...contentOffences(before, after, [digestAlgorithm, 'SHA-256']),
      ...changedImprints(old, reading).map((id) => `${id} is no longer over what it was over`),
      ...levelOffences(verdict, level),
      ...(level === 'LTA' ? coverageOffences(reading) : []),
      ...(offence ? [offence.message] : []),
    ],
    verdict,
  };
}
