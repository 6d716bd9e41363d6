// Documents that change, go, rot or cannot be read: each is a finding with its key, its evidence stays,
// the others are protected and renewed, and the next good night heals what can be healed.
import test from 'ava';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { acceptAsNew } from '#archiver/accept.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { ConflictError, SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { assertSound, createArchive, kindsOf, messageOf, type TestArchive } from './_night.ts';

const { signal } = new AbortController();

/** The documents' store with another `read` or `list`. */
function withStore(
  change: (store: ObjectStore) => Partial<ObjectStore>,
): (deps: NightDependencies) => NightDependencies {
  return (deps) => ({
    ...deps,
    stores: new Map(
      [...deps.stores].map(([name, store]) => [
        name,
        // What a test changes is how the store reads.
        { ...store, digest: undefined, ...change(store) },
      ]),
    ),
  });
}

/** Octets that the disk gives back wrongly although nothing was written. */
const rotten = (key: string) =>
  withStore((store) => ({
    read: async (name, options) => {
      const { entry, body } = await store.read(name, options);
      const wrong = async function* () {
        for await (const chunk of body) yield chunk.map((octet) => octet ^ 1);
      };
      return { entry, body: name === key ? wrong() : body };
    },
  }));

const failing = (key: string, error: Error) =>
  withStore((store) => ({
    read: (name, options) => (name === key ? Promise.reject(error) : store.read(name, options)),
  }));

test('changed: not stamped, found each night, and taken in as new by the operator’s word', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'first');
  await archive.put('b.txt', 'b');
  await archive.night();
  const before = await archive.record('a.txt');
  await archive.put('a.txt', 'second');
  for (let again = 0; again < 2; again++) {
    const night = await archive.nightAfter(1);
    t.deepEqual(kindsOf(night), ['changed']);
    t.is(night.findings[0]?.key, 'a.txt');
    t.is(night.tokensBought, 0);
  }
  t.deepEqual(await archive.states(), { 'a.txt': 'changed', 'b.txt': 'protected' });
  t.deepEqual(await archive.record('a.txt'), before, 'the old evidence stays');

  const deps = await (await archive.open()).night(signal);
  const options = { by: 'operator', at: archive.clock.now(), signal };
  await acceptAsNew(deps, await archive.row('a.txt'), options);
  const night = await archive.nightAfter(1);
  t.is(night.outcome, 'ok', JSON.stringify(night.findings));
  t.is(night.protectedGroups, 1);
  const rows = (await archive.rows()).filter(({ key }) => key === 'a.txt');
  t.deepEqual(
    rows.map(({ state }) => state),
    ['changed', 'protected'],
  );
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  await assertSound(t, archive);
});

const root = issueRoot();
const signer = issueSigner(root);
const detachedOver = (content: string): Uint8Array =>
  buildTestCms({ signer, content: new TextEncoder().encode(content), detached: true });

/** A letter and its signature, both written over since, and known to be. */
async function rewritten(signature: Uint8Array): Promise<TestArchive> {
  const archive = await createArchive({
    signers: { anchors: ['signers/root.der'], crls: ['signers/root.crl'] },
  });
  const thisUpdate = archive.clock.now().subtract({ hours: 1 });
  const crl = issueCrl({ issuer: root, thisUpdate, nextUpdate: '2039-01-01T00:00:00Z' });
  await archive.put('../signers/root.der', root.certificate.raw);
  await archive.put('../signers/root.crl', crl.raw);
  await archive.put('letter.txt', 'first');
  await archive.put('letter.txt.p7s', detachedOver('first'));
  await archive.night();
  await archive.put('letter.txt', 'second');
  await archive.put('letter.txt.p7s', signature);
  await archive.nightAfter(1);
  return archive;
}

async function accept(archive: TestArchive, key: string): Promise<void> {
  const deps = await (await archive.open()).night(signal);
  const options = { by: 'operator', at: archive.clock.now(), signal };
  await acceptAsNew(deps, await archive.row(key), options);
}

test('a detached signature that is accepted is judged over its document, which has to be accepted first', async (t) => {
  await using archive = await rewritten(detachedOver('second'));
  await t.throwsAsync(accept(archive, 'letter.txt.p7s'), {
    code: 'ERR_CONFIG_USAGE',
    message: /"letter\.txt".* accept that first/,
  });
  for (const key of ['letter.txt', 'letter.txt.p7s']) await accept(archive, key);
  t.is((await archive.row('letter.txt.p7s')).intake.status, 'valid');
  t.is((await archive.nightAfter(1)).outcome, 'ok');
  t.deepEqual(await archive.states(), {
    'letter.txt': 'protected',
    'letter.txt.p7s': 'protected',
  });
  await assertSound(t, archive);
});

