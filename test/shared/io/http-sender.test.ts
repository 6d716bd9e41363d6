// Outgoing requests within limits: every limit is met by a server in this process that breaks it.
import test, { type ExecutionContext } from 'ava';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type LookupFunction } from 'node:net';
import type { ErrorCode } from '#shared/errors.ts';
import { SourceError } from '#shared/errors.ts';
import { type HttpRequest, openHttpSender } from '#shared/io/http-sender.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(t: ExecutionContext, handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const limits = { connectMs: 60_000, firstByteMs: 60_000, totalMs: 60_000, maxAnswerBytes: 1000 };
const { signal } = new AbortController();

function request(url: string, change: Partial<HttpRequest> = {}): HttpRequest {
  return { url, method: 'GET', addresses: 'any', limits, signal, ...change };
}

function newSender(t: ExecutionContext, lookup?: LookupFunction) {
  const sender = openHttpSender(lookup === undefined ? {} : { lookup });
  t.teardown(() => sender[Symbol.asyncDispose]());
  return sender;
}

async function throwsSource(
  t: ExecutionContext,
  action: () => Promise<unknown>,
  code: ErrorCode,
): Promise<SourceError> {
  const error = await t.throwsAsync(action, { instanceOf: SourceError });
  t.is(error.code, code, error.message);
  return error;
}

test('method, headers and body go out as given; any status comes back', async (t) => {
  const url = await serve(t, (incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const { method, headers } = incoming;
      response.writeHead(418, { 'content-type': 'x/y', 'set-cookie': ['a=1', 'b=2'] });
      response.end(
        JSON.stringify([
          method,
          headers['content-type'],
          headers.authorization,
          String(Buffer.concat(parts)),
        ]),
      );
    });
  });
  const answer = await newSender(t).send(
    request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', authorization: 'Basic eDp5' },
      body: Buffer.from('query'),
    }),
  );
  t.is(answer.status, 418);
  t.like(answer.headers, { 'content-type': 'x/y', 'set-cookie': 'a=1, b=2' });
  t.deepEqual(JSON.parse(String(Buffer.from(answer.body))), [
    'POST',
    'application/timestamp-query',
    'Basic eDp5',
    'query',
  ]);
});

test('a connection is used again', async (t) => {
  const ports = new Set<number | undefined>();
  const url = await serve(t, (incoming, response) => {
    ports.add(incoming.socket.remotePort);
    response.end('x');
  });
  const sender = newSender(t);
  for (let index = 0; index < 5; index++) await sender.send(request(url));
  t.is(ports.size, 1);
});

