// Corpus `pyhanko`: whether a PDF is read, and what is found in it, against what pyHanko says. Which
// fields are compared: docs/conformance.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifySigner } from '#shared/cms/verify-signer.ts';
import { type PdfSignature, readPdf } from '#shared/pades/read.ts';
import { type TimeStampToken, parseTimeStampToken } from '#shared/tsp/token.ts';
import type { Facts, SignatureFacts, TimestampFacts } from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import { verifySignatureValue } from '#shared/validation/signature-value.ts';
import type { CmsSignatureReading } from '#shared/validation/reading.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';

type OracleSignature = {
  readonly field?: string;
  readonly type: string;
  readonly subfilter: string;
  readonly intact?: boolean | null;
  readonly valid?: boolean | null;
  readonly coverage?: string | null;
  readonly modificationLevel?: string | null;
  readonly signer?: string;
  readonly genTime?: string;
  readonly signatureTimestamp?: { readonly genTime: string } | null;
  readonly error?: string;
};

type Item = {
  readonly id: string;
  readonly file: string;
  readonly oracle: {
    readonly strict: string;
    readonly lenient: string;
    readonly encrypted: boolean | null;
    readonly revisions: number | null;
    readonly dss: Readonly<Record<'certs' | 'crls' | 'ocsps' | 'vri', number>> | null;
    /** Absent where the judge could not read the file. */
    readonly signatures?: readonly OracleSignature[] | string;
  };
  readonly declaredFile?: string;
};

type Difference = { readonly what: string; readonly expected: string; readonly got: string };

const coverages: Readonly<Record<string, string>> = {
  ENTIRE_FILE: 'entire-file',
  ENTIRE_REVISION: 'entire-revision',
  CONTIGUOUS_BLOCK_FROM_START: 'contiguous-from-start',
  UNCLEAR: 'unclear',
};

/** The file could be followed: no error that concerns it as a whole. */
function isParsed(facts: Facts): boolean {
  const isPdf = facts.format === 'PDF' || facts.format === 'PAdES';
  return (
    isPdf &&
    !facts.problems.some(
      ({ severity, place, code }) =>
        severity === 'error' && place === undefined && /^ERR_(?:FORMAT|UNSUPPORTED)/.test(code),
    )
  );
}

function instantText(text: string | undefined): string {
  return text === undefined ? '-' : Temporal.Instant.from(text).toString();
}

/** Common name: the judge prints names in words of its own. */
function commonName(subject: string | undefined): string {
  return /(?:^|, )Common Name: ([^,]*)/.exec(subject ?? '')?.[1] ?? '-';
}

function ourCommonName(subject: string | undefined): string {
  return /(?:^|,)CN=((?:\\.|[^,\\])*)/.exec(subject ?? '')?.[1] ?? '-';
}

function expectedSignature(signature: OracleSignature): string {
  const isToken = signature.subfilter === '/ETSI.RFC3161';
  const coverage = coverages[signature.coverage ?? ''] ?? 'unclear';
  return [
    signature.subfilter.slice(1),
    coverage,
    coverage !== 'unclear' && signature.modificationLevel === 'OTHER' ? 'changed' : 'unchanged',
    signature.intact ? 'digest intact' : 'digest not intact',
    signature.valid ? 'signature intact' : 'signature not intact',
    isToken ? '' : `signer ${commonName(signature.signer)}`,
    isToken
      ? `at ${instantText(signature.genTime)}`
      : `stamped ${instantText(signature.signatureTimestamp?.genTime)}`,
  ].join(' ');
}

/** Digest and signature value of a token that stands as a document timestamp. */
function tokenSignature(token: TimeStampToken): boolean {
  const { signedData } = token;
  return signedData.signerInfos.every(
    (signerInfo) => verifySigner({ signedData, signerInfo }).signatureIntact,
  );
}

function changed(pdf: PdfSignature): string {
  return pdf.laterChanges.length > 0 ? 'changed' : 'unchanged';
}

function foundToken(pdf: PdfSignature, timestamp: TimestampFacts): string {
  return [
    pdf.subFilter,
    pdf.coverage.coverage,
    changed(pdf),
    timestamp.imprintIntact ? 'digest intact' : 'digest not intact',
    tokenSignature(parseTimeStampToken(pdf.contents)) ? 'signature intact' : 'signature not intact',
    '',
    `at ${timestamp.genTime.toString()}`,
  ].join(' ');
}

function foundSignature(
  pdf: PdfSignature,
  facts: SignatureFacts,
  reading: CmsSignatureReading | undefined,
  stamped: TimestampFacts | undefined,
): string {
  const value = reading && verifySignatureValue(reading, []);
  const trusted = reading?.contentProblem === undefined;
  return [
    pdf.subFilter,
    pdf.coverage.coverage,
    changed(pdf),
    trusted && value?.messageDigestIntact ? 'digest intact' : 'digest not intact',
    value?.signatureIntact ? 'signature intact' : 'signature not intact',
    `signer ${ourCommonName(facts.signer?.subject)}`,
    `stamped ${stamped?.genTime.toString() ?? '-'}`,
  ].join(' ');
}

