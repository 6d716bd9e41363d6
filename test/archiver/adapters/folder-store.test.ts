// The folder store: the contract, and what only a folder has: files of others, links, odd names.
import test, { type ExecutionContext } from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import type { SkippedFile } from '#archiver/adapters/folder-list.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { collect } from '../../_faulty-store.ts';
import { testStoreContract, throwsCode } from './_store-contract.ts';

const { signal } = new AbortController();
const absent = { signal, condition: { kind: 'absent' } } as const;

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'tokiwa-folder-'));
  t.teardown(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openIn(folder: string, skipped: SkippedFile[] = []): Promise<ObjectStore> {
  return openFolderStore({
    name: 'documents',
    folder,
    access: 'write',
    onSkipped: (one) => skipped.push(one),
  });
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(store.list({ signal }))).map((entry) => entry.key);
}

async function contentOf(store: ObjectStore, key: string): Promise<string> {
  return (await collect((await store.read(key, { signal })).body)).toString();
}

/** Another process on the same folder; `script` finds its arguments from `process.argv[1]` on. */
function startScript(script: string, args: readonly string[], prefix: readonly string[] = []) {
  const [command, ...before] =
    prefix.length > 0 ? [...prefix, process.execPath] : [process.execPath];
  return spawn(command, [...before, '--input-type=module', '-e', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: join(import.meta.dirname, '../../..'),
  });
}

testStoreContract(test, 'folder', {
  open: async (t) => openIn(await newFolder(t)),
  oddKeys: [
    '契約書/2026年/見積(最終).pdf',
    'が-composed',
    'か\u3099-decomposed',
    'sp ace+plus%25&amp;=#.txt',
    '-rf',
    '__proto__',
    'constructor/prototype',
    '.hidden/..a',
    `${'x'.repeat(255)}/${'y'.repeat(255)}`,
    '\u202egpj.exe',
  ],
  streamBytes: 2_000_000,
});

const refusedNewKeys = [
  '../outside',
  'a/../../b',
  '/abs',
  '//double',
  'a//b',
  './a',
  '.',
  '..',
  'a/',
  'x'.repeat(256),
  `${'日'.repeat(85)}x`,
  'a\u0001b',
  'a\nb',
  'a\u007fb',
  ' lead',
  'trail ',
  'trail.',
  'a\\..\\b',
  'c:stream',
  '.tokiwa-store/lock',
  '.tokiwa-store',
  '%not-utf8:a%FF',
  '%not-utf8:%2E%2E',
  '%not-utf8:a%2Fb',
];
for (const key of refusedNewKeys)
  test(`a new key is refused: ${JSON.stringify(key.slice(0, 40))}`, async (t) => {
    const folder = await newFolder(t);
    await using store = await openIn(folder);
    await throwsCode(t, () => store.write(key, Buffer.from('x'), absent), 'ERR_FORMAT_KEY');
    t.deepEqual(await fs.readdir(folder), ['.tokiwa-store']);
    t.deepEqual(await fs.readdir(join(folder, '.tokiwa-store')), ['lock']);
  });

for (const key of ['../secret', '/etc/passwd', 'a/../../secret', '%not-utf8:..%2Fsecret'])
  test(`reading never leaves the folder: ${key}`, async (t) => {
    const folder = await newFolder(t);
    await fs.writeFile(join(folder, 'secret'), 'secret');
    await fs.mkdir(join(folder, 'inside'));
    await using store = await openIn(join(folder, 'inside'));
    await throwsCode(t, () => contentOf(store, key), 'ERR_FORMAT_KEY');
    await throwsCode(t, () => store.remove(key, { signal }), 'ERR_FORMAT_KEY');
    t.is(await fs.readFile(join(folder, 'secret'), 'utf8'), 'secret');
  });

test('files that a user dropped are read under the name that they have', async (t) => {
  const folder = await newFolder(t);
  const names = ['a\nb', ' lead', 'trail ', 'trail.', 'tab\there', 'back\\slash', 'esc\u001b]0;x'];
  for (const name of names) await fs.writeFile(join(folder, name), name);
  await using store = await openFolderStore({ name: 'documents', folder, access: 'read' });
  t.deepEqual((await keysOf(store)).toSorted(), names.toSorted());
  for (const name of names) t.is(await contentOf(store, name), name);
  t.deepEqual((await fs.readdir(folder)).toSorted(), names.toSorted(), 'reading leaves no trace');
});