const badAnswers: readonly (readonly [string, Handler, ErrorCode])[] = [
  [
    'too long by its header',
    (_, r) => r.writeHead(200, { 'content-length': 1001 }).end('x'.repeat(1001)),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'too long without a header',
    (_, r) => void (r.write('x'.repeat(900)), r.end('x'.repeat(900))),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'packed',
    (_, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'cut off',
    (_, r) =>
      void (r.writeHead(200, { 'content-length': 10 }).write('x'), setImmediate(() => r.destroy())),
    'ERR_SOURCE_UNREACHABLE',
  ],
  ['hung up', (q) => q.socket.destroy(), 'ERR_SOURCE_UNREACHABLE'],
  ['no HTTP', (q) => q.socket.end('garbage\r\n\r\n'), 'ERR_SOURCE_UNREACHABLE'],
  [
    'preceded by a flood of interim ones',
    (q) => q.socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'a change of protocol',
    (q) =>
      q.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      ),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'an endless header',
    (q) => q.socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`),
    'ERR_SOURCE_UNREACHABLE',
  ],
];
for (const [title, handler, code] of badAnswers)
  test(`an answer that is ${title}`, async (t) => {
    const url = await serve(t, handler);
    const sender = newSender(t);
    const get = await throwsSource(t, () => sender.send(request(url)), code);
    t.like(get, { retryable: true, outcomeUnknown: false });
    const post = await throwsSource(
      t,
      () => sender.send(request(url, { method: 'POST', body: Buffer.from('q') })),
      code,
    );
    t.true(post.outcomeUnknown, 'the server may have acted on it');
  });

test('an answer that comes after a few interim ones is taken', async (t) => {
  const url = await serve(t, (_, response) => {
    for (let i = 0; i < 3; i++) response.writeEarlyHints({ link: '</x>; rel=preload' });
    response.end('x');
  });
  t.is((await newSender(t).send(request(url))).body.length, 1);
});

test('an answer in hundreds of thousands of chunks is one', async (t) => {
  const chunks = 300_000;
  const url = await serve(t, (incoming) => {
    incoming.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    incoming.socket.write(`${'1\r\nx\r\n'.repeat(chunks)}0\r\n\r\n`);
  });
  const wide = { ...limits, maxAnswerBytes: chunks };
  t.is((await newSender(t).send(request(url, { limits: wide }))).body.length, chunks);
});

test('an answer of just the longest length is taken', async (t) => {
  const url = await serve(t, (_, response) => response.end('x'.repeat(1000)));
  t.is((await newSender(t).send(request(url))).body.length, 1000);
});

const slow: readonly (readonly [string, Handler, object])[] = [
  ['no answer', () => undefined, { firstByteMs: 50 }],
  ['half an answer', (_, response) => void response.writeHead(200).write('x'), { totalMs: 100 }],
];
for (const [title, handler, limit] of slow)
  test(`in time: ${title}`, async (t) => {
    const url = await serve(t, handler);
    const error = await throwsSource(
      t,
      () => newSender(t).send(request(url, { limits: { ...limits, ...limit } })),
      'ERR_SOURCE_TIMEOUT',
    );
    t.true(error.retryable);
  });

test('in time: no TLS handshake', async (t) => {
  const server = createTcpServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const error = await throwsSource(
    t,
    () =>
      newSender(t).send(
        request(`https://127.0.0.1:${port}/`, {
          method: 'POST',
          limits: { ...limits, connectMs: 50 },
        }),
      ),
    'ERR_SOURCE_TIMEOUT',
  );
  t.false(error.outcomeUnknown, 'nothing was sent');
});

test('no server', async (t) => {
  const error = await throwsSource(
    t,
    () => newSender(t).send(request('http://127.0.0.1:1/', { method: 'POST' })),
    'ERR_SOURCE_UNREACHABLE',
  );
  t.like(error, { retryable: true, outcomeUnknown: false });
});

test('a name that nobody has', async (t) => {
  const sender = newSender(t, (hostname, _, callback) => {
    const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
      code: 'ENOTFOUND',
    });
    callback(error, '', 0);
  });
  const error = await throwsSource(
    t,
    () => sender.send(request('https://tsa.example/', { method: 'POST', body: Buffer.from('q') })),
    'ERR_SOURCE_UNREACHABLE',
  );
  t.false(error.outcomeUnknown, 'nothing was sent');
});

test('an aborted request ends with the reason', async (t) => {
  const stop = new AbortController();
  const url = await serve(t, () => {
    stop.abort(new Error('stopped'));
  });
  const sender = newSender(t);
  await t.throwsAsync(() => sender.send(request(url, { signal: stop.signal })), {
    message: 'stopped',
  });
  await t.throwsAsync(() => sender.send(request(url, { signal: stop.signal })), {
    message: 'stopped',
  });
});

test('redirects: handed back unless allowed, then followed so many times', async (t) => {
  const seen: (string | undefined)[] = [];
  const url = await serve(t, (incoming, response) => {
    seen.push(incoming.url);
    const step = Number(incoming.url?.slice(1) || '0');
    if (step === 3) response.end('done');
    else response.writeHead(302, { location: `/${step + 1}` }).end();
  });
  const sender = newSender(t);
  t.is((await sender.send(request(url))).status, 302);
  t.is((await sender.send(request(url, { maxRedirects: 2 }))).status, 302);
  const answer = await sender.send(request(url, { maxRedirects: 3 }));
  t.is(Buffer.from(answer.body).toString(), 'done');
  const post = request(url, { method: 'POST', maxRedirects: 3 });
  t.is((await sender.send(post)).status, 302, 'a POST is never sent on');
});

