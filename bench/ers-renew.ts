// Hash-tree renewal of files, beside `openssl dgst` over the same files with each of the two hashes: all of them are
// read once here, twice there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { renewHashTree } from '#archiver/evidence/renew-hash-tree.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import type { DocumentGroup, RenewalGroup } from '#archiver/evidence/types.ts';
import { readDocument } from '#archiver/stages/read-document.ts';
import { createWorld } from '../test/archiver/evidence/_world.ts';
import { print, timesOf, type Limit } from './measure.ts';

/** Files of so many octets, renewed from SHA-256 to SHA-512, beside `openssl dgst` with each of them. */
async function renewFiles(folder: string, count: number, size: number): Promise<void> {
  const documents = path.join(folder, 'documents');
  const evidence = path.join(folder, 'renewed');
  await mkdir(documents, { recursive: true });
  await mkdir(evidence);
  const names = Array.from({ length: count }, (_, index) => `${index}.bin`);
  const content = Buffer.alloc(size, 0x5a);
  for (const name of names) {
    content.fill(0x5a, 0, 16).write(name);
    await writeFile(path.join(documents, name), content);
  }
  const openOptions = { name: 'documents', folder: documents, access: 'read' } as const;
  await using files = await openFolderStore(openOptions);
  await using store = await openFolderStore({ name: 'e', folder: evidence, access: 'write' });
  const world = createWorld();
  const groups = names.map((name): DocumentGroup => {
    content.fill(0x5a, 0, 16).write(name);
    const digests = { 'SHA-256': createHash('sha256').update(content).digest('hex') };
    return { members: [{ store: 'documents', key: name, size, role: 'document', digests }] };
  });
  const first = await anchor(await world.context({ store }), {
    digestAlgorithm: 'SHA-256',
    groups: each(groups),
  });
  if (first.kind !== 'committed') throw new Error(`the batch is ${first.kind}`);
  const { id: batchId } = first.manifest;
  const renewing = groups.map(({ members }, index): RenewalGroup => ({
    position: { batchId, index },
    members: members.map((member) => ({
      ...member,
      read: (algorithms, options) =>
        readDocument(files, member.key, { ...options, algorithms, keep: 0 }),
    })),
  }));
  const { seconds, cpuSeconds } = await timesOf(async () => {
    const { renewedCount } = await renewHashTree(await world.context({ store }), {
      groups: each(renewing),
      toAlgorithm: 'SHA-512',
      onLeftOut: () => Promise.reject(new Error('a group was left out')),
    });
    if (renewedCount !== count) throw new Error(`${renewedCount} were renewed`);
  });
  const megabytes = (count * size) / 1e6;
  const twice = opensslTwice(documents, names);
  const limit = (which: 'seconds' | 'cpuSeconds'): readonly Limit[] =>
    twice ? [{ name: 'openssl dgst, twice', perSecond: megabytes / twice[which] }] : [];
  const name = `hash-tree renewal of ${count} files of ${Math.round(size / 1024)} KiB`;
  const unit = 'MB';
  print({ name, perSecond: megabytes / seconds, unit, limits: limit('seconds') });
  print({
    name: '  per second of CPU',
    perSecond: megabytes / cpuSeconds,
    unit,
    limits: limit('cpuSeconds'),
  });
}

/** Seconds of `openssl dgst` over the files, once with each hash; `undefined` where it is not here. */
function opensslTwice(
  folder: string,
  names: readonly string[],
): { readonly seconds: number; readonly cpuSeconds: number } | undefined {
  // Only as many names as a command may have; what is more is as much again.
  const few = names.slice(0, 2000);
  const script =
    'openssl dgst -sha256 "$@" > /dev/null && openssl dgst -sha512 "$@" > /dev/null; times';
  const started = performance.now();
  const { stdout, status } = spawnSync('sh', ['-c', script, 'sh', ...few], {
    cwd: folder,
    encoding: 'utf8',
  });
  const seconds = (performance.now() - started) / 1000;
  const [user, system] = (stdout?.trim().split('\n').at(-1) ?? '').split(' ').map((text) => {
    const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
    return Number(minutes) * 60 + Number(seconds);
  });
  const cpuSeconds = (user ?? NaN) + (system ?? NaN);
  if (status !== 0 || few.length === 0 || !Number.isFinite(cpuSeconds)) return undefined;
  const share = names.length / few.length;
  return { seconds: seconds * share, cpuSeconds: cpuSeconds * share };
}

async function* each<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
  await Promise.resolve();
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
try {
  await renewFiles(path.join(folder, 'small'), 20_000, 16 * 1024);
  await renewFiles(path.join(folder, 'large'), 400, 2 * 1024 * 1024);
} finally {
  await rm(folder, { recursive: true });
}
