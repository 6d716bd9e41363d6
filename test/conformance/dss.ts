// Corpus `dss`: what inspection finds in a file against what the judge of the manifest found, and
// RFC 4998 records walked in full. Which fields are compared: docs/conformance.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  DetachedContent,
  Facts,
  SignatureFacts,
  TimestampFacts,
} from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import {
  compareCadesLevels,
  compareHashIndexes,
  compareSignatureValues,
  compareTokenSignatures,
} from './_dss-cms.ts';
import { type Comparison, compareLists } from './_dss-compare.ts';
import { contentOf } from '#shared/validation/reading.ts';
import { compareEvidenceRecord, isEvidenceRecordEntry } from './_dss-evidence-records.ts';
import { explainDifference } from './_dss-explained.ts';
import {
  type DssEntry,
  type DssSignature,
  type DssTimestamp,
  digestName,
  loadDetached,
} from './_dss-manifest.ts';
import { compareXmlValues, hasXmlSignatures } from './_dss-xml-values.ts';
import { xmlReferences } from './_dss-xml.ts';
import { compareRecordReferences } from './_dss-records.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';

/** Our formats by the manifest's. OpenDocument with signatures is a ZIP to us, a container to the judge. */
const formats: Readonly<Record<string, readonly Facts['format'][]>> = {
  // A file of certificates without a signer is a CMS to us.
  CAdES: ['CMS', 'CAdES'],
  XAdES: ['XML', 'XAdES'],
  PAdES: ['PDF', 'PAdES'],
  'ASiC-CAdES': ['ASiC-S', 'ASiC-E'],
  'ASiC-XAdES': ['ASiC-S', 'ASiC-E', 'ZIP'],
  Timestamp: ['TST', 'TSR'],
  'ER-ASN1': ['ER-ASN1'],
  'ER-XML': ['ER-XML'],
  Certificate: ['Certificate', 'CMS'],
  CRL: ['CRL'],
  OCSP: ['OCSP'],
};

const timestampTypes: Readonly<Record<string, TimestampFacts['type']>> = {
  SIGNATURE_TIMESTAMP: 'signature',
  CONTENT_TIMESTAMP: 'content',
  ARCHIVE_TIMESTAMP: 'archive',
  DOCUMENT_TIMESTAMP: 'document',
  VRI_TIMESTAMP: 'vri',
  CONTAINER_TIMESTAMP: 'container',
  EVIDENCE_RECORD_TIMESTAMP: 'evidence-record',
  VALIDATION_DATA_TIMESTAMP: 'validation-data',
  VALIDATION_DATA_REFSONLY_TIMESTAMP: 'references-only',
  ALL_DATA_OBJECTS_TIMESTAMP: 'all-data-objects',
  INDIVIDUAL_DATA_OBJECTS_TIMESTAMP: 'individual-data-objects',
};

/** The manifest's times end at the second. */
function seconds(instant: Temporal.Instant | string | null | undefined): string {
  if (instant === null || instant === undefined) return '-';
  return Temporal.Instant.from(instant.toString())
    .round({ smallestUnit: 'second', roundingMode: 'floor' })
    .toString();
}

function family(format: string): string {
  if (format.startsWith('XAdES') || format.startsWith('XML')) return 'XML';
  return format.startsWith('PAdES') || format.startsWith('PKCS7') || format.startsWith('PDF')
    ? 'PDF'
    : 'CMS';
}

function expectedSignature(signature: DssSignature): string {
  const { format, signerSerial, signerNotAfter, claimedSigningTime } = signature;
  return [
    family(format),
    `signer ${signerSerial ?? '-'}`,
    `until ${seconds(signerNotAfter)}`,
    `claims ${seconds(claimedSigningTime)}`,
  ].join(' ');
}

function foundSignature({ format, signer, claimedSigningTime }: SignatureFacts): string {
  return [
    family(format),
    `signer ${signer?.serialNumber ?? '-'}`,
    `until ${seconds(signer?.notAfter)}`,
    `claims ${seconds(claimedSigningTime)}`,
  ].join(' ');
}

