// Digests over HTTP, and their evidence records: at once, later, again, and not at all.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { fromBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { rootOfReduced } from '#shared/ers/reduce.ts';
import { selectProfile, type AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { sha256OfKey } from '#tsa/clients/clients.ts';
import {
  defaultEvidence,
  localTsaConfig,
  type EvidenceConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import {
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
  type TestTsa,
} from './_proxy.ts';
import { clientConfig } from './_tls.ts';
import { startUpstream } from './_upstream.ts';

const of = (text: string): string => toHex(digest('SHA-256', Buffer.from(text)));

type Answer = {
  readonly id: string;
  readonly status: string;
  readonly genTime: string;
  readonly provableUntil?: string;
  readonly sendDigestsBy?: string;
  readonly nextHashAlgorithm?: string;
  readonly location?: string;
  readonly records: readonly string[];
};

function withEvidence(config: TsaConfig, evidence: Partial<EvidenceConfig> = {}): TsaConfig {
  return { ...config, evidence: { ...defaultEvidence, intervalSeconds: 0, ...evidence } };
}

/** A policy under which SHA-256 ends on a day that is known. */
const endsIn2036 = selectProfile(bundledPolicies, bundledPolicies.defaultProfile, [
  {
    algorithm: 'SHA-256',
    endExclusive: Temporal.Instant.from('2036-01-01T00:00:00Z'),
    source: 'a test',
  },
]);

function start(
  folder: string,
  evidence: Partial<EvidenceConfig> = {},
  algorithmPolicy?: AlgorithmProfile,
): Promise<TestTsa> {
  const config = localTsaConfig({ stateDir: folder, ...(algorithmPolicy && { algorithmPolicy }) });
  return startTestTsa(withEvidence(config, evidence), createTestClock());
}

function send(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const digests = (...texts: readonly string[]) => ({
  hashAlgorithm: 'SHA-256',
  digests: texts.map(of),
});

/** The first list of a record in hexadecimal, where the record leads to its token's imprint. */
function groupOf(record: string | Uint8Array): readonly string[] {
  const octets = typeof record === 'string' ? fromBase64(record) : record;
  const { sequence } = parseEvidenceRecord(octets ?? new Uint8Array());
  const [stamp] = sequence.chains[0]?.archiveTimeStamps ?? [];
  const lists = stamp?.reducedHashtree ?? [];
  const root = rootOfReduced('SHA-256', lists) ?? new Uint8Array();
  if (toHex(root) !== toHex(stamp?.imprint.digest ?? new Uint8Array())) return [];
  return (lists[0] ?? []).map(toHex);
}

test('a group of digests is answered with its record and its terms', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path, {}, endsIn2036);
  const answer = await send(tsa.url, digests('document', 'signature'));
  t.is(answer.status, 200);
  t.truthy(answer.headers.get('x-request-id'));
  const { records, ...rest } = (await answer.json()) as Answer;
  t.deepEqual(groupOf(records[0] ?? ''), [of('document'), of('signature')].toSorted());
  t.like(rest, { status: 'done', genTime: '2030-01-01T00:00:00Z', nextHashAlgorithm: 'SHA-512' });
  t.like(rest, { takenInAt: '2030-01-01T00:00:00Z' });
  t.is(rest.provableUntil, '2035-12-31T23:59:59Z');
  t.is(rest.sendDigestsBy, '2035-01-01T00:00:00Z');
});

test('several groups and several requests share one token, each with a record of its own', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(createTestClock());
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await using tsa = await startTestTsa(
    withEvidence(config, { intervalSeconds: 3600, maxGroups: 4 }),
    createTestClock(),
  );
  const { hashAlgorithm } = digests();
  const answers = await Promise.all([
    send(tsa.url, { hashAlgorithm, groups: [[of('a')], [of('b'), of('c')]] }),
    send(tsa.url, digests('d')),
    send(tsa.url, digests('e')),
  ]);
  const bodies = (await Promise.all(answers.map((one) => one.json()))) as Answer[];
  t.deepEqual(
    bodies.map(({ records }) => records.map(groupOf)),
    [[[of('a')], [of('b'), of('c')].toSorted()], [[of('d')]], [[of('e')]]],
  );
  t.is(upstream.queries.length, 1);
});

