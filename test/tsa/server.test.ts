// HTTP: the right status and a plain sentence for what is no query, the right failure bit for what is a bad one.
import test from 'ava';
import { derInteger, derSequence } from '#shared/der/writer.ts';
import { connect } from 'node:net';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startLocal,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { startUpstream } from './_upstream.ts';

type Row = {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly type?: string;
  readonly encoding?: string;
  readonly body?: Uint8Array;
  readonly status: number;
  readonly text: RegExp;
};

const query = 'application/timestamp-query';
const rows: readonly Row[] = [
  {
    name: 'GET explains',
    path: '',
    method: 'GET',
    status: 200,
    text: /RFC 3161[\s\S]*not accredited/,
  },
  {
    name: 'GET of a profile explains',
    path: 'tsa/default',
    method: 'GET',
    status: 200,
    text: /Profile: default/,
  },
  {
    name: 'PUT',
    path: '',
    method: 'PUT',
    type: query,
    body: queryFor('a'),
    status: 405,
    text: /POST/,
  },
  { name: 'DELETE', path: 'tsa/default', method: 'DELETE', status: 405, text: /POST/ },
  {
    name: 'POST of a form',
    path: '',
    method: 'POST',
    type: 'application/x-www-form-urlencoded',
    body: queryFor('a'),
    status: 415,
    text: /timestamp-query/,
  },
  {
    name: 'POST without a type',
    path: '',
    method: 'POST',
    body: queryFor('a'),
    status: 415,
    text: /timestamp-query/,
  },
  {
    name: 'POST of a packed body',
    path: '',
    method: 'POST',
    type: query,
    encoding: 'gzip',
    body: queryFor('a'),
    status: 415,
    text: /no content encoding/,
  },
  {
    name: 'POST of a document',
    path: '',
    method: 'POST',
    type: query,
    body: new Uint8Array(9000),
    status: 413,
    text: /8192 octets/,
  },
  {
    name: 'POST to an unknown profile',
    path: 'tsa/nobody',
    method: 'POST',
    type: query,
    body: queryFor('a'),
    status: 404,
    text: /no profile "nobody"/,
  },
  {
    name: 'POST to a name of Object',
    path: 'tsa/constructor',
    method: 'POST',
    type: query,
    body: queryFor('a'),
    status: 404,
    text: /no profile/,
  },
  {
    name: 'an unknown address',
    path: 'x/y',
    method: 'GET',
    status: 404,
    text: /nothing at this address/,
  },
  {
    name: 'a broken percent-encoding',
    path: 'tsa/%E0%A4%A',
    method: 'GET',
    status: 404,
    text: /nothing at this address/,
  },
  { name: 'health', path: 'healthz', method: 'GET', status: 200, text: /ok/ },
  { name: 'readiness', path: 'readyz', method: 'GET', status: 200, text: /"ready"/ },
  { name: 'POST to health', path: 'healthz', method: 'POST', status: 405, text: /only be read/ },
  { name: 'the anchors', path: 'ca.pem', method: 'GET', status: 200, text: /BEGIN CERTIFICATE/ },
];

const answers = test.macro({
  title: (_, row: Row) => `${row.name}: ${row.status}`,
  exec: async (t, row: Row) => {
    await using folder = await temporaryFolder();
    await using tsa = await startLocal(folder.path, createTestClock());
    const answer = await fetch(tsa.url + row.path, {
      method: row.method,
      headers: {
        ...(row.type ? { 'content-type': row.type } : {}),
        ...(row.encoding ? { 'content-encoding': row.encoding } : {}),
      },
      ...(row.body ? { body: Buffer.from(row.body) } : {}),
    });
    t.is(answer.status, row.status);
    t.regex(await answer.text(), row.text);
    if (row.status >= 400) t.regex(answer.headers.get('content-type') ?? '', /^text\/plain/);
    if (row.status === 405) t.truthy(answer.headers.get('allow'));
  },
});
for (const row of rows) test(answers, row);

type Query = { readonly name: string; readonly octets: Uint8Array; readonly bit: string };

/** A query with `extensions [0] IMPLICIT Extensions` at its end: one, not critical (RFC 3161 §2.4.1). */
function withExtension(query: Uint8Array): Uint8Array {
  const extension = derSequence(Buffer.from('06032a0304', 'hex'), Buffer.from('0400', 'hex'));
  const content = Buffer.concat([query.subarray(2), Buffer.of(0xa0, extension.length), extension]);
  return derSequence(content);
}

