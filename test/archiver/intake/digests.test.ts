// `POST /digests`: documents that stay with their owner are proved by their digests, renewed by timestamps, and taken
// to another hash only where their owner has sent the digest.
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { judgeRecord } from '#archiver/evidence/judge-record.ts';
import { summarise } from '#archiver/reports/summary.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { fromBase64, toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { serveArchive, type Served } from './_served.ts';

const { signal } = new AbortController();

const of = (text: string, ...algorithms: readonly DigestAlgorithm[]) =>
  Object.fromEntries(
    (['SHA-256', ...algorithms] as const).map((one) => [
      one,
      toHex(digest(one, Buffer.from(text))),
    ]),
  );

const objects = (...texts: readonly string[]) => ({
  objects: texts.map((key) => ({ key, digests: of(key) })),
});

type Answer = {
  readonly objects: readonly {
    readonly key: string;
    readonly status: string;
    readonly state: string;
    readonly records: readonly {
      readonly batchId: string;
      readonly sendDigestsBy?: string;
      readonly nextHashAlgorithm?: string;
      readonly record: string;
    }[];
  }[];
};

async function answerOf(response: Response): Promise<Answer['objects']> {
  return ((await response.json()) as Answer).objects;
}

/** What a stranger says of the record of these texts, which are the whole group. */
async function judge({ archive }: Served, record: string, ...texts: readonly string[]) {
  const archiver = await archive.open();
  const { tsa } = await archiver.night(signal);
  const { status } = await judgeRecord({
    record: fromBase64(record) ?? new Uint8Array(),
    dataObjects: texts.map((text) => ({
      name: text,
      digest: (algorithm) => digest(algorithm, Buffer.from(text)),
    })),
    exactGroup: true,
    verification: tsa.verification,
    at: archive.clock.now(),
    signal,
  });
  return status;
}

