// a document is deleted when its retention has ended, by whom the journal says; every other proof stays,
// through both renewals, and a catalogue made anew knows of it no more.
import test from 'ava';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { deleteDocument, type DeleteOptions } from '#archiver/delete.ts';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { askedBy, assertSound, createArchive, kindsOf, type TestArchive } from './_night.ts';

const { signal } = new AbortController();
const ended = JSON.stringify({ rule: 'jp-medical-record', start: '2010-04-01' });
const running = JSON.stringify({ rule: 'jp-medical-record', start: '2026-04-01' });

async function archiveOf(files: Readonly<Record<string, string>>): Promise<TestArchive> {
  const archive = await createArchive({}, { tsuDays: 300, signatureDigest: 'SHA-512' });
  for (const [key, content] of Object.entries(files)) await archive.put(key, content);
  await archive.night();
  return archive;
}

async function writable(archive: TestArchive): Promise<ObjectStore> {
  return openFolderStore({ name: 'documents', folder: archive.documents, access: 'write' });
}

async function remove(
  archive: TestArchive,
  key: string,
  options: Partial<DeleteOptions> = {},
): Promise<{ readonly documents: number; readonly batches: number }> {
  const deps = await (await archive.open()).night(signal);
  const at = archive.clock.now();
  return deleteDocument(deps, await archive.row(key), { by: 'Registrar', at, signal, ...options });
}

/** Everything that names a document in the evidence store but the journal, which keeps the record. */
async function namedIn(archive: TestArchive, key: string): Promise<readonly string[]> {
  const tree = await archive.evidenceTree();
  return [...tree]
    .filter(([name]) => !name.startsWith('journal/'))
    .filter(([, octets]) => Buffer.from(octets, 'base64').includes(key))
    .map(([name]) => name);
}

/** Names and octets, as one text each: short in a failed test. */
async function treeOf(archive: TestArchive): Promise<readonly string[]> {
  const tree = [...(await archive.evidenceTree())].filter(([name]) => name !== 'lease.json');
  return tree.map(([name, octets]) => `${name} ${toHex(digest('SHA-256', Buffer.from(octets)))}`);
}

const group = {
  'a.txt': 'a',
  'a.txt.p7s': 'no signature, but named as one',
  'a.txt.retention.json': ended,
  'a.txt.p7s.retention.json': ended,
  'b.txt': 'b',
  'c.txt': 'c',
};

test('with its document: named nowhere, recorded, and the others stay proved through both renewals', async (t) => {
  await using archive = await archiveOf(group);
  await using documents = await writable(archive);
  t.deepEqual(await remove(archive, 'a.txt', { documents }), { documents: 2, batches: 1 });
  t.deepEqual(await archive.states(), { 'b.txt': 'protected', 'c.txt': 'protected' });
  t.deepEqual(await namedIn(archive, 'a.txt'), []);
  for (const key of ['a.txt', 'a.txt.p7s', 'a.txt.retention.json'])
    await t.throwsAsync(readFile(path.join(archive.documents, key)), { code: 'ENOENT' });
  const journal = await Array.fromAsync(
    (await archive.open()).evidence.journal.readFrom(1, signal),
  );
  const entries = journal.flatMap(({ entries: all }) => all);
  t.deepEqual(
    entries.flatMap((entry) =>
      entry.kind === 'deleted' ? [[entry.document.key, entry.by] as const] : [],
    ),
    [
      ['a.txt', 'Registrar'],
      ['a.txt.p7s', 'Registrar'],
    ],
  );
  t.deepEqual((await archive.nightAfter(1, { reread: 'whole' })).findings, []);
  await assertSound(t, archive);
  const renewal = await archive.nightAfter(219);
  t.is(renewal.timestampRenewals, 1, JSON.stringify(renewal.findings));
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }] },
  });
  t.is((await archive.nightAfter(1)).hashTreeRenewals, 2);
  await assertSound(t, archive);
});

test('one that is gone already needs no word about the document', async (t) => {
  await using archive = await archiveOf({
    'a.txt': 'a',
    'a.txt.retention.json': ended,
    'b.txt': 'b',
  });
  await t.throwsAsync(remove(archive, 'a.txt'), {
    code: 'ERR_CONFIG_USAGE',
    message: /--document/,
  });
  await rm(path.join(archive.documents, 'a.txt'));
  t.deepEqual(kindsOf(await archive.nightAfter(1)), ['missing']);
  t.deepEqual(await remove(archive, 'a.txt'), { documents: 1, batches: 1 });
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  await assertSound(t, archive);
});

test('a batch that never counted names it no more, either', async (t) => {
  await using archive = await createArchive();
  for (const [key, content] of Object.entries(group)) await archive.put(key, content);
  await archive.night({
    deps: askedBy(() =>
      Promise.reject(new SourceError('ERR_SOURCE_REFUSED', 'no', { retryable: false })),
    ),
  });
  await archive.nightAfter(1);
  t.is((await namedIn(archive, 'a.txt')).length, 2);
  await using documents = await writable(archive);
  t.deepEqual(await remove(archive, 'a.txt', { documents }), { documents: 2, batches: 1 });
  t.deepEqual(await namedIn(archive, 'a.txt'), []);
  await assertSound(t, archive);
});

type Kept = {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly before?: (archive: TestArchive) => Promise<unknown>;
  readonly says: RegExp;
};