test('an accepted signature that is over other content is not valid', async (t) => {
  await using archive = await rewritten(detachedOver('third'));
  for (const key of ['letter.txt', 'letter.txt.p7s']) await accept(archive, key);
  t.is((await archive.row('letter.txt.p7s')).intake.status, 'not-valid');
});

test('an accepted signature whose document is gone is judged as one without content', async (t) => {
  await using archive = await rewritten(detachedOver('second'));
  await accept(archive, 'letter.txt');
  await rm(path.join(archive.documents, 'letter.txt'));
  await archive.nightAfter(1);
  await accept(archive, 'letter.txt.p7s');
  t.is((await archive.row('letter.txt.p7s')).intake.status, 'indeterminate');
});

test('changed and restored: protected again without a token', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'first');
  await archive.night();
  await archive.put('a.txt', 'second');
  t.deepEqual(kindsOf(await archive.nightAfter(1)), ['changed']);
  await archive.put('a.txt', 'first');
  const night = await archive.nightAfter(1);
  t.deepEqual(night.findings, []);
  t.is(night.tokensBought, 0);
  t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
  await assertSound(t, archive);
});

test('gone: missing until it is there again', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  await rm(path.join(archive.documents, 'a.txt'));
  for (let again = 0; again < 2; again++) {
    const night = await archive.nightAfter(1);
    t.deepEqual(kindsOf(night), ['missing']);
    t.is(night.findings[0]?.key, 'a.txt');
  }
  t.deepEqual(await archive.states(), { 'a.txt': 'missing', 'b.txt': 'protected' });
  await assertSound(t, archive);
  await archive.put('a.txt', 'a');
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  t.deepEqual(await archive.states(), { 'a.txt': 'protected', 'b.txt': 'protected' });
  await assertSound(t, archive);
});

test('bit rot: broken, left out of a hash-tree renewal that the others get', async (t) => {
  await using archive = await createArchive();
  for (const key of ['a.txt', 'b.txt', 'c.txt']) await archive.put(key, key);
  await archive.night();
  const deps = rotten('b.txt');
  const night = await archive.nightAfter(1, { deps, reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken']);
  t.is(night.findings[0]?.key, 'b.txt');
  t.deepEqual(await archive.states(), {
    'a.txt': 'protected',
    'b.txt': 'broken',
    'c.txt': 'protected',
  });

  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-02-15' }] },
  });
  const renewal = await archive.nightAfter(1, { deps });
  t.is(renewal.hashTreeRenewals, 2, JSON.stringify(renewal.findings, undefined, 1));
  t.is(renewal.tokensBought, 1);
  await assertSound(t, archive, { notJudged: ['a.txt', 'c.txt'] });

  const whole = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(await archive.states(), {
    'a.txt': 'protected',
    'b.txt': 'protected',
    'c.txt': 'protected',
  });
  t.is(whole.hashTreeRenewals, 0);
  t.is((await archive.nightAfter(1)).hashTreeRenewals, 1, 'read well again, it follows');
  await assertSound(t, archive);
});

test('bit rot found by the hash-tree renewal itself', async (t) => {
  await using archive = await createArchive();
  for (const key of ['a.txt', 'b.txt']) await archive.put(key, key);
  await archive.night();
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-02-15' }] },
  });
  const renewal = await archive.nightAfter(1, { deps: rotten('b.txt'), reread: 'none' });
  t.is(renewal.hashTreeRenewals, 1);
  t.true(kindsOf(renewal).includes('broken'));
  t.is((await archive.row('b.txt')).state, 'broken');
  await assertSound(t, archive);
});

for (const error of [
  new SourceError('ERR_SOURCE_UNREACHABLE', 'EIO: i/o error', { retryable: true }),
  new SourceError('ERR_SOURCE_REFUSED', 'EACCES: permission denied', { retryable: false }),
  new ConflictError('ERR_CONFLICT_CHANGED', 'written while it was read'),
])
  test(`${error.code} on one document: a finding, and the others are protected and renewed`, async (t) => {
    await using archive = await createArchive();
    for (const key of ['a.txt', 'b.txt', 'c.txt']) await archive.put(key, key);
    const deps = failing('b.txt', error);
    const first = await archive.night({ deps });
    t.deepEqual(kindsOf(first), ['unreadable']);
    t.is(first.findings[0]?.key, 'b.txt');
    t.is(first.protectedGroups, 2);
    t.is((await archive.nightAfter(1)).protectedGroups, 1);
    await archive.configure({
      algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-02-15' }] },
    });
    const renewal = await archive.nightAfter(1, { deps, reread: 'none' });
    t.deepEqual(kindsOf(renewal), ['unreadable']);
    t.is(renewal.hashTreeRenewals, 2);
    t.is((await archive.nightAfter(1)).hashTreeRenewals, 1);
    await assertSound(t, archive);
  });