test('a timestamp query is answered with the record itself', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path, {}, endsIn2036);
  const answer = await fetch(`${tsa.url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(queryFor('a')),
  });
  t.is(answer.headers.get('content-type'), 'application/octet-stream');
  t.is(answer.headers.get('tokiwa-send-digests-by'), '2035-01-01T00:00:00Z');
  t.deepEqual(groupOf(new Uint8Array(await answer.arrayBuffer())), [of('a')]);
});

test('sent again, in another order of octets too: the same answer, and nothing is bought', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(createTestClock());
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await using tsa = await startTestTsa(withEvidence(config), createTestClock());
  const [first, together] = await Promise.all([
    send(tsa.url, digests('a')),
    send(tsa.url, digests('a')),
  ]);
  const text = await first.text();
  t.is(await together.text(), text);
  const again = await send(
    tsa.url,
    `{"digests":["${of('a').toUpperCase()}"],"hashAlgorithm":"SHA-256"}`,
  );
  t.is(await again.text(), text);
  t.is(upstream.queries.length, 1);
});

test('respond-async: 202 with the place of the record, which is there later', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path, { intervalSeconds: 3600, maxGroups: 2 });
  const taken = await send(tsa.url, digests('a'), { prefer: 'respond-async' });
  t.is(taken.status, 202);
  t.is(taken.headers.get('preference-applied'), 'respond-async');
  const { location = '', id, status } = (await taken.json()) as Answer;
  t.is(status, 'waiting');
  t.is(location, `/evidence/default/${id}`);
  t.is(taken.headers.get('location'), location);
  const place = new URL(location, tsa.url);
  t.is((await fetch(place)).status, 202);
  t.is((await send(tsa.url, digests('b'))).status, 200);
  const record = await fetch(place, { headers: { accept: 'application/octet-stream' } });
  t.deepEqual(groupOf(new Uint8Array(await record.arrayBuffer())), [of('a')]);
});

test('records are there after a restart, and what waited is answered', async (t) => {
  await using folder = await temporaryFolder();
  const places: string[] = [];
  {
    await using tsa = await start(folder.path);
    places.push(((await (await send(tsa.url, digests('done'))).json()) as Answer).id);
  }
  {
    await using tsa = await start(folder.path, { intervalSeconds: 3600 });
    const taken = await send(tsa.url, digests('waits'), { prefer: 'respond-async' });
    places.push(((await taken.json()) as Answer).id);
  }
  await using tsa = await start(folder.path);
  t.is((await send(tsa.url, digests('waits'))).status, 200);
  for (const [i, text] of ['done', 'waits'].entries()) {
    const answer = await fetch(`${tsa.url}evidence/default/${places[i]}`);
    const { records } = (await answer.json()) as Answer;
    t.deepEqual(records.map(groupOf), [[of(text)]]);
  }
});

test('after the days that records are kept, they are forgotten and their files are gone', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const config = withEvidence(localTsaConfig({ stateDir: folder.path }), { keepDays: 2 });
  await using tsa = await startTestTsa(config, clock);
  const { id } = (await (await send(tsa.url, digests('a'))).json()) as Answer;
  clock.advance({ days: 2, seconds: 1 });
  t.is((await fetch(`${tsa.url}evidence/default/${id}`)).status, 404);
  clock.advance({ days: 2 });
  await tsa.upkeep();
  t.deepEqual(await readdir(path.join(folder.path, 'evidence')), []);
  t.is((await send(tsa.url, digests('a'))).status, 200);
});

type Row = {
  readonly name: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly text: RegExp;
};
const json = (body: unknown, status: number, text: RegExp): Omit<Row, 'name'> => ({
  body,
  status,
  text,
});
const rows: readonly Row[] = [
  { name: 'no JSON', ...json('{', 400, /no JSON/) },
  { name: 'no digests', ...json({ hashAlgorithm: 'SHA-256' }, 400, /digests/) },
  {
    name: 'an algorithm that the profile does not take',
    ...json({ hashAlgorithm: 'SHA-1', digests: ['00'.repeat(20)] }, 400, /does not take/),
  },
  {
    name: 'an unknown algorithm',
    ...json({ hashAlgorithm: 'x', digests: ['00'] }, 400, /not known/),
  },
  { name: 'a long body', ...json('x'.repeat(2000), 413, /1024 octets/) },
  {
    name: 'another type',
    body: 'x',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    text: /application\/json/,
  },
  {
    name: 'a packed body',
    body: 'x',
    headers: { 'content-encoding': 'gzip' },
    status: 415,
    text: /no content encoding/,
  },
  {
    name: 'records of several groups as octets',
    body: { hashAlgorithm: 'SHA-256', groups: [[of('a')], [of('b')]] },
    headers: { accept: 'application/octet-stream' },
    status: 406,
    text: /one group/,
  },
  {
    name: 'more groups than a batch holds',
    ...json(
      { hashAlgorithm: 'SHA-256', groups: ['a', 'b', 'c', 'd'].map((one) => [of(one)]) },
      400,
      /at most 3/,
    ),
  },
];
for (const row of rows)
  test(`${row.name}: ${row.status}`, async (t) => {
    await using folder = await temporaryFolder();
    await using tsa = await start(folder.path, { bodyLimitBytes: 1024, maxGroups: 3 });
    const answer = await send(tsa.url, row.body, row.headers);
    t.is(answer.status, row.status);
    t.regex(await answer.text(), row.text);
  });

test('more groups than an answer holds are refused', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path);
  const groups = Array.from({ length: 1001 }, (_, i) => [of(`${i}`)]);
  const answer = await send(tsa.url, { hashAlgorithm: 'SHA-256', groups });
  t.is(answer.status, 400);
  t.regex(await answer.text(), /at most 1000/);
});

test('a query that asks for a policy is refused: the token is of all that came in', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path);
  const answer = await fetch(`${tsa.url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(queryFor('a', { reqPolicy: '1.2.3' })),
  });
  t.is(answer.status, 400);
});