function timestampLine(
  type: string,
  time: string,
  imprint: string,
  serial: string | null | undefined,
  notAfter: string,
): string {
  return `${type} ${time} over ${imprint} by ${serial ?? '-'} until ${notAfter}`;
}

/** A bare token has no place that says what it covers; the judge calls it a content timestamp. */
function typeFor(entry: DssEntry, timestamp: DssTimestamp): string {
  const type = timestampTypes[timestamp.type] ?? timestamp.type;
  return entry.format === 'Timestamp' && type === 'content' ? 'token' : type;
}

function expectedTimestamp(entry: DssEntry, timestamp: DssTimestamp): string {
  return timestampLine(
    typeFor(entry, timestamp),
    seconds(timestamp.time),
    `${digestName(timestamp.imprintAlgorithm)} ${timestamp.imprint}`,
    timestamp.tsuSerial,
    seconds(timestamp.tsuNotAfter),
  );
}

function foundTimestamp(timestamp: TimestampFacts): string {
  return timestampLine(
    timestamp.type,
    seconds(timestamp.genTime),
    `${timestamp.imprintAlgorithm} ${timestamp.imprint}`,
    timestamp.tsu?.serialNumber,
    seconds(timestamp.tsu?.notAfter),
  );
}

/** Imprints only where we make a claim; each claim must be the judge's. */
function compareImprints(entry: DssEntry, facts: Facts): Comparison {
  const line = (key: string, found: boolean | undefined, intact: boolean): string =>
    `${key} ${found ? 'found' : 'not found'} ${intact ? 'intact' : 'not intact'}`;
  const judged = entry.timestamps.map((timestamp) => {
    const key = `${typeFor(entry, timestamp)} ${timestamp.imprint}`;
    return { key, line: line(key, timestamp.imprintFound, timestamp.imprintIntact) };
  });
  const claimed = facts.timestamps.flatMap(({ type, imprint, imprintFound, imprintIntact }) => {
    const key = `${type} ${imprint}`;
    return imprintIntact === undefined
      ? []
      : [{ key, line: line(key, imprintFound, imprintIntact) }];
  });
  const keysOf = (list: readonly { readonly key: string }[]): Set<string> =>
    new Set(list.map(({ key }) => key));
  const [judgedKeys, claimedKeys] = [keysOf(judged), keysOf(claimed)];
  return compareLists(
    'imprints',
    judged.filter(({ key }) => claimedKeys.has(key)).map((one) => one.line),
    claimed.filter(({ key }) => judgedKeys.has(key)).map((one) => one.line),
  );
}

/** Digests of signed data: of CMS the message digest, of containers the manifest's entries. */
function compareReferences(entry: DssEntry, facts: Facts): Comparison {
  const kinds: Readonly<Record<string, string>> = {
    MESSAGE_DIGEST: 'message-digest',
    MANIFEST_ENTRY: 'manifest-entry',
  };
  const line = (kind: string, digest: string, found: boolean, intact: boolean): string =>
    `${kind} ${digest} ${found ? 'found' : 'not found'} ${intact ? 'intact' : 'not intact'}`;
  if (entry.format?.includes('XAdES')) {
    const { expected, got } = xmlReferences(entry, facts);
    return compareLists('references', expected, got);
  }
  const expected = entry.signatures.flatMap(({ references }) =>
    references.flatMap(({ type, digest, found, intact }) => {
      const kind = kinds[type];
      return kind !== undefined && digest !== null ? [line(kind, digest, found, intact)] : [];
    }),
  );
  const got = facts.signatures.flatMap(({ references }) =>
    references.flatMap(({ kind, digest, found, intact }) =>
      Object.values(kinds).includes(kind)
        ? [line(kind, digest, found ?? false, intact ?? false)]
        : [],
    ),
  );
  return compareLists('references', expected, got);
}

