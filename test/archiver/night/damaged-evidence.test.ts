// Stored evidence that is truncated or has one octet changed: found, reported by its batch, never
// covered by a fresh timestamp, and it holds up no other batch. Put back, the next night goes on.
import test from 'ava';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { rebuildCatalogue } from '#archiver/rebuild.ts';
import { assertSound, createArchive, kindsOf, messageOf, truncateFile } from './_night.ts';

/** Changes one octet of what this text or these octets stand for; whole when it is not there: a failed test. */
async function flipAt(file: string, place: (octets: Buffer) => number): Promise<void> {
  const octets = await readFile(file);
  const at = place(octets);
  if (at < 0 || at >= octets.length) throw new Error(`${file} has no such place`);
  octets[at] = (octets[at] ?? 0) ^ 1;
  await writeFile(file, octets);
}

const afterText =
  (text: string, distance = 0) =>
  (octets: Buffer): number => {
    const at = octets.indexOf(text);
    return at < 0 ? -1 : at + text.length + distance;
  };

/** Kinds of damage by name: what is done to the object. */
const damages = {
  truncated: truncateFile,
  gone: (file: string) => rm(file),
  // id-ct-TSTInfo: what follows is signed.
  'one octet of TSTInfo changed': (file: string) =>
    flipAt(file, (octets) => octets.indexOf('2a864886f70d0109100104', 0, 'hex') + 40),
  'one octet of a kept certificate changed': (file: string) =>
    // id-ce-subjectKeyIdentifier: an octet of the last certificate's.
    flipAt(file, (octets) => octets.lastIndexOf(Buffer.from('0603551d0e', 'hex')) + 12),
  'one octet of a leaf changed': (file: string) => flipAt(file, (octets) => octets.length - 5),
  'one digit of a digest changed': (file: string) => flipAt(file, afterText('"SHA-256":"', 3)),
  'one digit of notAfter changed': (file: string) => flipAt(file, afterText('"notAfter": "', 3)),
  'not JSON any more': (file: string) => flipAt(file, (octets) => octets.indexOf('{')),
} as const;

/** An archive of two batches of which both are due in `nightAfter(220)`. */
async function twoBatches() {
  const archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  await archive.put('c.txt', 'c');
  await archive.nightAfter(1);
  const [batch = ''] = await archive.batches();
  return { archive, batch };
}

const damaged = test.macro({
  exec: async (
    t,
    name: string,
    damage: keyof typeof damages,
    expected: {
      /** Found when everything is read, or when the batch is due. */
      readonly by: 'reading' | 'renewal';
      readonly kinds: readonly string[];
      readonly says: string;
    },
  ) => {
    const { archive, batch } = await twoBatches();
    await using _ = archive;
    const file = archive.batchFile(batch, name);
    const good = `${archive.folder}/good`;
    await copyFile(file, good);
    await damages[damage](file);

    const isDue = expected.by === 'renewal';
    const found = await archive.nightAfter(isDue ? 220 : 1, { reread: isDue ? 'none' : 'whole' });
    t.deepEqual(kindsOf(found), expected.kinds, JSON.stringify(found.findings, undefined, 1));
    for (const finding of found.findings) t.is(finding.batchId, batch);
    for (const kind of expected.kinds) t.true(messageOf(found, kind).includes(expected.says));
    if (isDue) t.is(found.timestampRenewals, 1, 'the other batch is renewed');
    t.deepEqual(await archive.states(), {
      'a.txt': 'protected',
      'b.txt': 'protected',
      'c.txt': 'protected',
    });
    if (!expected.kinds.includes('healed')) await writeFile(file, await readFile(good));

    const next = await archive.nightAfter(isDue ? 1 : 220, { reread: 'whole' });
    t.deepEqual(
      next.findings.filter(({ level }) => level !== 'info'),
      [],
      'put back or healed: the next night finds nothing wrong',
    );
    t.is(next.timestampRenewals, isDue ? 1 : 2, 'and renews what was left out');
    const quiet = await archive.nightAfter(1, { reread: 'whole' });
    t.deepEqual(quiet.findings, []);
    t.is(quiet.tokensBought, 0);
    await assertSound(t, archive);
  },
  title: (_, name: string, damage: string, { by }: { readonly by: string }) =>
    `${name}: ${damage}, found by ${by}`,
});

