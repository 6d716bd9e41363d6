import test from 'ava';
import { allFindings, buildReport, reportHead } from '#archiver/reports/build.ts';
import type { DocumentLine, RunSummary } from '#archiver/reports/report.ts';
import { summarise } from '#archiver/reports/summary.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { at, catalogueOf, documentRow, everyState, rules } from './_archive.ts';

const run: RunSummary = {
  runId: 'r1',
  startedAt: at.toString(),
  finishedAt: at.toString(),
  outcome: 'findings',
  scanned: 9,
  added: 9,
  protectedGroups: 7,
  timestampRenewals: 0,
  hashTreeRenewals: 0,
  tokensBought: 1,
  cost: undefined,
  reread: 0,
  findings: [
    { kind: 'broken', level: 'error', key: 'damaged', message: 'found tonight' },
    { kind: 'renewal-does-not-help', level: 'warning', batchId: 'b1', message: 'no use' },
    { kind: 'no-token', level: 'error', message: 'the TSA is down' },
  ],
  nextDue: undefined,
};

async function pieces(catalogue: Catalogue, now = at): Promise<string[]> {
  const head = await reportHead(catalogue, { archiveId: 'archive', at: now, rules });
  return Array.fromAsync(buildReport(catalogue, { at: now, rules, head }));
}

test('JSON with head, figures, documents, dependencies and findings', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const report = JSON.parse((await pieces(catalogue)).join('')) as Record<string, unknown>;
  t.like(report, { format: 'tokiwa-report', version: 1, archiveId: 'archive' });
  const documents = report['documents'] as DocumentLine[];
  t.is(documents.length, 9);
  t.true(documents.every((line) => line.requirements.length > 0));
  t.true(Array.isArray(report['dependencies']));
  t.true(Array.isArray(report['findings']));
});

test('an empty archive is JSON too', async (t) => {
  await using catalogue = await catalogueOf([], []);
  t.like(JSON.parse((await pieces(catalogue)).join('')), { documents: [], findings: [] });
});

test('the same state gives the same octets but for the date (R-35)', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const first = (await pieces(catalogue)).join('');
  t.is((await pieces(catalogue)).join(''), first);
  const later = at.add({ hours: 1 });
  const second = (await pieces(catalogue, later)).join('');
  t.not(second, first);
  t.is(second.replace(later.toString(), at.toString()), first);
});

test('one document stands in one piece: the archive is never held whole', async (t) => {
  const keys = Array.from(
    { length: 700 },
    (_, index) => `document ${String(index).padStart(3, '0')}`,
  );
  await using catalogue = await catalogueOf(keys.map((key) => ({ document: documentRow(key) })));
  const found = (await pieces(catalogue)).map(
    (piece) => piece.match(/"key":"document \d+"/g) ?? [],
  );
  t.true(found.every((matches) => matches.length <= 1));
  t.is(found.flat().length, 700);
});

test('standing findings and those of the run, each once, errors first', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const summary = await summarise(catalogue, at, rules);
  const findings = allFindings(summary, run);
  t.is(findings.filter((finding) => finding.kind === 'broken').length, 1);
  t.deepEqual(
    findings.map((finding) => finding.kind),
    ['waiting', 'broken', 'missing', 'changed', 'no-token', 'renewal-does-not-help'],
  );
});

test('the head names the newest finished run', async (t) => {
  await using catalogue = await catalogueOf([], []);
  const row = { startedAt: at, tokensBought: 0 };
  const report = JSON.stringify(run);
  await catalogue.putRun({ ...row, runId: 'r1', finishedAt: at, outcome: 'findings', report });
  await catalogue.putRun({
    ...row,
    runId: 'r2',
    finishedAt: undefined,
    outcome: 'running',
    report: undefined,
  });
  const head = await reportHead(catalogue, { archiveId: 'a', at, rules });
  t.is(head.run?.runId, 'r1');
});