test('a file with an odd name can be replaced under it', async (t) => {
  const folder = await newFolder(t);
  await fs.writeFile(join(folder, 'a\nb'), 'old');
  await using store = await openIn(folder);
  const { etag } = await store.head('a\nb', { signal });
  await store.write('a\nb', Buffer.from('new'), { signal, condition: { kind: 'match', etag } });
  t.is(await fs.readFile(join(folder, 'a\nb'), 'utf8'), 'new');
});

test('names that are not UTF-8 have stable keys that lead back to them', async (t) => {
  const folder = await newFolder(t);
  const names = ['61ff62', 'eda080', 'c0ae', 'ff'].map((hex) => Buffer.from(hex, 'hex'));
  // A valid name that looks like such a key must not become the same key.
  names.push(Buffer.from('%not-utf8:a%FFb'));
  for (const name of names)
    await fs.writeFile(Buffer.concat([Buffer.from(`${folder}/`), name]), name);
  await using store = await openFolderStore({ name: 'documents', folder, access: 'read' });
  const keys = await keysOf(store);
  t.deepEqual(keys, [
    '%not-utf8:%25not-utf8:a%25FFb',
    '%not-utf8:%C0%AE',
    '%not-utf8:%ED%A0%80',
    '%not-utf8:%FF',
    '%not-utf8:a%FFb',
  ]);
  const contents = await Promise.all(
    keys.map(async (key) =>
      (await collect((await store.read(key, { signal })).body)).toString('hex'),
    ),
  );
  t.deepEqual(contents.toSorted(), names.map((name) => name.toString('hex')).toSorted());
});

test('links and devices are left out and told, and nothing is read or written through them', async (t) => {
  const folder = await newFolder(t);
  const inside = join(folder, 'inside');
  await fs.mkdir(join(folder, 'outside'));
  await fs.writeFile(join(folder, 'outside', 'x'), 'secret');
  await fs.mkdir(inside);
  await fs.writeFile(join(inside, 'real'), 'real');
  await fs.symlink(join(folder, 'outside', 'x'), join(inside, 'file-link'));
  await fs.symlink(join(folder, 'outside'), join(inside, 'folder-link'));
  await fs.symlink('nowhere', join(inside, 'dangling'));
  const pipe = spawn('mkfifo', [join(inside, 'pipe')]);
  await once(pipe, 'exit');
  const skipped: SkippedFile[] = [];
  await using store = await openIn(inside, skipped);
  t.deepEqual(await keysOf(store), ['real']);
  t.deepEqual(skipped, [
    { key: 'dangling', reason: 'symbolic-link' },
    { key: 'file-link', reason: 'symbolic-link' },
    { key: 'folder-link', reason: 'symbolic-link' },
    { key: 'pipe', reason: 'special-file' },
  ]);
  for (const key of ['file-link', 'folder-link/x', 'dangling'])
    await throwsCode(t, () => contentOf(store, key), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => contentOf(store, 'pipe'), 'ERR_SOURCE_NOT_FOUND');
  for (const key of ['folder-link/x', 'folder-link/new', 'file-link'])
    await throwsCode(t, () => store.write(key, Buffer.from('y'), { signal }), 'ERR_SOURCE_REFUSED');
  t.deepEqual(await fs.readdir(join(folder, 'outside')), ['x']);
  t.is(await fs.readFile(join(folder, 'outside', 'x'), 'utf8'), 'secret');
});

test('a file cannot stand where a folder is, nor below a file', async (t) => {
  await using store = await openIn(await newFolder(t));
  await store.write('k', Buffer.from('1'), absent);
  await throwsCode(t, () => store.write('k/child', Buffer.from('2'), absent), 'ERR_SOURCE_REFUSED');
  await store.write('f/child', Buffer.from('3'), absent);
  await throwsCode(t, () => store.write('f', Buffer.from('4'), { signal }), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => store.write('f', Buffer.from('4'), absent), 'ERR_CONFLICT_EXISTS');
  await throwsCode(t, () => store.head('f', { signal }), 'ERR_SOURCE_NOT_FOUND');
  t.deepEqual(await keysOf(store), ['f/child', 'k']);
});