for (const by of ['reading', 'renewal'] as const) {
  const token = { by, kinds: ['healed'], says: 'token' };
  test(damaged, 'token.der', 'truncated', token);
  test(damaged, 'token.der', 'one octet of TSTInfo changed', token);
  test(damaged, 'token.der', 'gone', token);
  const healed = { by, kinds: ['healed'], says: 'leaf-table' };
  test(damaged, 'leaves.tkl', 'truncated', healed);
  test(damaged, 'leaves.tkl', 'one octet of a leaf changed', healed);
  test(damaged, 'leaves.tkl', 'gone', healed);
}
const healed = { by: 'reading', kinds: ['healed'], says: 'manifest' } as const;
test(damaged, 'manifest.json', 'truncated', healed);
test(damaged, 'manifest.json', 'not JSON any more', healed);
test(damaged, 'manifest.json', 'one digit of notAfter changed', healed);
const list = { by: 'reading', kinds: ['healed'], says: 'object-list' } as const;
test(damaged, 'objects.jsonl', 'truncated', list);
test(damaged, 'objects.jsonl', 'one digit of a digest changed', list);
test(damaged, 'objects.jsonl', 'gone', list);
const kept = { by: 'reading', kinds: ['healed'], says: 'validation-data' } as const;
test(damaged, 'token.der', 'one octet of a kept certificate changed', kept);
const answer = { by: 'reading', kinds: ['broken-evidence'], says: 'answer' } as const;
test(damaged, 'received.tsr', 'truncated', answer);
test(damaged, 'received.tsr', 'one octet of TSTInfo changed', answer);
test(damaged, 'received.tsr', 'gone', answer);

test('a token that a renewal covers is never made again: another octet would break the link', async (t) => {
  const { archive, batch } = await twoBatches();
  await using _ = archive;
  await archive.nightAfter(220);
  const file = archive.batchFile(batch, 'token.der');
  const good = await readFile(file);
  await truncateFile(file);
  const night = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken-evidence']);
  t.regex(messageOf(night, 'broken-evidence'), /put token\.der of batch .* back from a copy/);
  await writeFile(file, good);
  t.deepEqual(kindsOf(await archive.nightAfter(1, { reread: 'whole' })), ['healed']);
  await assertSound(t, archive);
});

test('a token and the answer that it came from, both damaged: told, and put back by hand', async (t) => {
  const { archive, batch } = await twoBatches();
  await using _ = archive;
  const files = ['token.der', 'received.tsr'].map((name) => archive.batchFile(batch, name));
  const good = await Promise.all(files.map((file) => readFile(file)));
  for (const file of files) await truncateFile(file);
  const night = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken-evidence']);
  t.regex(messageOf(night, 'broken-evidence'), /token\.der of batch .*received\.tsr of batch/);
  await Promise.all(files.map((file, i) => writeFile(file, good[i] ?? '')));
  t.deepEqual(kindsOf(await archive.nightAfter(1, { reread: 'whole' })), ['healed']);
  await assertSound(t, archive);
});

test('a line that neither list nor catalogue know is not made up', async (t) => {
  const { archive, batch } = await twoBatches();
  await using _ = archive;
  const file = archive.batchFile(batch, 'objects.jsonl');
  const good = await readFile(file);
  await damages['one digit of a digest changed'](file);
  await archive.close();
  const events = (): void => undefined;
  await rebuildCatalogue(archive.config(), {
    clock: archive.clock,
    events,
    signal: new AbortController().signal,
  });
  const changed = await readFile(file);
  const night = await archive.nightAfter(1, { reread: 'whole' });
  t.true(kindsOf(night).includes('broken-evidence'));
  t.regex(messageOf(night, 'broken-evidence'), /put objects\.jsonl of batch/);
  t.deepEqual(await readFile(file), changed);
  await writeFile(file, good);
});

test('a list after a hash-tree renewal is made again, documents read for its digests', async (t) => {
  const archive = await createArchive({}, { signatureDigest: 'SHA-512' });
  await using _ = archive;
  for (const key of ['a.txt', 'a.txt.sig', 'b.txt']) await archive.put(key, key);
  await archive.night();
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-02-20' }] },
  });
  t.is((await archive.nightAfter(1)).hashTreeRenewals, 2);
  const newest = (await archive.batches()).at(-1) ?? '';
  const file = archive.batchFile(newest, 'objects.jsonl');
  const before = (await readFile(file, 'utf8')).split('\n').map((line) => line.length);
  await rm(file);
  t.deepEqual(kindsOf(await archive.nightAfter(1, { reread: 'whole' })), ['healed']);
  const after = (await readFile(file, 'utf8')).split('\n').map((line) => line.length);
  t.deepEqual(after, before);
  t.deepEqual((await archive.nightAfter(1, { reread: 'whole' })).findings, []);
  await assertSound(t, archive);
});

test('journal objects that are damaged: found, the night goes on, a rebuild refuses by name', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const names = ['000000000001.json', '000000000002.json'];
  const files = names.map((name) => `${archive.evidence}/journal/${name}`);
  const good = await Promise.all(files.map((file) => readFile(file)));
  for (const file of files) await truncateFile(file);
  await archive.put('b.txt', 'b');
  const night = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken-evidence']);
  for (const name of names) t.true(night.findings.some(({ message }) => message.includes(name)));
  t.is(night.protectedGroups, 1);
  await t.throwsAsync(archive.rebuildDifferences(), {
    code: 'ERR_FORMAT_STORED',
    message: /000000000001\.json/,
  });
  await Promise.all(files.map((file, i) => writeFile(file, good[i] ?? '')));
  t.deepEqual((await archive.nightAfter(1, { reread: 'whole' })).findings, []);
  await assertSound(t, archive);
});
