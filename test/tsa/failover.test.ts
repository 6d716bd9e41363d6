// Failover: whatever a first provider does wrong, the client gets the second one's token, and never a bad one.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import {
  buildTimeStampResp,
  parseTimeStampResp,
  type PKIFailureInfo,
} from '#shared/tsp/response.ts';
import type { HttpProviderConfig, Profile } from '#tsa/config/config.ts';
import { issueCertificate, issueCrl, issueRoot, issueTsu, type Issued } from '../_authority.ts';
import { extendedKeyUsage, keyUsage } from '../_extensions.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { startUpstream, upstreamPolicy, type Handler } from './_upstream.ts';
import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

type Row = {
  readonly name: string;
  readonly handler: Handler;
  /** What the failure is counted as. */
  readonly kind: string;
  readonly settings?: Partial<HttpProviderConfig>;
  readonly profile?: Partial<Profile>;
};

const refuse =
  (failInfo: readonly PKIFailureInfo[]): Handler =>
  () => ({ body: buildTimeStampResp({ status: 'rejection', failInfo, statusString: 'no' }) });

const stranger = issueTsu(issueRoot({ subject: 'CN=Somebody' }));

const rows: readonly Row[] = [
  { name: 'cuts the connection', handler: () => 'cut', kind: 'unreachable' },
  {
    name: 'is slow',
    handler: () => 'hang',
    kind: 'timeout',
    settings: { timeouts: { connectMs: 60_000, responseMs: 30, lateMs: 60 } },
  },
  {
    name: 'answers 200 with HTML',
    handler: () => ({ type: 'text/html', body: '<html>Service unavailable</html>' }),
    kind: 'not-an-answer',
  },
  {
    name: 'answers HTML under the right type',
    handler: () => ({ body: '<html>Service unavailable</html>' }),
    kind: 'not-an-answer',
  },
  {
    name: 'answers 503',
    handler: () => ({ status: 503, type: 'text/plain', body: 'later' }),
    kind: 'not-an-answer',
  },
  {
    name: 'answers 400, as one does that blocks a client',
    handler: () => ({ status: 400, type: 'text/plain', body: 'Bad Request' }),
    kind: 'not-an-answer',
  },
  {
    name: 'redirects',
    handler: () => ({ status: 307, headers: { location: 'http://127.0.0.1:9/' }, body: '' }),
    kind: 'not-an-answer',
  },
  {
    name: 'answers with truncated DER',
    handler: (request, self) => ({ body: self.grant(request).slice(0, -1) }),
    kind: 'not-an-answer',
  },
  {
    name: 'grants without a token',
    handler: () => ({ body: buildTimeStampResp({ status: 'granted' }) }),
    kind: 'not-an-answer',
  },
  {
    name: 'grants and names a failure',
    handler: (request, self) => {
      const { token } = parseTimeStampResp(self.grant(request));
      const failInfo = ['systemFailure'] as const;
      return { body: buildTimeStampResp({ status: 'granted', failInfo, ...(token && { token }) }) };
    },
    kind: 'not-an-answer',
  },
  {
    name: 'answers with a token over another imprint',
    handler: (request, self) => ({
      body: self.grant(request, { imprint: digest('SHA-256', Buffer.from('other')) }),
    }),
    kind: 'invalid-token',
  },
  {
    name: 'answers with another nonce',
    handler: (request, self) => ({ body: self.grant(request, { nonce: 99n }) }),
    kind: 'invalid-token',
  },
  {
    name: 'answers under a policy that it does not list',
    handler: (request, self) => ({ body: self.grant(request, { policy: '1.2.3.4' }) }),
    kind: 'invalid-token',
  },
  {
    name: 'signs with a TSU below an unknown anchor',
    handler: (request, self) => ({ body: self.grant(request, { tsu: stranger }) }),
    kind: 'invalid-token',
  },
  {
    name: 'signs with a certificate for another purpose',
    handler: (request, self) => ({
      body: self.grant(request, {
        tsu: issueCertificate({ subject: 'CN=Code Signer', issuer: self.root }, [
          keyUsage(['digitalSignature']),
          extendedKeyUsage(['1.3.6.1.5.5.7.3.3'], true),
        ]),
      }),
    }),
    kind: 'invalid-token',
  },
  {
    name: 'signs with an expired TSU',
    handler: (request, self) => ({
      body: self.grant(request, { tsu: issueTsu(self.root, { notAfter: '2029-12-31T00:00:00Z' }) }),
    }),
    kind: 'invalid-token',
  },
  {
    name: 'signs with a TSU that ends sooner than the profile allows',
    handler: (request, self) => ({
      body: self.grant(request, { tsu: issueTsu(self.root, { notAfter: '2030-03-01T00:00:00Z' }) }),
    }),
    profile: { minimumRemainingDays: 90 },
    kind: 'invalid-token',
  },
  {
    name: "gives yesterday's genTime",
    handler: (request, self) => ({
      body: self.grant(request, { genTime: Temporal.Instant.from('2029-12-31T00:00:00Z') }),
    }),
    kind: 'invalid-token',
  },
  {
    name: "gives tomorrow's genTime",
    handler: (request, self) => ({
      body: self.grant(request, { genTime: Temporal.Instant.from('2030-01-02T00:00:00Z') }),
    }),
    kind: 'invalid-token',
  },
  {
    name: 'gives no accuracy where the profile asks for one',
    handler: (request, self) => ({ body: self.grant(request, { accuracy: false }) }),
    profile: { accuracyRequired: true },
    kind: 'invalid-token',
  },
  {
    name: 'has no CRL where the profile requires one',
    handler: (request, self) => ({ body: self.grant(request) }),
    settings: { crls: [] },
    profile: { revocation: 'require' },
    kind: 'invalid-token',
  },
  {
    name: 'says waiting',
    handler: () => ({ body: buildTimeStampResp({ status: 'waiting' }) }),
    kind: 'rejected',
  },
  ...(
    [
      'badAlg',
      'unacceptedPolicy',
      'timeNotAvailable',
      'systemFailure',
      'addInfoNotAvailable',
      'unacceptedExtension',
      // Of RFC 4210, which RFC 3161 does not use.
      'signerNotTrusted',
      'badTime',
    ] as const
  ).map((bit) => ({
    name: `rejects with ${bit}`,
    handler: refuse([bit]),
    kind: 'rejected',
  })),
];