test('addresses: unknown profile, unknown name, other methods, an explanation', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path);
  const status = async (address: string, method = 'GET') =>
    (await fetch(tsa.url + address, { method })).status;
  t.is(await status('evidence/nobody'), 404);
  t.is(await status('evidence/nobody', 'POST'), 404);
  t.is(await status(`evidence/default/${'0'.repeat(32)}`), 404);
  t.is(await status('evidence/default', 'DELETE'), 405);
  t.is(await status('evidence/default/x', 'DELETE'), 405);
  t.regex(await (await fetch(`${tsa.url}evidence/default`)).text(), /evidence record/);
});

test('when as many wait as may, nothing is taken in; what is known is answered', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path, { intervalSeconds: 3600, maxWaiting: 2 });
  const later = { prefer: 'respond-async' };
  t.is((await send(tsa.url, digests('a'), later)).status, 202);
  t.is((await send(tsa.url, digests('b'), later)).status, 202);
  const full = await send(tsa.url, digests('c'), later);
  t.is(full.status, 503);
  t.truthy(full.headers.get('retry-after'));
  t.is((await send(tsa.url, digests('a'), later)).status, 202);
});

test('switched off, there is nothing at its addresses; what waits is a metric otherwise', async (t) => {
  await using folder = await temporaryFolder();
  await using off = await start(folder.path, { enabled: false });
  t.is((await send(off.url, digests('a'))).status, 404);
  t.is((await fetch(`${off.url}evidence/default`)).status, 404);
  await using other = await temporaryFolder();
  await using tsa = await start(other.path, { intervalSeconds: 3600 });
  await send(tsa.url, digests('a', 'b'), { prefer: 'respond-async' });
  t.regex(await (await fetch(`${tsa.url}metrics`)).text(), /^tokiwa_tsa_evidence_waiting 1$/m);
});

test('a used-up budget takes nothing in', async (t) => {
  await using folder = await temporaryFolder();
  const config = withEvidence(localTsaConfig({ stateDir: folder.path, stampAudit: false }));
  await using tsa = await startTestTsa(
    { ...config, budgets: [{ period: 'month', tokens: 1, warnAtPercent: 80 }] },
    createTestClock(),
  );
  t.is((await send(tsa.url, digests('a'))).status, 200);
  t.is((await send(tsa.url, digests('b'))).status, 429);
  t.is((await send(tsa.url, digests('a'))).status, 200);
});

test('no token: what was taken in is kept, and answered later', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({
    ...createTestClock(),
    handler: () => ({ status: 500, body: '' }),
  });
  const config = withEvidence(configWith(folder.path, [await upstream.provider(folder.path)]));
  let id: string;
  {
    await using tsa = await startTestTsa(config, createTestClock());
    const taken = await send(tsa.url, digests('a'));
    t.is(taken.status, 202);
    ({ id } = (await taken.json()) as Answer);
    t.true(tsa.events.some(({ name }) => name === 'tsa.evidence.delayed'));
  }
  await using tsa = await startTestTsa(
    withEvidence(localTsaConfig({ stateDir: folder.path })),
    createTestClock(),
  );
  const { id: same, records } = (await (await send(tsa.url, digests('a'))).json()) as Answer;
  t.is(same, id);
  t.deepEqual(records.map(groupOf), [[of('a')]]);
});

test('a client sees its own records alone, and none without a key', async (t) => {
  await using folder = await temporaryFolder();
  const key = (client: string): Record<string, string> => ({ authorization: `Bearer ${client}` });
  const local = withEvidence(localTsaConfig({ stateDir: folder.path }));
  const clients = ['one', 'two'].map((name) => clientConfig(name, { keys: [sha256OfKey(name)] }));
  const listen = { ...local.listen, anonymous: false };
  await using tsa = await startTestTsa({ ...local, listen, clients }, createTestClock());
  t.is((await send(tsa.url, digests('a'))).status, 401);
  const { id } = (await (await send(tsa.url, digests('a'), key('one'))).json()) as Answer;
  const place = `${tsa.url}evidence/default/${id}`;
  t.is((await fetch(place, { headers: key('one') })).status, 200);
  t.is((await fetch(place, { headers: key('two') })).status, 404);
  t.is((await fetch(place)).status, 401);
  const other = (await (await send(tsa.url, digests('a'), key('two'))).json()) as Answer;
  t.not(other.id, id);
});

test('the audit log has who sent digests, and the token of their batch', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await start(folder.path);
  const { id } = (await (await send(tsa.url, digests('a', 'b'))).json()) as Answer;
  const audit = path.join(folder.path, 'audit');
  const files = (await readdir(audit)).filter((name) => name.endsWith('.jsonl'));
  const text = (
    await Promise.all(files.map((name) => readFile(path.join(audit, name), 'utf8')))
  ).join('');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.like(
    lines.find(({ event }) => event === 'digests'),
    { client: 'anonymous', profile: 'default', submission: id, groups: 1 },
  );
  t.like(
    lines.find(({ event }) => event === 'evidence'),
    { client: 'anonymous', submissions: 1, groups: 1, provider: 'local' },
  );
});
