// Corpus `dss`, entries of RFC 4998 and RFC 6283: the same references found and intact, imprints, tree sizes and
// times as the judge that wrote the manifest. Its verdicts on trust are not compared here.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64, toHex } from '#shared/bytes.ts';
import { digest, isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  parseEvidenceRecord,
  type ArchiveTimeStamp,
  type EvidenceRecord,
} from '#shared/ers/evidence-record.ts';
import type {
  ArchiveTimeStampVerdict,
  EvidenceDataObject,
  EvidenceRecordVerdict,
} from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { verifyTokenSignature } from '../shared/ers/_token-signature.ts';
import type { ConformanceResult } from './_report.ts';

type Detached = {
  readonly file?: string;
  readonly base64?: string;
  readonly digests?: Readonly<Record<string, string>>;
  readonly name?: string | null;
};

/** The fields of a manifest entry that say something about an evidence record. */
export type DssEvidenceRecordEntry = {
  readonly file: string;
  readonly case: string;
  readonly format: string | null;
  readonly detached?: readonly Detached[];
  readonly timestamps: readonly {
    readonly time: string;
    readonly imprintAlgorithm: string;
    readonly imprint: string;
    readonly imprintIntact: boolean;
    readonly signatureIntact: boolean;
    /** What a renewal's first list holds; absent where there is none. */
    readonly references?: readonly { readonly found: boolean; readonly intact: boolean }[];
  }[];
  readonly evidenceRecords: readonly {
    readonly initialTime: string;
    readonly lastTime: string;
    readonly sequence: readonly {
      readonly digestAlgorithm: string;
      readonly archiveTimeStamps: readonly { readonly reducedHashTree: readonly number[] }[];
    }[];
    readonly references: readonly {
      readonly algorithm: string;
      readonly digest: string;
      readonly found: boolean;
      readonly intact: boolean;
    }[];
  }[];
};

/** The manifest writes SHA256 for SHA-256 and SHA3-256 as we do. */
function algorithmName(written: string): DigestAlgorithm {
  const name = /^SHA\d+$/.test(written) ? written.replace('SHA', 'SHA-') : written;
  if (!isDigestAlgorithm(name)) throw new Error(`unknown digest algorithm ${written}`);
  return name;
}

async function dataObject(
  folder: string,
  detached: Detached,
  index: number,
): Promise<EvidenceDataObject> {
  const name = `${index}: ${detached.name ?? detached.file ?? 'data object'}`;
  if (detached.digests) {
    const known = new Map(
      Object.entries(detached.digests).map(([algorithm, value]) => [
        algorithmName(algorithm),
        fromBase64(value),
      ]),
    );
    return { name, digest: (algorithm) => known.get(algorithm) };
  }
  const content =
    detached.file === undefined
      ? (fromBase64(detached.base64 ?? '') ?? new Uint8Array())
      : await readFile(join(folder, detached.file));
  return { name, digest: (algorithm) => digest(algorithm, content), octets: () => content };
}

function firstListOf(archiveTimeStamp: ArchiveTimeStamp | undefined): readonly Uint8Array[] {
  if (!archiveTimeStamp) return [];
  return archiveTimeStamp.reducedHashtree?.[0] ?? [archiveTimeStamp.imprint.digest];
}

/** What the initial archive timestamp refers to, as the manifest lists it. */
function referencesOf(
  initial: ArchiveTimeStamp,
  orphans: readonly Uint8Array[],
): readonly string[] {
  const { reducedHashtree, effectiveDigestAlgorithm: algorithm } = initial;
  const orphan = new Set(orphans.map(toHex));
  const values = firstListOf(initial).map(toHex);
  return values.map((value) =>
    // Without a tree the manifest names no digest for which no data was given.
    orphan.has(value)
      ? `${algorithm} ${reducedHashtree ? value : ''} not found`
      : `${algorithm} ${value} found`,
  );
}

/** The manifest's times end at the second. */
function wholeSeconds(instant: Temporal.Instant): string {
  return instant.round({ smallestUnit: 'second', roundingMode: 'floor' }).toString();
}

/** How many values of a renewal's first list could be placed; of earlier tokens only the newest counts. */
function placedIn(step: ArchiveTimeStampVerdict, firstList: readonly Uint8Array[]): number {
  return step.kind === 'timestamp-renewal'
    ? Number(step.coversPrevious)
    : firstList.length - step.orphanDigests.length;
}

type Verdict = EvidenceRecordVerdict<ReturnType<typeof verifyTokenSignature>>;

type Compared = {
  readonly initialTime: string;
  readonly lastTime: string;
  readonly sequence: unknown;
  references: string[];
  readonly timestamps: (string | number)[][];
};

function observed(record: EvidenceRecord, verdict: Verdict): Compared {
  const archiveTimeStamps = record.sequence.chains.flatMap((chain) => chain.archiveTimeStamps);
  const steps = verdict.chains.flatMap(({ archiveTimeStamps }) => archiveTimeStamps);
  return {
    initialTime: wholeSeconds(verdict.initialTime),
    lastTime: wholeSeconds(verdict.lastTime),
    sequence: verdict.chains.map(({ digestAlgorithm, archiveTimeStamps: own }) => [
      digestAlgorithm,
      own.map(({ listSizes }) => listSizes),
    ]),
    references: archiveTimeStamps
      .slice(0, 1)
      .flatMap((initial) => referencesOf(initial, verdict.orphanDigests))
      .toSorted(),
    timestamps: steps.map((step, index) => [
      wholeSeconds(step.genTime),
      step.imprint.algorithm,
      toHex(step.imprint.digest),
      step.imprintIntact ? 'intact' : 'not intact',
      step.tokenVerdict.signatureIntact ? 'signature intact' : 'signature not intact',
      index > 0 ? placedIn(step, firstListOf(archiveTimeStamps[index])) : 'initial',
    ]),
  };
}

