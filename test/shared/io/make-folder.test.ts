// A folder and those above it: made, left as they are, or refused with the system's word for it; and always to an end.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-folder-'));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('with those above it, once and again, and by several at once', async (t) => {
  await inFolder(async (folder) => {
    const deep = path.join(folder, 'a', 'b', 'c');
    await Promise.all([1, 2, 3, 4].map(() => makeFolder(deep)));
    await makeFolder(deep);
    t.true((await stat(deep)).isDirectory());
  });
});

test('with a mode', async (t) => {
  await inFolder(async (folder) => {
    await makeFolder(path.join(folder, 'a', 'b'), { mode: 0o700 });
    for (const name of ['a', 'a/b'])
      t.is((await stat(path.join(folder, name))).mode & 0o777, 0o700);
  });
});

for (const [what, name, code] of [
  ['a file', 'file', 'EEXIST'],
  ['below a file', 'file/folder', 'ENOTDIR'],
  ['a link that leads nowhere', 'link', 'EEXIST'],
] as const)
  test(`${what} is no folder, and stays as it is`, async (t) => {
    await inFolder(async (folder) => {
      await writeFile(path.join(folder, 'file'), 'content');
      await symlink(path.join(folder, 'nowhere'), path.join(folder, 'link'));
      await t.throwsAsync(makeFolder(path.join(folder, name)), { code });
      t.false(existsSync(path.join(folder, 'nowhere')));
    });
  });

const onProc = existsSync('/proc/self') ? test : test.skip;
for (const place of ['/proc/tokiwa', '/proc/tokiwa/export', '/proc/self/tokiwa/export'])
  onProc(`${place} is refused and not tried without end`, async (t) => {
    // Who may not write there at all is told that.
    const error = await t.throwsAsync(makeFolder(place));
    t.regex(String(systemErrorCode(error)), /^(?:ENOENT|EACCES|EPERM|EROFS)$/);
  });
