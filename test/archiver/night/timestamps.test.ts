// TSAs that are down, slow, talk nonsense or answer with a token over something else; clocks that are
// wrong; plans that would run away: nothing that is no evidence counts, nothing is lost, and the next
// good night protects what waited, with one token.
import test from 'ava';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SourceError } from '#shared/errors.ts';
import { parseTimeStampReq } from '#shared/tsp/request.ts';
import { closedPort } from '../../_free-port.ts';
import { startUpstream, type Handler, type Upstream } from '../../tsa/_upstream.ts';
import {
  askedBy,
  assertSound,
  createArchive,
  kindsOf,
  messageOf,
  type TestArchive,
} from './_night.ts';

async function ask(archive: TestArchive, upstream: Upstream, responseMs: number): Promise<void> {
  const { anchors, crls } = await upstream.provider(archive.folder);
  await archive.configure({ tsa: { url: upstream.url, anchors, crls, responseMs } });
}

/** Longer than any machine takes for an answer that comes. */
const patience = 120_000;

/** An archive whose TSA is a server that a test tells what to say. */
async function withUpstream(archive: TestArchive, handler: Handler, responseMs = patience) {
  const upstream = await startUpstream({ now: archive.clock.now, handler });
  // It tells no time: every request to it is a query.
  archive.always = (deps) => ({ ...deps, tsaClock: undefined });
  await ask(archive, upstream, responseMs);
  return upstream;
}

type Fault = {
  readonly what: string;
  readonly handler: Handler;
  readonly kind: 'no-token' | 'bad-token';
  readonly says: string;
  /** How long it is waited for. */
  readonly responseMs?: number;
};

const html = '<html><body>Please log in to the network</body></html>';
const otherDigest = new Uint8Array(32).fill(7);
const faults: readonly Fault[] = [
  {
    what: 'does not answer in time',
    handler: () => 'hang',
    kind: 'no-token',
    says: '500 ms',
    responseMs: 500,
  },
  { what: 'hangs up', handler: () => 'cut', kind: 'no-token', says: 'asked' },
  {
    what: 'answers with a web page',
    handler: () => ({ type: 'text/html', body: html }),
    kind: 'no-token',
    says: 'text/html',
  },
  {
    what: 'answers a web page as if it were a reply',
    handler: () => ({ body: html }),
    kind: 'no-token',
    says: 'asked',
  },
  {
    what: 'answers 503',
    handler: () => ({ status: 503, type: 'text/plain', body: 'later' }),
    kind: 'no-token',
    says: '503',
  },
  {
    what: 'answers with a token over another imprint',
    handler: (request, self) => ({ body: self.grant(request, { imprint: otherDigest }) }),
    kind: 'bad-token',
    says: 'imprint',
  },
  {
    what: 'answers with another nonce',
    handler: (request, self) => ({ body: self.grant(request, { nonce: 1n }) }),
    kind: 'bad-token',
    says: 'nonce',
  },
  {
    what: 'answers with a token of another day',
    handler: (request, self) => ({
      body: self.grant(request, { genTime: Temporal.Instant.from('2027-01-09T02:00:00Z') }),
    }),
    kind: 'bad-token',
    says: 'time',
  },
];

for (const { what, handler, kind, says, responseMs } of faults)
  test(`a TSA that ${what}: ${kind}, and the next good night protects`, async (t) => {
    await using archive = await createArchive();
    let broken = true;
    await using upstream = await withUpstream(
      archive,
      (...asked) => (broken ? handler(...asked) : { body: asked[1].grant(asked[0]) }),
      responseMs,
    );
    await archive.put('a.txt', 'a');
    await archive.put('b.txt', 'b');
    const night = await archive.night();
    t.deepEqual(kindsOf(night), [kind], JSON.stringify(night.findings));
    t.true(messageOf(night, kind).includes(says), messageOf(night, kind));
    t.is(night.outcome, 'findings');
    t.deepEqual(await archive.states(), { 'a.txt': 'waiting', 'b.txt': 'waiting' });
    broken = false;
    await ask(archive, upstream, patience);
    const next = await archive.nightAfter(1);
    t.is(next.outcome, 'ok', JSON.stringify(next.findings));
    t.deepEqual(await archive.states(), { 'a.txt': 'protected', 'b.txt': 'protected' });
    t.is((await archive.nightAfter(1)).tokensBought, 0);
    await assertSound(t, archive);
  });

test('a TSA that is not there for two nights: an alarm once the rule is passed, then one token', async (t) => {
  await using archive = await createArchive();
  await archive.configure({ tsa: { url: `http://127.0.0.1:${closedPort}/` } });
  await archive.put('a.txt', 'a');
  t.deepEqual(kindsOf(await archive.night()), ['no-token']);
  await archive.put('b.txt', 'b');
  t.deepEqual(kindsOf(await archive.nightAfter(2)), ['no-token', 'waiting']);
  await archive.configure({ tsa: {} });
  const night = await archive.nightAfter(1);
  t.is(night.protectedGroups, 2);
  t.is(archive.tsa.tokens(), 1);
  await assertSound(t, archive);
});

