// What is in an evidence pack, and what is not. Whether its script accepts it: test/interop/pack-script.test.ts.
import test from 'ava';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writePack } from '#archiver/commands/pack.ts';
import { safeName } from '#archiver/pack/pack-files.ts';
import { createArchive } from '../night/_night.ts';
import { unpacked } from './_unpacked.ts';

const { signal } = new AbortController();
test('a pack says nothing of other documents, and holds the verdict in both languages', async (t) => {
  await using archive = await createArchive();
  await archive.put('wards/a.txt', 'a');
  await archive.put('wards/someone-else.txt', 'b');
  await archive.night();
  const folder = await unpacked(archive, 'wards/a.txt');
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of names.filter((entry) => entry.isFile())) {
    const octets = await readFile(path.join(file.parentPath, file.name));
    t.is(octets.indexOf('someone-else'), -1, file.name);
  }
  const verdict = JSON.parse(await readFile(path.join(folder, 'verdict.json'), 'utf8')) as {
    readonly status: string;
    readonly key: string;
    readonly provableUntil: string;
  };
  t.is(verdict.status, 'valid');
  t.is(verdict.key, 'wards/a.txt');
  t.truthy(verdict.provableUntil);
  for (const [name, language] of [
    ['verdict.ja.pdf', 'ja-JP'],
    ['verdict.en.pdf', 'en'],
  ] as const) {
    const text = await readFile(path.join(folder, name), 'latin1');
    t.true(text.startsWith('%PDF-1.7'), name);
    t.true(text.includes(`/Lang (${language})`), name);
  }
});

test('the same archive at the same instant gives the same octets', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const files = await Promise.all(
    ['one', 'two'].map(async (name) => {
      await unpacked(archive, 'a.txt', name);
      return readFile(path.join(archive.folder, `${name}.zip`));
    }),
  );
  t.deepEqual(files[0], files[1]);
});

test('a document that waits has no pack', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night({ allowTokens: 0 });
  const options = { at: archive.clock.now(), signal };
  const file = path.join(archive.folder, 'pack.zip');
  await t.throwsAsync(writePack(await archive.open(), await archive.row('a.txt'), file, options), {
    code: 'ERR_SOURCE_NOT_FOUND',
  });
  t.false(existsSync(file));
});

for (const [key, name] of [
  ['a/b/report.pdf', 'report.pdf'],
  ['../../etc/passwd', 'passwd'],
  ['-rf', '_-rf'],
  ['.hidden', '_.hidden'],
  ['a\nb\t"c".txt', 'a_b__c_.txt'],
  ['folder/', '_'],
] as const)
  test(`${JSON.stringify(key)} lies in a pack as ${name}`, (t) => {
    t.is(safeName(key), name);
  });