test('digests are proved, each with a record of its own; a night finds nothing to say', async (t) => {
  await using served = await serveArchive();
  const response = await served.state(objects('a', 'b'));
  t.is(response.status, 200);
  const answers = await answerOf(response);
  t.deepEqual(
    answers.map(({ key, state }) => [key, state]),
    [
      ['a', 'protected'],
      ['b', 'protected'],
    ],
  );
  for (const { key, records } of answers)
    t.is(await judge(served, records[0]?.record ?? '', key), 'valid');
  t.is(served.archive.tsa.tokens(), 1);
  const { tokensBought, findings, added } = await served.archive.night({ reread: 'whole' });
  t.deepEqual({ tokensBought, findings, added }, { tokensBought: 0, findings: [], added: 0 });
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('a signature’s digest is one group with its document’s', async (t) => {
  await using served = await serveArchive();
  const [document] = await answerOf(await served.state(objects('a.txt', 'a.txt.p7s')));
  t.is(await judge(served, document?.records[0]?.record ?? '', 'a.txt', 'a.txt.p7s'), 'valid');
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('the same again: the same answer, and nothing is bought', async (t) => {
  await using served = await serveArchive();
  const text = await (await served.state(objects('a'))).text();
  t.is(await (await served.state(objects('a'))).text(), text);
  t.is(served.archive.tsa.tokens(), 1);
});

test('another digest under a known key: 409, and the first stays; others of the request are taken in', async (t) => {
  await using served = await serveArchive();
  await served.state(objects('a'));
  const other = { key: 'a', digests: of('other') };
  t.is((await served.state({ objects: [other, { key: 'b', digests: of('b') }] })).status, 409);
  const [a] = await answerOf(await served.state(objects('a')));
  t.is(await judge(served, a?.records[0]?.record ?? '', 'a'), 'valid');
  const [b] = await answerOf(await served.state(objects('b')));
  t.is(b?.status, 'done');
});

test('respond-async, and later', async (t) => {
  await using served = await serveArchive({ intervalSeconds: 3600, maxGroups: 2 });
  const taken = await served.state(objects('a'), { prefer: 'respond-async' });
  t.is(taken.status, 202);
  t.is((await served.stated('a')).status, 404);
  t.is((await served.state(objects('b'))).status, 200);
  t.is((await served.stated('a')).status, 200);
});

test('what a crash leaves is taken in by the night', async (t) => {
  await using served = await serveArchive(
    {},
    { takeIn: () => Promise.reject(new Error('crashed')) },
  );
  t.is((await served.state(objects('a'), { prefer: 'wait=1' })).status, 202);
  t.is((await served.archive.night()).protectedGroups, 1);
  t.is((await served.stated('a')).status, 200);
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('they are renewed by timestamps like documents', async (t) => {
  await using served = await serveArchive({}, { archive: { tsuDays: 300 } });
  await served.state(objects('a'));
  const { timestampRenewals, findings } = await served.archive.nightAfter(220);
  t.deepEqual({ timestampRenewals, findings }, { timestampRenewals: 1, findings: [] });
  const [a] = await answerOf(await served.stated('a'));
  t.is(await judge(served, a?.records[0]?.record ?? '', 'a'), 'valid');
});

const sha256Ends = { overrides: [{ algorithm: 'SHA-256', endExclusive: '2028-06-01' }] };

test('a hash that ends: the answer says by when digests are wanted; what was sent is taken along, the rest is overdue', async (t) => {
  const settings = { algorithms: sha256Ends };
  await using served = await serveArchive(
    {},
    { settings, archive: { signatureDigest: 'SHA-512' } },
  );
  const { archive } = served;
  const [sent] = await answerOf(await served.state(objects('sent', 'late')));
  t.is(sent?.records[0]?.sendDigestsBy, '2028-03-03T00:00:00Z');
  t.is(sent?.records[0]?.nextHashAlgorithm, 'SHA-512');
  t.is(
    (await served.state({ objects: [{ key: 'sent', digests: of('sent', 'SHA-512') }] })).status,
    200,
  );
  t.is(archive.tsa.tokens(), 1, 'a further digest is no new document');
  const summaryOf = async () => {
    const { catalogue, config } = await archive.open();
    return summarise(catalogue, archive.clock.now(), reportRules(config));
  };
  t.is((await summaryOf()).totals.digestsOverdue, 0);

  archive.clock.set(Temporal.Instant.from('2028-03-10T02:00:00Z'));
  await archive.upkeep();
  const { hashTreeRenewals, findings } = await archive.night();
  t.is(hashTreeRenewals, 1);
  t.deepEqual(
    findings.map(({ kind, key }) => [kind, key]),
    [['digests-overdue', 'late']],
  );
  const { totals, findings: standing } = await summaryOf();
  t.is(totals.digestsOverdue, 1);
  t.deepEqual(
    standing.map(({ kind, key }) => [kind, key]),
    [['digests-overdue', 'late']],
  );
  const [renewed] = await answerOf(await served.stated('sent'));
  t.is(await judge(served, renewed?.records[0]?.record ?? '', 'sent'), 'valid');

  t.is(
    (await served.state({ objects: [{ key: 'late', digests: of('late', 'SHA-512') }] })).status,
    200,
  );
  archive.clock.set(archive.clock.now().add({ hours: 24 }));
  const next = await archive.night();
  t.deepEqual([next.hashTreeRenewals, next.findings], [1, []]);
  t.is((await summaryOf()).totals.digestsOverdue, 0);
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('a new hash that does not fit the document is the owner’s own fault, and his record’s alone', async (t) => {
  const settings = { algorithms: sha256Ends };
  await using served = await serveArchive(
    {},
    { settings, archive: { signatureDigest: 'SHA-512' } },
  );
  const { archive } = served;
  const wrong = { ...of('other', 'SHA-512'), ...of('wrong') };
  await served.state({
    objects: [
      { key: 'right', digests: of('right', 'SHA-512') },
      { key: 'wrong', digests: wrong },
    ],
  });
  archive.clock.set(Temporal.Instant.from('2028-03-10T02:00:00Z'));
  await archive.upkeep();
  await archive.night();
  const [right] = await answerOf(await served.stated('right'));
  t.is(await judge(served, right?.records[0]?.record ?? '', 'right'), 'valid');
  const [other] = await answerOf(await served.stated('wrong'));
  t.is(await judge(served, other?.records[0]?.record ?? '', 'wrong'), 'invalid');
});

test('a statement that is gone is found when the archive is re-read', async (t) => {
  await using served = await serveArchive();
  await served.state(objects('a'));
  const folder = path.join(served.archive.evidence, 'digests');
  for (const name of await readdir(folder)) await rm(path.join(folder, name));
  served.archive.clock.set(served.archive.clock.now().add({ hours: 1 }));
  const { findings } = await served.archive.night({ reread: 'whole' });
  t.deepEqual(
    findings.map(({ kind, key }) => [kind, key]),
    [['broken', 'a']],
  );
});

const hex = of('a');
const refused: readonly (readonly [name: string, value: unknown, status: number])[] = [
  ['no JSON', '{', 400],
  ['no objects', {}, 400],
  ['an empty list', { objects: [] }, 400],
  [
    'a key twice',
    {
      objects: [
        { key: 'a', digests: hex },
        { key: 'a', digests: hex },
      ],
    },
    400,
  ],
  ['no SHA-256', { objects: [{ key: 'a', digests: { 'SHA-512': 'ab'.repeat(64) } }] }, 400],
  ['a digest of another length', { objects: [{ key: 'a', digests: { 'SHA-256': 'abcd' } }] }, 400],
  ['a weak hash', { objects: [{ key: 'a', digests: { ...hex, MD5: 'ab'.repeat(16) } }] }, 400],
  ['an unknown hash', { objects: [{ key: 'a', digests: { ...hex, constructor: 'ab' } }] }, 400],
  ['a key with a line break', { objects: [{ key: 'a\nb', digests: hex }] }, 400],
  ['a key that is too long', { objects: [{ key: 'x'.repeat(1025), digests: hex }] }, 400],
  ['an unknown field', { objects: [{ key: 'a', digests: hex, name: 'x' }] }, 400],
  [
    'too many',
    { objects: Array.from({ length: 1001 }, (_, i) => ({ key: `${i}`, digests: hex })) },
    400,
  ],
  ['a long body', 'x'.repeat(2 ** 20 + 1), 413],
];
for (const [name, value, status] of refused)
  test(`refused: ${name}: ${status}`, async (t) => {
    await using served = await serveArchive();
    t.is((await served.state(value)).status, status);
    t.false((await readdir(served.archive.evidence)).includes('digests'));
  });

test('digests under another tree hash than SHA-256 are wanted as well', async (t) => {
  await using served = await serveArchive({}, { settings: { digestAlgorithm: 'SHA-512' } });
  t.is((await served.state(objects('a'))).status, 400);
  t.is((await served.state({ objects: [{ key: 'a', digests: of('a', 'SHA-512') }] })).status, 200);
});

test('another site, another type, as many as may wait, and switched off', async (t) => {
  await using served = await serveArchive({ intervalSeconds: 3600, maxGroups: 1, maxWaiting: 1 });
  t.is((await served.state(objects('a'), { origin: 'https://other.example' })).status, 403);
  t.is((await served.state(objects('a'), { 'content-type': 'text/plain' })).status, 400);
  t.is((await served.state(objects('a', 'b'))).status, 503);
  await using off = await serveArchive({ digests: false });
  t.is((await off.state(objects('a'))).status, 404);
});
