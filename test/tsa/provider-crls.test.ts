// CRLs of a provider by their address: fetched beside the tokens, kept while they are good, asked for again soon where
// they could not be had.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import test from 'ava';
import type { HttpProviderConfig } from '#tsa/config/config.ts';
import { issueCrl } from '../_authority.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { startUpstream, type Upstream } from './_upstream.ts';

type Served = AsyncDisposable & {
  readonly url: string;
  asked: number;
  answer: (response: ServerResponse) => void;
};

/** An address of CRLs that answers as the test says at that moment. */
async function serveCrl(): Promise<Served> {
  const server = createServer((_, response) => {
    served.asked++;
    served.answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served: Served = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ca.crl`,
    asked: 0,
    answer: (response) => response.writeHead(503).end(),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
  return served;
}

function crlOf(
  { root, tsu }: Upstream,
  thisUpdate: Temporal.Instant,
  { minutes = 60 * 24 * 30, isRevoked = false } = {},
): (response: ServerResponse) => void {
  const at = '2029-06-01T00:00:00Z';
  const crl = issueCrl({
    issuer: root,
    thisUpdate,
    nextUpdate: thisUpdate.add({ minutes }),
    revoked: isRevoked ? [{ certificate: tsu, at, reason: 'keyCompromise' }] : [],
  });
  return (response) => response.end(crl.raw);
}

/** A proxy whose one provider has to have a CRL. */
async function start(stack: AsyncDisposableStack, settings: Partial<HttpProviderConfig> = {}) {
  const clock = createTestClock();
  const folder = stack.use(await temporaryFolder());
  const upstream = stack.use(await startUpstream(clock));
  const crls = stack.use(await serveCrl());
  const provider = await upstream.provider(folder.path, { crls: [crls.url], ...settings });
  const config = configWith(folder.path, [provider], { revocation: 'require' });
  const tsa = stack.use(await startTestTsa(config, clock));
  let count = 0;
  const isGranted = async (): Promise<boolean> =>
    (await ask(tsa.url, queryFor(`text ${count++}`))).response.statusName === 'granted';
  return { clock, upstream, crls, config, tsa, isGranted, folder };
}

test('one that could not be had is asked for again after a minute', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, isGranted } = await start(stack);
  t.false(await isGranted());
  crls.answer = crlOf(upstream, clock.now());
  t.false(await isGranted());
  t.is(crls.asked, 1, 'not with every token');
  clock.advance({ minutes: 1 });
  t.true(await isGranted());
  t.is(crls.asked, 2);
});

test('while it is fetched anew, nobody waits for it', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, isGranted } = await start(stack);
  crls.answer = crlOf(upstream, clock.now());
  t.true(await isGranted());
  // It never answers again.
  const hangs = Promise.withResolvers<undefined>();
  crls.answer = () => {
    hangs.resolve(undefined);
  };
  clock.advance({ minutes: 61 });
  t.true(await isGranted());
  await hangs.promise;
  t.true(await isGranted());
  t.is(crls.asked, 2);
});

test('where nothing is known, a token waits for it, and not for all of its provider’s time', async (t) => {
  await using stack = new AsyncDisposableStack();
  const timeouts = { connectMs: 60_000, responseMs: 1000, lateMs: 60_000 };
  const { crls, isGranted } = await start(stack, { timeouts });
  crls.answer = () => undefined;
  t.false(await isGranted());
  t.is(crls.asked, 1);
});

test('one that ends within the hour is fetched when it has ended', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, isGranted } = await start(stack);
  crls.answer = crlOf(upstream, clock.now(), { minutes: 10 });
  t.true(await isGranted());
  clock.advance({ minutes: 9 });
  t.true(await isGranted());
  t.is(crls.asked, 1);
  clock.advance({ minutes: 1 });
  crls.answer = crlOf(upstream, clock.now());
  t.true(await isGranted());
  t.is(crls.asked, 2);
});

test('after hours without a token the first waits for the newest', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, isGranted } = await start(stack);
  crls.answer = crlOf(upstream, clock.now());
  t.true(await isGranted());
  clock.advance({ hours: 3 });
  crls.answer = crlOf(upstream, clock.now(), { isRevoked: true });
  t.false(await isGranted());
});

test('a revocation is known within the hour, to those who ask all the time', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, isGranted } = await start(stack);
  crls.answer = crlOf(upstream, clock.now());
  t.true(await isGranted());
  clock.advance({ minutes: 60 });
  crls.answer = crlOf(upstream, clock.now(), { isRevoked: true });
  // The one that finds it due is judged by what is known.
  while (await isGranted()) await new Promise(setImmediate);
  t.is(crls.asked, 2);
});

test('a reload forgets none, be the provider’s other settings new', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { clock, upstream, crls, config, tsa, isGranted } = await start(stack);
  crls.answer = crlOf(upstream, clock.now());
  t.true(await isGranted());
  crls.answer = (response) => response.writeHead(503).end();
  await tsa.reload(config);
  t.true(await isGranted());
  const price = { amount: 1, currency: 'JPY' };
  const providers = Object.values(config.providers).map((one) => ({ ...one, price }));
  await tsa.reload({
    ...config,
    providers: Object.fromEntries(providers.map((one) => [one.name, one])),
  });
  t.true(await isGranted());
});

test('a reload reads a file anew', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path);
  const config = configWith(folder.path, [provider], { revocation: 'require' });
  await using tsa = await startTestTsa(config, clock);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
  const crl = issueCrl({
    issuer: upstream.root,
    thisUpdate: clock.now(),
    revoked: [{ certificate: upstream.tsu, at: '2029-06-01T00:00:00Z', reason: 'keyCompromise' }],
  });
  await writeFile(provider.crls[0] ?? '', crl.raw);
  await tsa.reload(config);
  t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'rejection');
});