/** One line for each signature and document timestamp that was read, by field. */
function foundSignatures(octets: Uint8Array, reading: DocumentReading): Map<string, string> {
  const { facts, cmsSignatures } = reading;
  const found = new Map<string, string>();
  for (const pdf of readPdf(octets).signatures) {
    const token = facts.timestamps.find(
      ({ type, place }) => type === 'document' && place === pdf.field,
    );
    const signature = facts.signatures.find(({ place }) => place === pdf.field);
    if (token) found.set(pdf.field, foundToken(pdf, token));
    else if (signature)
      found.set(
        pdf.field,
        foundSignature(
          pdf,
          signature,
          cmsSignatures.find(({ id }) => id === signature.id),
          facts.timestamps.find(({ of, type }) => of === signature.id && type === 'signature'),
        ),
      );
  }
  return found;
}

function compareSignatures(item: Item, found: ReadonlyMap<string, string>): Difference[] {
  const { signatures = [] } = item.oracle;
  // The judge threw over one of the signatures: none of ours may look good.
  if (typeof signatures === 'string')
    return [...found.values()]
      .filter((line) => line.includes(' digest intact signature intact'))
      .map((got) => ({ what: 'signature', expected: signatures, got }));
  const differences = signatures.flatMap((signature): Difference[] => {
    const got = found.get(signature.field ?? '') ?? 'not found';
    const what = `signature ${signature.field ?? ''}`;
    if (signature.error !== undefined)
      return got.includes(' digest intact signature intact')
        ? [{ what, expected: signature.error, got }]
        : [];
    const expected = expectedSignature(signature);
    return got === expected ? [] : [{ what, expected, got }];
  });
  const fields = new Set(signatures.map(({ field }) => field));
  const additional = [...found.keys()].filter((field) => !fields.has(field));
  return additional.length === 0
    ? differences
    : [...differences, { what: 'fields', expected: 'no other', got: additional.join(', ') }];
}

function compareFile(item: Item, facts: Facts): Difference[] {
  const { strict, lenient, encrypted, revisions, dss } = item.oracle;
  const parsed = isParsed(facts);
  const [ok, okLeniently] = [strict === 'ok', lenient === 'ok'];
  if (!okLeniently)
    return parsed ? [{ what: 'reading', expected: lenient, got: 'read without an error' }] : [];
  const problems = facts.problems.map(({ message }) => message).join('; ');
  // Where the strict and the lenient reader differ, either answer will do.
  if (!parsed) return ok ? [{ what: 'reading', expected: 'ok', got: problems }] : [];
  const store = facts.pdf?.documentSecurityStore;
  const line = (...values: readonly unknown[]): string => JSON.stringify(values);
  const got = line(facts.pdf?.encrypted, facts.pdf?.revisions, [
    store?.certificates,
    store?.crls,
    store?.ocspResponses,
    store?.vri,
  ]);
  const expected = line(encrypted, revisions, [dss?.certs, dss?.crls, dss?.ocsps, dss?.vri]);
  return got === expected ? [] : [{ what: 'encrypted, revisions, security store', expected, got }];
}

/** Why a difference is right, by what the file is; docs/standards.md gives the clauses. */
function explain(facts: Facts, difference: Difference): string | undefined {
  if (difference.what === 'fields' && facts.pdf?.encrypted)
    return 'the judge lists no signature of a file that it cannot decrypt';
  const coversNothing =
    difference.got.includes(' unclear unchanged digest not intact ') &&
    facts.problems.some(({ code }) => code === 'pdf-byte-range' || code === 'ERR_FORMAT_PDF');
  if (difference.what.startsWith('signature') && coversNothing)
    return 'a ByteRange that does not leave out exactly its own signature covers nothing';
  // An eContent of no octets carries nothing; one with octets is refused (cms-content-not-detached).
  const onlyEmptyContent =
    difference.expected.includes('should not have encapsulated data') &&
    facts.problems.length === 0;
  return onlyEmptyContent ? 'an empty eContent encapsulates no data' : undefined;
}

async function compareItem(folder: string, item: Item): Promise<ConformanceResult> {
  const octets = await readFile(join(folder, item.file));
  const reading = readDocument({ bytes: octets, size: octets.length });
  const { facts } = reading;
  const differences = compareFile(item, facts);
  if (isParsed(facts) && item.oracle.lenient === 'ok')
    differences.push(...compareSignatures(item, foundSignatures(octets, reading)));
  const open = differences.filter((difference) => explain(facts, difference) === undefined);
  const notes = differences.flatMap((difference) => explain(facts, difference) ?? []);
  // Where all is explained, the explained differences are what there is to see.
  const shown = open.length > 0 ? open : differences;
  const describe = (side: 'expected' | 'got'): string =>
    shown.map((difference) => `${difference.what}: ${difference[side]}`).join('\n            ');
  return {
    case: item.id,
    passed: open.length === 0,
    expected: describe('expected') || 'as in the manifest',
    got: describe('got') || 'as in the manifest',
    ...(notes.length > 0 && { note: [...new Set(notes)].join('; ') }),
  };
}

export async function run(folder: string): Promise<ConformanceReport> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    readonly items: readonly Item[];
  };
  const results: ConformanceResult[] = [];
  for (const item of manifest.items) results.push(await compareItem(folder, item));
  return { results };
}
