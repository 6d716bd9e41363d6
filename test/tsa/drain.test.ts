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
import type { TsaConfig } from '#tsa/config.ts';
import { configWith, createTestClock, queryFor, startTestTsa, temporaryFolder } from './_proxy.ts';
import { clientConfig, createPki, pemOf, tlsConfig } from './_tls.ts';
import { startUpstream, type Handler } from './_upstream.ts';

const clock = createTestClock();
const pki = createPki();
const ca = pemOf(pki.root).cert;

/** Resolves once nothing is taken there any more. */
async function refused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const socket = connect(Number(port), hostname);
    try {
      await once(socket, 'connect');
    } catch {
      return;
    } finally {
      socket.destroy();
    }
  }
}

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
    const closing = tsa.close();
    await Promise.all([tsa.url, ...tsa.secureUrls].map(refused));
    held.release();
    const answers = await Promise.all(pending);
    await closing;
    for (const { status, connection, body } of answers) {
      t.is(status, 200);
      t.is(parseTimeStampResp(new Uint8Array(body)).statusName, 'granted');
      t.is(connection, 'close', 'the client knows that it is the last on this connection');
    }
    t.is((await journalOf(config)).match(/"kind":"token"/g)?.length, many);
    await t.throwsAsync(send(url, 'too late'), { code: 'ECONNREFUSED' });
  });

test('a client that never stops asking cannot hold the end up, nor is it cut off', async (t) => {
  await using folder = await temporaryFolder();
  const held = heldProvider(2);
  await using upstream = await startUpstream({ ...clock, handler: held.handler });
  const config = {
    ...configWith(folder.path, [await upstream.provider(folder.path, { timeouts })]),
    deadlineMs: 300_000,
  };
  await using tsa = await startTestTsa(config, clock);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => {
    agent.destroy();
  });
  const send = createSender(agent);
  const first = send(tsa.url, 'first');
  // Another connection keeps the proxy from its end until this one has asked again.
  const other = createSender(new Agent())(tsa.url, 'other');
  await held.received;
  let answered = 0;
  const asking = (async () => {
    for (let next = first; ; next = send(tsa.url, `again ${answered}`)) {
      const { status } = await next;
      t.is(status, 200);
      answered++;
    }
  })();
  const closing = tsa.close();
  await refused(tsa.url);
  held.release();
  await t.throwsAsync(asking, { code: 'ECONNREFUSED' });
  t.is((await other).status, 200);
  await closing;
  t.is(answered, 1, 'what it asked before, and no more');
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