test('a store opened for reading writes nothing', async (t) => {
  const folder = await newFolder(t);
  await fs.writeFile(join(folder, 'x'), 'x');
  await using store = await openFolderStore({ name: 'documents', folder, access: 'read' });
  t.false(store.capabilities.conditionalWrites);
  await throwsCode(t, () => store.write('y', Buffer.from('y'), { signal }), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => store.remove('x', { signal }), 'ERR_SOURCE_REFUSED');
  t.deepEqual(await fs.readdir(folder), ['x']);
});

test('a folder that is not there is unreachable', async (t) => {
  const folder = join(await newFolder(t), 'unmounted');
  const error = await throwsCode(t, () => openIn(folder), 'ERR_SOURCE_UNREACHABLE');
  t.true(error.message.includes(folder));
  await fs.writeFile(folder, 'a file');
  await throwsCode(t, () => openIn(folder), 'ERR_SOURCE_REFUSED');
});

const changes: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ['appended to', (path) => fs.appendFile(path, 'x')],
  [
    'changed in place, its time set back',
    async (path) => {
      const { atime, mtime } = await fs.stat(path);
      const handle = await fs.open(path, 'r+');
      await handle.write('X', 0);
      await handle.utimes(atime, mtime);
      await handle.close();
    },
  ],
  ['cut short', (path) => fs.truncate(path, 1000)],
];
for (const [what, change] of changes)
  test(`a file that is ${what} while it is read is a conflict`, async (t) => {
    const folder = await newFolder(t);
    const path = join(folder, 'x');
    await fs.writeFile(path, Buffer.alloc(1_000_000));
    await using store = await openIn(folder);
    const { etag } = await store.head('x', { signal });
    const { body } = await store.read('x', { signal });
    await throwsCode(
      t,
      async () => {
        let first = true;
        for await (const part of body) {
          if (first && part.length > 0) await change(path);
          first = false;
        }
      },
      'ERR_CONFLICT_CHANGED',
    );
    t.not((await store.head('x', { signal })).etag, etag, 'a look-up shows the change too');
  });

test('a file replaced between look-up and reading is a conflict', async (t) => {
  const folder = await newFolder(t);
  await fs.writeFile(join(folder, 'x'), 'old');
  await using store = await openIn(folder);
  const { body } = await store.read('x', { signal });
  await fs.writeFile(join(folder, 'y'), 'new');
  await fs.rename(join(folder, 'y'), join(folder, 'x'));
  await throwsCode(t, () => collect(body), 'ERR_CONFLICT_CHANGED');
});

test('a replacement is newer than what it replaces, whatever the clock says', async (t) => {
  const folder = await newFolder(t);
  await using store = await openIn(folder);
  await fs.writeFile(join(folder, 'x'), 'from the future');
  await fs.utimes(join(folder, 'x'), 4_000_000_000, 4_000_000_000);
  const future = await store.head('x', { signal });
  await store.write('x', Buffer.from('now'), { signal });
  const now = await store.head('x', { signal });
  t.true(Temporal.Instant.compare(now.lastModified, future.lastModified) > 0);
});