const kept: readonly Kept[] = [
  {
    what: 'whose retention goes on',
    files: { 'a.txt': 'a', 'a.txt.retention.json': running },
    says: /ends on 2031/,
  },
  { what: 'without a known end', files: { 'a.txt': 'a' }, says: /no known end/ },
  {
    what: 'whose signature is to be kept longer',
    files: { 'a.txt': 'a', 'a.txt.retention.json': ended, 'a.txt.p7s': 's' },
    says: /a\.txt\.p7s.*no known end/,
  },
  {
    what: 'that belongs to another',
    files: { 'a.txt': 'a', 'a.txt.p7s': 's', 'a.txt.p7s.retention.json': ended },
    key: 'a.txt.p7s',
    says: /belongs to another/,
  },
  {
    what: 'under whose key other content stands',
    files: { 'a.txt': 'a', 'a.txt.retention.json': ended },
    before: async (archive) => {
      await archive.put('a.txt', 'something else');
      await archive.nightAfter(1);
    },
    says: /other content/,
  },
  {
    what: 'that was written since the last run',
    files: { 'a.txt': 'a', 'a.txt.retention.json': ended },
    before: (archive) => archive.put('a.txt', 'something else'),
    says: /since the last run/,
  },
];

for (const { what, files, key = 'a.txt', before, says } of kept)
  test(`a document ${what} is not deleted`, async (t) => {
    await using archive = await archiveOf(files);
    await before?.(archive);
    const tree = await treeOf(archive);
    await using documents = await writable(archive);
    await t.throwsAsync(remove(archive, key, { documents }), { message: says });
    t.deepEqual(await treeOf(archive), tree);
    t.truthy(await readFile(path.join(archive.documents, key)));
  });

test('a hold keeps it, and so does a lock of its store: nothing is changed', async (t) => {
  await using archive = await archiveOf(group);
  const { catalogue } = await archive.open();
  const row = await archive.row('a.txt');
  const { retention } = row;
  await catalogue.updateDocument(row.id, { retention: { ...retention, hold: true } });
  await t.throwsAsync(remove(archive, 'a.txt'), { message: /on hold/ });
  await catalogue.updateDocument(row.id, { retention });
  const tree = await treeOf(archive);
  const store = await writable(archive);
  await using _store = store;
  const locked: ObjectStore = {
    ...store,
    remove: () =>
      Promise.reject(
        new SourceError('ERR_SOURCE_REFUSED', 'object is WORM protected', { retryable: false }),
      ),
  };
  await t.throwsAsync(remove(archive, 'a.txt', { documents: locked }), {
    code: 'ERR_SOURCE_REFUSED',
  });
  t.deepEqual(await treeOf(archive), tree);
  await assertSound(t, archive);
});

/** Where a deletion is broken off, and who finishes it. */
const brokenOff = (['journal/', 'batches/'] as const).flatMap((stop) =>
  (['the same call', 'the next night'] as const).map((finisher) => ({ stop, finisher })),
);

for (const { stop, finisher } of brokenOff)
  test(`broken off before it writes to ${stop}, ${finisher} finishes it`, async (t) => {
    await using archive = await archiveOf(group);
    await using documents = await writable(archive);
    const deps = await (await archive.open()).night(signal);
    const { objects, journal } = deps.evidence;
    const killed = () => Promise.reject(new Error('killed'));
    const evidence = {
      ...deps.evidence,
      objects: {
        ...objects,
        write: (...args: Parameters<typeof objects.write>) =>
          args[0].startsWith(stop) ? killed() : objects.write(...args),
      },
      journal: stop === 'journal/' ? { ...journal, append: killed } : journal,
    };
    const at = archive.clock.now();
    const options = { by: 'Registrar', at, documents, signal };
    const row = await archive.row('a.txt');
    await t.throwsAsync(deleteDocument({ ...deps, evidence }, row, options), { message: 'killed' });
    if (finisher === 'the same call')
      t.deepEqual(await remove(archive, 'a.txt', { documents }), { documents: 2, batches: 1 });
    else t.deepEqual(kindsOf(await archive.nightAfter(1)), ['deletion']);
    t.deepEqual(await namedIn(archive, 'a.txt'), []);
    t.deepEqual((await archive.nightAfter(1, { reread: 'whole' })).findings, []);
    await assertSound(t, archive);
  });

test('said, and broken off before the document goes: it stays, and the next night knows of nothing', async (t) => {
  await using archive = await archiveOf(group);
  const store = await writable(archive);
  await using _store = store;
  const { objects } = (await archive.open()).evidence;
  const dying: ObjectStore = {
    ...store,
    remove: async () => {
      // The process ends here: what it would tidy up stays.
      for await (const { key } of objects.list({ prefix: 'deletions/', signal })) {
        const { body } = await objects.read(key, { signal });
        const [octets] = await Array.fromAsync(body);
        kept.set(key, octets ?? new Uint8Array());
      }
      throw new Error('killed');
    },
  };
  const kept = new Map<string, Uint8Array>();
  await t.throwsAsync(remove(archive, 'a.txt', { documents: dying }), { message: 'killed' });
  t.is(kept.size, 1);
  for (const [key, octets] of kept) await objects.write(key, octets, { signal });
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  t.deepEqual(Object.keys(await archive.states()).length, 4);
  t.deepEqual(await Array.fromAsync(objects.list({ prefix: 'deletions/', signal })), []);
  await assertSound(t, archive);
});

test('half of it gone: told every night until it is said again', async (t) => {
  await using archive = await archiveOf(group);
  const store = await writable(archive);
  await using _store = store;
  const dying: ObjectStore = {
    ...store,
    remove: (key, options) =>
      key.includes('p7s') ? Promise.reject(new Error('killed')) : store.remove(key, options),
  };
  await t.throwsAsync(remove(archive, 'a.txt', { documents: dying }), { message: 'killed' });
  t.true(kindsOf(await archive.nightAfter(1)).includes('deletion'));
  t.deepEqual(await remove(archive, 'a.txt', { documents: store }), { documents: 2, batches: 1 });
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  await assertSound(t, archive);
});
