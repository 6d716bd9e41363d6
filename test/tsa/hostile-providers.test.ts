// Providers that break HTTP itself, on sockets of their own: the client gets the next one's token, in time, and nothing
// of what they said. What they do wrong inside of HTTP is in failover.test.ts.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import test from 'ava';
import { parseTimeStampReq } from '#shared/tsp/request.ts';
import type { HttpProviderConfig } from '#tsa/config/config.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { createPki, pemOf } from './_tls.ts';
import { startUpstream } from './_upstream.ts';

/** What comes after a whole request; `good` is the reply to it. */
type Behaviour = (socket: Socket, good: () => Uint8Array) => void;

/** Calls for each request with its body; those that are pipelined, too. */
function readRequests(socket: Socket, onRequest: (body: Uint8Array) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (part: Buffer) => {
    rest = Buffer.concat([rest, part]);
    for (;;) {
      const end = rest.indexOf('\r\n\r\n') + 4;
      const [, length = '0'] = /content-length: (\d+)/i.exec(rest.toString('latin1', 0, end)) ?? [];
      if (end < 4 || rest.length < end + Number(length)) return;
      onRequest(new Uint8Array(rest.subarray(end, end + Number(length))));
      rest = rest.subarray(end + Number(length));
    }
  });
}

async function listen(accept: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections: () => sockets.size,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}

const type = 'Content-Type: application/timestamp-reply\r\n';

function reply(body: Uint8Array, headers = ''): Buffer {
  const head = `HTTP/1.1 200 OK\r\n${type}Content-Length: ${body.length}\r\n${headers}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Sends the same again and again for as long as somebody listens. */
function flood(socket: Socket, part: string | Uint8Array): void {
  const more = (): void => {
    if (!socket.destroyed) socket.write(part, () => setImmediate(more));
  };
  more();
}

type Row = readonly [what: string, behave: Behaviour, kind: string, patience?: 'short'];

const rows: readonly Row[] = [
  [
    'never ends its body',
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${type}\r\n`);
      flood(socket, new Uint8Array(65_536));
    },
    'not-an-answer',
  ],
  [
    'never ends its body, in chunks of one octet',
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${type}Transfer-Encoding: chunked\r\n\r\n`);
      flood(socket, '1\r\na\r\n'.repeat(10_000));
    },
    'timeout',
    'short',
  ],
  [
    'never ends its header',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nA: ');
      flood(socket, 'x'.repeat(65_536));
    },
    'unreachable',
  ],
  [
    'sends its answer octet by octet, and slowly',
    (socket, good) => {
      const octets = reply(good());
      let sent = 0;
      const timer = setInterval(() => socket.write(octets.subarray(sent, ++sent)), 1000);
      socket.once('close', () => {
        clearInterval(timer);
      });
    },
    'timeout',
    'short',
  ],
  [
    'closes in the middle of its body',
    (socket, good) => socket.end(reply(good()).subarray(0, -100)),
    'unreachable',
  ],
  [
    'resets the connection in the middle of its body',
    (socket, good) => {
      socket.write(reply(good()).subarray(0, -100), () => socket.resetAndDestroy());
    },
    'unreachable',
  ],
  ['closes without a word', (socket) => socket.end(), 'unreachable'],
  ['speaks another protocol', (socket) => socket.write('SSH-2.0-OpenSSH_9\r\n'), 'unreachable'],
  ['sends the reply alone', (socket, good) => socket.end(good()), 'unreachable'],
  [
    'says two lengths',
    (socket, good) => socket.write(reply(good(), 'Transfer-Encoding: chunked\r\n')),
    'unreachable',
  ],
  [
    'says two media types',
    (socket, good) => socket.write(reply(good(), 'Content-Type: text/html\r\n')),
    'not-an-answer',
  ],
  [
    'packs its answer',
    (socket, good) => socket.write(reply(good(), 'Content-Encoding: gzip\r\n')),
    'not-an-answer',
  ],
  [
    'announces more than anybody takes',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${type}Content-Length: 99999999999\r\n\r\n`),
    'not-an-answer',
  ],
  ['answers with nothing', (socket) => socket.write(reply(new Uint8Array())), 'not-an-answer'],
  [
    'floods with interim answers',
    (socket) => {
      flood(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000));
    },
    'not-an-answer',
  ],
  [
    'changes to another protocol',
    (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'),
    'not-an-answer',
  ],
  [
    'asks for other credentials',
    (socket) =>
      socket.write(
        'HTTP/1.1 401 U\r\nWWW-Authenticate: Digest realm="x"\r\nContent-Length: 0\r\n\r\n',
      ),
    'not-an-answer',
  ],
];

const patient = { connectMs: 60_000, responseMs: 100_000, lateMs: 100_000 };
const impatient = { connectMs: 60_000, responseMs: 100, lateMs: 500 };

