// What another configuration moves: each aspect by a change that moves it alone, and none without a change.
import test from 'ava';
import fc from 'fast-check';
import { parseArchiverConfig } from '#archiver/config.ts';
import {
  type Aspect,
  compareConfigurations,
  type Difference,
  type Side,
} from '#archiver/reports/difference.ts';
import { loadBatchIndex } from '#archiver/reports/document-context.ts';
import { documentLines } from '#archiver/reports/document-line.ts';
import { DocumentJudge } from '#archiver/reports/document-outlook.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { noFacts } from '#shared/validation/facts.ts';
import { horizonRules } from '#archiver/trust.ts';
import { at, batchRow, catalogueOf, documentRow, everyState, rules } from './_archive.ts';

const { signal } = new AbortController();

function side(extra = ''): Side {
  const text = `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
${extra.includes('retention:') ? '' : 'retention: { rules: [{ match: ".", preset: jp-medical-record }] }'}
${extra}`;
  const config = parseArchiverConfig(text, 'tokiwa.yaml');
  return {
    config,
    rules: reportRules(config),
    horizonRules: horizonRules(config),
  };
}

const ended = (algorithm: string, day: string): string =>
  `algorithms: { overrides: [{ algorithm: ${algorithm}, endExclusive: ${day}, source: test }] }`;

const anchor = 'bb'.repeat(32);
const { newestToken } = batchRow('b1');
const batch = batchRow('b1', {
  newestToken: {
    ...newestToken,
    chain: newestToken.chain.map((one, index) =>
      index === 0 ? one : { ...one, fingerprint: anchor },
    ),
  },
});

async function compare(to: Side, from = side()): Promise<Difference> {
  const members = [
    { batch: 'b1', document: documentRow('a') },
    { document: documentRow('waits', { state: 'waiting' }) },
    // An earlier version counts in nothing.
    { batch: 'b1', document: documentRow('a', { state: 'superseded', versionId: '1' }) },
  ];
  await using catalogue = await catalogueOf(members, [batch]);
  return await compareConfigurations(catalogue, { from, to }, { at, maxExamples: 3, signal });
}

const confirmed = `accreditation:
  entries:
    - name: A provider
      scheme: mic-2021-146
      from: 2023-02-16
      anchors: ["${anchor}"]
      tsaPolicies: ["${newestToken.tsaPolicy}"]
      confirmedBy: an officer
      confirmedOn: 2026-04-01
      document: a list`;

const rows: Readonly<Record<string, readonly [Side, readonly Aspect[]]>> = {
  'the same configuration': [side(), []],
  'an algorithm that ends sooner': [
    side(ended('SHA-256', '2032-01-01')),
    ['proof-horizon', 'next-renewal'],
  ],
  'an anchor that is trusted no longer': [
    side(`anchorEnds: [{ anchor: ${anchor}, end: 2033-01-01 }]`),
    ['proof-horizon', 'next-renewal'],
  ],
  'anchors without that of its path': [
    { ...side(), anchors: new Map([[1, new Set(['cc'])]]) },
    ['outlook', 'compliance'],
  ],
  'anchors with that of its path': [{ ...side(), anchors: new Map([[1, new Set([anchor])]]) }, []],
  'anchors of the other TSA alone': [{ ...side(), anchors: new Map([[2, new Set(['cc'])]]) }, []],
  'a longer lead time': [side('leadTimeDays: 120'), ['next-renewal']],
  'another retention rule': [
    side('retention: { rules: [{ match: ".", preset: jp-specified-biological-product-use }] }'),
    ['retention'],
  ],
  'a provider that is confirmed': [side(confirmed), ['compliance']],
};
for (const [what, [to, expected]] of Object.entries(rows))
  test(what, async (t) => {
    const { byAspect, moved, documents } = await compare(to);
    t.deepEqual(
      expected.filter((aspect) => !(aspect in byAspect)),
      [],
      JSON.stringify(byAspect),
    );
    t.is(documents, 2);
    t.is(moved > 0, expected.length > 0);
  });

test('editions before and after are named, and the earliest date', async (t) => {
  const { editions, byAspect, examples } = await compare(side(ended('SHA-256', '2032-01-01')));
  t.is(editions.to.algorithmProfile, editions.from.algorithmProfile);
  t.deepEqual(editions.to.algorithmPolicies, [
    ...editions.from.algorithmPolicies,
    'override: SHA-256 ends 2032-01-01 (test)',
  ]);
  t.is(byAspect['proof-horizon']?.worse, 1);
  t.is(byAspect['proof-horizon']?.earliest, '2032-01-01T00:00:00Z');
  t.is(examples[0]?.key, 'a');
});

