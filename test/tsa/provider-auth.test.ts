// How the proxy says who it is to a provider, what it speaks with it, and whom it trusts to be it.
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
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

const pki = createPki();

async function files(folder: string) {
  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, text);
    await chmod(file, 0o600);
    return file;
  };
  const { cert, key } = pemOf(pki.good);
  return {
    root: await write('tls-root.pem', pemOf(pki.root).cert),
    certificate: await write('client.pem', cert),
    key: await write('client.key', key),
    otherKey: await write('other.key', pemOf(pki.unknown).key),
    token: await write('token', 'abc.DEF-123~\n'),
    noToken: await write('no-token', 'abc\r\nX-Other: 1\n'),
  };
}

type Row = {
  readonly name: string;
  readonly server: 'any' | 'certificate' | 'TLS 1.2';
  readonly settings: (file: Awaited<ReturnType<typeof files>>) => Partial<HttpProviderConfig>;
  readonly granted: boolean;
};
const tls = { tls12: false };
const rows: readonly Row[] = [
  {
    name: 'its authority is named',
    server: 'any',
    settings: ({ root }) => ({ tls: { ...tls, authorities: [root] } }),
    granted: true,
  },
  { name: 'its authority is unknown', server: 'any', settings: () => ({}), granted: false },
  {
    name: 'it wants a certificate and gets ours',
    server: 'certificate',
    settings: ({ root, certificate, key }) => ({
      tls: { ...tls, authorities: [root] },
      auth: { kind: 'certificate', certificate, key },
    }),
    granted: true,
  },
  {
    name: 'it wants a certificate and gets none',
    server: 'certificate',
    settings: ({ root }) => ({ tls: { ...tls, authorities: [root] } }),
    granted: false,
  },
  {
    name: 'it speaks TLS 1.2 alone',
    server: 'TLS 1.2',
    settings: ({ root }) => ({ tls: { ...tls, authorities: [root] } }),
    granted: false,
  },
  {
    name: 'it speaks TLS 1.2 alone, and that will do',
    server: 'TLS 1.2',
    settings: ({ root }) => ({ tls: { tls12: true, authorities: [root] } }),
    granted: true,
  },
];

const speaks = test.macro({
  title: (_, { name, granted }: Row) => `${name}: ${granted ? 'granted' : 'not asked'}`,
  exec: async (t, { server, settings, granted }: Row) => {
    await using folder = await temporaryFolder();
    const clock = createTestClock();
    await using upstream = await startUpstream({
      ...clock,
      tls: {
        ...pemOf(pki.server),
        ...(server === 'TLS 1.2' ? { maxVersion: 'TLSv1.2' } : {}),
        ...(server === 'certificate'
          ? { requestCert: true, rejectUnauthorized: true, ca: pemOf(pki.root).cert }
          : {}),
      },
    });
    const provider = await upstream.provider(folder.path, settings(await files(folder.path)));
    await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
    const { response } = await ask(tsa.url, queryFor('a'));
    t.is(response.statusName, granted ? 'granted' : 'rejection');
    t.is(upstream.queries.length, granted ? 1 : 0);
  },
});
for (const row of rows) test(speaks, row);

test('a bearer token is the content of its file', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const { token } = await files(folder.path);
  const provider = await upstream.provider(folder.path, {
    auth: { kind: 'bearer', tokenFile: token },
  });
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  await ask(tsa.url, queryFor('a'));
  t.deepEqual(upstream.authorizations, ['Bearer abc.DEF-123~']);
  t.notRegex(JSON.stringify(tsa.events), /DEF-123/);
});

test('secrets that cannot be used stop the start', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const { noToken, certificate, otherKey } = await files(folder.path);
  for (const auth of [
    { kind: 'bearer', tokenFile: noToken },
    { kind: 'bearer', tokenFile: path.join(folder.path, 'missing') },
    { kind: 'certificate', certificate, key: otherKey },
  ] as const) {
    const provider = await upstream.provider(folder.path, { auth });
    const start = startTestTsa(configWith(folder.path, [provider]), clock);
    await t.throwsAsync(start, { code: 'ERR_CONFIG_INVALID' });
  }
});
