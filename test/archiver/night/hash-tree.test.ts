// Hash-tree renewals of a night: each document read once wherever it stands, batches of at most the configured
// size, one token each; what gets none stays due.
import test from 'ava';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { groupsOf } from '#archiver/evidence/manifest.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { SourceError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { assertSound, createArchive, kindsOf, type TestArchive } from './_night.ts';

const { signal } = new AbortController();
const sha512 = { signatureDigest: 'SHA-512' } as const;
const rehash = {
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
};

/** Groups of each hash-tree renewal, the largest first. */
async function renewedGroups(archive: TestArchive): Promise<readonly number[]> {
  const { evidence } = await archive.open();
  const { manifests } = await loadChainIndex(evidence.objects, signal);
  return [...manifests.values()]
    .filter(({ kind }) => kind === 'hash-tree-renewal')
    .map(groupsOf)
    .toSorted((a, b) => b - a);
}

/** Tells of every document that is read. */
function countingReads(deps: NightDependencies, reads: string[]): NightDependencies {
  const stores = [...deps.stores].map(([name, store]) => {
    const read: typeof store.read = (key, options) => {
      reads.push(key);
      return store.read(key, options);
    };
    return [name, { ...store, digest: undefined, read }] as const;
  });
  return { ...deps, stores: new Map(stores) };
}

test('more groups than a batch may have: as many batches and tokens as it takes', async (t) => {
  await using archive = await createArchive({}, sha512);
  for (let i = 0; i < 7; i++) await archive.put(`${i}.txt`, `${i}`);
  await archive.night();
  await archive.configure({ ...rehash, maxLeaves: 3 });
  const renewal = await archive.nightAfter(1);
  t.deepEqual(kindsOf(renewal), []);
  t.deepEqual(await renewedGroups(archive), [3, 3, 1]);
  t.is(renewal.tokensBought, 3);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
  await assertSound(t, archive);
});

test('no token for the second of three batches: the rest is renewed the next night', async (t) => {
  await using archive = await createArchive({}, sha512);
  for (let i = 0; i < 7; i++) await archive.put(`${i}.txt`, `${i}`);
  await archive.night();
  await archive.configure({ ...rehash, maxLeaves: 3 });
  let asked = 0;
  const renewal = await archive.nightAfter(1, {
    deps: (deps) => {
      const { source } = deps.tsa;
      const refused = new SourceError('ERR_SOURCE_REFUSED', 'no', { retryable: false });
      const exchange: typeof source.exchange = (...call) =>
        ++asked === 1 ? source.exchange(...call) : Promise.reject(refused);
      return { ...deps, tsa: { ...deps.tsa, source: { ...source, exchange } } };
    },
  });
  t.deepEqual(kindsOf(renewal), ['no-token']);
  t.deepEqual(await renewedGroups(archive), [3]);
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  t.deepEqual(await renewedGroups(archive), [3, 3, 1]);
  for (let i = 0; i < 7; i++)
    t.is(parseEvidenceRecord(await archive.record(`${i}.txt`)).sequence.chains.length, 2);
  await assertSound(t, archive);
});

test('a document in two batches, alone and with its signature, is read once', async (t) => {
  await using archive = await createArchive({}, sha512);
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  await archive.put('a.txt.p7s', 'no signature, but named as one');
  await archive.nightAfter(1);
  await archive.configure(rehash);
  const reads: string[] = [];
  const renewal = await archive.nightAfter(1, {
    reread: 'none',
    deps: (deps) => countingReads(deps, reads),
  });
  t.deepEqual(kindsOf(renewal), []);
  t.deepEqual(await renewedGroups(archive), [3]);
  t.deepEqual(reads.toSorted(), ['a.txt', 'a.txt.p7s', 'b.txt']);
  await assertSound(t, archive);
});

test('documents of the same content are renewed each in its place', async (t) => {
  await using archive = await createArchive({}, sha512);
  for (const key of ['a.txt', 'b.txt', 'c.txt']) await archive.put(key, 'the same');
  await archive.put('c.txt.p7s', 'the same');
  await archive.night();
  await archive.configure(rehash);
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  t.deepEqual(await renewedGroups(archive), [3]);
  for (const key of ['a.txt', 'b.txt', 'c.txt']) t.is(await archive.judge(key), 'valid', key);
  await assertSound(t, archive);
});
