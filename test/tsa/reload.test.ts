// Another configuration while requests are under way: they end as they began, the next ones see the new settings, and
// a configuration that cannot be used changes nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import path from 'node:path';
import test from 'ava';
import { type AlgorithmPolicy } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { createApiKey } from '#tsa/adapters/password.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import type { TsaConfig } from '#tsa/config/config.ts';
import { issueCrl, type Issued } from '../_authority.ts';
import { projectRoot } from '../_sources.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { clientConfig, createPki, pemOf, post, tlsConfig } from './_tls.ts';
import { startUpstream, upstreamPolicy, type Upstream } from './_upstream.ts';

test('a request under way ends with the provider that it began with; the next goes to the new one', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await using old = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      await held;
      return { body: self.grant(request) };
    },
  });
  await using next = await startUpstream(clock);
  const timeouts = { connectMs: 60_000, responseMs: 60_000, lateMs: 60_000 };
  const before = configWith(folder.path, [await old.provider(folder.path, { timeouts })]);
  const after = configWith(folder.path, [await next.provider(folder.path, { timeouts })]);
  await using tsa = await startTestTsa(before, clock);
  const pending = ask(tsa.url, queryFor('under way'));
  while (old.queries.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await tsa.reload(after);
  t.is((await ask(tsa.url, queryFor('afterwards'))).response.statusName, 'granted');
  t.is(next.queries.length, 1);
  release(undefined);
  t.is((await pending).response.statusName, 'granted');
  t.is(old.queries.length, 1);
});

test('a query of which the head came before a reload, and the body after it, is served by what let it in', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using old = await startUpstream(clock);
  await using next = await startUpstream(clock);
  const before = configWith(folder.path, [await old.provider(folder.path, { name: 'old' })]);
  const after = configWith(folder.path, [await next.provider(folder.path, { name: 'next' })]);
  await using tsa = await startTestTsa(before, clock);
  const query = queryFor('a');
  const outgoing = plainRequest(tsa.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/timestamp-query',
      'content-length': query.length,
      expect: '100-continue',
    },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  outgoing.flushHeaders();
  // It is said when the client is let in.
  await once(outgoing, 'continue');
  await tsa.reload(after);
  outgoing.end(query);
  const [incoming] = await answered;
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  const response = parseTimeStampResp(new Uint8Array(Buffer.concat(parts)));
  t.is(response.statusName, 'granted', response.statusString.join());
  t.deepEqual([old.queries.length, next.queries.length], [1, 0]);
});

test('a repeat gets its token though the provider is there no more', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using old = await startUpstream(clock);
  await using next = await startUpstream(clock);
  const policy = { reqPolicy: upstreamPolicy };
  const before = configWith(folder.path, [await old.provider(folder.path)]);
  const other = await next.provider(folder.path, { hashAlgorithms: ['SHA-512'] });
  await using tsa = await startTestTsa(before, clock);
  const first = await ask(tsa.url, queryFor('a', policy));
  await tsa.reload(configWith(folder.path, [other]));
  t.deepEqual((await ask(tsa.url, queryFor('a', policy))).octets, first.octets);
  const { response } = await ask(tsa.url, queryFor('b', policy));
  t.deepEqual(response.failInfo, ['unacceptedPolicy'], 'and nothing new can be had');
});

test('under load, with providers, profiles and certificates that change each time, no request is dropped', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const pkis = [createPki(), createPki()] as const;
  await using one = await startUpstream(clock);
  await using two = await startUpstream(clock);
  const listening = await tlsConfig(folder.path, pkis[0]);
  const { key, sha256 } = createApiKey();
  const names = ['default', 'even', 'odd'];
  const edition = async (upstream: Upstream, name: string): Promise<TsaConfig> => {
    const provider = await upstream.provider(folder.path, { name: `of-${name}` });
    const { profiles, providers } = configWith(folder.path, [provider]);
    const profile = profiles['default'];
    if (!profile) throw new TypeError('the helper makes a default profile');
    const clients = [clientConfig('records', { keys: [sha256], profiles: names })];
    const both = { default: profile, [name]: { ...profile, name } };
    return { ...listening, providers, profiles: both, clients };
  };
  const [first, second] = [await edition(one, 'even'), await edition(two, 'odd')];
  await using tsa = await startTestTsa(first, clock);
  const [, url = ''] = tsa.secureUrls;
  const ca = pkis.map((pki) => pemOf(pki.root).cert);
  const agent = new Agent({ keepAlive: true, ca });
  let isOver = false;
  let asked = 0;
  const client = async (name: number): Promise<readonly string[]> => {
    const wrong: string[] = [];
    for (let i = 0; !isOver; i++) {
      // Every other client shakes hands each time.
      const tls = name % 2 === 0 ? { agent } : { ca, agent: false as const };
      const query = queryFor(`${name} ${i}`, { nonce: BigInt(1000 * i + name) });
      const { status, body } = await post(url, query, tls, { authorization: `Bearer ${key}` });
      const response = status === 200 ? parseTimeStampResp(body) : undefined;
      if (response?.statusName !== 'granted')
        wrong.push(`${status} ${response?.statusString.join() ?? ''}`);
      asked++;
    }
    return wrong;
  };
  const clients = Array.from({ length: 6 }, (_, i) => client(i));
  for (let i = 1; i <= 20; i++) {
    const { cert, key: serverKey } = pemOf((i % 2 === 0 ? pkis[0] : pkis[1]).server);
    await writeFile(path.join(folder.path, 'server.pem'), cert);
    await writeFile(path.join(folder.path, 'server.key'), serverKey);
    const before = asked;
    await tsa.reload(i % 2 === 0 ? first : second);
    // Some of each edition.
    while (asked < before + 6) await new Promise(setImmediate);
  }
  isOver = true;
  t.deepEqual((await Promise.all(clients)).flat(), []);
  t.true(one.queries.length > 0 && two.queries.length > 0);
  agent.destroy();
});

