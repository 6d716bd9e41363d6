// TLS: who comes in by certificate and who is refused in the handshake, and which versions, suites and groups are
// spoken at all.
import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import test from 'ava';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { tls12Suites, tls13Suites, tlsGroups, tlsTable } from '#tsa/tls-table.ts';
import { oids } from '#shared/oid.ts';
import { issueCertificate, issueCrl, type Issued } from '../_authority.ts';
import { extendedKeyUsage, keyUsage } from '../_extensions.ts';
import { freshKey } from '../_keys.ts';
import {
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
  type TestTsa,
} from './_proxy.ts';
import { clientConfig, createPki, pemOf, post, tlsConfig, type TestPki } from './_tls.ts';

const pki = createPki();
const ca = pemOf(pki.root).cert;

async function start(folder: string, settings: Parameters<typeof tlsConfig>[2] = {}) {
  const tsa = await startTestTsa(await tlsConfig(folder, pki, settings), createTestClock());
  const [byCertificate = '', byCredentials = ''] = tsa.secureUrls;
  return { tsa, byCertificate, byCredentials };
}

const query = queryFor('a');

test('a certificate of a client, by subject or alternative name, gets a token', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, byCertificate } = await start(folder.path);
  await using _tsa = tsa;
  for (const issued of [pki.good, pki.named]) {
    const { status, body } = await post(byCertificate, query, { ca, ...pemOf(issued) });
    t.is(status, 200);
    t.is(parseTimeStampResp(new Uint8Array(body)).statusName, 'granted');
  }
  const audit = await auditText(folder.path);
  t.regex(audit, /"client":"records".*"verdict":"granted"/);
  t.regex(audit, /"client":"archive".*"verdict":"granted"/, 'what another one got is not repeated');
});

async function auditText(folder: string): Promise<string> {
  const audit = path.join(folder, 'state', 'audit');
  const files = (await readdir(audit)).filter((name) => name.endsWith('.jsonl'));
  return (await Promise.all(files.map((name) => readFile(path.join(audit, name), 'utf8')))).join(
    '',
  );
}

test('a certificate of nobody is let in by TLS and refused with 403', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, byCertificate } = await start(folder.path);
  await using _tsa = tsa;
  const { status, body } = await post(byCertificate, query, { ca, ...pemOf(pki.unknown) });
  t.is(status, 403);
  t.notRegex(body.toString(), /certificate/);
  t.regex(await auditText(folder.path), /CN=nobody .*belongs to no client/);
});

const bad: readonly (readonly [name: keyof TestPki, reason: string])[] = [
  ['expired', 'CERT_HAS_EXPIRED'],
  ['future', 'CERT_NOT_YET_VALID'],
  ['forServers', 'INVALID_PURPOSE'],
  ['revoked', 'CERT_REVOKED'],
  ['foreign', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
];
test('bad certificates, and none, are refused in the handshake; from where and why is in the audit log', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, byCertificate } = await start(folder.path);
  await using _tsa = tsa;
  await t.throwsAsync(post(byCertificate, query, { ca }), undefined, 'none');
  for (const [name] of bad)
    await t.throwsAsync(post(byCertificate, query, { ca, ...pemOf(pki[name]) }), undefined, name);
  // A refusal is written after the connection is closed.
  await tsa.close();
  const lines = (await auditText(folder.path))
    .split('\n')
    .filter((one) => one.includes('"refused"'))
    .map((one) => JSON.parse(one) as { status: number; address: string; reason: string });
  const reasons = ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', ...bad.map(([, reason]) => reason)];
  t.deepEqual(
    lines.map(({ status, address, reason }) => [status, address, reason]),
    reasons.map((reason) => [0, '127.0.0.1', reason]),
  );
});

