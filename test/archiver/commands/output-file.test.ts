// What `-o` leaves behind: the whole file or the one before, and never a device made into a file.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { writeOutput } from '#archiver/commands/output-file.ts';
import { projectRoot } from '../../_sources.ts';
import { createTestClock, startLocal } from '../../tsa/_proxy.ts';
import { createArchive } from '../night/_night.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-output-'));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ends with an error after the first piece, as where a source fails. */
async function* broken(): AsyncGenerator<Uint8Array> {
  yield encode('half of ');
  await Promise.reject(new Error('source failed'));
}

test('a content that fails leaves the file as it was, and nothing beside', async (t) => {
  await inFolder(async (folder) => {
    const file = join(folder, 'report.json');
    await writeFile(file, 'before');
    await t.throwsAsync(writeOutput(file, broken()), { message: 'source failed' });
    t.is(await readFile(file, 'utf8'), 'before');
    t.deepEqual(await readdir(folder), ['report.json']);
  });
});

for (const [what, name, code] of [
  ['a folder that is not there', 'none/report.json', 'ENOENT'],
  ['a folder', '.', 'EISDIR'],
  ['a file in the way', 'report.json/report.json', 'ENOTDIR'],
] as const)
  test(`${what} is no place to write, and that is said in words`, async (t) => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'report.json'), 'before');
      await t.throwsAsync(writeOutput(join(folder, name), encode('after')), {
        code: 'ERR_CONFIG_USAGE',
        message: new RegExp(`cannot be written \\(${code}\\)`),
      });
      t.deepEqual(await readdir(folder), ['report.json']);
    });
  });

test('a link is followed', async (t) => {
  await inFolder(async (folder) => {
    const [file, link] = [join(folder, 'report.json'), join(folder, 'latest.json')];
    await writeFile(file, 'before');
    await symlink(file, link);
    await writeOutput(link, encode('after'));
    t.is(await readFile(file, 'utf8'), 'after');
    t.deepEqual((await readdir(folder)).sort(), ['latest.json', 'report.json']);
  });
});

test('a device stays one', async (t) => {
  await writeOutput('/dev/null', encode('x'));
  t.true((await stat('/dev/null')).isCharacterDevice());
});

/** Commands whose `-o` names a file that must not exist: arguments before it, and what the refusal says. */
const makingNew: readonly (readonly [
  name: string,
  args: (url: string) => readonly string[],
  says: RegExp,
])[] = [
  ['policy export', () => ['policy', 'export', 'cryptrec-ls-0003-2022'], /is there already/],
  ['stamp', (url) => ['stamp', 'package.json', '--url', url], /exists already/],
];
for (const [name, args, says] of makingNew) {
  test(`${name} -o makes a whole file, and leaves one that is there as it is`, async (t) => {
    await inFolder(async (folder) => {
      const clock = createTestClock(Temporal.Now.instant().toString());
      await using tsa = await startLocal(join(folder, 'tsa'), clock);
      const made = join(folder, 'made');
      const run = () =>
        promisify(execFile)(
          process.execPath,
          [join(projectRoot, 'cli.ts'), ...args(tsa.url), '-o', made],
          { cwd: projectRoot },
        );
      await run();
      t.true((await stat(made)).size > 1000);
      await writeFile(made, 'before');
      const error = await t.throwsAsync(run());
      t.like(error, { code: 3 });
      t.regex(error instanceof Error && 'stderr' in error ? String(error.stderr) : '', says);
      t.is(await readFile(made, 'utf8'), 'before');
      t.deepEqual((await readdir(folder)).sort(), ['made', 'tsa']);
    });
  });
}

/** Below /proc the system has folders and makes none. */
const onProc = existsSync('/proc/self') ? test : test.skip;
for (const [name, args] of [
  ['export', ['export']],
  ['policy export', ['policy', 'export', 'cryptrec-ls-0003-2022']],
] as const)
  onProc(`${name} -o to a place that is none ends, and says so`, async (t) => {
    t.timeout(120_000);
    await using archive = await createArchive();
    const config = await archive.writeConfig();
    await archive.open();
    await archive.close();
    const more = name === 'export' ? ['--config', config] : [];
    const output = '/proc/tokiwa/export';
    const error = await t.throwsAsync(
      promisify(execFile)(
        process.execPath,
        [join(projectRoot, 'cli.ts'), ...args, ...more, '-o', output],
        { cwd: archive.folder, timeout: 100_000 },
      ),
    );
    t.like(error, { code: 3 });
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    t.regex(said, /\/proc\/tokiwa\/export cannot be .* \(E[A-Z]+\)/);
  });