const sidecars: readonly (readonly [string, string, object])[] = [
  ['both', '{"metadata":{"a":"1"},"tags":{"__proto__":"x"}}', { metadata: { a: '1' } }],
  [
    'one',
    '{"tags":{"retention-start":"2026-04-01"}}',
    { tags: { 'retention-start': '2026-04-01' } },
  ],
  ['no JSON', '{', { remark: 'doc.pdf.meta.json is not used: it is not JSON in UTF-8' }],
  ['a list', '[]', { remark: 'doc.pdf.meta.json is not used: it is not a JSON object' }],
  [
    'unknown',
    '{"tag":{}}',
    { remark: 'doc.pdf.meta.json is not used: it has the unknown key tag' },
  ],
  [
    'a number',
    '{"tags":{"a":1}}',
    { remark: 'doc.pdf.meta.json is not used: tags is not an object of strings' },
  ],
  [
    'a null',
    '{"metadata":null}',
    { remark: 'doc.pdf.meta.json is not used: metadata is not an object of strings' },
  ],
  [
    'too long',
    `{"metadata":{"a":"${'x'.repeat(65_536)}"}}`,
    { remark: 'doc.pdf.meta.json is not used: it is longer than 65536 octets' },
  ],
];
for (const [title, content, expected] of sidecars)
  test(`sidecar: ${title}`, async (t) => {
    const folder = await newFolder(t);
    await fs.writeFile(join(folder, 'doc.pdf'), 'x');
    await fs.writeFile(join(folder, 'doc.pdf.meta.json'), content);
    await using store = await openIn(folder);
    const head = await store.head('doc.pdf', { signal });
    t.like(head, { key: 'doc.pdf', ...expected });
    if (!('remark' in expected)) t.is(head.remark, undefined);
    t.deepEqual(await keysOf(store), ['doc.pdf', 'doc.pdf.meta.json']);
  });

test('unfinished writes are not listed; old ones are cleared at the next opening', async (t) => {
  const folder = await newFolder(t);
  const aside = join(folder, '.tokiwa-store');
  await fs.mkdir(aside);
  for (const name of ['unfinished-old', 'unfinished-new', 'kept'])
    await fs.writeFile(join(aside, name), 'x');
  const twoDaysAgo = new Date((await fs.stat(join(aside, 'kept'))).mtimeMs - 2 * 86_400_000);
  await fs.utimes(join(aside, 'unfinished-old'), twoDaysAgo, twoDaysAgo);
  await fs.utimes(join(aside, 'kept'), twoDaysAgo, twoDaysAgo);
  await using store = await openIn(folder);
  t.deepEqual(await keysOf(store), []);
  t.deepEqual((await fs.readdir(aside)).toSorted(), ['kept', 'lock', 'unfinished-new']);
});

