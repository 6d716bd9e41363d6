// An archive that moves: evidence to a folder and into another store, documents under other names, and
// nothing is bought for it. What was changed on the way, or is not whole, is no archive.
import test from 'ava';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { prefixedStore } from '#archiver/prefixed-store.ts';
import {
  buildObjectListHead,
  buildObjectListLine,
  readObjectList,
} from '#archiver/evidence/object-list.ts';
import type { GroupMember } from '#archiver/evidence/types.ts';
import {
  currentVersions,
  exportedPrefix,
  exportEvidence,
  importEvidence,
  parseRenaming,
  renamed,
} from '#archiver/transfer.ts';
import { exported, imported } from './_moved.ts';
import { assertSound, createArchive, flipFile, kindsOf } from './night/_night.ts';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createMemoryStore, type MemoryStore } from '../_memory-store.ts';

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

const notWhole: readonly (readonly [
  what: string,
  spoil: (folder: string) => Promise<void>,
  says: { readonly code: string; readonly message: RegExp },
])[] = [
  [
    'was broken off',
    (folder) => rm(path.join(folder, 'SHA256SUMS')),
    { code: 'ERR_CONFIG_USAGE', message: /broken off before its end/ },
  ],
  [
    'lacks an object',
    (folder) => rm(path.join(folder, 'evidence', 'journal', '000000000001.json')),
    { code: 'ERR_FORMAT_STORED', message: /journal.*1\.json is in SHA256SUMS and not there/ },
  ],
  [
    'has one more',
    (folder) => writeFile(path.join(folder, 'evidence', 'journal', '000000000009.json'), '{}'),
    { code: 'ERR_FORMAT_STORED', message: /journal.*9\.json is there and not in SHA256SUMS/ },
  ],
];
for (const [what, spoil, says] of notWhole)
  test(`an export that ${what} is none`, async (t) => {
    await using archive = await createArchive();
    await archive.put('a.txt', 'a');
    await archive.night();
    const folder = await exported(archive);
    await spoil(folder);
    await t.throwsAsync(imported(archive, folder), says);
    t.deepEqual([...(await archive.evidenceTree()).keys()], []);
  });

test('an export goes into an empty folder alone', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const { objects } = (await archive.open()).evidence;
  const target = createMemoryStore();
  await exportEvidence(objects, target, signal);
  await t.throwsAsync(exportEvidence(objects, target, signal), {
    code: 'ERR_CONFIG_USAGE',
    message: /not empty .* broken off/,
  });
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

const contentOf = (version: number): Uint8Array => Buffer.from(`content ${version}`);
const sha256Of = (version: number): string => toHex(digest('SHA-256', contentOf(version)));

/** An export that names two versions of one document and one of another, under the ids of their old store. */
async function exportedVersions(): Promise<MemoryStore> {
  const id = '20270110T020000Z-00000000';
  const evidence = createMemoryStore();
  const member = (key: string, version: number): GroupMember => ({
    store: 'old',
    key,
    versionId: `old ${version}`,
    size: 9,
    role: 'document',
    digests: { 'SHA-256': sha256Of(version) },
  });
  evidence.put('archive.json', '{}');
  evidence.put(
    `batches/${id}/objects.jsonl`,
    Buffer.concat([
      buildObjectListHead(id),
      buildObjectListLine({ index: 0, members: [member('a', 1)] }),
      buildObjectListLine({ index: 1, members: [member('a', 2), member('b', 3)] }),
    ]),
  );
  const identity = { store: 'old', key: 'a', versionId: 'old 2', sha256: sha256Of(2) };
  const hold = { kind: 'hold', store: 'old', key: 'a', on: true, by: 'x' };
  const entries = [{ kind: 'intake', document: identity, verdict: {} }, hold];
  evidence.put('journal/000000000001.json', JSON.stringify({ sequence: 1, entries }));
  const folder = createMemoryStore();
  await exportEvidence(evidence, folder, signal);
  return folder;
}

test('documents that were copied into a store with other version ids are found by their content', async (t) => {
  const folder = await exportedVersions();
  const documents = createMemoryStore({ name: 'new', versions: true });
  documents.put('x/a', contentOf(2));
  documents.put('x/b', contentOf(4));
  const target = createMemoryStore();
  await importEvidence(folder, prefixedStore(folder, exportedPrefix), target, {
    renamings: [parseRenaming('old:=new:x/')],
    versionOf: currentVersions(new Map([['new', documents]]), signal),
    signal,
  });
  const { versionId } = await documents.head('x/a', { signal });
  const lines = await Array.fromAsync(readObjectList(target, '20270110T020000Z-00000000', signal));
  t.deepEqual(
    lines.map(({ members }) => members.map((each) => [each.store, each.key, each.versionId])),
    [
      // The earlier content was not copied, that of b is another: both keep the ids that they had.
      [['new', 'x/a', 'old 1']],
      [
        ['new', 'x/a', versionId],
        ['new', 'x/b', 'old 3'],
      ],
    ],
  );
  const { body } = await target.read('journal/000000000001.json', { signal });
  const journal = JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString()) as {
    readonly entries: readonly [{ readonly document: object }, object];
  };
  t.deepEqual(journal.entries[0].document, {
    store: 'new',
    key: 'x/a',
    versionId,
    sha256: sha256Of(2),
  });
  t.deepEqual(journal.entries[1], { kind: 'hold', store: 'new', key: 'x/a', on: true, by: 'x' });
});

test('copied into a store without versions, documents have none from then on', async (t) => {
  const folder = await exportedVersions();
  const documents = createMemoryStore({ name: 'new' });
  documents.put('a', contentOf(2));
  const target = createMemoryStore();
  await importEvidence(folder, prefixedStore(folder, exportedPrefix), target, {
    renamings: [parseRenaming('old:=new:')],
    versionOf: currentVersions(new Map([['new', documents]]), signal),
    signal,
  });
  const [, second] = await Array.fromAsync(
    readObjectList(target, '20270110T020000Z-00000000', signal),
  );
  t.is(second?.members[0]?.versionId, undefined);
});
