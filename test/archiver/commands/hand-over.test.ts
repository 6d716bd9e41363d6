// What leaves an archive, and what is taken from it, by command: a record in either form, a pack, the whole
// evidence, a document that is deleted. Each with its exit code, as scripts see it.
import test from 'ava';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { assertSound, type TestArchive } from '../night/_night.ts';
import { today, tokiwa } from '../night/_tokiwa.ts';

const run = promisify(execFile);
const ended = JSON.stringify({ rule: 'jp-medical-record', start: '2010-04-01' });

/** An archive on disk with three documents, its process ended. */
async function protectedArchive(): Promise<TestArchive> {
  const archive = await today();
  for (const key of ['ward/a.txt', 'ward/b.txt', 'c.txt']) await archive.put(key, key);
  await archive.put('c.txt.retention.json', ended);
  await archive.night();
  await archive.close();
  await archive.writeConfig();
  return archive;
}

test.serial('evidence: a record in ASN.1 or in XML, as a file or on standard output', async (t) => {
  await using archive = await protectedArchive();
  const file = path.join(archive.folder, 'record');
  const asn1 = await tokiwa(archive, 'evidence', 'c.txt', '-o', file);
  t.is(asn1.code, 0, asn1.stderr);
  t.is(parseEvidenceRecord(await readFile(file)).sequence.chains.length, 1);
  const xml = await tokiwa(archive, 'evidence', 'c.txt', '--xml');
  t.is(xml.code, 0, xml.stderr);
  t.is(parseXmlEvidenceRecord(Buffer.from(xml.stdout)).sequence.chains.length, 1);
  const unknown = await tokiwa(archive, 'evidence', 'nothing.txt');
  t.is(unknown.code, 3);
  t.true(unknown.stderr.includes('ERR_CONFIG_USAGE'));
});

test.serial('pack: a ZIP, and the exit code of its verdict', async (t) => {
  await using archive = await protectedArchive();
  const file = path.join(archive.folder, 'c.zip');
  const packed = await tokiwa(archive, 'pack', 'c.txt', '-o', file);
  t.is(packed.code, 0, packed.stderr);
  t.is(packed.stdout, `${file}: valid\n`);
  t.true((await stat(file)).size > 1000);
  t.is((await readFile(file)).subarray(0, 2).toString(), 'PK');
  const unknown = await tokiwa(archive, 'pack', 'nothing.txt', '-o', file);
  t.is(unknown.code, 3);
  const noOutput = await tokiwa(archive, 'pack', 'c.txt');
  t.is(noOutput.code, 3);
});

test.serial('export and import: another place, other keys, the same records', async (t) => {
  await using archive = await protectedArchive();
  const before = await archive.record('ward/a.txt');
  await archive.close();
  const folder = path.join(archive.folder, 'export');
  const exported = await tokiwa(archive, 'export', '-o', folder);
  t.is(exported.code, 0, exported.stderr);
  t.regex(exported.stdout, /^\d+ objects of archive [0-9a-f]+\n$/);
  await run('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: folder });
  const again = await tokiwa(archive, 'import', folder);
  t.is(again.code, 3, 'the archive is there still');
  t.true(again.stderr.includes('ERR_CONFIG_ARCHIVE_ID'));
  await rm(path.join(archive.folder, 'state'), { recursive: true });
  await mkdir(path.join(archive.folder, 'state', 'evidence'), { recursive: true });
  await cp(path.join(archive.documents, 'ward'), path.join(archive.documents, 'hall'), {
    recursive: true,
  });
  await rm(path.join(archive.documents, 'ward'), { recursive: true });
  const rename = ['--rename', 'documents:ward/=documents:hall/', '--new-versions'];
  const bad = await tokiwa(archive, 'import', folder, '--rename', 'ward=hall');
  t.is(bad.code, 3);
  const imported = await tokiwa(archive, 'import', folder, ...rename);
  t.is(imported.code, 0, imported.stderr);
  t.true(imported.stdout.includes('3 documents and 1 batches'), imported.stdout);
  t.deepEqual(await archive.record('hall/a.txt'), before);
  await assertSound(t, archive);
});

test.serial('import: an export that was changed is refused, exit 3', async (t) => {
  await using archive = await protectedArchive();
  const folder = path.join(archive.folder, 'export');
  await tokiwa(archive, 'export', '-o', folder);
  await writeFile(path.join(folder, 'evidence', 'archive.json'), '{}');
  await rm(path.join(archive.folder, 'state'), { recursive: true });
  const refused = await tokiwa(archive, 'import', folder);
  t.is(refused.code, 3);
  t.true(refused.stderr.includes('ERR_FORMAT_STORED'), refused.stderr);
});

test.serial('delete: refused without a word about the document, done with it', async (t) => {
  await using archive = await protectedArchive();
  const refused = await tokiwa(archive, 'delete', 'c.txt');
  t.is(refused.code, 3);
  t.true(refused.stderr.includes('--document'));
  const kept = await tokiwa(archive, 'delete', 'ward/a.txt', '--document');
  t.is(kept.code, 3);
  t.true(kept.stderr.includes('no known end'));
  const deleted = await tokiwa(archive, 'delete', 'c.txt', '--document', '--by', 'Registrar');
  t.is(deleted.code, 0, deleted.stderr);
  t.is(deleted.stdout, '"c.txt": 1 objects deleted, named in 1 batches no more\n');
  await t.throwsAsync(stat(path.join(archive.documents, 'c.txt')), { code: 'ENOENT' });
  t.deepEqual(Object.keys(await archive.states()).toSorted(), ['ward/a.txt', 'ward/b.txt']);
  await assertSound(t, archive);
});
