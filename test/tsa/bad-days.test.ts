// Bad connections: what is slow, too long, malformed or all at once gets its status, and holds nobody else up. What
// providers do wrong is in failover.test.ts, full disks in disk-full.test.ts, bad certificates in tls.test.ts.
import { connect } from 'node:net';
import test from 'ava';
import { openListener, serverLimits } from '#tsa/adapters/listener.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
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

/** Sends octets as they are, and gives all that comes until the other side hangs up. */
async function exchange(url: string, ...parts: readonly (string | Uint8Array)[]): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  socket.on('data', (part: Buffer) => received.push(part));
  // A side that hangs up on what is still being sent may reset the connection.
  socket.on('error', () => undefined);
  const { promise: closed, resolve } = Promise.withResolvers<boolean>();
  socket.on('close', resolve);
  for (const part of parts) socket.write(part);
  await closed;
  return Buffer.concat(received);
}

function posted(query: Uint8Array, headers = ''): Buffer {
  const head = [
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Type: application/timestamp-query',
    `Content-Length: ${query.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n${headers}\r\n`), query]);
}

type Row = {
  readonly name: string;
  readonly sent: string | Uint8Array;
  readonly status: number;
};

const rows: readonly Row[] = [
  { name: 'no HTTP at all', sent: 'EHLO proxy\r\n\r\n', status: 400 },
  { name: 'TLS on the plain port', sent: Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0), status: 400 },
  {
    name: 'a header that is too long',
    sent: `POST / HTTP/1.1\r\nHost: x\r\nX-Flood: ${'x'.repeat(40_000)}\r\n\r\n`,
    status: 431,
  },
  {
    name: 'thousands of headers',
    sent: `POST / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(6000)}\r\n`,
    status: 431,
  },
  {
    name: 'an address that is too long',
    sent: `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    status: 431,
  },
  {
    name: 'two lengths that contradict each other',
    sent: posted(queryFor('a'), 'Transfer-Encoding: chunked\r\n'),
    status: 400,
  },
  {
    name: 'two lengths that differ',
    sent: posted(queryFor('a'), 'Content-Length: 1\r\n'),
    status: 400,
  },
  {
    name: 'a length that is no number',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x10\r\n\r\n',
    status: 400,
  },
  {
    name: 'a length with a space before its colon',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nabcde',
    status: 400,
  },
  { name: 'two hosts', sent: posted(queryFor('a'), 'Host: y\r\n'), status: 400 },
  {
    name: 'two media types',
    sent: posted(queryFor('a'), 'Content-Type: text/plain\r\n'),
    status: 400,
  },
  {
    name: 'two credentials',
    sent: posted(queryFor('a'), 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'),
    status: 400,
  },
  { name: 'no host', sent: 'POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n', status: 400 },
  {
    name: 'a transfer coding that is not known',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    status: 501,
  },
  {
    name: 'a chunk whose length is no number',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    status: 400,
  },
  {
    name: 'a chunk extension without an end',
    sent: `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(40_000)}`,
    status: 413,
  },
  { name: 'lines that end with LF alone', sent: 'POST / HTTP/1.1\nHost: x\n\n', status: 400 },
  {
    name: 'a control character in a header',
    sent: posted(queryFor('a'), 'A: b\x01c\r\n'),
    status: 400,
  },
  { name: 'HTTP/2 without asking', sent: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 400 },
  {
    name: 'a version that is not spoken',
    sent: 'POST / HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    status: 505,
  },
  { name: 'a tunnel', sent: 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', status: 405 },
  {
    name: 'a document that waits for leave to come',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/timestamp-query\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n',
    status: 413,
  },
  {
    name: 'a header line that is folded',
    sent: 'POST / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n',
    status: 400,
  },
];

const refused = test.macro({
  title: (_, { name, status }: Row) => `${name}: ${status}, and the next one is served`,
  exec: async (t, { sent, status }: Row) => {
    await using folder = await temporaryFolder();
    await using tsa = await startLocal(folder.path, createTestClock());
    t.regex((await exchange(tsa.url, sent)).toString('latin1'), new RegExp(`^HTTP/1.1 ${status} `));
    t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'granted');
  },
});
for (const row of rows) test(refused, row);

test('queries that come in one piece are answered one by one, in their order', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const nonces = [11n, 22n, 33n];
  const queries = nonces.map((nonce, i) =>
    posted(queryFor('a', { nonce }), i === 2 ? 'Connection: close\r\n' : ''),
  );
  let rest = await exchange(tsa.url, Buffer.concat(queries));
  const answered: (bigint | undefined)[] = [];
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const [, length] = /content-length: (\d+)/i.exec(rest.toString('latin1', 0, end)) ?? [];
    // Short answers say how long they are, or come in one chunk.
    const chunk = /^([0-9a-f]+)\r\n/i.exec(rest.toString('latin1', end, end + 10));
    const start = length === undefined ? end + (chunk?.[0].length ?? 0) : end;
    const size = length === undefined ? parseInt(chunk?.[1] ?? '0', 16) : Number(length);
    const { token } = parseTimeStampResp(new Uint8Array(rest.subarray(start, start + size)));
    answered.push(token && parseTimeStampToken(token).tstInfo.nonce);
    const next = rest.indexOf('HTTP/1.1', start + size);
    rest = next < 0 ? Buffer.alloc(0) : rest.subarray(next);
  }
  t.deepEqual(answered, nonces);
});

/** Heads of a query that is written as other clients may, and closes the connection. */
const heads: readonly (readonly [name: string, line: string, headers?: string])[] = [
  ['HTTP/1.0', 'POST / HTTP/1.0'],
  ['an absolute address', 'POST http://x/tsa/default HTTP/1.1'],
  ['an absolute address without a path', 'POST http://x HTTP/1.1'],
  ['a search in the address', 'POST /?a=b HTTP/1.1'],
  ['an address with octets by percent', 'POST /tsa/%64efault HTTP/1.1'],
  ['an upgrade that is not taken', 'POST / HTTP/1.1', 'Upgrade: h2c\r\n'],
  ['names of fields in other letters', 'POST / HTTP/1.1', 'ACCEPT: */*\r\nuser-AGENT: x\r\n'],
];
const type = 'Content-Type: application/timestamp-query\r\n';

for (const [name, line, headers = ''] of heads)
  test(`${name}: a query all the same`, async (t) => {
    await using folder = await temporaryFolder();
    await using tsa = await startLocal(folder.path, createTestClock());
    const query = queryFor('a');
    const fields = `Host: x\r\n${type}Content-Length: ${query.length}\r\n${headers}Connection: close\r\n`;
    const answer = await exchange(tsa.url, `${line}\r\n${fields}\r\n`, query);
    t.regex(answer.toString('latin1'), /^HTTP\/1.1 200 /);
    const body = new Uint8Array(answer.subarray(answer.indexOf('\r\n\r\n') + 4));
    t.is(parseTimeStampResp(body).statusName, 'granted');
  });

test('a query in chunks of one octet, with a trailer, is a query', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const head = `POST / HTTP/1.1\r\nHost: x\r\n${type}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
  const chunks = [...queryFor('a')].map((octet) =>
    Buffer.concat([Buffer.from('1\r\n'), Buffer.of(octet), Buffer.from('\r\n')]),
  );
  const answer = await exchange(tsa.url, head, ...chunks, '0\r\nA: b\r\n\r\n');
  const body = new Uint8Array(answer.subarray(answer.indexOf('\r\n\r\n') + 4));
  t.is(parseTimeStampResp(body).statusName, 'granted');
});

