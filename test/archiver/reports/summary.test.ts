import test from 'ava';
import { rememberSummary, recallSummary, summarise } from '#archiver/reports/summary.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { at, batchRow, catalogueOf, documentRow, everyState, rules } from './_archive.ts';

test('counts every document once in each figure', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const { totals } = await summarise(catalogue, at, rules);
  t.is(totals.documents, 9);
  t.is(totals.verifiableNow, 4);
  t.deepEqual(totals.byState, {
    waiting: 2,
    protected: 4,
    broken: 1,
    missing: 1,
    changed: 1,
    superseded: 0,
  });
  t.is(totals.byStanding.overdue, 1);
  t.deepEqual(totals.byIntake, {
    valid: 1,
    'not-valid': 1,
    indeterminate: 1,
    'not-judged': 1,
    unsigned: 5,
  });
  t.deepEqual(totals.byHorizonYear, { '2034': 7, none: 2 });
  t.deepEqual(totals.renewalsByYear, { '2033': { certificates: 4, algorithms: 0 } });
  for (const counts of [totals.byState, totals.byStanding, totals.byOutlook, totals.byIntake])
    t.is(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      9,
    );
});

test('one line per document class, with requirements by number and cost (R-35)', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const { classes, cost } = await summarise(catalogue, at, rules);
  t.deepEqual(
    classes.map((line) => [line.rule, line.documents, line.endUnknown]),
    [
      [undefined, 1, 1],
      ['jp-medical-record', 8, 0],
    ],
  );
  const [, medical] = classes;
  t.deepEqual(medical?.notMet, { 'R-08': 2, 'R-12': 3, 'R-14': 1 });
  t.is(medical?.estimatedStart, 1);
  t.is(medical?.nextRenewal, '2033-10-03T00:00:00Z');
  t.deepEqual(medical?.cost, { amount: 10, currency: 'JPY' });
  t.deepEqual(cost, { amount: 10, currency: 'JPY' });
});

test('what stands wrong is a finding until it is closed', async (t) => {
  await using catalogue = await catalogueOf(everyState, [
    batchRow('b0', { state: 'broken', stateReason: 'token' }),
    batchRow('b1'),
  ]);
  const { findings } = await summarise(catalogue, at, rules);
  t.deepEqual(
    findings.map(({ kind, key, batchId }) => [kind, key ?? batchId]),
    [
      ['broken-batch', 'b0'],
      ['waiting', 'forgotten'],
      ['broken', 'damaged'],
      ['missing', 'gone'],
      ['changed', 'other'],
    ],
  );
});

test('a summary lists no more than 500 findings and counts the rest', async (t) => {
  const members = Array.from({ length: 502 }, (_, index) => ({
    document: documentRow(`gone ${index}`, { state: 'missing' }),
  }));
  await using catalogue = await catalogueOf(members);
  const { findings, findingsLeftOut } = await summarise(catalogue, at, rules);
  t.is(findings.length, 500);
  t.is(findingsLeftOut, 2);
});

test('dependencies by end date, each with its documents (R-30)', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const { dependencies } = await summarise(catalogue, at, rules);
  const find = (name: string, role: string) =>
    dependencies.find((line) => line.name === name && line.role === role);
  t.like(find('CN=TSU 1,O=Example', 'evidence-tsu'), { end: '2034-01-01T00:00:00Z', documents: 7 });
  t.is(find('CN=TSA Root,O=Example', 'evidence-anchor')?.documents, 7);
  t.is(find('SHA-256', 'evidence-tree')?.documents, 7);
  // Two identifiers of one scheme in a document: it counts once.
  t.like(find('RSASSA-PKCS1-v1_5 2048', 'signature'), { documents: 2 });
  const ends = dependencies.flatMap((line) =>
    line.status === 'not-listed' ? [] : [line.end ?? '~'],
  );
  t.deepEqual(ends, ends.toSorted());
});

test('the end of an algorithm is that of the policy in force', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const profile = selectProfile(bundledPolicies, 'jp-medical', [
    {
      algorithm: 'SHA-256',
      endExclusive: Temporal.Instant.from('2031-04-01T00:00:00Z'),
      source: 'operator',
    },
  ]);
  const { dependencies } = await summarise(catalogue, at, { ...rules, profile });
  const tree = dependencies.find((line) => line.role === 'evidence-tree');
  t.like(tree, { end: '2031-04-01T00:00:00Z', status: 'in-force' });
});

test('an empty archive has figures too', async (t) => {
  await using catalogue = await catalogueOf([], []);
  const summary = await summarise(catalogue, at, rules);
  t.is(summary.totals.documents, 0);
  t.deepEqual(summary.classes, []);
  t.is(summary.nextRenewal, undefined);
});

test('a summary is recalled until another run has finished', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const run = {
    startedAt: at,
    finishedAt: at,
    outcome: 'ok',
    tokensBought: 0,
    report: undefined,
  } as const;
  t.is(await recallSummary(catalogue), undefined);
  await catalogue.putRun({ runId: '1', ...run });
  const summary = await summarise(catalogue, at, rules);
  await rememberSummary(catalogue, summary);
  t.deepEqual(await recallSummary(catalogue), JSON.parse(JSON.stringify(summary)));
  await catalogue.putRun({ runId: '2', ...run, finishedAt: undefined, outcome: 'running' });
  t.is((await recallSummary(catalogue))?.runId, '1');
  await catalogue.putRun({ runId: '2', ...run });
  t.is(await recallSummary(catalogue), undefined);
});

for (const [days, kinds] of [
  [100, []],
  [90, ['assessment-lapsing']],
  [0, ['assessment-lapsed']],
] as const)
  test(`an assessment with ${days} days left is a finding of kind ${kinds.join() || 'none'} (R-05)`, async (t) => {
    await using catalogue = await catalogueOf([]);
    const assessment = {
      anchor: 'ee',
      provider: 'A provider',
      method: 1 as const,
      evaluator: 'An evaluator',
      date: '2028-01-01',
      until: at.add({ hours: days * 24 }),
      document: 'evaluation.pdf',
    };
    const { findings } = await summarise(catalogue, at, { ...rules, assessments: [assessment] });
    t.deepEqual(
      findings.map(({ kind }) => kind).filter((kind) => kind.startsWith('assessment')),
      [...kinds],
    );
  });

test('renewals by year, because of certificates and of algorithms (R-32)', async (t) => {
  const batches = (['tsu-certificate', 'tree-hash', 'signature-algorithm', 'anchor'] as const).map(
    (kind, index) => batchRow(`b${index}`, { horizonElement: { kind, name: kind } }),
  );
  const members = batches.map(({ batchId }) => ({
    batch: batchId,
    document: documentRow(batchId),
  }));
  await using catalogue = await catalogueOf(members, batches);
  const { totals } = await summarise(catalogue, at, rules);
  t.deepEqual(totals.renewalsByYear, { '2033': { certificates: 2, algorithms: 2 } });
});
