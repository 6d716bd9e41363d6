// The report as a table: a line for each document, under the names that the JSON has (docs/report.md).
import { csvLine } from '#shared/csv.ts';
import type { DocumentLine, SignatureLine } from './report.ts';

const columns = [
  'store',
  'key',
  'versionId',
  'sha256',
  'size',
  'format',
  'level',
  'state',
  'standing',
  'intake',
  'verifiableNow',
  'provableUntil',
  'nextRenewal',
  'outlook',
  'renewalsLeft',
  'witnesses',
  'lastRead',
] as const satisfies readonly (keyof DocumentLine)[];

/** Who signed: of every signature, apart by semicolons, in the same order in each cell. */
const signerColumns: readonly (readonly [string, (line: SignatureLine) => string])[] = [
  ['signers', ({ signer = '' }) => signer],
  ['signerStatus', ({ status, subIndication = '' }) => `${status} ${subIndication}`.trim()],
  ['signerClasses', ({ signerClass = '' }) => signerClass],
  ['licences', ({ licences }) => licences.map(({ ja }) => ja).join(', ')],
  ['assessments', ({ assessment = '' }) => assessment],
  ['instructedBy', ({ witness }) => witness?.instructedBy ?? ''],
];

/** A heading, with the mark by which spreadsheets know UTF-8, then a line for each document. */
export async function* reportCsv(
  lines: AsyncIterable<{ readonly line: DocumentLine }>,
): AsyncIterable<string> {
  const ownColumns = ['retentionRule', 'retentionStart', 'retentionLastDay', 'notMet', 'notShown'];
  const licenceColumns = ['licenceStanding', 'licenceProofs'];
  const signerNames = signerColumns.map(([name]) => name);
  yield `\uFEFF${csvLine([...columns, ...ownColumns, ...signerNames, ...licenceColumns])}`;
  for await (const { line } of lines) {
    const { rule, start, lastDay } = line.retention;
    yield csvLine([
      ...columns.map((column) => String(line[column] ?? '')),
      rule ?? '',
      start ?? '',
      lastDay ?? '',
      line.notMet.join(' '),
      line.notShown.join(' '),
      ...signerColumns.map(([, cell]) => line.signatures.map(cell).join('; ')),
      line.licence?.standing ?? '',
      line.licenceProofs.join('; '),
    ]);
  }
}
