// A TSA ends: what hangs on it, what has to be renewed by when, and what that costs beside what would be bought anyway.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import type { Side } from '#archiver/reports/difference.ts';
import { endOfProvider, type ProviderEndQuestion } from '#archiver/reports/provider-end.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { horizonRules } from '#archiver/trust.ts';
import type { BatchRow } from '#shared/ports/catalogue.ts';
import { at, batchRow, catalogueOf, documentRow } from './_archive.ts';

const [ours, theirs] = ['bb'.repeat(32), 'dd'.repeat(32)];

/** A batch under an anchor whose TSU ends then. */
function batchUnder(id: string, anchor: string, notAfter: string, change: Partial<BatchRow> = {}) {
  const { newestToken } = batchRow(id);
  const chain = [
    { fingerprint: `${id} TSU`, subject: `CN=TSU of ${id}`, notAfter },
    { fingerprint: anchor, subject: 'CN=Root', notAfter: '2060-01-01T00:00:00Z' },
  ];
  return batchRow(id, { newestToken: { ...newestToken, chain }, ...change });
}

function side(anchors: readonly string[], extra = ''): Side {
  const text = `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem], price: { amount: 10, currency: JPY } }
retention: { rules: [{ match: ".", preset: jp-medical-record }] }
${extra}`;
  const config = parseArchiverConfig(text, 'tokiwa.yaml');
  const fingerprints = new Map([[1, new Set(anchors)]]);
  return {
    config,
    rules: reportRules(config),
    horizonRules: horizonRules(config),
    anchors: fingerprints,
  };
}

/** Two batches under ours, one document of the second also in one under theirs, which has another document. */
async function ended(question: Partial<ProviderEndQuestion>, from = side([ours, theirs])) {
  const late = '2045-01-01T00:00:00Z';
  const batches = [
    batchUnder('b1', ours, late),
    batchUnder('b2', ours, late),
    batchUnder('b3', theirs, late),
  ];
  const both = documentRow('both');
  await using catalogue = await catalogueOf(
    [
      { batch: 'b1', document: documentRow('one') },
      { batch: 'b2', document: both },
      { batch: 'b3', document: documentRow('other') },
      { document: documentRow('waits', { state: 'waiting' }) },
    ],
    batches,
  );
  const [found] = await Array.fromAsync(catalogue.documents({ store: 'documents', key: 'both' }));
  const place = { documentId: found?.id ?? 0, batchId: 'b3', groupIndex: 9, active: true };
  await catalogue.addMemberships([place]);
  const before = await Array.fromAsync(catalogue.dump());
  const end = await endOfProvider(catalogue, from, {
    anchors: new Set([ours]),
    end: Temporal.Instant.from('2031-01-01T00:00:00Z'),
    at,
    maxExamples: 10,
    signal: new AbortController().signal,
    ...question,
  });
  return { end, changed: before.join() !== (await Array.fromAsync(catalogue.dump())).join() };
}

test('what hangs on it, by when it is renewed, and one token for all of it', async (t) => {
  const { end, changed } = await ended({});
  t.false(changed, 'a question writes nothing');
  t.like(end, {
    anchors: [ours],
    batches: 2,
    documents: 2,
    withoutOther: 1,
    successor: true,
    renewBy: '2030-10-03T00:00:00Z',
    extraTokens: 1,
    extraCost: 10,
    currency: 'JPY',
  });
  t.like(end.withEnd, { tokens: 1, cost: 10 });
  t.like(end.withoutEnd, { tokens: 0, cost: 0 });
  const [renewal] = end.withEnd.actions;
  t.deepEqual(renewal?.kind === 'timestamp-renewal' ? renewal.batchIds : [], ['b1', 'b2']);
  t.is(end.difference.byAspect['proof-horizon']?.documents, 1);
  t.true(end.difference.examples.some(({ key }) => key === 'one'));
});

test('what is renewed that night anyway is not the end’s cost', async (t) => {
  // The hash of every tree ends: all are hashed anew in the same weeks.
  const from = side(
    [ours, theirs],
    'algorithms: { overrides: [{ algorithm: SHA-256, endExclusive: 2030-12-15, source: test }] }',
  );
  const { end } = await ended({}, from);
  t.is(end.withEnd.tokens, end.withoutEnd.tokens);
  t.is(end.extraTokens, 0);
  t.is(end.extraCost, 0);
});

const others: readonly (readonly [
  name: string,
  question: Partial<ProviderEndQuestion>,
  anchors: readonly string[],
  expected: object,
])[] = [
  ['nobody else is configured', {}, [ours], { successor: false }],
  [
    'the successor has its own price',
    { price: 25 },
    [ours, theirs],
    { extraTokens: 1, extraCost: 25 },
  ],
  [
    'it ends within the lead time: now',
    { end: at.add({ hours: 24 * 30 }) },
    [ours, theirs],
    { renewBy: at.toString(), extraTokens: 1 },
  ],
  [
    'it ends when nobody needs the documents any more',
    { end: Temporal.Instant.from('2040-01-01T00:00:00Z') },
    [ours, theirs],
    { documents: 2, extraTokens: 0 },
  ],
  [
    'an anchor that nothing hangs on',
    { anchors: new Set(['ee'.repeat(32)]) },
    [ours, theirs],
    { batches: 0, documents: 0, withoutOther: 0, extraTokens: 0 },
  ],
];
for (const [name, question, anchors, expected] of others)
  test(name, async (t) => {
    const { end } = await ended(question, side(anchors));
    t.like(end, expected);
  });

test('an end that is configured already and sooner stays', async (t) => {
  const from = side([ours, theirs], `anchorEnds: [{ anchor: ${ours}, end: 2030-06-01 }]`);
  const { end } = await ended({}, from);
  t.is(end.difference.moved, 0);
});