test('digests in hundreds of thousands of chunks are read, or refused, like others', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const head =
    'POST /evidence/default HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
  const answer = await exchange(tsa.url, head, '1\r\na\r\n'.repeat(300_000), '0\r\n\r\n');
  t.regex(answer.toString('latin1'), /^HTTP\/1.1 400 [\s\S]*it is no JSON/);
  t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'granted');
});

test('a client that waits for leave to send is given it, and served', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const query = posted(queryFor('a'), 'Expect: 100-continue\r\nConnection: close\r\n');
  const answer = (await exchange(tsa.url, query)).toString('latin1');
  t.regex(answer, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
});

/** Refusals after which a connection goes on: its next query is served. */
const goOn: readonly (readonly [name: string, first: Uint8Array, status: number])[] = [
  ['a query that cannot be read', posted(Buffer.from('abc')), 200],
  ['an address where nothing is', Buffer.from('GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n'), 404],
  ['HEAD', Buffer.from('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'), 200],
];

for (const [name, first, status] of goOn)
  test(`${name}: ${status}, and the connection goes on`, async (t) => {
    await using folder = await temporaryFolder();
    await using tsa = await startLocal(folder.path, createTestClock());
    const query = posted(queryFor('a'), 'Connection: close\r\n');
    const answers = (await exchange(tsa.url, first, query)).toString('latin1');
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, one]) => Number(one));
    t.deepEqual(statuses, [status, 200]);
  });

