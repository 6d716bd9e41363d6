// A log that only grows: durable in order, whole records, honest about what it does not know.
import test, { type ExecutionContext } from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAppendLog } from '#shared/io/append-log.ts';

async function newPath(t: ExecutionContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'tokiwa-log-'));
  t.teardown(() => fs.rm(folder, { recursive: true, force: true }));
  return join(folder, 'log');
}

test('appends stand in the order of the calls, each in one piece', async (t) => {
  const path = await newPath(t);
  const lines = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(index)}\n`);
  {
    await using log = await openAppendLog(path);
    await Promise.all(lines.map((line) => log.append(Buffer.from(line))));
    t.is(log.size(), lines.join('').length);
  }
  t.is(await fs.readFile(path, 'utf8'), lines.join(''));
  t.is((await fs.stat(path)).mode & 0o777, 0o600);
  {
    await using log = await openAppendLog(path);
    await log.append(Buffer.from('more\n'));
  }
  t.is(await fs.readFile(path, 'utf8'), `${lines.join('')}more\n`);
});

test('a torn tail is cut off where the caller says', async (t) => {
  const path = await newPath(t);
  await fs.writeFile(path, 'whole\nhal');
  {
    await using log = await openAppendLog(path, { size: 6 });
    t.is(log.size(), 6);
    await log.append(Buffer.from('next\n'));
  }
  t.is(await fs.readFile(path, 'utf8'), 'whole\nnext\n');
});

test('closed, it takes no more; what waited is written', async (t) => {
  const path = await newPath(t);
  const log = await openAppendLog(path);
  const waiting = log.append(Buffer.from('a'));
  await log[Symbol.asyncDispose]();
  await waiting;
  await t.throwsAsync(() => log.append(Buffer.from('b')), { code: 'ERR_INVARIANT_STATE' });
  await log[Symbol.asyncDispose]();
  t.is(await fs.readFile(path, 'utf8'), 'a');
});

test('what does not fit is refused whole, and the log goes on', async (t) => {
  const path = await newPath(t);
  const script = `
    import { openAppendLog } from '#shared/io/append-log.ts';
    process.on('SIGXFSZ', () => {});
    const log = await openAppendLog(process.argv[1]);
    await log.append(Buffer.alloc(1000, 97));
    const error = await log.append(Buffer.alloc(500_000, 98)).catch((e) => e);
    await log.append(Buffer.alloc(10, 99));
    console.log(JSON.stringify([error.code, log.size()]));`;
  const child = spawn(
    'sh',
    [
      '-c',
      'ulimit -f 256; exec "$@"',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      path,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(import.meta.dirname, '../../..') },
  );
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  t.deepEqual(JSON.parse(output.toString()), ['EFBIG', 1010]);
  t.is(await fs.readFile(path, 'utf8'), `${'a'.repeat(1000)}${'c'.repeat(10)}`);
});

test('killed, it has at least every record that was promised', async (t) => {
  const path = await newPath(t);
  const script = `
    import { writeSync } from 'node:fs';
    import { openAppendLog } from '#shared/io/append-log.ts';
    const log = await openAppendLog(process.argv[1]);
    for (let n = 0; ; n++) {
      await log.append(Buffer.from(n + '\\n'));
      writeSync(1, n + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: join(import.meta.dirname, '../../..'),
  });
  let promised = '';
  child.stdout.on('data', (data: Buffer) => {
    promised += data.toString();
    if (promised.length > 200) child.kill('SIGKILL');
  });
  await once(child, 'close');
  t.true(
    (await fs.readFile(path, 'utf8')).startsWith(promised.slice(0, promised.lastIndexOf('\n') + 1)),
  );
});
