// A report made again under the rules of an edition that is no longer in force, to the same octets.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import { buildReport, reportHead } from '#archiver/reports/build.ts';
import { rereading } from '#archiver/reports/reread.ts';
import { reportRules } from '#archiver/reports/write.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { at, batchRow, catalogueOf, documentRow } from './_archive.ts';

function configOf(algorithms: string, years: number) {
  return parseArchiverConfig(
    `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
algorithms: ${algorithms}
retention: { rules: [{ match: ".", preset: jp-medical-record, years: ${years} }] }`,
    'tokiwa.yaml',
  );
}

const older = configOf('{ profile: jp-medical }', 5);
const newer = configOf(
  '{ profile: strict, overrides: [{ algorithm: SHA-256, endExclusive: 2032-01-01 }] }',
  10,
);

async function reportOf(
  catalogue: Catalogue,
  config: typeof older,
  reread: boolean,
): Promise<string> {
  const rules = { ...reportRules(config), ...(reread && { reread: rereading(config) }) };
  const head = await reportHead(catalogue, { archiveId: 'a', at, rules });
  return (await Array.fromAsync(buildReport(catalogue, { at, rules, head }))).join('');
}

/** As a run under this configuration leaves the rows. */
async function planUnder(catalogue: Catalogue, config: typeof older): Promise<void> {
  const { batch, document } = rereading(config);
  for (const row of await Array.fromAsync(catalogue.batches()))
    await catalogue.putBatch(batch(row));
  for (const row of await Array.fromAsync(catalogue.documents()))
    await catalogue.updateDocument(row.id, { retention: document(row).retention });
}

test('an edition goes and comes back: the same octets, and others in between', async (t) => {
  const sidecar = { presets: undefined, events: { start: '2029-12-01' } };
  const base = documentRow('a');
  const members = ['a', 'b'].map((key) => ({
    batch: 'b1',
    document: documentRow(key, { retention: { ...base.retention, sidecar } }),
  }));
  await using catalogue = await catalogueOf(members, [batchRow('b1')]);
  await planUnder(catalogue, older);
  const first = await reportOf(catalogue, older, false);
  t.is(await reportOf(catalogue, older, true), first);
  await planUnder(catalogue, newer);
  const between = await reportOf(catalogue, newer, false);
  t.not(between, first);
  t.true(between.includes('"algorithmProfile": "strict"'));
  t.is(await reportOf(catalogue, older, true), first);
  t.not(await reportOf(catalogue, older, false), first);
});