const failsOver = test.macro({
  title: (_, row: Row) => `the next provider serves when the first one ${row.name}`,
  exec: async (t, row: Row) => {
    const clock = createTestClock();
    await using folder = await temporaryFolder();
    await using bad = await startUpstream({ now: clock.now, handler: row.handler });
    await using good = await startUpstream({ now: clock.now });
    const first = await bad.provider(folder.path, row.settings);
    const second = await good.provider(folder.path);
    const config = configWith(folder.path, [first, second], row.profile);
    await using tsa = await startTestTsa(config, clock);
    const reply = await ask(tsa.url, queryFor('document'));
    t.is(reply.response.statusName, 'granted');
    t.deepEqual(
      reply.token?.signedData.certificates.map((one) => one.fingerprint),
      [good.tsu.certificate.fingerprint],
    );
    // Within the short patience of the slow row, the query may not even have arrived.
    t.true(bad.queries.length === 1 || row.kind === 'timeout');
    // The client's own octets reached both.
    t.deepEqual(good.queries, [queryFor('document')]);
    const failures = tsa.events.filter((event) => event.name === 'tsa.provider.failed');
    t.like(failures[0], { provider: first.name, kind: row.kind });
    const shown = (await (await fetch(`${tsa.url}readyz`)).json()) as {
      providers: { name: string; failures: Record<string, number> }[];
    };
    t.is(shown.providers.find((one) => one.name === first.name)?.failures[row.kind], 1);
  },
});
for (const row of rows) test(failsOver, row);