for (const [what, trustedProxies, status, address] of [
  ['is not believed by default', [], 403, '127.0.0.1'],
  ['is believed of a reverse proxy that is trusted', ['127.0.0.0/8'], 200, '10.0.0.1'],
] as const)
  test(`X-Forwarded-For ${what}`, async (t) => {
    await using folder = await temporaryFolder();
    const certificates = [{ subject: 'CN=records,O=Clinic' }];
    const clients = [clientConfig('records', { certificates, networks: ['10.0.0.0/8'] })];
    const config = await tlsConfig(folder.path, pki, { clients });
    await using tsa = await startTestTsa({ ...config, trustedProxies }, createTestClock());
    const headers = { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' };
    const [url = ''] = tsa.secureUrls;
    t.is((await post(url, query, { ca, ...pemOf(pki.good) }, headers)).status, status);
    await tsa.close();
    t.true((await auditText(folder.path)).includes(`"address":"${address}"`));
  });

test('a CRL of clients that ends soon is said at the start, and its successor’s end after a reload', async (t) => {
  await using folder = await temporaryFolder();
  const config = await tlsConfig(folder.path, pki);
  const write = (nextUpdate: string) =>
    writeFile(
      path.join(folder.path, 'clients.crl'),
      issueCrl({ issuer: pki.root, thisUpdate: '2024-01-01T00:00:00Z', nextUpdate }).raw,
    );
  await write('2030-01-02T00:00:00Z');
  await using tsa = await startTestTsa(config, createTestClock('2030-01-01T00:00:00Z'));
  const said = () =>
    tsa.events
      .filter(({ name }) => name === 'tsa.listener.crl-ending')
      .map((event) => event['nextUpdate']);
  t.deepEqual(said(), ['2030-01-02T00:00:00Z']);
  await tsa.reload(config);
  t.is(said().length, 1);
  await write('2030-01-01T12:00:00Z');
  await tsa.reload(config);
  t.deepEqual(said(), ['2030-01-02T00:00:00Z', '2030-01-01T12:00:00Z']);
});

/** RSA of 1024 bits, which is good in every other way. */
function issueWeak(purpose: string): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const key = { ...freshKey('P-256'), privateKey, publicKey: spki };
  return issueCertificate({ subject: 'CN=records,O=Clinic', issuer: pki.root, key }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([purpose]),
  ]);
}

test('keys below the guideline’s length are refused, of clients and of the listener itself', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, byCertificate } = await start(folder.path);
  await using _tsa = tsa;
  const client = pemOf(issueWeak(oids.idKpClientAuth));
  const ciphers = 'DEFAULT:@SECLEVEL=0';
  const options = { ca, ...client, ciphers, sigalgs: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256' };
  await t.throwsAsync(post(byCertificate, query, options));
  await tsa.close();
  // Node has no name for "key too small".
  t.regex(await auditText(folder.path), /"status":0,"reason":"UNSPECIFIED"/);
  const server = issueWeak(oids.idKpServerAuth);
  const config = await tlsConfig(folder.path, { ...pki, server });
  await t.throwsAsync(startTestTsa(config, createTestClock()), { code: 'ERR_CONFIG_INVALID' });
});

test('every row of the table says what defines it and which demand it meets', (t) => {
  const rows = Object.values(tlsTable).flat();
  t.true(rows.every(({ defined, demand }) => /^RFC \d+ §/.test(defined) && demand !== ''));
  t.is(new Set(rows.map(({ name }) => name)).size, rows.length);
});

test('clients see neither figures nor the head of the audit log', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, byCredentials } = await start(folder.path);
  await using _tsa = tsa;
  const answer = await get(`${byCredentials}readyz`);
  t.regex(answer, /\{"status":"ready"\}$/);
  t.regex(await (await fetch(`${tsa.url}readyz`)).text(), /"sha256"/);
});

function get(url: string): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const socket = connect({ host: hostname, port: Number(port), ca }, () => {
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  });
  socket.on('data', (part: Buffer) => (text += part.toString()));
  socket.on('error', reject);
  socket.on('end', () => {
    resolve(text);
  });
  return promise;
}

/** Protocol and suite that were agreed on, or the failure. */
function handshake(url: string, options: ConnectionOptions): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  try {
    const socket = connect({ host: hostname, port: Number(port), ca, ...options }, () => {
      resolve(`${socket.getProtocol() ?? ''} ${socket.getCipher().standardName}`);
      socket.end();
    });
    socket.on('error', () => {
      resolve('refused');
    });
  } catch {
    resolve('not known to the client');
  }
  return promise;
}