const queries: readonly Query[] = [
  { name: 'no octets', octets: new Uint8Array(), bit: 'badDataFormat' },
  { name: 'a truncated query', octets: queryFor('a').subarray(0, 30), bit: 'badDataFormat' },
  {
    name: 'octets behind the query',
    octets: Buffer.concat([queryFor('a'), Buffer.of(0)]),
    bit: 'badDataFormat',
  },
  { name: 'another structure', octets: derSequence(derInteger(1)), bit: 'badDataFormat' },
  {
    name: 'SHA-1',
    octets: queryFor('a', { algorithm: 'SHA-1', digest: new Uint8Array(20) }),
    bit: 'badAlg',
  },
  {
    name: 'an imprint of the wrong length',
    octets: queryFor('a', { digest: new Uint8Array(31) }),
    bit: 'badDataFormat',
  },
  {
    name: 'a policy that is not offered',
    octets: queryFor('a', { reqPolicy: '1.2.3' }),
    bit: 'unacceptedPolicy',
  },
  {
    name: 'a nonce without an end',
    octets: queryFor('a', { nonce: 1n << 600n }),
    bit: 'badRequest',
  },
  {
    name: 'an extension that nobody knows',
    octets: withExtension(queryFor('a')),
    bit: 'unacceptedExtension',
  },
];

const rejects = test.macro({
  title: (_, row: Query) => `${row.name}: ${row.bit}`,
  exec: async (t, row: Query) => {
    await using folder = await temporaryFolder();
    await using tsa = await startLocal(folder.path, createTestClock());
    const { response } = await ask(tsa.url, row.octets);
    t.is(response.statusName, 'rejection');
    t.deepEqual(response.failInfo, [row.bit]);
    t.regex(response.statusString[0] ?? '', /\w+/);
    t.is(response.token, undefined);
  },
});
for (const row of queries) test(rejects, row);

test('a reply has the media type of RFC 3161 and is not to be cached', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const answer = await fetch(`${tsa.url}tsa/default`, {
    method: 'POST',
    // Media types are compared without case and parameters (RFC 9110 §8.3.1).
    headers: { 'content-type': 'Application/Timestamp-Query; charset=binary' },
    body: Buffer.from(queryFor('a')),
  });
  t.is(answer.status, 200);
  t.is(answer.headers.get('content-type'), 'application/timestamp-reply');
  t.is(answer.headers.get('cache-control'), 'no-store');
});

test('a refusal of the moment says when to come again, one of the query does not', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream({ ...clock, handler: () => 'cut' });
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await using tsa = await startTestTsa(config, clock);
  const retryOf = async (octets: Uint8Array): Promise<string | null> => {
    const headers = { 'content-type': query };
    const answer = await fetch(tsa.url, { method: 'POST', headers, body: Buffer.from(octets) });
    t.is(answer.status, 200);
    return answer.headers.get('retry-after');
  };
  t.is(await retryOf(queryFor('a')), '30');
  t.is(await retryOf(queryFor('a', { algorithm: 'SHA-1', digest: new Uint8Array(20) })), null);
});

test('a body longer than announced lengths allow is cut off without a length header, too', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const { hostname, port } = new URL(tsa.url);
  const socket = connect(Number(port), hostname);
  const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${query}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
  );
  let text = '';
  for await (const part of socket as AsyncIterable<Buffer>) text += part.toString();
  t.regex(text, /^HTTP\/1\.1 413 /);
});

test('close lets a request in hand end and is safe twice', async (t) => {
  await using folder = await temporaryFolder();
  const tsa = await startLocal(folder.path, createTestClock());
  const pending = ask(tsa.url, queryFor('a'));
  await new Promise(setImmediate);
  const [reply] = await Promise.allSettled([pending, tsa.close(), tsa.close()]);
  if (reply.status === 'fulfilled') t.is(reply.value.response.statusName, 'granted');
  else t.regex(String(reply.reason), /fetch failed/, 'refused before it was taken');
  await t.throwsAsync(fetch(tsa.url));
});

test('an address in use is a configuration error', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using tsa = await startLocal(`${folder.path}/a`, clock);
  const { localTsaConfig } = await import('#tsa/config/config.ts');
  const config = localTsaConfig({
    stateDir: `${folder.path}/b`,
    port: Number(new URL(tsa.url).port),
  });
  await t.throwsAsync(startTestTsa(config, clock), { code: 'ERR_CONFIG_INVALID' });
});