test('a provider that is down costs the client nothing but the next one', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const down = await startUpstream({ now: clock.now });
  const first = await down.provider(folder.path);
  await down[Symbol.asyncDispose]();
  await using good = await startUpstream({ now: clock.now });
  const config = configWith(folder.path, [first, await good.provider(folder.path)]);
  await using tsa = await startTestTsa(config, clock);
  t.is((await ask(tsa.url, queryFor('document'))).response.statusName, 'granted');
});

test('the bytes handed on are those that the provider sent', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const sent: Uint8Array[] = [];
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self) => {
      const body = self.grant(request);
      sent.push(body);
      return { body };
    },
  });
  await using tsa = await startTestTsa(
    configWith(folder.path, [await upstream.provider(folder.path)]),
    clock,
  );
  t.deepEqual([(await ask(tsa.url, queryFor('document'))).octets], sent);
});

for (const bit of ['badRequest', 'badDataFormat'] as const) {
  test(`${bit} ends the request: the next provider is not asked`, async (t) => {
    const clock = createTestClock();
    await using folder = await temporaryFolder();
    await using first = await startUpstream({ now: clock.now, handler: refuse([bit]) });
    await using second = await startUpstream({ now: clock.now });
    const config = configWith(folder.path, [
      await first.provider(folder.path),
      await second.provider(folder.path),
    ]);
    await using tsa = await startTestTsa(config, clock);
    const { response } = await ask(tsa.url, queryFor('document'));
    t.is(response.statusName, 'rejection');
    t.deepEqual(response.failInfo, [bit]);
    t.is(second.queries.length, 0);
  });
}

test('an answer of millions of octets does not end in the journal, nor stop the next start', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({
    now: clock.now,
    handler: () => ({ body: new Uint8Array(4 * 1024 * 1024) }),
  });
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  {
    await using tsa = await startTestTsa(config, clock);
    t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'rejection');
  }
  const [segment = ''] = await readdir(config.journalDir);
  t.true((await stat(path.join(config.journalDir, segment))).size < 10_000);
  await using again = await startTestTsa(config, clock);
  t.truthy(again.url);
});

test('the client is told the bit that all providers agree on, else timeNotAvailable', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using one = await startUpstream({ now: clock.now, handler: refuse(['badAlg']) });
  await using two = await startUpstream({ now: clock.now, handler: () => 'cut' });
  const [first, second] = [await one.provider(folder.path), await two.provider(folder.path)];
  await using agreeing = await startTestTsa(configWith(`${folder.path}/a`, [first]), clock);
  t.deepEqual((await ask(agreeing.url, queryFor('x'))).response.failInfo, ['badAlg']);
  await using mixed = await startTestTsa(configWith(`${folder.path}/b`, [first, second]), clock);
  t.deepEqual((await ask(mixed.url, queryFor('x'))).response.failInfo, ['timeNotAvailable']);
});

for (const bit of ['signerNotTrusted', 'certRevoked', 'badMessageCheck'] as const)
  test(`${bit} of a provider is timeNotAvailable to a client: RFC 3161 has no such bit`, async (t) => {
    const clock = createTestClock();
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream({ now: clock.now, handler: refuse([bit]) });
    const provider = await upstream.provider(folder.path);
    await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
    t.deepEqual((await ask(tsa.url, queryFor('x'))).response.failInfo, ['timeNotAvailable']);
  });

for (const bit of ['unacceptedPolicy', 'unacceptedExtension', 'addInfoNotAvailable'] as const)
  test(`${bit}, on which all providers agree, is what the client is told`, async (t) => {
    const clock = createTestClock();
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream({ now: clock.now, handler: refuse([bit]) });
    const provider = await upstream.provider(folder.path);
    await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
    t.deepEqual((await ask(tsa.url, queryFor('x'))).response.failInfo, [bit]);
  });