/** A proxy before a provider that behaves so, and a good one. */
async function start(
  stack: AsyncDisposableStack,
  url: string,
  settings: Partial<HttpProviderConfig> = {},
) {
  const clock = createTestClock();
  const folder = stack.use(await temporaryFolder());
  const pki = stack.use(await startUpstream(clock));
  const next = stack.use(await startUpstream(clock));
  const first = await pki.provider(folder.path, { url, timeouts: patient, ...settings });
  const second = await next.provider(folder.path, { timeouts: patient });
  const config = configWith(folder.path, [first, second]);
  const tsa = stack.use(await startTestTsa(config, clock));
  const signers = async (text: string) =>
    (await ask(tsa.url, queryFor(text))).token?.signedData.certificates.map(
      ({ fingerprint }) => fingerprint,
    );
  const failures = (): readonly unknown[] =>
    tsa.events.filter(({ name }) => name === 'tsa.provider.failed').map(({ kind }) => kind);
  return { pki, next, tsa, signers, failures };
}

for (const [what, behave, kind, patience] of rows)
  test(`the next provider serves when the first one ${what}`, async (t) => {
    await using stack = new AsyncDisposableStack();
    let grant: (query: Uint8Array) => Uint8Array = () => new Uint8Array();
    const provider = stack.use(
      await listen((socket) => {
        readRequests(socket, (body) => {
          behave(socket, () => grant(body));
        });
      }),
    );
    const settings = patience === 'short' ? { timeouts: impatient } : {};
    const { pki, next, signers, failures } = await start(stack, provider.url, settings);
    grant = (query) => pki.grant(parseTimeStampReq(query));
    t.deepEqual(await signers('a'), [next.tsu.certificate.fingerprint]);
    t.deepEqual(failures(), [kind]);
  });

test('a second answer on a connection is nobody’s', async (t) => {
  await using stack = new AsyncDisposableStack();
  let grant: (query: Uint8Array) => Uint8Array = () => new Uint8Array();
  const provider = stack.use(
    await listen((socket) => {
      readRequests(socket, (body) => {
        const octets = reply(grant(body));
        socket.write(Buffer.concat([octets, octets]));
      });
    }),
  );
  const { pki, signers, failures } = await start(stack, provider.url);
  grant = (query) => pki.grant(parseTimeStampReq(query));
  for (const text of ['a', 'b', 'c'])
    t.deepEqual(await signers(text), [pki.tsu.certificate.fingerprint]);
  t.deepEqual(failures(), []);
});

for (const status of [301, 302, 303, 307, 308])
  test(`a redirect with ${status} to an address inside is not followed`, async (t) => {
    await using stack = new AsyncDisposableStack();
    let asked = 0;
    const inside = createHttpServer((_, response) => {
      asked++;
      response.end();
    });
    inside.listen(0, '127.0.0.1');
    await once(inside, 'listening');
    stack.defer(() => {
      inside.closeAllConnections();
      inside.close();
    });
    const location = `http://127.0.0.1:${(inside.address() as AddressInfo).port}/`;
    const provider = stack.use(
      await listen((socket) => {
        readRequests(socket, () => {
          const head = `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\n`;
          socket.write(`${head}Content-Length: 0\r\n\r\n`);
        });
      }),
    );
    const { next, signers, failures } = await start(stack, provider.url);
    t.deepEqual(await signers('a'), [next.tsu.certificate.fingerprint]);
    t.deepEqual(failures(), ['not-an-answer']);
    t.is(asked, 0);
  });

test('a TLS connection that breaks in the middle of the answer is no answer', async (t) => {
  await using stack = new AsyncDisposableStack();
  const tlsPki = createPki();
  const server = createTlsServer(pemOf(tlsPki.server));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.close();
  });
  // Between the two ends of TLS: at last it sends a record that nobody has made.
  const middle = stack.use(
    await listen((socket) => {
      const onward = connect((server.address() as AddressInfo).port, '127.0.0.1');
      onward.on('error', () => undefined);
      socket.on('error', () => undefined);
      socket.on('close', () => onward.destroy());
      socket.on('data', (part: Buffer) => onward.write(part));
      onward.on('data', (part: Buffer) => {
        if (isAnswering) socket.write(Buffer.from([0x17, 3, 3, 0, 32, ...new Uint8Array(32)]));
        else socket.write(part);
      });
    }),
  );
  let isAnswering = false;
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      isAnswering = true;
      socket.write(reply(new Uint8Array(100)));
    });
  });
  const folder = stack.use(await temporaryFolder());
  const authority = `${folder.path}/tls-root.pem`;
  await writeFile(authority, pemOf(tlsPki.root).cert);
  const { next, signers, failures } = await start(stack, middle.url.replace('http', 'https'), {
    tls: { authorities: [authority], tls12: false },
  });
  t.deepEqual(await signers('a'), [next.tsu.certificate.fingerprint]);
  t.deepEqual(failures(), ['unreachable']);
  t.true(isAnswering);
});
