// `POST /documents`: stored first, never over another one, stamped within the interval, an ordinary document from then on.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { toBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { ConflictError } from '#shared/errors.ts';
import { serveArchive, type Answer, type Served } from './_served.ts';

const of = (text: string): string => toHex(digest('SHA-256', Buffer.from(text)));

async function contentOf({ archive }: Served, key: string): Promise<string> {
  return readFile(path.join(archive.documents, key), 'utf8');
}

test('a document is stored, stamped and answered with its record; a night renews nothing and finds nothing', async (t) => {
  await using served = await serveArchive();
  const { archive } = served;
  const answer = await served.post('2027/report.txt', 'a report', { 'content-type': 'text/plain' });
  t.is(answer.status, 201);
  t.is(answer.headers.get('location'), '/documents?key=2027%2Freport.txt');
  const body = (await answer.json()) as Answer;
  t.like(body, {
    status: 'done',
    key: '2027/report.txt',
    sha256: of('a report'),
    state: 'protected',
  });
  t.is(await contentOf(served, '2027/report.txt'), 'a report');
  t.is(body.records[0]?.record, toBase64(await archive.record('2027/report.txt')));
  t.is(await archive.judge('2027/report.txt'), 'valid');
  const { tokensBought, findings, added } = await archive.night();
  t.deepEqual({ tokensBought, findings, added }, { tokensBought: 0, findings: [], added: 0 });
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('what comes within the interval shares one token', async (t) => {
  await using served = await serveArchive({ intervalSeconds: 3600, maxGroups: 3 });
  const answers = await Promise.all(['a', 'b', 'c'].map((key) => served.post(key, key)));
  const bodies = (await Promise.all(answers.map((one) => one.json()))) as Answer[];
  t.is(new Set(bodies.map(({ records }) => records[0]?.batchId)).size, 1);
  t.is(served.archive.tsa.tokens(), 1);
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('the same octets again: the same answer, nothing bought; other octets: 409, and nothing is changed', async (t) => {
  await using served = await serveArchive();
  const first = (await (await served.post('a', 'content')).json()) as Answer;
  const again = await served.post('a', 'content');
  t.is(again.status, 200);
  t.deepEqual((await again.json()) as Answer, first);
  for (const other of ['another', 'CONTENT']) t.is((await served.post('a', other)).status, 409);
  t.is(await contentOf(served, 'a'), 'content');
  t.is(served.archive.tsa.tokens(), 1);
});

test('two at once under one key: one document, and the other is told', async (t) => {
  await using served = await serveArchive();
  const answers = await Promise.all([served.post('a', 'one'), served.post('a', 'two')]);
  t.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409]);
});

test('a signature that follows is proved with its document as one group', async (t) => {
  await using served = await serveArchive();
  const before = (await (await served.post('a.txt', 'content')).json()) as Answer;
  const { clock } = served.archive;
  clock.set(clock.now().add({ minutes: 1 }));
  t.is((await served.post('a.txt.p7s', 'no signature, but attached')).status, 201);
  const after = (await (await served.get('a.txt')).json()) as Answer;
  t.not(after.records[0]?.batchId, before.records[0]?.batchId);
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('respond-async: 202, and the record is there later', async (t) => {
  await using served = await serveArchive({ intervalSeconds: 3600, maxGroups: 2 });
  const taken = await served.post('a', 'content', { prefer: 'respond-async' });
  t.is(taken.status, 202);
  t.is(taken.headers.get('preference-applied'), 'respond-async');
  t.truthy(taken.headers.get('retry-after'));
  t.like(await taken.json(), { status: 'waiting', state: 'waiting', sha256: of('content') });
  t.is((await served.get('a')).status, 404, 'not taken in yet');
  t.is((await served.post('b', 'content')).status, 201);
  const record = await served.get('a', { accept: 'application/octet-stream' });
  t.is(record.headers.get('content-type'), 'application/octet-stream');
  const octets = new Uint8Array(await record.arrayBuffer());
  t.deepEqual(octets, Uint8Array.from(await served.archive.record('a')));
});

test('a body that moves in pieces is stored whole', async (t) => {
  await using served = await serveArchive();
  const pieces = ['one ', 'two ', 'three'].map((text) => new TextEncoder().encode(text));
  t.is(
    (await served.post('a', ReadableStream.from(pieces) as ReadableStream<Uint8Array>)).status,
    201,
  );
  t.is(await contentOf(served, 'a'), 'one two three');
});

test('a body whose sender goes away leaves nothing', async (t) => {
  await using served = await serveArchive();
  const gone = ReadableStream.from(
    (async function* () {
      yield new TextEncoder().encode('half of ');
      await Promise.resolve();
      throw new Error('the sender ends');
    })(),
  );
  await t.throwsAsync(served.post('a', gone as ReadableStream<Uint8Array>));
  t.is((await served.post('b', 'content')).status, 201);
  t.deepEqual(
    (await readdir(served.archive.documents)).filter((name) => !name.startsWith('.')),
    ['b'],
  );
});

const digestField = (text: string): Record<string, string> => ({
  'content-digest': `sha-256=:${toBase64(digest('SHA-256', Buffer.from(text)))}:`,
});

test('Content-Digest: other octets are not stored', async (t) => {
  await using served = await serveArchive();
  t.is((await served.post('a', 'content', digestField('other'))).status, 400);
  t.is((await served.post('a', 'content', digestField('content'))).status, 201);
});

type Row = {
  readonly name: string;
  readonly key: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly status: number;
};
const rows: readonly Row[] = [
  { name: 'no key', key: '', status: 400 },
  { name: 'a key outside of the scanned prefix', key: 'other/a', status: 400 },
  { name: 'a key that climbs', key: 'in/../../a', status: 400 },
  { name: 'a key that ends in a slash', key: 'in/a/', status: 400 },
  { name: 'a key that is too long', key: `in/${'x'.repeat(1100)}`, status: 400 },
  { name: 'a sidecar', key: 'in/a.retention.json', status: 400 },
  { name: 'a large document', key: 'in/a', body: 'x'.repeat(101), status: 413 },
  { name: 'a packed one', key: 'in/a', headers: { 'content-encoding': 'gzip' }, status: 415 },
  { name: 'another site', key: 'in/a', headers: { origin: 'https://other.example' }, status: 403 },
  {
    name: 'a form of another site',
    key: 'in/a',
    headers: { 'sec-fetch-site': 'cross-site' },
    status: 403,
  },
];
for (const { name, key, body = 'x', headers, status } of rows)
  test(`${name}: ${status}`, async (t) => {
    const stores = [{ kind: 'folder', name: 'documents', path: 'documents', prefix: 'in/' }];
    await using served = await serveArchive({ maxBytes: 100 }, { settings: { stores } });
    t.is((await served.post(key, body, headers)).status, status);
    t.deepEqual(
      (await readdir(served.archive.documents)).filter((one) => !one.startsWith('.')),
      [],
    );
    t.is(served.archive.tsa.tokens(), 0);
  });

test('a large document without a length is cut off, and nothing of it is kept', async (t) => {
  await using served = await serveArchive({ maxBytes: 100 });
  const pieces = Array.from({ length: 20 }, () => new Uint8Array(10).fill(120));
  t.is(
    (await served.post('a', ReadableStream.from(pieces) as ReadableStream<Uint8Array>)).status,
    413,
  );
  t.deepEqual(
    (await readdir(served.archive.documents)).filter((one) => !one.startsWith('.')),
    [],
  );
});

test('when as many wait as may, nothing is stored', async (t) => {
  const running = Promise.withResolvers<undefined>();
  await using served = await serveArchive(
    { intervalSeconds: 3600, maxGroups: 1, maxWaiting: 1 },
    {
      takeIn: () => running.promise,
    },
  );
  const later = { prefer: 'respond-async' };
  t.is((await served.post('a', 'content', later)).status, 202);
  const full = await served.post('b', 'content', later);
  t.is(full.status, 503);
  t.truthy(full.headers.get('retry-after'));
  running.resolve(undefined);
});

test('while another run holds the archive, 202; the next night stamps it', async (t) => {
  await using served = await serveArchive(
    {},
    { takeIn: () => Promise.reject(new ConflictError('ERR_CONFLICT_LEASE', 'another run')) },
  );
  t.is((await served.post('a', 'content')).status, 202);
  t.true(served.archive.events.some(({ name }) => name === 'archiver.intake.delayed'));
  t.is((await served.archive.night()).protectedGroups, 1);
  t.is((await served.get('a')).status, 200);
  t.deepEqual(await served.archive.rebuildDifferences(), []);
});

test('an intake that comes while a night is at work waits for it', async (t) => {
  await using served = await serveArchive();
  await served.archive.put('old', 'content');
  const [night, answer] = await Promise.all([served.runner.run(), served.post('new', 'content')]);
  t.not(night.outcome, 'failed');
  t.is(answer.status, 201);
  t.deepEqual(await served.archive.states(), { old: 'protected', new: 'protected' });
});

test('above the ceiling of a run nothing is bought: stored, and it waits', async (t) => {
  const settings = {
    ceiling: { tokens: 100, cost: 5 },
    tsa: { price: { amount: 10, currency: 'JPY' } },
  };
  await using served = await serveArchive({}, { settings });
  t.is((await served.post('a', 'content')).status, 202);
  t.is(served.archive.tsa.tokens(), 0);
  t.deepEqual(await served.archive.states(), { a: 'waiting' });
});

test('by two TSAs: two records', async (t) => {
  await using served = await serveArchive({}, { archive: { second: true } });
  const { records } = (await (await served.post('a', 'content')).json()) as Answer;
  t.deepEqual(
    records.map(({ anchor }) => anchor),
    [1, 2],
  );
});

test('without intake the address is not there', async (t) => {
  await using served = await serveArchive({}, { settings: { intake: undefined } });
  t.is((await served.post('a', 'content')).status, 404);
});