test('only providers that list the policy and the algorithm are asked', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using one = await startUpstream({ now: clock.now });
  await using two = await startUpstream({ now: clock.now });
  const config = configWith(folder.path, [
    await one.provider(folder.path, { hashAlgorithms: ['SHA-256'], tsaPolicies: ['1.2.3.1'] }),
    await two.provider(folder.path, { hashAlgorithms: ['SHA-512'] }),
  ]);
  await using tsa = await startTestTsa(config, clock);
  const sha512 = { algorithm: 'SHA-512', digest: new Uint8Array(64) } as const;
  const asked = async (query: Uint8Array) => {
    const { response } = await ask(tsa.url, query);
    return [one.queries.length, two.queries.length, ...response.failInfo];
  };
  t.deepEqual(await asked(queryFor('x', sha512)), [0, 1]);
  t.deepEqual(await asked(queryFor('x', { ...sha512, reqPolicy: upstreamPolicy })), [0, 2]);
  // Each is offered by one of them, both together by none.
  const both = queryFor('x', { ...sha512, reqPolicy: '1.2.3.1' });
  t.deepEqual(await asked(both), [0, 2, 'unacceptedPolicy']);
});

test('a revoked TSU is refused by the CRL of the configuration', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using revoked = await startUpstream({ now: clock.now });
  await using good = await startUpstream({ now: clock.now });
  const first = await revoked.provider(folder.path);
  const crl = issueCrl({
    issuer: revoked.root,
    thisUpdate: clock.now(),
    revoked: [{ certificate: revoked.tsu, at: '2029-06-01T00:00:00Z', reason: 'keyCompromise' }],
  });
  await writeFile(first.crls[0] ?? '', crl.raw);
  const config = configWith(folder.path, [first, await good.provider(folder.path)]);
  await using tsa = await startTestTsa(config, clock);
  const { token } = await ask(tsa.url, queryFor('document'));
  t.is(token?.signedData.certificates[0]?.fingerprint, good.tsu.certificate.fingerprint);
});

test('a TSU that the provider rolls over to is accepted below the same anchors only', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self, count) => ({
      body: self.grant(request, count === 1 ? {} : { tsu: issueTsu(self.root) }),
    }),
  });
  await using tsa = await startTestTsa(
    configWith(folder.path, [await upstream.provider(folder.path)]),
    clock,
  );
  const first = await ask(tsa.url, queryFor('a'));
  const second = await ask(tsa.url, queryFor('b'));
  t.is(second.response.statusName, 'granted');
  t.notDeepEqual(first.token?.signedData.certificates, second.token?.signedData.certificates);
});

test('certReq FALSE: an unknown signer is learned by one probe a day, then served', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({ now: clock.now });
  await using tsa = await startTestTsa(
    configWith(folder.path, [await upstream.provider(folder.path)]),
    clock,
  );
  const first = await ask(tsa.url, queryFor('a', { certReq: false }));
  t.is(first.response.statusName, 'granted');
  t.deepEqual(first.token?.signedData.certificates, []);
  t.is(upstream.queries.length, 2, 'the query and the probe');
  t.is((await ask(tsa.url, queryFor('b', { certReq: false }))).response.statusName, 'granted');
  t.is(upstream.queries.length, 3);
});

test('certReq FALSE: two at the same time wait for the one probe', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const { promise: both, resolve: bothAreThere } = Promise.withResolvers<undefined>();
  let bare = 0;
  await using upstream = await startUpstream({
    now: clock.now,
    handler: async (request, self) => {
      if (!request.certReq && ++bare === 2) bothAreThere(undefined);
      await both;
      return { body: self.grant(request) };
    },
  });
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const replies = await Promise.all(
    ['a', 'b'].map((text) => ask(tsa.url, queryFor(text, { certReq: false }))),
  );
  t.deepEqual(
    replies.map(({ response }) => response.statusName),
    ['granted', 'granted'],
  );
  t.is(upstream.queries.length, 3);
});

