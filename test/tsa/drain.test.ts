// A proxy that is stopped while it is busy: what was taken is answered and journalled, on every connection, and no client
// can hold the end up.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request as plainRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { createApiKey } from '#tsa/adapters/password.ts';
import type { TsaConfig } from '#tsa/config/config.ts';
import { configWith, createTestClock, queryFor, startTestTsa, temporaryFolder } from './_proxy.ts';
import { clientConfig, createPki, pemOf, tlsConfig } from './_tls.ts';
import { startUpstream, type Handler } from './_upstream.ts';

const clock = createTestClock();
const pki = createPki();
const ca = pemOf(pki.root).cert;

/** A busy machine must not make it a slow provider. */
const timeouts = { connectMs: 60_000, responseMs: 200_000, lateMs: 250_000 };

/** A provider that has received so many queries before it answers any. */
function heldProvider(count: number) {
  const received = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const handler: Handler = async (request, self, number) => {
    if (number === count) received.resolve(undefined);
    await released.promise;
    return { body: self.grant(request) };
  };
  return {
    handler,
    received: received.promise,
    release: () => {
      released.resolve(undefined);
    },
  };
}

type Answered = { readonly status: number; readonly connection: string; readonly body: Buffer };

async function read(incoming: IncomingMessage): Promise<Answered> {
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  const { statusCode = 0, headers } = incoming;
  return { status: statusCode, connection: headers.connection ?? '', body: Buffer.concat(parts) };
}

type Sender = (url: string, text: string) => Promise<Answered>;

function createSender(agent: Agent, headers: Readonly<Record<string, string>> = {}): Sender {
  return async (url, text) => {
    const send = url.startsWith('https:') ? tlsRequest : plainRequest;
    const outgoing = send(url, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', ...headers },
    });
    outgoing.end(queryFor(text));
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    return read(incoming);
  };
}

/** Makes a connection without a request; what it gives resolves when that is ended. */
async function idleAt(url: string): Promise<{ readonly ended: Promise<unknown> }> {
  const isSecure = url.startsWith('https:');
  const options = { keepAlive: true, maxSockets: 1 };
  const outgoing = isSecure
    ? tlsRequest(`${url}healthz`, { agent: new TlsAgent({ ...options, ca }) })
    : plainRequest(`${url}healthz`, { agent: new Agent(options) });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const ended = once(incoming.socket, 'close');
  await read(incoming);
  return { ended };
}

async function journalOf({ journalDir }: TsaConfig): Promise<string> {
  const files = await readdir(journalDir);
  const texts = files.map((name) => readFile(path.join(journalDir, name), 'utf8'));
  return (await Promise.all(texts)).join('');
}

const many = 40;

type Door = 'plain' | 'TLS';

for (const door of ['plain', 'TLS'] satisfies Door[])
  test(`${many} requests in hand at a slow provider, over ${door}: each is answered on its connection`, async (t) => {
    await using folder = await temporaryFolder();
    const held = heldProvider(many);
    await using upstream = await startUpstream({ ...clock, handler: held.handler });
    const { key, sha256 } = createApiKey();
    const clients = [clientConfig('records', { keys: [sha256] })];
    const { listeners } = await tlsConfig(folder.path, pki, { clients });
    const config: TsaConfig = {
      ...configWith(folder.path, [await upstream.provider(folder.path, { timeouts })]),
      ...(door === 'TLS' ? { listeners: listeners.slice(1), clients } : {}),
      deadlineMs: 300_000,
    };
    await using tsa = await startTestTsa(config, clock);
    const agent =
      door === 'TLS' ? new TlsAgent({ keepAlive: true, ca }) : new Agent({ keepAlive: true });
    t.teardown(() => {
      agent.destroy();
    });
    const authorization = `Bearer ${key}`;
    const send = createSender(agent, door === 'TLS' ? { authorization } : {});
    const url = door === 'TLS' ? (tsa.secureUrls[0] ?? '') : tsa.url;
    const pending = Array.from({ length: many }, (_, index) => send(url, `document ${index}`));
    await held.received;
    const idle = await idleAt(url);
    const closing = tsa.close();
    // What has no request is ended first: from here on the proxy is about to end.
    await idle.ended;
    held.release();
    const answers = await Promise.all(pending);
    await closing;
    for (const { status, connection, body } of answers) {
      t.is(status, 200);
      t.is(parseTimeStampResp(new Uint8Array(body)).statusName, 'granted');
      t.is(connection, 'close', 'the client knows that it is the last on this connection');
    }
    t.is((await journalOf(config)).match(/"kind":"token"/g)?.length, many);
  });

test('a request that is half sent when the end comes is answered, as the last of its connection', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const config = {
    ...configWith(folder.path, [await upstream.provider(folder.path, { timeouts })]),
    deadlineMs: 300_000,
  };
  await using tsa = await startTestTsa(config, clock);
  const { hostname, port } = new URL(tsa.url);
  const query = queryFor('a');
  const socket = connect(Number(port), hostname);
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${query.length}\r\n`);
  await once(socket, 'connect');
  // Its octets come in before those of a later connection are answered.
  const idle = await idleAt(tsa.url);
  const closing = tsa.close();
  await idle.ended;
  socket.write('Content-Type: application/timestamp-query\r\n\r\n');
  socket.write(query);
  const parts: Buffer[] = [];
  for await (const part of socket as AsyncIterable<Buffer>) parts.push(part);
  await closing;
  const text = Buffer.concat(parts).toString('latin1');
  t.regex(text, /^HTTP\/1\.1 200 /);
  t.regex(text, /\r\nconnection: close\r\n/i);
  t.is(upstream.queries.length, 1);
});

test('connections without a request are ended at once', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const config = {
    ...configWith(folder.path, [await upstream.provider(folder.path, { timeouts })]),
    deadlineMs: 300_000,
  };
  const tsa = await startTestTsa(config, clock);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => {
    agent.destroy();
  });
  await createSender(agent)(tsa.url, 'a');
  const { hostname, port } = new URL(tsa.url);
  const silent = connect(Number(port), hostname);
  await once(silent, 'connect');
  const ended = once(silent, 'close');
  silent.resume();
  await tsa.close();
  await ended;
  t.pass();
});
