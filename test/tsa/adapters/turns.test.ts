// Requests of one connection take turns, and who takes no answers is let go.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import { endStalled, inTurn } from '#tsa/adapters/turns.ts';
import { createPki, pemOf } from '../_tls.ts';

type Listening = AsyncDisposable & { readonly sockets: Set<Socket>; readonly open: () => Socket };

const pki = createPki();
const ca = pemOf(pki.root).cert;

async function listen(serve: RequestListener, tls = false): Promise<Listening> {
  const server: Server = tls ? createTlsServer(pemOf(pki.server), serve) : createServer(serve);
  const sockets = new Set<Socket>();
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    sockets,
    // A side that hangs up on what is still being sent may reset the connection.
    open: () =>
      (tls ? connectTls({ port, host: '127.0.0.1', ca }) : connect(port, '127.0.0.1')).on(
        'error',
        () => undefined,
      ),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

const get = (name: string | number): string => `GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`;
const last = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString()));
  await once(socket, 'close');
  return text;
}

test('the second request of a connection is served when the first is answered', async (t) => {
  const begun: string[] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await using server = await listen(
    inTurn((request, response) => {
      begun.push(request.url ?? '');
      void held.then(() => response.end(request.url));
    }),
  );
  const socket = server.open();
  const text = textOf(socket);
  socket.write(`${get('first')}${get('second')}${last}`);
  // What comes on another connection afterwards is served beside it.
  while (begun.length === 0) await new Promise(setImmediate);
  const other = server.open();
  const otherText = textOf(other);
  other.write(last);
  while (begun.length === 1) await new Promise(setImmediate);
  t.deepEqual(begun, ['/first', '/last']);
  release(undefined);
  t.regex(await otherText, /\/last$/);
  t.regex(await text, /\/first[\s\S]*\/second[\s\S]*\/last$/);
});

for (const tls of [false, true])
  test(`of thousands that are sent without a pause each is answered, in order${tls ? ', over TLS as well' : ''}`, async (t) => {
    const count = 5000;
    await using server = await listen(
      inTurn((request, response) => {
        request.resume().on('end', () => response.end(`(${request.url ?? ''})`));
      }),
      tls,
    );
    const socket = server.open();
    const text = textOf(socket);
    for (let i = 0; i < count; i++)
      socket.write(`POST /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc`);
    socket.write(last);
    const answered = [...(await text).matchAll(/\(\/(\w+)\)/g)].map(([, name]) => name);
    t.deepEqual(answered, [...Array.from({ length: count }, (_, i) => String(i)), 'last']);
  });

test('while one is in hand, no more is read of its connection than came in one piece', async (t) => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>();
  await using server = await listen(
    inTurn(() => {
      begin(undefined);
    }),
  );
  const socket = server.open();
  socket.write(get('a').repeat(100));
  await begun;
  const [side] = server.sockets;
  while (side?.isPaused() !== true) await new Promise(setImmediate);
  const { bytesRead } = side;
  await new Promise<void>((resolve) => {
    socket.write(get('b'), () => {
      resolve();
    });
  });
  for (let i = 0; i < 100; i++) await new Promise(setImmediate);
  t.is(side.bytesRead, bytesRead);
});

test('above the limit of all that wait a connection is cut off, and the others go on', async (t) => {
  const held: (() => void)[] = [];
  await using server = await listen(
    inTurn((_, response) => held.push(() => response.end('served')), 3),
  );
  const patient = server.open();
  const text = textOf(patient);
  patient.write(`${get('a')}${last}`);
  while (held.length < 1) await new Promise(setImmediate);
  const greedy = server.open();
  const closed = textOf(greedy);
  greedy.write(get('x').repeat(10));
  t.is(await closed, '');
  held[0]?.();
  // Its own first one was in hand when it was cut off.
  while (held.length < 3) await new Promise(setImmediate);
  held[2]?.();
  t.is([...(await text).matchAll(/served/g)].length, 2);
});

test('who does not take an answer is cut off', async (t) => {
  await using server = await listen(
    inTurn((_, response) => {
      response.end(Buffer.alloc(64 * 1024 * 1024));
    }),
  );
  const timer = endStalled(server.sockets, { stalledAfterMs: 20, everyMs: 5 });
  const socket = server.open();
  socket.pause();
  socket.write(get('a'));
  while (server.sockets.size === 0) await new Promise(setImmediate);
  const [side] = server.sockets;
  if (side && !side.closed) await once(side, 'close');
  t.true(side?.destroyed);
  clearInterval(timer);
});

test('who has taken it at last keeps the connection, however long the next answer takes', async (t) => {
  const large = Buffer.alloc(64 * 1024 * 1024);
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await using server = await listen(
    inTurn((request, response) => {
      if (request.url === '/large') response.end(large);
      else void held.then(() => response.end('small'));
    }),
  );
  const timer = endStalled(server.sockets, { stalledAfterMs: 60_000, everyMs: 5 });
  const socket = server.open();
  socket.pause();
  socket.write(`${get('large')}${last}`);
  const side = async (): Promise<Socket> => {
    for (;;) {
      const [found] = server.sockets;
      if (found) return found;
      await new Promise(setImmediate);
    }
  };
  const found = await side();
  const timeOut = (): number | undefined => found.timeout;
  while (timeOut() !== 60_000) await new Promise((resolve) => setTimeout(resolve, 5));
  const text = textOf(socket);
  socket.resume();
  while (timeOut() === 60_000) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(timeOut(), 0);
  release(undefined);
  t.regex(await text, /small$/);
  clearInterval(timer);
});