test('certReq FALSE: a TSU that the provider rolls over to is learned on the same day, so many of them', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  let tsu: Issued | undefined;
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self) => ({ body: self.grant(request, tsu ? { tsu } : {}) }),
  });
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const names: (string | undefined)[] = [];
  for (let i = 0; i < 9; i++) {
    const { response } = await ask(tsa.url, queryFor(`text ${i}`, { certReq: false }));
    names.push(response.statusName);
    tsu = issueTsu(upstream.root);
  }
  t.deepEqual(names, [...Array.from({ length: 8 }, () => 'granted'), 'rejection']);
  t.is(upstream.queries.length, 9 + 8, 'and no more probes than that');
});

/** Signs by a new TSU each time where no certificate is asked for, which no probe reveals. */
const hides: Handler = (request, self) => ({
  body: self.grant(request, request.certReq ? {} : { tsu: issueTsu(self.root) }),
});

test('certReq FALSE: a signer that the probe does not reveal is refused, and not asked again that day', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({ now: clock.now, handler: hides });
  await using tsa = await startTestTsa(
    configWith(folder.path, [await upstream.provider(folder.path)]),
    clock,
  );
  const refused = async (text: string) =>
    (await ask(tsa.url, queryFor(text, { certReq: false }))).response.failInfo;
  t.deepEqual(await refused('a'), ['timeNotAvailable']);
  t.is(upstream.queries.length, 2, 'the query and the probe');
  t.deepEqual(await refused('b'), ['addInfoNotAvailable']);
  t.is(upstream.queries.length, 2, 'nothing is bought that would be refused');
  clock.advance({ hours: 24 });
  await refused('c');
  t.is(upstream.queries.length, 4);
});

test('certReq FALSE: a probe that fails is no proof of a hidden signer, and is bought again', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  let probes = 0;
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self) =>
      request.certReq && ++probes === 1 ? 'cut' : { body: self.grant(request) },
  });
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const bare = async (text: string) =>
    (await ask(tsa.url, queryFor(text, { certReq: false }))).response.statusName;
  t.is(await bare('a'), 'rejection');
  t.is(await bare('b'), 'granted');
  t.is(upstream.queries.length, 4);
});

test('certReq FALSE: when a new TSU is learned, such queries are sent again', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  let hasRolled = false;
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self, count, address) =>
      hasRolled ? { body: self.grant(request, { tsu }) } : hides(request, self, count, address),
  });
  const tsu = issueTsu(upstream.root);
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const bare = async (text: string) =>
    (await ask(tsa.url, queryFor(text, { certReq: false }))).response.statusName;
  t.is(await bare('a'), 'rejection');
  hasRolled = true;
  t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'granted');
  t.is(await bare('c'), 'granted');
});

test('certReq FALSE: a hidden signer does not make the provider unwell for others', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({ now: clock.now, handler: hides });
  await using second = await startUpstream(clock);
  const breaker = { failures: 1, openSeconds: 60, maxOpenSeconds: 60 };
  const providers = [
    await upstream.provider(folder.path, { breaker }),
    await second.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  const bare = await ask(tsa.url, queryFor('a', { certReq: false }));
  t.is(bare.response.statusName, 'granted');
  const { token } = await ask(tsa.url, queryFor('b'));
  t.is(token?.signedData.certificates[0]?.fingerprint, upstream.tsu.certificate.fingerprint);
});

test('a token without the certificate that was asked for is refused, and no probe is bought for it', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({
    now: clock.now,
    handler: (request, self) => ({ body: self.grant({ ...request, certReq: false }) }),
  });
  const provider = await upstream.provider(folder.path);
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'rejection');
  t.is(upstream.queries.length, 1);
});