/** `beside`: readings of evidence records given with the file, which the judge lists as if inside. */
function compareReading(
  entry: DssEntry,
  reading: DocumentReading,
  beside: readonly DocumentReading[],
  detached: readonly DetachedContent[],
): Comparison[] {
  const { facts } = reading;
  const comparisons = [
    compareLists(
      'signatures',
      entry.signatures.map(expectedSignature),
      facts.signatures.map(foundSignature),
    ),
    compareLists(
      'timestamps',
      entry.timestamps.map((timestamp) => expectedTimestamp(entry, timestamp)),
      [reading, ...beside].flatMap((one) => one.facts.timestamps).map(foundTimestamp),
    ),
    compareImprints(entry, facts),
    compareReferences(entry, facts),
    compareHashIndexes(entry, reading),
    compareCadesLevels(entry, reading),
    compareSignatureValues(entry, reading),
    ...compareTokenSignatures(entry, [reading, ...beside]),
    ...(isEvidenceRecordEntry(entry)
      ? []
      : [compareRecordReferences(entry, reading, beside, detached)]),
  ];
  const allowed = entry.format === null ? undefined : formats[entry.format];
  if (allowed && !allowed.includes(facts.format))
    comparisons.unshift({ what: 'format', expected: allowed.join(' or '), got: facts.format });
  if (entry.certificates)
    comparisons.push(
      compareLists(
        'certificates',
        entry.certificates.map(
          ({ serial, notBefore, notAfter }) =>
            `${serial} ${seconds(notBefore)} ${seconds(notAfter)}`,
        ),
        facts.certificates.map(
          ({ serialNumber, notBefore, notAfter }) =>
            `${serialNumber} ${seconds(notBefore)} ${seconds(notAfter)}`,
        ),
      ),
    );
  return comparisons;
}

async function compareEntry(folder: string, entry: DssEntry): Promise<ConformanceResult> {
  const bytes = await readFile(join(folder, entry.file));
  const detached = await loadDetached(folder, entry);
  const reading = readDocument({ bytes, size: bytes.length, detached });
  const { facts } = reading;
  // A record beside a file is over its octets.
  const document = contentOf([bytes]);
  const beside = await Promise.all(
    // A record that the judge did not take in is not compared.
    (entry.evidenceRecords.length > 0 ? (entry.evidenceRecordFiles ?? []) : []).map(
      async ({ file }) => {
        const record = await readFile(join(folder, file));
        return readDocument({ bytes: record, size: record.length, detached: [document] });
      },
    ),
  );
  const differences = compareReading(entry, reading, beside, detached).filter(
    ({ expected, got }) => expected !== got,
  );
  const explain = (difference: Comparison): string | undefined =>
    difference.explained ?? explainDifference(entry, facts, difference);
  const open = differences.filter((difference) => !explain(difference));
  const explanations = differences.map(explain).filter((explanation) => explanation !== undefined);
  // Where all is explained, the explained differences are what there is to see.
  const shown = open.length > 0 ? open : differences;
  const describe = (side: 'expected' | 'got'): string =>
    shown.map((difference) => `${difference.what}: ${difference[side]}`).join('\n            ');
  return {
    case: `${entry.file} (${entry.case})`,
    passed: open.length === 0,
    expected: describe('expected') || 'as in the manifest',
    got: describe('got') || 'as in the manifest',
    ...(explanations.length > 0 && { note: [...new Set(explanations)].join('; ') }),
  };
}

export async function run(folder: string): Promise<ConformanceReport> {
  const manifest = JSON.parse(
    await readFile(join(folder, 'manifest.json'), 'utf8'),
  ) as readonly DssEntry[];
  const results: ConformanceResult[] = [];
  for (const entry of manifest) {
    results.push(await compareEntry(folder, entry));
    if (hasXmlSignatures(entry)) {
      const values = await compareXmlValues(folder, entry);
      results.push({ ...values, case: `${values.case}: values verified` });
    }
    if (isEvidenceRecordEntry(entry) && entry.oracleError === null) {
      const walked = await compareEvidenceRecord(folder, entry);
      results.push({ ...walked, case: `${walked.case}: record walked` });
    }
  }
  return { results };
}
