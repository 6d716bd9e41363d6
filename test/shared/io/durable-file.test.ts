// Files whole or not at all: failures and crashes leave the old state.
import test, { type ExecutionContext } from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFile, replaceFile, writeNewFile } from '#shared/io/durable-file.ts';

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'tokiwa-durable-'));
  t.teardown(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

async function* chunks(...parts: readonly string[]) {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
}

test('a new file holds its content, has its mode and takes no name that is in use', async (t) => {
  const path = join(await newFolder(t), 'x');
  t.is(await writeNewFile(path, chunks('ab', '', 'c'), { mode: 0o600 }), 3);
  t.is(await fs.readFile(path, 'utf8'), 'abc');
  t.is((await fs.stat(path)).mode & 0o777, 0o600);
  await t.throwsAsync(() => writeNewFile(path, Buffer.from('y')), { code: 'EEXIST' });
  t.is(await fs.readFile(path, 'utf8'), 'abc');
});

test('content that fails, or an aborted signal, leaves no file', async (t) => {
  const folder = await newFolder(t);
  const failing = async function* () {
    yield* chunks('ab');
    throw new RangeError('broke');
  };
  await t.throwsAsync(() => writeNewFile(join(folder, 'x'), failing()), { message: 'broke' });
  const stop = new AbortController();
  const aborting = async function* () {
    yield* chunks('ab');
    stop.abort(new Error('stopped'));
    yield* chunks('cd');
  };
  const { signal } = stop;
  await t.throwsAsync(() => writeNewFile(join(folder, 'x'), aborting(), { signal }), {
    message: 'stopped',
  });
  t.deepEqual(await fs.readdir(folder), []);
});

test('a file is replaced; where that fails the old one stays and nothing beside it', async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, 'x');
  await replaceFile(path, Buffer.from('old'), { mode: 0o600 });
  await replaceFile(path, Buffer.from('new'), { mode: 0o600 });
  t.is(await fs.readFile(path, 'utf8'), 'new');
  await fs.mkdir(join(folder, 'folder'));
  await t.throwsAsync(() => replaceFile(join(folder, 'folder'), Buffer.from('x')), {
    code: 'EISDIR',
  });
  t.deepEqual((await fs.readdir(folder)).toSorted(), ['folder', 'x']);
});

test('of many that make one file exactly one is told so', async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, 'x');
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => createFile(path, Buffer.from(`writer ${index}`))),
  );
  t.deepEqual(results.filter(Boolean), [true]);
  t.is(await fs.readFile(path, 'utf8'), `writer ${results.indexOf(true)}`);
  t.deepEqual(await fs.readdir(folder), ['x']);
});

test('killed at any moment, a replaced file is the old or the new one whole', async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, 'x');
  const script = `
    import { replaceFile } from '#shared/io/durable-file.ts';
    for (let n = 0; ; n++) {
      await replaceFile(process.argv[1], Buffer.alloc(200_000, 97 + (n % 26)));
      if (n === 0) console.log('started');
    }`;
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: join(import.meta.dirname, '../../..'),
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const content = await fs.readFile(path);
    t.is(content.length, 200_000);
    t.true(content.every((octet) => octet === content[0]));
  }
});