test('an address with credentials in it is not asked, and they are not repeated', async (t) => {
  for (const url of [
    'http://user:canary@a.example/',
    'http://canary@a.example/x@y',
    'ftp://u:canary@a/',
  ])
    await t.throwsAsync(newSender(t).send(request(url)), {
      code: 'ERR_SOURCE_FORBIDDEN_ADDRESS',
      message: /^(?!.*canary).*…@a/,
    });
});

test('credentials do not follow a redirect to another origin', async (t) => {
  const seen: (string | undefined)[] = [];
  const other = await serve(t, (incoming, response) => {
    seen.push(incoming.headers.authorization);
    response.end();
  });
  const url = await serve(t, (incoming, response) => {
    seen.push(incoming.headers.authorization);
    response.writeHead(302, { location: incoming.url === '/' ? '/same' : other }).end();
  });
  const headers = { Authorization: 'Bearer secret' };
  await newSender(t).send(request(url, { headers, maxRedirects: 2 }));
  t.deepEqual(seen, ['Bearer secret', 'Bearer secret', undefined]);
});

for (const location of ['file:///x', 'http://', 'http://user@127.0.0.1/'])
  test(`a redirect to ${location} is not followed`, async (t) => {
    const url = await serve(t, (_, response) => response.writeHead(302, { location }).end());
    await throwsSource(
      t,
      () => newSender(t).send(request(url, { maxRedirects: 1 })),
      'ERR_SOURCE_FORBIDDEN_ADDRESS',
    );
  });

/** A resolver that knows every name and counts what it is asked. */
function resolver(...addresses: readonly string[]) {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, options, callback) => {
    asked.push(hostname);
    const found = addresses.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    if (options.all === true) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family ?? 4);
  };
  return { asked, lookup };
}

const resolved: readonly (readonly string[])[] = [
  ['127.0.0.1'],
  ['8.8.8.8', '10.0.0.1'],
  ['::1'],
  ['::ffff:169.254.169.254'],
];
for (const addresses of resolved)
  test(`a public name that resolves to ${addresses.join(' and ')} is not asked`, async (t) => {
    const { asked, lookup } = resolver(...addresses);
    const error = await throwsSource(
      t,
      () => newSender(t, lookup).send(request('http://crl.example.org/', { addresses: 'public' })),
      'ERR_SOURCE_FORBIDDEN_ADDRESS',
    );
    t.false(error.retryable);
    t.deepEqual(asked, ['crl.example.org']);
  });

test('a kept connection of a configured address serves no found one', async (t) => {
  const url = await serve(t, (_, response) => response.end('inside'));
  const port = new URL(url).port;
  const { lookup } = resolver('127.0.0.1');
  const sender = newSender(t, lookup);
  const named = `http://tsa.example.org:${port}/`;
  t.is((await sender.send(request(named))).status, 200);
  await throwsSource(
    t,
    () => sender.send(request(named, { addresses: 'public' })),
    'ERR_SOURCE_FORBIDDEN_ADDRESS',
  );
  const plain = 'http://tsa.example.org/';
  await throwsSource(
    t,
    () => sender.send(request(plain, { addresses: 'public' })),
    'ERR_SOURCE_FORBIDDEN_ADDRESS',
  );
});

test('a refused address is neither resolved nor connected to', async (t) => {
  let connections = 0;
  const url = await serve(t, (_, response) => response.end(String(++connections)));
  const { asked, lookup } = resolver('127.0.0.1');
  const sender = newSender(t, lookup);
  for (const one of [url, 'http://localhost/', 'ldap://example.org/'])
    await throwsSource(
      t,
      () => sender.send(request(one, { addresses: 'public' })),
      'ERR_SOURCE_FORBIDDEN_ADDRESS',
    );
  t.deepEqual([connections, asked], [0, []]);
});
