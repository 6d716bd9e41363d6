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
import { reportRules } from '#archiver/reports/write.ts';
import { horizonRules } from '#archiver/trust.ts';
import { at, batchRow, catalogueOf, documentRow } from './_archive.ts';

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
  t.deepEqual(editions.from, editions.to);
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