test('one connection that sends queries without end has one of them asked of a provider at a time', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<undefined>();
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      wasAsked(undefined);
      await held;
      return { body: self.grant(request) };
    },
  });
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const queries = Array.from({ length: 50 }, (_, i) =>
    posted(queryFor('a', { nonce: BigInt(i + 1) }), i === 49 ? 'Connection: close\r\n' : ''),
  );
  const answers = exchange(tsa.url, Buffer.concat(queries));
  await asked;
  // Another connection's is asked beside it, and after all that the first has sent.
  const other = ask(tsa.url, queryFor('b'));
  const isOther = (query: Uint8Array): boolean => Buffer.from(queryFor('b')).equals(query);
  while (!upstream.queries.some(isOther)) await new Promise(setImmediate);
  t.is(upstream.queries.length, 2);
  release(undefined);
  t.is((await other).response.statusName, 'granted');
  t.is([...(await answers).toString('latin1').matchAll(/HTTP\/1\.1 200 /g)].length, 50);
});

/** Sends a little every few milliseconds, for ever. */
async function drip(url: string, head: string): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  socket.on('data', (part: Buffer) => received.push(part));
  socket.on('error', () => undefined);
  const { promise: closed, resolve } = Promise.withResolvers<boolean>();
  socket.on('close', resolve);
  socket.write(head);
  const timer = setInterval(() => socket.write('x'), 5);
  await closed;
  clearInterval(timer);
  return Buffer.concat(received);
}

test('who sends a header or a body drop by drop is cut off', async (t) => {
  const limits = { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 };
  const listener = await openListener(
    { host: '127.0.0.1', port: 0 },
    (request, response) => {
      request.resume().on('end', () => response.end());
    },
    limits,
  );
  const begun = [
    'POST / HTTP/1.1\r\nHost: x\r\nA: ',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n',
  ];
  for (const answer of await Promise.all(begun.map((head) => drip(listener.url, head))))
    t.regex(answer.toString('latin1'), /^HTTP\/1.1 408 /);
  await listener.close(100);
  // What the proxy's own listeners have.
  t.true(serverLimits.headersTimeout <= 15_000 && serverLimits.requestTimeout <= 15_000);
  t.true(serverLimits.maxHeaderSize <= 8192);
});

test('a flood that never ends is cut off, and the next one is served', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const flood = Buffer.alloc(2 ** 20, 'x');
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nA: ';
  await t.notThrowsAsync(exchange(tsa.url, head, ...Array.from({ length: 32 }, () => flood)));
  t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'granted');
});