async function scan(
  t: { is: (a: unknown, b: unknown, m: string) => unknown },
  tsa: TestTsa,
  tls12: boolean,
) {
  const [, url = ''] = tsa.secureUrls;
  const only13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;
  const only12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  for (const suite of [...tls13Suites, 'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256']) {
    const expected = tls13Suites.some((one) => one === suite) ? `TLSv1.3 ${suite}` : 'refused';
    t.is(await handshake(url, { ...only13, ciphers: suite }), expected, suite);
  }
  for (const group of [...tlsGroups, 'X448', 'secp256k1', 'ffdhe2048']) {
    const got = await handshake(url, { ...only13, ecdhCurve: group });
    const expected = tlsGroups.some((one) => one === group);
    t.is(got.startsWith('TLSv1.3'), expected, `${group}: ${got}`);
  }
  const bad12 = [
    'AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-CCM',
    'DHE-RSA-AES256-GCM-SHA384',
  ];
  const ecdsa12 = tls12Suites.filter((one) => one.includes('ECDSA'));
  for (const suite of [...ecdsa12, ...bad12]) {
    const got = await handshake(url, { ...only12, ciphers: `${suite}:@SECLEVEL=0` });
    const expected = tls12 && ecdsa12.some((one) => one === suite);
    t.is(got.startsWith('TLSv1.2'), expected, `${suite}: ${got}`);
  }
  for (const version of ['TLSv1.1', 'TLSv1'] as const) {
    const options = {
      minVersion: version,
      maxVersion: version,
      ciphers: 'ALL:@SECLEVEL=0',
    } as const;
    t.is(await handshake(url, options), 'refused', version);
  }
}

test('by default TLS 1.3 alone is spoken, with the suites and groups of the table', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa } = await start(folder.path);
  await using _tsa = tsa;
  await scan(t, tsa, false);
});

test('TLS 1.2 by choice comes with ephemeral keys and authenticated encryption alone', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa } = await start(folder.path, { tls12: true });
  await using _tsa = tsa;
  await scan(t, tsa, true);
});

/** Connects, asks, and gives the session that the server offered to go on with, if it did. */
function askWith(url: string, options: ConnectionOptions) {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<{
    readonly resumed: boolean;
    readonly session: Buffer | undefined;
  }>();
  const socket = connect({ host: hostname, port: Number(port), ca, ...options }, () => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  });
  let session: Buffer | undefined;
  socket.on('session', (one: Buffer) => (session = one));
  socket.on('error', reject);
  socket.resume();
  socket.on('end', () => {
    const resumed = socket.isSessionReused();
    resolve({ resumed, session: session ?? socket.getSession() });
    socket.end();
  });
  return promise;
}

for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
  test(`no session of ${version} goes on in another connection: each client is looked at anew`, async (t) => {
    await using folder = await temporaryFolder();
    const { tsa, byCertificate } = await start(folder.path, { tls12: true });
    await using _tsa = tsa;
    const options = { ...pemOf(pki.good), minVersion: version, maxVersion: version };
    const { session } = await askWith(byCertificate, options);
    const again = await askWith(byCertificate, { ...options, ...(session && { session }) });
    t.false(again.resumed);
    // Nor does it stand for a certificate.
    if (session) await t.throwsAsync(askWith(byCertificate, { minVersion: version, session }));
  });

test('a key that others can read, or that is another certificate’s, stops the start', async (t) => {
  await using folder = await temporaryFolder();
  const config = await tlsConfig(folder.path, pki);
  await writeFile(path.join(folder.path, 'server.key'), pemOf(pki.good).key);
  await t.throwsAsync(startTestTsa(config, createTestClock()), { code: 'ERR_CONFIG_INVALID' });
  await writeFile(path.join(folder.path, 'open.key'), pemOf(pki.server).key, { mode: 0o644 });
  const listeners = config.listeners.map((one) => ({
    ...one,
    key: path.join(folder.path, 'open.key'),
  }));
  await t.throwsAsync(startTestTsa({ ...config, listeners }, createTestClock()), {
    code: 'ERR_CONFIG_INVALID',
    message: /can be read by others/,
  });
});