/** The file's policy without SHA-256, which tokens of the upstream use. */
function withoutSha256(policy: AlgorithmPolicy): AlgorithmPolicy {
  const hashAlgorithms = policy.hashAlgorithms.filter(({ alg }) => alg !== 'SHA-256');
  return { ...policy, version: 'second', hashAlgorithms };
}

test('another edition of a policy file counts from the reload on, and no request is dropped', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  await using upstream = await startUpstream({
    ...clock,
    handler: async (request, self, count) => {
      if (count === 1) await held;
      return { body: self.grant(request) };
    },
  });
  const [first] = bundledPolicies.policies as readonly [AlgorithmPolicy];
  const text = `stateDir: state
algorithmPolicy: mine
algorithms: { policies: [{ id: own, file: own.xml }], profiles: [{ id: mine, policies: [own] }] }
profiles: { default: { providers: [a] } }
providers: { a: { type: http, url: 'https://tsa.example/', anchors: [a.pem] } }`;
  const timeouts = { connectMs: 60_000, responseMs: 60_000, lateMs: 60_000 };
  const providers = [await upstream.provider(folder.path, { timeouts })];
  const under = (policy: AlgorithmPolicy): TsaConfig => ({
    ...configWith(folder.path, providers),
    algorithmPolicy: parseTsaConfig(text, {
      fileName: '/tsa.yaml',
      readFile: () => buildDssc(policy, '2029-01-01'),
    }).algorithmPolicy,
  });
  await using tsa = await startTestTsa(under({ ...first, version: 'first' }), clock);
  const pending = ask(tsa.url, queryFor('under way'));
  while (upstream.queries.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await tsa.reload(under(withoutSha256(first)));
  release(undefined);
  t.is((await pending).response.statusName, 'granted');
  const after = await fetch(tsa.url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(queryFor('afterwards')),
  });
  t.is(parseTimeStampResp(new Uint8Array(await after.arrayBuffer())).statusName, 'rejection');
  const editions = tsa.events
    .filter(({ name }) => name === 'tsa.started' || name === 'tsa.reloaded')
    .map(({ algorithmPolicy }) => algorithmPolicy);
  t.deepEqual(editions, [
    { profile: 'mine', editions: ['own (first)'] },
    { profile: 'mine', editions: ['own (second)'] },
  ]);
});

test('figures of a provider that stays the same go on', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await using tsa = await startTestTsa(config, clock);
  await ask(tsa.url, queryFor('a'));
  await tsa.reload({ ...config, bodyLimitBytes: 300 });
  await ask(tsa.url, queryFor('b'));
  t.regex(await (await fetch(`${tsa.url}readyz`)).text(), /"granted":2/);
});

test('budgets that are set by a reload know what the month has bought', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await using tsa = await startTestTsa(config, clock);
  for (const text of ['a', 'b']) await ask(tsa.url, queryFor(text));
  await tsa.reload({ ...config, budgets: [{ period: 'month', tokens: 3, warnAtPercent: 80 }] });
  await ask(tsa.url, queryFor('c'));
  await t.throwsAsync(ask(tsa.url, queryFor('d')), { message: /HTTP 429/ });
});

test('what cannot be used, or asks for a restart, is refused and changes nothing', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path);
  const config = configWith(folder.path, [provider]);
  await using tsa = await startTestTsa(config, clock);
  const missing = { ...provider, anchors: [path.join(folder.path, 'missing.pem')] };
  for (const bad of [
    configWith(folder.path, [missing]),
    { ...config, listen: { ...config.listen, port: 1 } },
    { ...config, stateDir: '/elsewhere' },
    { ...config, timeZone: 'UTC' },
  ])
    await t.throwsAsync(tsa.reload(bad), { code: 'ERR_CONFIG_INVALID' });
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
});

