// Papers judged by software of others: veraPDF says that they are PDF/A-3a, poppler reads their texts.
import test, { type ExecutionContext } from 'ava';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { renderReport } from '#archiver/reports/write.ts';
import { createArchive } from '../archiver/night/_night.ts';
import { unpacked } from '../archiver/pack/_unpacked.ts';

const run = promisify(execFile);

/** Where `.ci/run` puts it. */
const judge = process.env['TOKIWA_VERAPDF'] ?? '';

async function verdictOf(file: string): Promise<string> {
  const main = 'org.verapdf.apps.GreenfieldCliWrapper';
  const args = ['-cp', judge, main, '--flavour', '3a', '--format', 'text', '-v', file];
  try {
    return (await run('java', args)).stdout;
  } catch (error) {
    return (error as { readonly stdout?: string }).stdout ?? String(error);
  }
}

async function isPaper(t: ExecutionContext, file: string, texts: readonly string[]): Promise<void> {
  t.regex(await verdictOf(file), /^PASS /);
  const { stdout } = await run('pdftotext', ['-layout', file, '-']);
  for (const text of texts) t.true(stdout.includes(text), `${text} in ${stdout.slice(0, 500)}`);
}

const key = '同意書/髙﨑 𠮷野 Łukasz.txt';

test('the verdicts of an evidence pack', async (t) => {
  await using archive = await createArchive();
  await archive.put(key, 'a');
  await archive.night();
  const folder = await unpacked(archive, key);
  await isPaper(t, path.join(folder, 'verdict.ja.pdf'), ['証拠パック', '髙﨑 𠮷野 [U+0141]ukasz']);
  await isPaper(t, path.join(folder, 'verdict.en.pdf'), ['Evidence pack', 'TOTAL-PASSED']);
});

test('the report, in both languages', async (t) => {
  await using archive = await createArchive();
  await archive.put(key, 'a');
  await archive.put('plain.txt', 'b');
  await archive.night();
  const archiver = await archive.open();
  const at = archive.clock.now();
  for (const [lang, texts] of [
    ['ja', ['長期保存レポート', '髙﨑 𠮷野', '保護済み']],
    ['en', ['Preservation report', 'plain.txt']],
  ] as const) {
    const file = path.join(archive.folder, `${lang}.pdf`);
    await writeFile(file, renderReport(archiver, { format: 'pdf', lang, at }));
    await isPaper(t, file, texts);
  }
});

test('veraPDF sees what is wrong: a paper without its fonts’ names', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-paper-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const whole = await readFile(path.join(await unpacked(archive, 'a.txt'), 'verdict.en.pdf'));
  const damaged = Buffer.from(
    whole.toString('latin1').replace('/ToUnicode', '/ToXnicode'),
    'latin1',
  );
  const file = path.join(folder, 'damaged.pdf');
  await writeFile(file, damaged);
  t.regex(await verdictOf(file), /^FAIL /);
});
