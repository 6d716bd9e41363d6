// An archive that moves: evidence to a folder and into another store, documents under other names, and
// nothing is bought for it. What was changed on the way, or is not whole, is no archive.
import test from 'ava';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { prefixedStore } from '#archiver/prefixed-store.ts';
import { exportedPrefix, importEvidence, parseRenaming, renamed } from '#archiver/transfer.ts';
import { exported, imported } from './_moved.ts';
import { assertSound, createArchive, flipFile, kindsOf } from './night/_night.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createMemoryStore } from '../_memory-store.ts';

const { signal } = new AbortController();

test('moved as it is: every record is the same octets, and nothing is bought', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.put('b.txt', 'b');
  await archive.nightAfter(220);
  const before = await archive.record('a.txt');
  const tokens = archive.tsa.tokens();
  await imported(archive, await exported(archive));
  t.deepEqual(await archive.record('a.txt'), before);
  const next = await archive.nightAfter(1);
  t.deepEqual(kindsOf(next), []);
  t.is(archive.tsa.tokens(), tokens);
  await assertSound(t, archive);
});

test('documents under other keys keep their evidence', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('ward/a.txt', 'a');
  await archive.put('ward/a.txt.p7s', 'no signature, but named as one');
  await archive.put('other/b.txt', 'b');
  await archive.night();
  const before = await archive.record('ward/a.txt');
  const folder = await exported(archive);
  await rename(path.join(archive.documents, 'ward'), path.join(archive.documents, 'moved'));
  await imported(archive, folder, [parseRenaming('documents:ward/=documents:moved/')]);
  t.deepEqual(await archive.record('moved/a.txt'), before);
  const next = await archive.nightAfter(1);
  t.deepEqual(kindsOf(next), []);
  t.is(archive.tsa.tokens(), 1);
  t.deepEqual(await archive.states(), {
    'moved/a.txt': 'protected',
    'moved/a.txt.p7s': 'protected',
    'other/b.txt': 'protected',
  });
  const renewal = await archive.nightAfter(220);
  t.deepEqual(kindsOf(renewal), []);
  await assertSound(t, archive);
});

test('an export that was changed is refused, and leaves no archive', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const folder = await exported(archive);
  const [batch = ''] = await readdir(path.join(folder, 'evidence', 'batches'));
  await flipFile(path.join(folder, 'evidence', 'batches', batch, 'token.der'));
  await t.throwsAsync(imported(archive, folder), {
    code: 'ERR_FORMAT_STORED',
    message: /not as it was exported/,
  });
  t.deepEqual([...(await archive.evidenceTree()).keys()], []);
});

test('an export that was broken off is none', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const folder = await exported(archive);
  await rm(path.join(folder, 'SHA256SUMS'));
  await t.throwsAsync(imported(archive, folder), { code: 'ERR_SOURCE_NOT_FOUND' });
});

test('an evidence store in use takes no import', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const folder = await exported(archive);
  const { objects } = (await archive.open()).evidence;
  await using source = await openFolderStore({ name: 'export', folder, access: 'read' });
  const part = prefixedStore(source, exportedPrefix);
  await t.throwsAsync(importEvidence(source, part, objects, { renamings: [], signal }), {
    code: 'ERR_CONFIG_ARCHIVE_ID',
    message: /holds an archive/,
  });
});

test('an import that was broken off at any object is no archive, and says what to delete', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const folder = await exported(archive);
  await using source = await openFolderStore({ name: 'export', folder, access: 'read' });
  const part = prefixedStore(source, exportedPrefix);
  const options = { renamings: [], signal };
  const size = await importEvidence(source, part, createMemoryStore(), options);
  for (let allowed = 1; allowed < size; allowed++) {
    const target = createMemoryStore();
    let writes = 0;
    const stopped: ObjectStore = {
      ...target,
      write: (...args) =>
        ++writes > allowed ? Promise.reject(new Error('killed')) : target.write(...args),
    };
    await t.throwsAsync(importEvidence(source, part, stopped, options), { message: 'killed' });
    await t.throwsAsync(importEvidence(source, part, target, options), {
      code: 'ERR_CONFIG_ARCHIVE_ID',
      message: /broken off: delete it and import again/,
    });
  }
});

const renaming = parseRenaming('old:a/=new:b/c/');
for (const [place, expected] of [
  [
    { store: 'old', key: 'a/x' },
    { store: 'new', key: 'b/c/x' },
  ],
  [
    { store: 'old', key: 'ab/x' },
    { store: 'old', key: 'ab/x' },
  ],
  [
    { store: 'other', key: 'a/x' },
    { store: 'other', key: 'a/x' },
  ],
] as const)
  test(`${place.store}:${place.key} becomes ${expected.store}:${expected.key}`, (t) => {
    t.deepEqual(renamed(place, [renaming]), expected);
  });

for (const text of ['', 'a=b', 'a:x', 'A:x=b:y', 'a:x=b'])
  test(`${JSON.stringify(text)} is no renaming`, (t) => {
    t.throws(() => parseRenaming(text), { code: 'ERR_CONFIG_USAGE' });
  });
