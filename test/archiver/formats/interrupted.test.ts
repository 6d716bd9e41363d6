// What a release left when it ended at work is taken up by this one: nothing is lost, and nothing is bought twice.
import test from 'ava';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { differences } from '#archiver/augmentation/compare.ts';
import { assertSound, kindsOf, type TestArchive } from '../night/_night.ts';
import { openFrozen, releaseRules } from './_release.ts';

const releases = ['release-0.2-interrupted'] as const;

async function namesIn(archive: TestArchive, prefix: string): Promise<readonly string[]> {
  const tree = await archive.evidenceTree();
  return [...tree.keys()].filter((name) => name.startsWith(prefix));
}

for (const release of releases) {
  const folder = (name: string): string => path.join(import.meta.dirname, release, name);

  test(`${release}: an answer that does not count yet makes its batch count`, async (t) => {
    await using archive = await openFrozen(folder('batch'));
    const night = await archive.night();
    t.deepEqual(kindsOf(night), []);
    t.is(archive.tsa.tokens(), 0);
    t.deepEqual(await archive.states(), { 'a.txt': 'protected', 'b.txt': 'protected' });
    await assertSound(t, archive);
  });

  test(`${release}: a version that was decided and paid for is written`, async (t) => {
    const from = folder('augmentation');
    const before = await readFile(path.join(from, 'documents', 'contract.p7m'));
    await using archive = await openFrozen(from, {
      settings: {
        ...releaseRules,
        signers: {
          anchors: [path.join(from, 'trust', 'signers.der')],
          crls: [path.join(from, 'trust', 'signers.crl')],
        },
      },
    });
    t.true((await namesIn(archive, 'augmentations/')).length > 0);
    const night = await archive.night();
    t.deepEqual([kindsOf(night), night.tokensBought], [['augmented'], 0]);
    t.is(archive.tsa.tokens(), 0);
    const after = await readFile(path.join(archive.documents, 'contract.p7m'));
    t.deepEqual(differences(parseSignedData(before), parseSignedData(after)), []);
    t.is((await archive.row('contract.p7m')).facts.level, 'LTA');
    t.deepEqual(await namesIn(archive, 'augmentations/'), []);
    t.deepEqual(await archive.rebuildDifferences(), []);
  });

  test(`${release}: a deletion is finished`, async (t) => {
    await using archive = await openFrozen(folder('deletion'));
    const night = await archive.night();
    t.deepEqual([kindsOf(night), night.tokensBought], [['deletion'], 0]);
    t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
    t.deepEqual(await namesIn(archive, 'deletions/'), []);
    await assertSound(t, archive);
  });
}

test('every kind of object that is there for a time is in a release', async (t) => {
  const names = new Set<string>();
  for (const release of releases)
    for (const file of await readdir(path.join(import.meta.dirname, release), {
      recursive: true,
    })) {
      const [, found] = /evidence\/((?:augmentations|deletions)\/.*)$/.exec(file) ?? [];
      if (found?.includes('.') === true) names.add(found.replaceAll(/[0-9a-f]{32,}/g, '…'));
    }
  t.deepEqual([...names].toSorted(), [
    ...['augmentations/…/decided.json', 'augmentations/…/version.json'],
    ...['augmentations/…/….tsq', 'augmentations/…/….tsr', 'deletions/….json'],
  ]);
});