test('certificates and clients are read anew', async (t) => {
  await using folder = await temporaryFolder();
  const pki = createPki();
  const other = createPki();
  const config = await tlsConfig(folder.path, pki);
  await using tsa = await startTestTsa(config, createTestClock());
  const [, url = ''] = tsa.secureUrls;
  const { key, sha256 } = createApiKey();
  const headers = { authorization: `Bearer ${key}` };
  const query = queryFor('a');
  const ca = pemOf(pki.root).cert;
  t.is((await post(url, query, { ca }, headers)).status, 401);
  const clients = [clientConfig('records', { keys: [sha256] })];
  await writeFile(path.join(folder.path, 'server.pem'), pemOf(other.server).cert);
  await t.throwsAsync(tsa.reload({ ...config, clients }), { code: 'ERR_CONFIG_INVALID' });
  t.is((await post(url, query, { ca }, headers)).status, 401, 'a key of another certificate');
  await writeFile(path.join(folder.path, 'server.key'), pemOf(other.server).key);
  await tsa.reload({ ...config, clients });
  t.is((await post(url, query, { ca: pemOf(other.root).cert }, headers)).status, 200);
  await t.throwsAsync(post(url, query, { ca }, headers));
});

test('a connection that is open has one more answer at most, and none for a client that is revoked now', async (t) => {
  await using folder = await temporaryFolder();
  const pki = createPki();
  const config = await tlsConfig(folder.path, pki);
  await using tsa = await startTestTsa(config, createTestClock());
  const [url = ''] = tsa.secureUrls;
  const connectAs = (issued: Issued) => {
    const tls = { ca: pemOf(pki.root).cert, ...pemOf(issued) };
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ...tls });
    t.teardown(() => {
      agent.destroy();
    });
    return async () => {
      const outgoing = request(url, {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/timestamp-query' },
      });
      outgoing.end(queryFor('a'));
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      incoming.resume();
      const { statusCode, headers, socket } = incoming;
      const closed = once(socket, 'close');
      await once(incoming, 'end');
      return { status: statusCode, connection: headers.connection, closed };
    };
  };
  const [ofGood, ofNamed] = [connectAs(pki.good), connectAs(pki.named)];
  const first = [await ofGood(), await ofNamed()];
  for (const one of first) t.like(one, { status: 200, connection: 'keep-alive' });
  const crl = issueCrl({
    issuer: pki.root,
    thisUpdate: '2024-01-02T00:00:00Z',
    nextUpdate: '2039-01-01T00:00:00Z',
    revoked: [{ certificate: pki.good, at: '2024-01-02T00:00:00Z' }],
  });
  await writeFile(path.join(folder.path, 'clients.crl'), crl.raw);
  await tsa.reload(config);
  await first[0]?.closed;
  await t.throwsAsync(ofGood(), undefined, 'and a new one is refused in the handshake');
  t.like(await ofNamed(), { status: 200, connection: 'close' });
  await first[1]?.closed;
  t.like(await ofNamed(), { status: 200, connection: 'keep-alive' });
});

test('the command and SIGHUP have the running proxy take over its file', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'tsa.yaml');
  const text = [
    'stateDir: state',
    'listen: { port: 0 }',
    'profiles: { default: { providers: [local] } }',
    'providers: { local: { type: local } }',
  ].join('\n');
  const more = text.replace('} }', '}, other: { providers: [local] } }');
  await writeFile(file, text);
  const cli = path.join(projectRoot, 'cli.ts');
  const child = spawn(process.execPath, [cli, 'tsa', 'serve', '--config', file]);
  let log = '';
  child.stderr.on('data', (part: Buffer) => (log += part.toString()));
  const said = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const [match] = pattern.exec(log) ?? [];
      if (match !== undefined) return match;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    const url = await said(/http:\/\/127\.0\.0\.1:\d+\/(?=\n)/);
    t.is((await fetch(`${url}tsa/other`)).status, 404);
    const second = spawn(process.execPath, [cli, 'tsa', 'serve', '--config', file]);
    t.deepEqual(await once(second, 'close'), [3, null], 'the folder has one writer');
    await writeFile(file, more);
    const command = spawn(process.execPath, [cli, 'tsa', 'reload', '--config', file]);
    t.deepEqual(await once(command, 'close'), [0, null]);
    t.is((await fetch(`${url}tsa/other`)).status, 200);
    await writeFile(file, 'nonsense: true');
    child.kill('SIGHUP');
    await said(/tsa\.reload\.failed/);
    t.is((await fetch(`${url}tsa/other`)).status, 200);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  t.is(child.exitCode, 0);
});