function expected(entry: DssEvidenceRecordEntry): Compared {
  const [record] = entry.evidenceRecords;
  const written = (text: string | undefined): string =>
    Temporal.Instant.from(text ?? '').toString();
  return {
    initialTime: written(record?.initialTime),
    lastTime: written(record?.lastTime),
    sequence: (record?.sequence ?? []).map(({ digestAlgorithm, archiveTimeStamps }) => [
      algorithmName(digestAlgorithm),
      archiveTimeStamps.map(({ reducedHashTree }) => reducedHashTree),
    ]),
    references: (record?.references ?? [])
      .map(({ algorithm, digest: value, found, intact }) =>
        found && intact
          ? `${algorithmName(algorithm)} ${value} found`
          : `${algorithmName(algorithm)} ${value} not found`,
      )
      .toSorted(),
    timestamps: entry.timestamps.map((timestamp, index) => [
      written(timestamp.time),
      algorithmName(timestamp.imprintAlgorithm),
      timestamp.imprint,
      timestamp.imprintIntact ? 'intact' : 'not intact',
      timestamp.signatureIntact ? 'signature intact' : 'signature not intact',
      index > 0
        ? (timestamp.references ?? []).filter(({ found, intact }) => found && intact).length
        : 'initial',
    ]),
  };
}

/** Whether this helper compares the entry: a bare record. */
export function isEvidenceRecordEntry(entry: {
  readonly format: string | null;
}): entry is DssEvidenceRecordEntry {
  return entry.format === 'ER-ASN1' || entry.format === 'ER-XML';
}

/** Takes out of both sides what differs for a reason, and gives the reasons. */
function explain(
  entry: DssEvidenceRecordEntry,
  dataObjects: readonly EvidenceDataObject[],
  wanted: Compared,
  got: Compared,
): readonly string[] {
  const notes = new Set<string>();
  const trees = entry.evidenceRecords.flatMap(({ sequence }) =>
    sequence.flatMap(({ archiveTimeStamps }) =>
      archiveTimeStamps.map(({ reducedHashTree }) => reducedHashTree.length),
    ),
  );
  for (const [index, timestamp] of wanted.timestamps.entries()) {
    const own = got.timestamps[index];
    // RFC 4998 §4.3, RFC 6283 §3.2: without a tree the imprint is all there is; wrong, it is of nothing.
    if (trees[index] !== 0 || timestamp[3] !== 'not intact' || own?.[3] !== 'not intact') continue;
    const isSame =
      own[5] === timestamp[5] && (index > 0 || wanted.references.join() === got.references.join());
    if (!isSame) notes.add('without a tree, a wrong imprint refers to nothing that could be found');
    own[5] = timestamp[5] = '-';
    if (index === 0) wanted.references = got.references = [];
  }
  // RFC 6283 §3.1.1: the judge hashes XML in canonical form alone.
  const plain = new Set(
    dataObjects
      .filter(({ octets }) => octets && /^\s*</.test(Buffer.from(octets()).toString('latin1')))
      .flatMap(({ digest: under }) => [under('SHA-256'), under('SHA-512')])
      .flatMap((value) => (value ? [toHex(value)] : [])),
  );
  for (const [index, line] of got.references.entries()) {
    const [, value = ''] = line.split(' ');
    const theirs = line.replace(/ found$/, ' not found');
    if (!plain.has(value) || !line.endsWith(' found') || !wanted.references.includes(theirs))
      continue;
    notes.add('XML hashed as it is stored, where the judge looks for its canonical form alone');
    got.references[index] = theirs;
  }
  return [...notes];
}

/** One entry of the manifest in `folder` against our reading of the same file and data. */
export async function compareEvidenceRecord(
  folder: string,
  entry: DssEvidenceRecordEntry,
): Promise<ConformanceResult> {
  const octets = await readFile(join(folder, entry.file));
  const record =
    entry.format === 'ER-XML' ? parseXmlEvidenceRecord(octets) : parseEvidenceRecord(octets);
  const dataObjects = await Promise.all(
    (entry.detached ?? []).map((detached, index) => dataObject(folder, detached, index)),
  );
  const verdict = verifyEvidenceRecord({
    record,
    dataObjects,
    verifyToken: verifyTokenSignature,
    at: Temporal.Instant.from('2026-06-01T00:00:00Z'),
  });
  const got = observed(record, verdict);
  const wanted = expected(entry);
  const notes = explain(entry, dataObjects, wanted, got);
  const [gotText, wantedText] = [JSON.stringify(got), JSON.stringify(wanted)];
  return {
    case: `${entry.file} (${entry.case})`,
    passed: gotText === wantedText,
    expected: wantedText,
    got: gotText,
    ...(notes.length > 0 && { note: notes.join('; ') }),
  };
}
