// Roles: the whole matrix of who may do what at which listener, and that what is done has its actor in the audit
// log.
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import test from 'ava';
import { createApiKey } from '#tsa/adapters/password.ts';
import { roles, type Role } from '#tsa/clients/clients.ts';
import type { TsaConfig } from '#tsa/config/config.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { startTsa } from '#tsa/main.ts';
import { createTestClock, queryFor, random, temporaryFolder } from './_proxy.ts';
import { clientConfig, createPki, pemOf, tlsConfig } from './_tls.ts';

const pki = createPki();
const ca = pemOf(pki.root).cert;
const subject = 'CN=records,O=Clinic';

type Sent = { readonly status: number; readonly text: string };
type Call = {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
};

function send(base: string, call: Call, tls: ConnectionOptions): Promise<Sent> {
  const { promise, resolve, reject } = Promise.withResolvers<Sent>();
  const { method, headers = {}, body } = call;
  const url = new URL(call.path, base);
  const outgoing = request(url, { method, agent: false, headers, ca, ...tls }, (incoming) => {
    let text = '';
    incoming.on('data', (part: Buffer) => (text += part.toString('latin1')));
    incoming.on('error', reject);
    incoming.on('end', () => {
      resolve({ status: incoming.statusCode ?? 0, text });
    });
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/** A proxy with one client, which has these roles, behind a listener for administration, one without, and one for keys. */
async function start(folder: string, own: readonly Role[]) {
  const { key, sha256 } = createApiKey();
  const client = clientConfig('records', {
    certificates: [{ subject }],
    keys: [sha256],
    roles: own,
  });
  const other = clientConfig('other');
  const config = await tlsConfig(folder, pki, { clients: [client, other] });
  const [byCertificate, byKey] = config.listeners;
  if (!byCertificate || !byKey) throw new Error('two listeners are missing');
  const listeners = [{ ...byCertificate, administration: true }, byCertificate, byKey];
  const settings: TsaConfig = { ...config, listeners };
  const tsa = await startTsa({
    config: settings,
    clock: createTestClock(),
    random,
    events: () => undefined,
    loadConfig: () => Promise.resolve(settings),
    signal: new AbortController().signal,
  });
  const [admin = '', plain = '', keys = ''] = tsa.secureUrls;
  return { tsa, key, admin, plain, keys, config: settings };
}

const html = { accept: 'text/html' };
const stamp: Call = {
  method: 'POST',
  path: '/',
  headers: { 'content-type': 'application/timestamp-query' },
  body: queryFor('a'),
};

/** What can be done, the role that it takes, and the status of one who has it. */
const operations: readonly (readonly [name: string, role: Role, call: Call, status: number])[] = [
  ['a timestamp', 'stamp', stamp, 200],
  ['digests', 'stamp', { method: 'GET', path: '/evidence/default' }, 200],
  ['the explanation', 'stamp', { method: 'GET', path: '/' }, 200],
  ['the status page', 'read', { method: 'GET', path: '/', headers: html }, 200],
  ['metrics', 'read', { method: 'GET', path: '/metrics' }, 200],
  ['reload', 'operate', { method: 'POST', path: '/admin/reload' }, 200],
  ['list of clients', 'administer', { method: 'GET', path: '/admin/clients' }, 200],
  ['a new key', 'administer', { method: 'POST', path: '/admin/clients/other/keys' }, 201],
  ['keys removed', 'administer', { method: 'DELETE', path: '/admin/clients/other/keys' }, 200],
];

const sets: readonly (readonly Role[])[] = [[], ...roles.map((role) => [role]), [...roles]];

for (const own of sets)
  test(`roles ${own.length === 0 ? 'none' : own.join(', ')}`, async (t) => {
    await using folder = await temporaryFolder();
    const { tsa, admin, plain, keys, key } = await start(folder.path, own);
    await using _tsa = tsa;
    const identity = pemOf(pki.good);
    for (const [name, role, call, status] of operations) {
      const allowed = own.includes(role);
      const here = await send(admin, call, identity);
      t.is(here.status, allowed ? status : 403, `${name}, over administration`);
      // Elsewhere there is nothing but timestamps; a status page is what a browser asks for there.
      const onlyThere = role !== 'stamp';
      const elsewhere = name === 'the status page' ? (own.includes('stamp') ? 200 : 403) : 404;
      const expected = onlyThere ? elsewhere : allowed ? status : 403;
      t.is((await send(plain, call, identity)).status, expected, `${name}, by certificate`);
      const headers = { ...call.headers, authorization: `Bearer ${key}` };
      t.is((await send(keys, { ...call, headers }, {})).status, expected, `${name}, by key`);
    }
    const page = await send(plain, { method: 'GET', path: '/', headers: html }, identity);
    t.notRegex(page.text, /<html/);
  });

test('administration goes with certificates alone', (t) => {
  const text = (listener: string): string => `stateDir: state
approvalsRequired: false
profiles: { default: { providers: [local] } }
providers: { local: { type: local } }
listeners: [{ port: 1, certificate: a, key: b, administration: true, ${listener} }]
`;
  const parse = (listener: string) => parseTsaConfig(text(listener), { fileName: '/tsa.yaml' });
  t.true(parse('clientAuthorities: [c]').listeners[0]?.administration);
  t.throws(() => parse('authentication: credentials'), {
    code: 'ERR_CONFIG_INVALID',
    message: /administration needs authentication: certificate/,
  });
});

test('without a certificate nobody reaches administration, and another page of a browser does not either', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, admin } = await start(folder.path, roles);
  await using _tsa = tsa;
  await t.throwsAsync(send(admin, { method: 'POST', path: '/admin/reload' }, {}));
  const identity = pemOf(pki.good);
  for (const headers of [
    { origin: 'https://elsewhere.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    const call = { method: 'POST', path: '/admin/reload', headers };
    t.is((await send(admin, call, identity)).status, 403);
  }
  t.is((await send(admin, { method: 'GET', path: '/admin/reload' }, identity)).status, 405);
  const nobody = { method: 'POST', path: '/admin/clients/nobody/keys' };
  t.is((await send(admin, nobody, identity)).status, 404, 'a client that is not configured');
  const odd = { method: 'DELETE', path: '/admin/clients/constructor/keys' };
  t.is((await send(admin, odd, identity)).text, '{"removed":0}');
});

test('a key that is made opens the door at once, one that is removed no longer; the audit log has who did it', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, admin, keys, config } = await start(folder.path, roles);
  await using _tsa = tsa;
  const identity = pemOf(pki.good);
  const made = await send(admin, { method: 'POST', path: '/admin/clients/other/keys' }, identity);
  const authorization = `Bearer ${made.text.trim()}`;
  const byKey = (): Promise<Sent> =>
    send(keys, { ...stamp, headers: { ...stamp.headers, authorization } }, {});
  t.is((await byKey()).status, 200);
  const list = await send(admin, { method: 'GET', path: '/admin/clients' }, identity);
  t.like((JSON.parse(list.text) as unknown[])[0], { client: 'other', kind: 'key' });
  t.false(list.text.includes(made.text.trim()));
  const gone = await send(admin, { method: 'DELETE', path: '/admin/clients/other/keys' }, identity);
  t.is(gone.text, '{"removed":1}');
  t.is((await byKey()).status, 401);
  await send(admin, { method: 'POST', path: '/admin/reload' }, identity);
  await tsa.close();
  const files = (await readdir(config.audit.dir)).filter((name) => name.endsWith('.jsonl'));
  const texts = await Promise.all(
    files.toSorted().map((name) => readFile(path.join(config.audit.dir, name), 'utf8')),
  );
  const acts = texts
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
    .filter(({ event }) => event === 'operated')
    .map(({ client, address, operation, target }) => [client, address, operation, target]);
  t.deepEqual(acts, [
    ['records', '127.0.0.1', 'add-key', 'other'],
    ['records', '127.0.0.1', 'remove-keys', 'other'],
    ['records', '127.0.0.1', 'reload', undefined],
  ]);
  t.false(texts.join('').includes(made.text.trim()));
});
