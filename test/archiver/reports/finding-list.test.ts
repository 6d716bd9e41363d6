// What a run finds stays bounded, however much there is to find, and no number is lost.
import test from 'ava';
import { allFindings } from '#archiver/reports/build.ts';
import {
  countFindings,
  FindingList,
  maxCounted,
  maxNamed,
} from '#archiver/reports/finding-list.ts';
import type { FindingLine, ReportSummary, RunSummary } from '#archiver/reports/report.ts';

const many = 100_000;

function unreadable(number: number, fields: Partial<FindingLine> = {}): FindingLine {
  const key = `scan-${number}.pdf`;
  return { kind: 'unreadable', level: 'error', key, message: `${key}: gone`, ...fields };
}

function listOf(findings: Iterable<FindingLine>): FindingList {
  const list = new FindingList();
  for (const finding of findings) list.push(finding);
  return list;
}

function* times(count: number, make: (number: number) => FindingLine): Iterable<FindingLine> {
  for (let number = 0; number < count; number++) yield make(number);
}

test('the first of a kind by name, all others by batch and cause', (t) => {
  const batches = ['b1', 'b2'];
  const causes = ['ERR_SOURCE_TIMEOUT', 'ERR_SOURCE_REFUSED'];
  const lines = listOf(
    times(many, (number) =>
      unreadable(number, { batchId: batches[number % 2], cause: causes[(number >> 1) % 2] }),
    ),
  ).lines();
  t.is(lines.length, maxNamed + 4);
  t.is(countFindings(lines), many);
  t.deepEqual(
    lines.slice(0, maxNamed).map(({ key }) => key),
    Array.from({ length: maxNamed }, (_, number) => `scan-${number}.pdf`),
  );
  for (const { count, batchId, cause, key } of lines.slice(maxNamed))
    t.deepEqual(
      [count, batches.includes(batchId ?? ''), causes.includes(cause ?? ''), key],
      [(many - maxNamed) / 4, true, true, undefined],
    );
});

test('of batches without end the first are told apart, and the others are one number', (t) => {
  const lines = listOf(
    times(many, (number) => unreadable(number, { batchId: `b${number}` })),
  ).lines();
  t.is(lines.length, maxNamed + maxCounted + 1);
  t.is(countFindings(lines), many);
  t.is(lines.at(-1)?.batchId, undefined);
  t.is(lines.at(-1)?.count, many - maxNamed - maxCounted);
});

test('each kind and level has its own names; lists of lists lose nothing', (t) => {
  const list = new FindingList();
  for (const level of ['info', 'error'] as const)
    for (let part = 0; part < 10; part++)
      list.push(
        ...listOf(times(1000, (number) => unreadable(number, { level, batchId: 'b' }))).lines(),
      );
  list.push({ kind: 'no-token', level: 'error', message: 'the TSA is down' });
  const lines = list.lines();
  t.is(countFindings(lines), 20_001);
  t.is(lines.length, 2 * (maxNamed + 1) + 1);
  t.true(lines.some(({ kind }) => kind === 'no-token'));
});

for (const level of ['error', 'warning'] as const)
  test(`a list that holds ${level}s ${level === 'error' ? 'has' : 'has no'} errors`, (t) => {
    const list = listOf(times(1000, (number) => unreadable(number, { level })));
    t.is(list.hasErrors(), level === 'error');
    t.true(list.says('scan-0.pdf: gone'));
    t.false(list.says('scan-999.pdf: gone'));
  });

test('what stands in the archive is not counted again for the run that found it', (t) => {
  const broken = (number: number): FindingLine => unreadable(number, { kind: 'broken' });
  const standing = [...times(500, broken)];
  const findings = listOf(times(2000, broken)).lines();
  const summary = { findings: standing } as unknown as ReportSummary;
  const lines = allFindings(summary, { findings } as unknown as RunSummary);
  t.is(countFindings(lines), 2000);
  t.is(lines.length, 501);
  t.regex(lines.at(-1)?.message ?? '', /^1500 more/);
});