test('a write past a size limit is told as full and leaves nothing', async (t) => {
  // The limit stands in for a full disk, which only a mounted one can show (interop).
  const folder = await newFolder(t);
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    process.on('SIGXFSZ', () => {});
    const { signal } = new AbortController();
    const store = await openFolderStore({ name: 's', folder: process.argv[1], access: 'write' });
    const error = await store.write('big', Buffer.alloc(1e6), { signal }).catch((e) => e);
    const keys = await Array.fromAsync(store.list({ signal }));
    console.log(JSON.stringify([error.code, keys.length]));`;
  const child = startScript(script, [folder], ['sh', '-c', 'ulimit -f 256; exec "$@"', 'sh']);
  const output = await collect(child.stdout);
  t.deepEqual(JSON.parse(output.toString()), ['ERR_SOURCE_FULL', 0]);
});

test('killed between file and rename: the old content stays', async (t) => {
  const folder = await newFolder(t);
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    const { signal } = new AbortController();
    const store = await openFolderStore({ name: 's', folder: process.argv[1], access: 'write' });
    await store.write('doc', Buffer.from('old'), { signal });
    await store.write('doc', (async function* () {
      yield Buffer.alloc(100_000, 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      console.log('written');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    })(), { signal });`;
  const child = startScript(script, [folder]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using store = await openIn(folder);
  t.is(await contentOf(store, 'doc'), 'old');
  t.deepEqual(await keysOf(store), ['doc']);
  t.is((await fs.readdir(join(folder, '.tokiwa-store'))).length, 2, 'lock and what was unfinished');
  await store.write('doc', Buffer.from('new'), { signal });
  t.is(await contentOf(store, 'doc'), 'new');
});

test('processes that replace what they read lose no update; a killed one holds up nobody', async (t) => {
  const folder = await newFolder(t);
  await using store = await openIn(folder);
  await store.write('counter', Buffer.from('0'), absent);
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    const { signal } = new AbortController();
    const store = await openFolderStore({ name: 's', folder: process.argv[1], access: 'write' });
    for (let done = 0; done < Number(process.argv[2]); ) {
      try {
        const { entry, body } = await store.read('counter', { signal });
        const value = Number(Buffer.concat(await Array.fromAsync(body)).toString());
        await store.write('counter', Buffer.from(String(value + 1)),
          { signal, condition: { kind: 'match', etag: entry.etag } });
        done += 1;
        if (done === 1) console.log('started');
      } catch (error) {
        if (!String(error.code).startsWith('ERR_CONFLICT_')) throw error;
      }
    }`;
  const start = (count: number) => startScript(script, [folder, String(count)]);
  const workers = [start(40), start(40)];
  const exits = await Promise.all(workers.map((worker) => once(worker, 'exit')));
  t.deepEqual(exits, [
    [0, null],
    [0, null],
  ]);
  t.is(await contentOf(store, 'counter'), '80');
  const victim = start(1_000_000);
  await once(victim.stdout, 'data');
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  await store.write('counter', Buffer.from('free'), { signal });
  t.is(await contentOf(store, 'counter'), 'free');
});

test('a folder that goes while it is walked is simply gone', async (t) => {
  const folder = await newFolder(t);
  await fs.mkdir(join(folder, 'b'));
  await fs.writeFile(join(folder, 'b', 'x'), 'x');
  await fs.writeFile(join(folder, 'a'), 'a');
  const skipped: SkippedFile[] = [];
  await using store = await openIn(folder, skipped);
  const keys: string[] = [];
  for await (const { key } of store.list({ signal })) {
    keys.push(key);
    if (key === 'a') await fs.rm(join(folder, 'b'), { recursive: true });
  }
  t.deepEqual([keys, skipped], [['a'], []]);
});

test('an unreadable folder is told and the rest is listed; its objects are not missing', async (t) => {
  const folder = await newFolder(t);
  await fs.chmod(folder, 0o755);
  await fs.mkdir(join(folder, 'closed'), 0o755);
  await fs.writeFile(join(folder, 'closed', 'x'), 'x');
  await fs.writeFile(join(folder, 'z'), 'z');
  await fs.chmod(join(folder, 'closed'), 0o000);
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    const { signal } = new AbortController();
    const skipped = [];
    const store = await openFolderStore({ name: 's', folder: process.argv[1], access: 'read',
      onSkipped: (one) => skipped.push(one) });
    await store.head('z', { signal });
    // The super user may read everything.
    if (process.getuid() === 0) process.setuid(65534);
    const keys = (await Array.fromAsync(store.list({ signal }))).map((entry) => entry.key);
    const error = await store.head('closed/x', { signal }).catch((e) => e);
    console.log(JSON.stringify({ keys, skipped, code: error.code }));`;
  const output = await collect(startScript(script, [folder]).stdout);
  t.deepEqual(JSON.parse(output.toString()), {
    keys: ['z'],
    skipped: [{ key: 'closed/', reason: 'not-readable' }],
    code: 'ERR_SOURCE_REFUSED',
  });
  await fs.chmod(join(folder, 'closed'), 0o755);
});

// In a process of its own: what other tests take meanwhile would count.
test('a streamed document keeps memory flat', async (t) => {
  t.timeout(900_000);
  const folder = await newFolder(t);
  const count = process.env['TEST_LONG'] === '1' ? 5120 : 256;
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    const { signal } = new AbortController();
    const [folder, count] = process.argv.slice(1);
    const store = await openFolderStore({ name: 's', folder, access: 'write' });
    const before = process.memoryUsage.rss();
    await store.write('big', (async function* () {
      for (let part = 0; part < Number(count); part++) yield Buffer.alloc(1 << 20, part);
    })(), { signal });
    let length = 0;
    let peak = 0;
    for await (const part of (await store.read('big', { signal })).body) {
      length += part.length;
      peak = Math.max(peak, process.memoryUsage.rss() - before);
    }
    await store[Symbol.asyncDispose]();
    console.log(JSON.stringify([length, peak]));`;
  const output = await collect(startScript(script, [folder, String(count)]).stdout);
  const [length, peak = Infinity] = JSON.parse(output.toString()) as readonly number[];
  t.is(length, count * (1 << 20));
  t.true(peak < 100 * (1 << 20), `${peak} octets more than before`);
});