test('a store that cannot be reached: a finding, nothing is missing, renewals go on', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.night();
  const down = new SourceError('ERR_SOURCE_UNREACHABLE', 'documents: not mounted', {
    retryable: true,
  });
  const night = await archive.nightAfter(220, {
    reread: 'none',
    deps: withStore(() => ({
      // eslint-disable-next-line require-yield -- it fails before its first entry
      list: async function* () {
        await Promise.reject(down);
      },
      read: () => Promise.reject(down),
      head: () => Promise.reject(down),
    })),
  });
  t.deepEqual(kindsOf(night), ['store-unreachable']);
  t.is(night.timestampRenewals, 1);
  t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  await assertSound(t, archive);
});

test('a folder that cannot be read hides documents: unreadable, not missing', async (t) => {
  await using archive = await createArchive();
  await archive.put('closed/a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  const refused = new SourceError('ERR_SOURCE_REFUSED', 'EACCES', { retryable: false });
  const deps = withStore((store) => ({
    list: async function* (options) {
      for await (const entry of store.list(options))
        if (!entry.key.startsWith('closed/')) yield entry;
    },
    head: (key, options) =>
      key.startsWith('closed/') ? Promise.reject(refused) : store.head(key, options),
  }));
  const night = await archive.nightAfter(1, { deps });
  t.deepEqual(kindsOf(night), ['unreadable']);
  t.deepEqual(await archive.states(), { 'b.txt': 'protected', 'closed/a.txt': 'protected' });
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  await assertSound(t, archive);
});

test('what a listing leaves out is named', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await symlink('a.txt', path.join(archive.documents, 'link'));
  const isRoot = process.getuid?.() === 0;
  const closed = path.join(archive.documents, 'closed');
  await mkdir(closed);
  if (!isRoot) await chmod(closed, 0);
  const night = await archive.night();
  if (!isRoot) await chmod(closed, 0o700);
  t.deepEqual(kindsOf(night), isRoot ? ['not-listed'] : ['not-listed', 'unreadable']);
  t.true(messageOf(night, 'not-listed').includes('symbolic link'));
  await assertSound(t, archive);
});

const names = [
  'with spaces and  two.txt',
  '診療録 二〇二七年.pdf',
  'cafe\u0301.txt',
  'caf\u00e9.txt',
  '.hidden',
  '..txt',
  '...',
  '..%2F..%2Fetc',
  '..\\..\\up.txt',
  'line\nbreak\ttab\u001b[31m.txt',
  '\u202egnp.exe',
  '-rf',
  'a'.repeat(200),
  '100%.txt',
];

test('names of every kind are protected, each under its own name', async (t) => {
  await using archive = await createArchive();
  for (const name of names) await writeFile(path.join(archive.documents, name), name);
  // Octets that are no UTF-8, as older systems wrote them.
  const latin = Buffer.concat([
    Buffer.from(`${archive.documents}/caf`),
    Buffer.from([0xe9]),
    Buffer.from('.txt'),
  ]);
  await writeFile(latin, 'latin');
  const night = await archive.night();
  t.deepEqual(night.findings, []);
  t.is(night.protectedGroups, names.length + 1);
  t.is(new Set((await archive.rows()).map(({ sha256 }) => sha256)).size, names.length + 1);
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  await assertSound(t, archive);
});

test('renamed: the old name is missing, the new one is a document', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  await rename(path.join(archive.documents, 'a.txt'), path.join(archive.documents, 'b.txt'));
  const night = await archive.nightAfter(1);
  t.deepEqual(kindsOf(night), ['missing']);
  t.deepEqual(await archive.states(), { 'a.txt': 'missing', 'b.txt': 'protected' });
  await assertSound(t, archive);
});

test('nothing in it, of no known format, or claiming one: protected as octets', async (t) => {
  await using archive = await createArchive();
  await archive.put('empty', '');
  await archive.put(
    'noise.bin',
    Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251),
  );
  await archive.put('broken.pdf', '%PDF-1.7\n1 0 obj <</Type /Catalog');
  await archive.put('broken.p7m', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x06));
  await archive.put('broken.xml', '<?xml version="1.0"?><a><b></a>');
  await archive.put('broken.zip', 'PK\u0003\u0004nothing');
  const night = await archive.night();
  t.deepEqual(night.findings, []);
  t.is(night.protectedGroups, 6);
  t.is((await archive.row('empty')).size, 0);
  t.true((await archive.row('broken.pdf')).facts.problems.length > 0, 'listed with the reason');
  await assertSound(t, archive);
});
