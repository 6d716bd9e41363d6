// Evidence records into facts: chains, tokens, and every imprint recomputed from the reduced
// hash tree. The verdict is for shared/ers/verify.ts.
import { equalBytes, toHex } from '#shared/bytes.ts';
import { readAttributeValues } from '#shared/cades/read.ts';
import { type EvidenceRecord, parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { type WalkedArchiveTimeStamp, valuesUnder, walkEvidenceRecord } from '#shared/ers/walk.ts';
import type { ReferenceFacts, TimestampFacts } from '#shared/validation/facts.ts';
import type { EvidenceRecordReading, Reading, SignedContent } from '#shared/validation/reading.ts';

/**
 * With a tree the imprint follows from it. Without one it is the hash of the only thing covered: a
 * document, or what went before.
 */
function imprintFacts(
  step: WalkedArchiveTimeStamp,
  hasDataObjects: boolean,
): Pick<TimestampFacts, 'imprintFound' | 'imprintIntact'> {
  const hasTree = step.archiveTimeStamp.reducedHashtree !== undefined;
  return {
    imprintFound: hasTree || hasDataObjects || step.kind === 'timestamp-renewal',
    imprintIntact: step.imprintIntact && (hasTree || step.coversPrevious),
  };
}

/** Whether the initial archive timestamp is directly about the content. RFC 4998 §5.3 step 1 */
function isInFirstList(record: EvidenceRecord, content: SignedContent): boolean {
  const [initial] = record.sequence.chains[0]?.archiveTimeStamps ?? [];
  const value = initial && content.digest(initial.effectiveDigestAlgorithm);
  const list = initial?.reducedHashtree ? initial.reducedHashtree[0] : [initial?.imprint.digest];
  return value !== undefined && (list ?? []).some((one) => one && equalBytes(one, value));
}

export type RecordContext = {
  /** Where several readings are possible, told which content stands in the record's first list. */
  readonly dataObjects:
    | readonly SignedContent[]
    | ((isHeld: (content: SignedContent) => boolean) => readonly SignedContent[]);
  readonly of?: string | undefined;
  readonly place?: string | undefined;
  readonly covers?: EvidenceRecordReading['covers'];
  readonly entries?: EvidenceRecordReading['entries'];
};

/**
 * Adds one RFC 4998 record with its timestamps.
 * @throws FormatError, UnsupportedError what reading the record throws
 * @see RFC 4998 §4.3, §5.3
 */
export function readEvidenceRecord(
  reading: Reading,
  octets: Uint8Array,
  context: RecordContext,
): void {
  const { collector } = reading;
  const record = parseEvidenceRecord(octets);
  const values = readAttributeValues(record.cryptoInfos, collector.problems);
  for (const value of values.certificates) collector.addCertificateOctets(value, context.place);
  for (const value of values.crls) collector.addCrlOctets(value, context.place);
  for (const value of values.ocspResponses) collector.addOcspOctets(value, context.place);
  addEvidenceRecord(reading, record, context);
}

/**
 * Adds a record of either standard; what it carries beside its tokens is for its reader.
 * @throws FormatError ERR_FORMAT_LIMIT: too much to hash
 */
export function addEvidenceRecord(
  reading: Reading,
  record: EvidenceRecord,
  context: RecordContext,
): void {
  const { collector } = reading;
  const contents =
    typeof context.dataObjects === 'function'
      ? context.dataObjects((content) => isInFirstList(record, content))
      : context.dataObjects;
  const dataObjects = contents.map((content, index) => ({
    name: content.name ?? `data object ${index + 1}`,
    digest: content.digest,
    octets: content.octets,
  }));
  // The instant matters for verdicts only; the record's own newest time keeps this a pure reading.
  const [oldest] = record.sequence.chains[0]?.archiveTimeStamps ?? [];
  const { steps } = walkEvidenceRecord(
    record,
    dataObjects,
    oldest?.token.tstInfo.genTime ?? Temporal.Instant.fromEpochMilliseconds(0),
  );
  const id = collector.nextEvidenceRecordId();
  const { covers, entries } = context;
  reading.evidenceRecords.push({ id, record, dataObjects: contents, covers, entries });
  const [first] = steps;
  const timestamps = steps.map((step) => {
    return collector.addTimestamp({
      type: 'evidence-record',
      token: step.archiveTimeStamp.token,
      of: id,
      place: context.place,
      ...imprintFacts(step, dataObjects.length > 0),
    });
  });
  const found = first && 'found' in first.covers ? first.covers.found : [];
  const algorithm = first?.chainAlgorithm ?? 'SHA-256';
  const valuesOf = valuesUnder(record, 0, algorithm);
  const names = new Map(
    dataObjects.flatMap((one) => [...valuesOf(one)].map((value) => [toHex(value), one.name])),
  );
  const leaves = (first?.firstList ?? []).map((value): ReferenceFacts => {
    const name = names.get(toHex(value));
    return {
      kind: 'record-leaf',
      uri: name,
      algorithm: first?.chainAlgorithm ?? '',
      digest: toHex(value),
      found: name !== undefined,
      intact: name !== undefined,
    };
  });
  collector.addEvidenceRecord({
    kind: record.xml ? 'RFC 6283' : 'RFC 4998',
    place: context.place,
    of: context.of,
    chains: record.sequence.chains.map((chain, chainIndex) => ({
      digestAlgorithm: chain.digestAlgorithm,
      archiveTimeStamps: steps
        .map((step, index) => ({ step, timestamp: timestamps[index] }))
        .filter(({ step }) => step.chainIndex === chainIndex)
        .map(({ step, timestamp }) => ({ timestamp, reducedHashtree: step.listSizes })),
    })),
    initialTime: first?.genTime,
    lastTime: steps.at(-1)?.genTime,
    references: leaves,
    dataObjects: dataObjects.map(({ name }) => ({ name, found: found.includes(name) })),
  });
}
