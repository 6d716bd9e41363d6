// Small batches become one when they are renewed (docs/decisions/joined-batches.md): one token, no document
// read, and from then on one leaf of a renewal where there were many.
import test, { type ExecutionContext } from 'ava';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { assertSound, createArchive, flipFile, kindsOf, type TestArchive } from './_night.ts';

const keys = ['a.txt', 'b.txt', 'c.txt'];

/** Three nights with a document each; a unit lasts 1,000 days. */
async function threeBatches(settings: Readonly<Record<string, unknown>> = {}, second = false) {
  const archive = await createArchive({ joinBatches: 3, ...settings }, { second });
  for (const key of keys) {
    await archive.put(key, key);
    await archive.nightAfter(1);
  }
  // The unit is renewed a year before its end; batches are a lead time before theirs.
  await archive.nightAfter(700);
  return archive;
}

/** No document may be read. */
function unread(deps: NightDependencies): NightDependencies {
  const stores = [...deps.stores].map(([name, store]) => {
    const refused = () => Promise.reject(new Error('a document was read'));
    return [name, { ...store, read: refused, digest: undefined }] as const;
  });
  return { ...deps, stores: new Map(stores) };
}

async function kindsOfBatches(archive: TestArchive): Promise<readonly string[]> {
  const { catalogue } = await archive.open();
  const rows = await Array.fromAsync(catalogue.batches());
  return rows.map(({ kind, state }) => `${kind} ${state}`).toSorted();
}

async function assertTwoChains(t: ExecutionContext, archive: TestArchive, key: string) {
  const { chains } = parseEvidenceRecord(await archive.record(key)).sequence;
  t.deepEqual(
    chains.map((chain) => [chain.digestAlgorithm, chain.archiveTimeStamps.length]),
    [
      ['SHA-256', 1],
      ['SHA-256', 1],
    ],
  );
}

test('small batches are joined by one token, no document is read, and one batch is renewed from then on', async (t) => {
  await using archive = await threeBatches();
  const night = await archive.nightAfter(212, { deps: unread, reread: 'none' });
  t.deepEqual([kindsOf(night), night.tokensBought, night.timestampRenewals], [[], 1, 0]);
  t.deepEqual(await kindsOfBatches(archive), [
    'hash-tree-renewal valid',
    'initial retired',
    'initial retired',
    'initial retired',
  ]);
  for (const key of keys) await assertTwoChains(t, archive, key);
  const quiet = await archive.nightAfter(1);
  t.deepEqual([kindsOf(quiet), quiet.tokensBought], [[], 0]);
  await assertSound(t, archive);
  await archive.nightAfter(500);
  const renewal = await archive.nightAfter(200);
  t.deepEqual([renewal.tokensBought, renewal.timestampRenewals], [1, 1]);
  await assertSound(t, archive);
});

test('fewer than are joined are renewed as they are', async (t) => {
  await using archive = await threeBatches({ joinBatches: 4 });
  const night = await archive.nightAfter(212);
  t.deepEqual([night.tokensBought, night.timestampRenewals], [1, 3]);
  await assertSound(t, archive);
});

test('a missing document keeps what proves it; a line that is changed holds up its own batch alone', async (t) => {
  await using archive = await threeBatches();
  await rm(path.join(archive.documents, 'b.txt'));
  const [first] = await archive.batches();
  await flipFile(
    archive.batchFile(first ?? '', 'objects.jsonl'),
    (octets) => octets.indexOf('SHA-256') + 12,
  );
  const night = await archive.nightAfter(212, { reread: 'none' });
  t.true(kindsOf(night).includes('missing'));
  await assertTwoChains(t, archive, 'b.txt');
  await assertTwoChains(t, archive, 'c.txt');
});

test('each TSA joins its own', async (t) => {
  await using archive = await threeBatches({}, true);
  const night = await archive.nightAfter(212);
  t.deepEqual([kindsOf(night), night.tokensBought, night.timestampRenewals], [[], 2, 0]);
  for (const key of keys)
    for (const anchor of [1, 2])
      t.is(parseEvidenceRecord(await archive.record(key, anchor)).sequence.chains.length, 2);
  await assertSound(t, archive);
});
