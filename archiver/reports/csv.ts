// The report as a table: a line for each document, under the names that the JSON has (docs/report.md).
import { csvLine } from '#shared/csv.ts';
import type { DocumentLine } from './report.ts';

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

/** A heading, with the mark by which spreadsheets know UTF-8, then a line for each document. */
export async function* reportCsv(
  lines: AsyncIterable<{ readonly line: DocumentLine }>,
): AsyncIterable<string> {
  const ownColumns = ['retentionRule', 'retentionStart', 'retentionLastDay', 'notMet', 'notShown'];
  yield `\uFEFF${csvLine([...columns, ...ownColumns])}`;
  for await (const { line } of lines) {
    const { rule, start, lastDay } = line.retention;
    yield csvLine([
      ...columns.map((column) => String(line[column] ?? '')),
      rule ?? '',
      start ?? '',
      lastDay ?? '',
      line.notMet.join(' '),
      line.notShown.join(' '),
    ]);
  }
}