test('certReq FALSE: a provider that sends certificates all the same is not asked so again that day, and is well', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using first = await startUpstream({
    now: clock.now,
    handler: (request, self) => ({ body: self.grant({ ...request, certReq: true }) }),
  });
  await using second = await startUpstream({ now: clock.now });
  const breaker = { failures: 1, openSeconds: 60, maxOpenSeconds: 60 };
  const providers = [
    await first.provider(folder.path, { breaker }),
    await second.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  const queries = (): readonly number[] => [first, second].map((one) => one.queries.length);
  const without = (text: string) => ask(tsa.url, queryFor(text, { certReq: false }));
  t.deepEqual((await without('a')).token?.signedData.certificates, []);
  const [asked = 0] = queries();
  await without('b');
  t.is(queries()[0], asked, 'nothing is bought that would be refused');
  t.is((await ask(tsa.url, queryFor('c'))).response.statusName, 'granted');
  t.is(queries()[0], asked + 1, 'other queries go to it as before');
  clock.advance({ hours: 24 });
  await without('d');
  t.is(queries()[0], asked + 2);
  await tsa.reload(configWith(folder.path, providers.slice(0, 1)));
  const { response } = await without('e');
  t.deepEqual(response.failInfo, ['addInfoNotAvailable']);
  t.is(queries()[0], asked + 2);
});

test('a late answer that comes before the next one’s is what everybody gets', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const { promise: asked, resolve: askedNext } = Promise.withResolvers<undefined>();
  const { promise: kept, resolve: goOn } = Promise.withResolvers<undefined>();
  await using slow = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      await asked;
      return { body: self.grant(request) };
    },
  });
  await using next = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      askedNext(undefined);
      await kept;
      return { body: self.grant(request) };
    },
  });
  const timeouts = { connectMs: 20_000, responseMs: 20, lateMs: 20_000 };
  const providers = [
    await slow.provider(folder.path, { timeouts }),
    await next.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  const first = ask(tsa.url, queryFor('a'));
  while (!tsa.events.some((event) => event.name === 'tsa.token.journalled'))
    await new Promise(setImmediate);
  goOn(undefined);
  t.deepEqual((await first).octets, (await ask(tsa.url, queryFor('a'))).octets);
  t.is(next.queries.length, 1);
});

test('a late answer to a request that was refused comes before what its repeat buys', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const late = Promise.withResolvers<undefined>();
  const asked = Promise.withResolvers<undefined>();
  const kept = Promise.withResolvers<undefined>();
  await using slow = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      if (self.queries.length > 1) return { status: 503, type: 'text/plain', body: 'later' };
      await late.promise;
      return { body: self.grant(request) };
    },
  });
  await using next = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      if (self.queries.length === 1) return { status: 503, type: 'text/plain', body: 'later' };
      asked.resolve(undefined);
      await kept.promise;
      return { body: self.grant(request) };
    },
  });
  const timeouts = { connectMs: 20_000, responseMs: 20, lateMs: 20_000 };
  const providers = [
    await slow.provider(folder.path, { timeouts }),
    await next.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'rejection');
  const second = ask(tsa.url, queryFor('a'));
  await asked.promise;
  late.resolve(undefined);
  while (!tsa.events.some((event) => event.name === 'tsa.token.journalled'))
    await new Promise(setImmediate);
  kept.resolve(undefined);
  t.deepEqual((await second).octets, (await ask(tsa.url, queryFor('a'))).octets);
});

test('a late answer is kept and answers the repeat', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
  await using upstream = await startUpstream({
    now: clock.now,
    handler: async (request, self) => {
      await gate;
      return { body: self.grant(request) };
    },
  });
  const timeouts = { connectMs: 20_000, responseMs: 20, lateMs: 20_000 };
  await using tsa = await startTestTsa(
    configWith(folder.path, [await upstream.provider(folder.path, { timeouts })]),
    clock,
  );
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'rejection');
  open(undefined);
  while (!tsa.events.some((event) => event.name === 'tsa.token.journalled'))
    await new Promise(setImmediate);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
  t.is(upstream.queries.length, 1, 'not bought again');
});

test('Basic authentication is sent to the provider, from a file', async (t) => {
  const clock = createTestClock();
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream({ now: clock.now });
  const passwordFile = path.join(folder.path, 'password');
  await writeFile(passwordFile, 'geheim\n');
  const provider = await upstream.provider(folder.path, {
    auth: { kind: 'basic', user: 'hospital', passwordFile },
  });
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  await ask(tsa.url, queryFor('a'));
  t.is(upstream.authorizations[0], `Basic ${Buffer.from('hospital:geheim').toString('base64')}`);
});
