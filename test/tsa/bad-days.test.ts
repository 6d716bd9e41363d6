// Bad connections: what is slow, too long, malformed or all at once gets its status, and holds nobody else up. What
// providers do wrong is in failover.test.ts, full disks in disk-full.test.ts, bad certificates in tls.test.ts.
import { connect } from 'node:net';
import test from 'ava';
import { openListener, serverLimits } from '#tsa/adapters/listener.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { ask, createTestClock, queryFor, startLocal, temporaryFolder } from './_proxy.ts';

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
  const heads = [
    'POST / HTTP/1.1\r\nHost: x\r\nA: ',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n',
  ];
  for (const answer of await Promise.all(heads.map((head) => drip(listener.url, head))))
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
