// Digests of a folder's files by threads: what reading them gives, in the order of asking, and the plain way
// wherever a thread cannot.
import test, { type ExecutionContext } from 'ava';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDigestPool } from '#archiver/adapters/digest-pool.ts';
import { digestFile } from '#archiver/adapters/folder-digest.ts';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { digestBody } from '#archiver/digest-body.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DigestedObject, ObjectStore } from '#shared/ports/object-store.ts';
import { throwsCode } from './_store-contract.ts';

const { signal } = new AbortController();
const algorithms: readonly DigestAlgorithm[] = ['SHA-256', 'SHA-512', 'SHA3-256'];
const chunk = 256 * 1024;

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'tokiwa-digest-'));
  t.teardown(() => fs.rm(folder, { recursive: true, force: true }));
  return fs.realpath(folder);
}

/** Octets that differ from place to place, so that a chunk left out or taken twice shows. */
function content(size: number): Buffer {
  const octets = Buffer.alloc(size);
  for (let at = 0; at < size; at++) octets[at] = (at * 31 + (at >> 8)) & 0xff;
  return octets;
}

/** Asks a store so often that its threads are at work from then on. */
async function wakeThreads(store: ObjectStore, key: string): Promise<void> {
  for (let asked = 0; asked < 40; asked++)
    await store.digest?.(key, { signal, algorithms: ['SHA-256'], keep: 0 });
}

/** All of it, instants as texts. */
function shown({ entry, head, ...rest }: DigestedObject) {
  return {
    ...rest,
    ...entry,
    lastModified: entry.lastModified.toString(),
    head: Buffer.from(head).toString('latin1'),
  };
}

const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk + 5];

test('of files of every size, with and without their octets, as reading them gives', async (t) => {
  const folder = await newFolder(t);
  await using store = await openFolderStore({ name: 'd', folder, access: 'read' });
  await fs.mkdir(join(folder, '2026'));
  for (const size of sizes) await fs.writeFile(join(folder, `2026/${size}`), content(size));
  await wakeThreads(store, '2026/1');
  for (const size of sizes)
    for (const keep of [0, 10, chunk + 7, 10 * chunk]) {
      const options = { signal, algorithms, keep };
      const key = `2026/${size}`;
      const plain = await digestBody(await store.read(key, { signal }), options);
      const digested = await store.digest?.(key, options);
      t.deepEqual(digested && shown(digested), shown(plain), `${size} octets, ${keep} kept`);
      const direct = digestFile(Buffer.from(folder), { key, algorithms, keep });
      t.deepEqual(direct?.digests, Object.values(plain.digests));
    }
});

test('many at once: each answer is that of its file', async (t) => {
  const folder = await newFolder(t);
  await using pool = createDigestPool(Buffer.from(folder), { tasksBefore: 0, threads: 2 });
  const keys = Array.from({ length: 200 }, (_, index) => `${index}`);
  for (const key of keys) await fs.writeFile(join(folder, key), key.repeat(50));
  const found = await Promise.all(
    keys.map((key) => pool.digest({ key, algorithms, keep: 3 }, signal)),
  );
  t.deepEqual(
    found.map((one) => one?.digests),
    keys.map((key) => digestFile(Buffer.from(folder), { key, algorithms, keep: 0 })?.digests),
  );
  t.deepEqual(
    found.map((one) => Buffer.from(one?.head ?? []).toString()),
    keys.map((key) => key.repeat(3).slice(0, 3)),
  );
});

test('what cannot be read is refused as reading it is', async (t) => {
  const folder = await newFolder(t);
  await using store = await openFolderStore({ name: 'd', folder, access: 'read' });
  await fs.writeFile(join(folder, 'file'), 'x');
  await fs.mkdir(join(folder, 'folder'));
  await fs.symlink('file', join(folder, 'link'));
  await fs.symlink('folder', join(folder, 'way'));
  await wakeThreads(store, 'file');
  const digest = (key: string, options: object = {}) =>
    store.digest?.(key, { signal, algorithms, keep: 0, ...options }) ?? Promise.resolve();
  await throwsCode(t, () => digest('absent'), 'ERR_SOURCE_NOT_FOUND');
  await throwsCode(t, () => digest('folder'), 'ERR_SOURCE_NOT_FOUND');
  await throwsCode(t, () => digest('link'), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => digest('way/file'), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => digest('../file'), 'ERR_FORMAT_KEY');
  await throwsCode(t, () => digest('file', { versionId: '1' }), 'ERR_UNSUPPORTED_FEATURE');
});

test('a thread never answers for what only a link leads to', async (t) => {
  const folder = await newFolder(t);
  await fs.writeFile(join(folder, 'file'), 'x');
  await fs.symlink('file', join(folder, 'link'));
  const task = { algorithms, keep: 0 };
  t.truthy(digestFile(Buffer.from(folder), { ...task, key: 'file' }));
  t.is(digestFile(Buffer.from(folder), { ...task, key: 'link' }), undefined);
});

test('a thread that fails leaves its files to the plain way', async (t) => {
  const folder = await newFolder(t);
  const script = join(folder, 'fails.mjs');
  for (const body of ['process.exit(1)', 'throw new Error("no")', 'nonsense(']) {
    await fs.writeFile(script, body);
    await using pool = createDigestPool(Buffer.from(folder), {
      tasksBefore: 0,
      threads: 2,
      script: new URL(`file://${script}`),
    });
    const task = { key: 'fails.mjs', algorithms, keep: 0 };
    t.is(await pool.digest(task, signal), undefined, body);
    t.is(await pool.digest(task, signal), undefined, body);
  }
});

test('an aborted signal is heard while threads are at work', async (t) => {
  const folder = await newFolder(t);
  const script = join(folder, 'hangs.mjs');
  await fs.writeFile(script, 'setInterval(() => undefined, 1000)');
  await using pool = createDigestPool(Buffer.from(folder), {
    tasksBefore: 0,
    threads: 1,
    script: new URL(`file://${script}`),
  });
  const stop = new AbortController();
  const task = { key: 'hangs.mjs', algorithms, keep: 0 };
  const asked = pool.digest(task, stop.signal);
  stop.abort(new Error('enough'));
  await t.throwsAsync(asked, { message: 'enough' });
});