test('an answer that is lost on its way: the same octets again, the same token', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  const deps = askedBy(async (own, ...query) => {
    await own.exchange(...query);
    throw new SourceError('ERR_SOURCE_TIMEOUT', 'the answer was lost', {
      retryable: true,
      outcomeUnknown: true,
    });
  });
  for (let night = 0; night < 3; night++) {
    if (night === 1) await archive.put('b.txt', 'b');
    t.deepEqual(kindsOf(await archive.nightAfter(1, { deps })).includes('no-token'), true);
  }
  await archive.nightAfter(1);
  await archive.nightAfter(1);
  t.deepEqual(await archive.states(), { 'a.txt': 'protected', 'b.txt': 'protected' });
  t.is(archive.tsa.tokens(), 2, 'one for each batch that was asked for');
  await assertSound(t, archive);
});

/** A TSA that answers questions of the time with this one. */
async function clockServer(now: () => Temporal.Instant) {
  const answer: RequestListener = (_, response) => {
    const date = new Date(now().epochMilliseconds).toUTCString();
    response.writeHead(200, { date });
    response.end();
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

for (const [what, years] of [
  ['behind', -1],
  ['ahead', 1],
] as const)
  test(`a clock that is a year ${what} buys nothing`, async (t) => {
    await using archive = await createArchive();
    await archive.put('a.txt', 'a');
    await archive.night();
    const right = archive.clock.now().add({ hours: 24 });
    await archive.put('b.txt', 'b');
    await using server = await clockServer(() => right);
    const tsa = { url: archive.tsa.running.url };
    await archive.configure({ tsa: { url: server.url } });
    archive.clock.set(right.add({ hours: years * 24 * 365 }));
    const night = await archive.night();
    t.deepEqual(
      night.findings.filter(({ kind }) => kind !== 'waiting').map(({ kind }) => kind),
      ['clock'],
    );
    t.is(night.tokensBought, 0);
    t.is(night.added, 1, 'what is new is taken in all the same');
    t.is(archive.tsa.tokens(), 1);
    archive.clock.set(right);
    await archive.configure({ tsa });
    const next = await archive.night();
    t.is(next.protectedGroups, 1, JSON.stringify(next.findings));
    await assertSound(t, archive);
  });

test('a TSA whose clock is away: its tokens are refused', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  const own = archive.clock.now();
  const night = await archive.night({
    deps: (deps) => ({
      ...deps,
      tsaClock: undefined,
      clock: { now: () => own.add({ minutes: 30 }) },
    }),
    runAt: own.add({ minutes: 30 }),
  });
  t.deepEqual(kindsOf(night), ['bad-token']);
  t.deepEqual(await archive.states(), { 'a.txt': 'waiting' });
  t.is((await archive.nightAfter(1)).protectedGroups, 1);
  await assertSound(t, archive);
});

test('a policy that ends SHA-256 next month: a hash-tree renewal for one token', async (t) => {
  await using archive = await createArchive({}, { signatureDigest: 'SHA-512' });
  for (const key of ['a.txt', 'b.txt', 'c.txt']) {
    await archive.put(key, key);
    await archive.nightAfter(1);
  }
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-02-20' }] },
  });
  const night = await archive.nightAfter(1);
  t.deepEqual(night.findings, []);
  t.is(night.hashTreeRenewals, 3);
  t.is(night.tokensBought, 1);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
  await assertSound(t, archive);
});

test('a plan above the ceiling stops before the first purchase, and says how to allow it', async (t) => {
  await using archive = await createArchive({ ceiling: { tokens: 2 }, maxLeaves: 2 });
  for (let i = 0; i < 7; i++) await archive.put(`${i}.txt`, `${i}`);
  const night = await archive.night();
  t.deepEqual(kindsOf(night), ['above-ceiling']);
  t.true(messageOf(night, 'above-ceiling').includes('--allow-tokens'));
  t.is(night.tokensBought, 0);
  t.is(archive.tsa.tokens(), 0);
  t.is(night.added, 7);
  const allowed = await archive.nightAfter(1, { allowTokens: 4 });
  t.is(allowed.tokensBought, 4);
  t.is(allowed.protectedGroups, 7);
  await assertSound(t, archive);
});

test('a query that the upstream saw is the one that was durable', async (t) => {
  await using archive = await createArchive();
  const nonces: (bigint | undefined)[] = [];
  let answers = 0;
  await using upstream = await withUpstream(archive, (request, self) => {
    nonces.push(request.nonce);
    return ++answers === 1 ? 'cut' : { body: self.grant(request) };
  });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.nightAfter(1);
  t.is(upstream.queries.length, 2);
  t.deepEqual(upstream.queries[0], upstream.queries[1]);
  t.is(nonces[0], nonces[1]);
  t.truthy(parseTimeStampReq(upstream.queries[0] ?? new Uint8Array(0)).nonce);
  await assertSound(t, archive);
});