test('a stricter policy never moves a horizon later', async (t) => {
  const day = fc
    .integer({ min: 0, max: 20_000 })
    .map((days) => Temporal.PlainDate.from('2020-01-01').add({ days }).toString());
  const algorithm = fc.constantFrom('SHA-256', 'ECDSA', 'RSA', 'SHA-512');
  await fc.assert(
    fc.asyncProperty(algorithm, day, async (name, end) => {
      const { byAspect } = await compare(side(ended(name, end)));
      const { documents = 0, worse = 0 } = byAspect['proof-horizon'] ?? {};
      t.is(documents, worse);
    }),
    { numRuns: 25 },
  );
});

test('an archive larger than a page counts each, in the pages that they come in', async (t) => {
  const members = Array.from({ length: 4100 }, (_, index) => ({
    batch: 'b1',
    document: documentRow(`${index}`, { sha256: index.toString(16).padStart(64, '0') }),
  }));
  await using catalogue = await catalogueOf(members, [batch]);
  const progress: number[] = [];
  const { documents, moved } = await compareConfigurations(
    catalogue,
    { from: side(), to: side(ended('SHA-256', '2032-01-01')) },
    { at, maxExamples: 3, signal, onProgress: (count) => progress.push(count) },
  );
  t.deepEqual([documents, moved], [4100, 4100]);
  t.deepEqual(progress, [2000, 4000, 4100]);
});

test('a start from a signing time is the same here and in a report', async (t) => {
  const signed = documentRow('signed', {
    facts: {
      ...noFacts('CAdES'),
      signatures: [
        {
          id: 'signature-1',
          format: 'CAdES',
          detached: false,
          references: [],
          claimedSigningTime: Temporal.Instant.from('2029-06-01T00:00:00Z'),
        },
      ],
    },
  });
  const rule = (years: number): Side =>
    side(
      `retention: { rules: [{ match: ".", preset: jp-medical-record, years: ${years}, fallback: signing-time }] }`,
    );
  await using catalogue = await catalogueOf([{ document: signed, batch: 'b1' }], [batch]);
  const { examples } = await compareConfigurations(
    catalogue,
    { from: rule(5), to: rule(6) },
    { at, maxExamples: 1, signal },
  );
  t.is(examples[0]?.from, '2034-06-01 (jp-medical-record)');
  t.is(examples[0]?.to, '2035-06-01 (jp-medical-record)');
});

test('an outline is judged as the line of the report is', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const pending = documentRow('pending', { validationPending: true });
  const missing = { fingerprint: 'aa', subject: 'CN=A', reason: 'gone' };
  const main = await catalogue.addDocument(pending);
  await catalogue.addDocument(
    documentRow('missing', { ...pending, key: 'missing', validationMissing: [missing] }),
  );
  await catalogue.addDocument(
    documentRow('done', {
      validationData: { key: 'validation/ab.p7c', size: 1, digests: { 'SHA-256': 'ab' } },
    }),
  );
  await catalogue.addDocument(
    documentRow('pending.p7s', {
      attachedTo: main,
      intake: { status: 'not-valid', at: at.toString(), signatures: [] },
    }),
  );
  const batches = await loadBatchIndex(catalogue);
  const judge = new DocumentJudge(at, rules);
  const outlines = (await Array.fromAsync(catalogue.documentOutlines({ facts: false }))).flat();
  const lines = await Array.fromAsync(documentLines(catalogue, at, rules));
  t.is(outlines.length, lines.length);
  for (const [index, { line, document }] of lines.entries()) {
    const outline = outlines[index];
    if (!outline) continue;
    const found = judge.judge(
      outline,
      outline.batchIds.flatMap((id) => batches.get(id) ?? []),
    );
    const { provableUntil, nextRenewal, outlook, intake, requirements, notMet, notShown } = line;
    t.deepEqual(
      [found.provableUntil, found.nextRenewal, found.outlook, found.intake, found.compliance],
      [provableUntil, nextRenewal, outlook, intake, { requirements, notMet, notShown }],
      document.key,
    );
    t.is(outline.validation, line.validationData?.status, document.key);
    t.deepEqual(outline.intake, document.intake);
    t.true(outline.lastModified.equals(document.lastModified));
  }
});
