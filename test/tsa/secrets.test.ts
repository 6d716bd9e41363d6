// No secret of the proxy's is ever said (R-37): one is put into each place that takes one, used well and badly, and looked
// for in all that clients, operators and files get to see.
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { createApiKey, hashPassword } from '#tsa/adapters/password.ts';
import { sha256OfKey } from '#tsa/clients/clients.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { localTsaConfig, type HttpProviderConfig, type TsaConfig } from '#tsa/config/config.ts';
import { examine } from '#tsa/doctor.ts';
import { startTsa } from '#tsa/main.ts';
import { createCanary, createEar, secretFile, type Ear } from '../_canary.ts';
import { closedPort } from '../_free-port.ts';
import { configWith, createTestClock, queryFor, random, temporaryFolder } from './_proxy.ts';
import { clientConfig, createPki, pemOf, post, tlsConfig } from './_tls.ts';
import { startUpstream, type Handler } from './_upstream.ts';

const pki = createPki();
const ca = pemOf(pki.root).cert;

type Asked = { readonly plain: string; readonly secure: readonly string[] };

/** Starts, has everything asked that tells something, reloads, stops; an error is heard and is no end. */
async function live(
  config: TsaConfig,
  ear: Ear,
  ask: (at: Asked) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const options = {
    config,
    clock: createTestClock(),
    random,
    events: (event: unknown) => {
      ear.hear(event);
    },
    loadConfig: () => Promise.resolve(config),
    signal: new AbortController().signal,
  };
  try {
    await using tsa = await startTsa(options);
    for (const text of ['a', 'b', 'c', 'a']) {
      const body = Buffer.from(queryFor(text));
      const headers = { 'content-type': 'application/timestamp-query' };
      const answer = await fetch(tsa.url, { method: 'POST', headers, body });
      ear.hear([...answer.headers]);
      ear.hear(new Uint8Array(await answer.arrayBuffer()));
    }
    await ask({ plain: tsa.url, secure: tsa.secureUrls });
    for (const address of ['', 'metrics', 'readyz', 'healthz', 'ca.pem', 'tsa/default']) {
      const headers = { accept: 'text/html' };
      ear.hear(await (await fetch(`${tsa.url}${address}`, { headers })).text());
    }
    await tsa.reload(config);
    ear.hear(await examine({ ...options, journal: undefined }));
  } catch (error) {
    ear.hear(error);
  }
}

type Place = {
  readonly name: string;
  /** Puts the secret there, lives with it, and says whether it was really in use. */
  readonly use: (folder: string, secret: string, ear: Ear) => Promise<boolean>;
  /** Not searched: where what a provider sent is kept as it came, to be shown to that provider. */
  readonly except?: readonly string[];
};

const failing: Handler = (request, self, count) =>
  count === 1
    ? { body: self.grant(request) }
    : { status: 401, headers: { 'www-authenticate': 'Basic' }, body: 'no' };

/** Repeats what it was told, in HTTP and in its own words. */
const repeating: Handler = (_, self, count) => {
  const told = self.authorizations.at(-1) ?? '';
  const [, pair = ''] = told.split(' ');
  const decoded = Buffer.from(pair, 'base64').toString('latin1');
  const statusString = `${told} is not right: ${decoded} ${'-'.repeat(250)} ${told}`;
  if (count % 2 === 1)
    return {
      body: buildTimeStampResp({ status: 'rejection', failInfo: ['systemFailure'], statusString }),
    };
  return { status: 401, type: told, headers: { 'x-told': told }, body: statusString };
};

function toProvider(
  name: string,
  handler: Handler,
  auth: (file: string) => HttpProviderConfig['auth'],
): Place {
  return {
    name,
    except: handler === repeating ? ['journal'] : [],
    use: async (folder, secret, ear) => {
      await using upstream = await startUpstream({ ...createTestClock(), handler });
      const file = await secretFile(path.join(folder, 'secrets'), 'secret', `${secret}\n`);
      const provider = await upstream.provider(folder, { auth: auth(file) });
      await live(configWith(folder, [provider]), ear);
      return upstream.authorizations.some(
        (one) =>
          one === `Bearer ${secret}` ||
          one === `Basic ${Buffer.from(`clinic:${secret}`).toString('base64')}`,
      );
    },
  };
}

const basic = (passwordFile: string) => ({ kind: 'basic', user: 'clinic', passwordFile }) as const;
const bearer = (tokenFile: string) => ({ kind: 'bearer', tokenFile }) as const;

/** The middle line of a key in PEM. */
const lineOf = (pem: string): string => pem.split('\n')[1] ?? '';

const places: readonly Place[] = [
  toProvider('the password of a provider that refuses it', failing, basic),
  toProvider('the token of a provider that refuses it', failing, bearer),
  toProvider('the password of a provider that repeats it', repeating, basic),
  toProvider('the token of a provider that repeats it', repeating, bearer),
  {
    name: 'a token with a line break in its file',
    use: async (folder, secret, ear) => {
      await using upstream = await startUpstream(createTestClock());
      const text = `${secret}\r\nX-Other: ${secret}`;
      const file = await secretFile(path.join(folder, 'secrets'), 'secret', text);
      const provider = await upstream.provider(folder, { auth: bearer(file) });
      await live(configWith(folder, [provider]), ear);
      return ear.length() > 0 && upstream.queries.length === 0;
    },
  },
  {
    name: 'what encrypts the keys of the local unit, right and then wrong',
    use: async (folder, secret, ear) => {
      const file = await secretFile(path.join(folder, 'secrets'), 'secret', secret);
      const config = localTsaConfig({ stateDir: folder, local: { keyPasswordFile: file } });
      await live(config, ear);
      const entries = await readdir(folder, { recursive: true });
      await writeFile(file, `${secret}-other`);
      await live(config, ear);
      return entries.some((one) => one.endsWith('.key') || one.endsWith('.pem'));
    },
  },
  {
    name: 'the password of the database',
    use: async (folder, secret, ear) => {
      // PostgreSQL's protocol as far as it goes: it asks for the password in clear, and refuses it.
      let told = '';
      const message = (type: string, body: Buffer): Buffer => {
        const head = Buffer.alloc(5);
        head.write(type, 'latin1');
        head.writeInt32BE(body.length + 4, 1);
        return Buffer.concat([head, body]);
      };
      const server = createServer((socket) => {
        let messages = 0;
        socket.on('error', () => undefined);
        socket.on('data', (octets) => {
          messages++;
          if (messages === 1) socket.write(message('R', Buffer.from([0, 0, 0, 3])));
          else {
            told += octets.toString('latin1');
            const fields = ['SFATAL', 'C28P01', 'Mpassword authentication failed', ''];
            socket.end(message('E', Buffer.from(`${fields.join('\0')}\0`)));
          }
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      await using upstream = await startUpstream(createTestClock());
      const passwordFile = await secretFile(path.join(folder, 'secrets'), 'secret', secret);
      const database = {
        host: '127.0.0.1',
        port,
        database: 'tokiwa',
        user: 'tokiwa',
        passwordFile,
        schema: 'tokiwa',
        connections: 2,
        tls: { off: false, authorities: [], tls12: false },
      };
      const config = configWith(folder, [await upstream.provider(folder)]);
      await live({ ...config, database }, ear);
      server.close();
      return told.includes(secret);
    },
  },
  {
    name: 'the key of a listener, and of our certificate at a provider',
    use: async (folder, _, ear) => {
      await using upstream = await startUpstream(createTestClock());
      const config = await tlsConfig(path.join(folder, 'secrets'), pki);
      const { cert, key } = pemOf(pki.good);
      const files = path.join(folder, 'secrets');
      const auth = {
        kind: 'certificate',
        certificate: await secretFile(files, 'own.pem', cert),
        key: await secretFile(files, 'own.key', key),
      } as const;
      const provider = await upstream.provider(folder, { auth });
      const both = { ...configWith(folder, [provider]), listeners: config.listeners };
      await live(both, ear);
      // The keys of others, and files that are none.
      await secretFile(files, 'own.key', pemOf(pki.named).key);
      await live(both, ear);
      await secretFile(files, 'own.key', key);
      await secretFile(files, 'server.key', `${pemOf(pki.server).key.slice(0, 120)}\n`);
      await live(both, ear);
      for (const one of [pki.good, pki.server, pki.named])
        for (const found of ear.heard(lineOf(pemOf(one).key))) throw new Error(found);
      return upstream.queries.length > 0;
    },
  },
  {
    name: 'the password of a client, right, wrong, and in wrong places',
    use: async (folder, secret, ear) => {
      const clients = [clientConfig('records', { passwords: [await hashPassword(secret)] })];
      const config = await tlsConfig(path.join(folder, 'secrets'), pki, { clients });
      let granted = 0;
      await live({ ...config, stateDir: folder }, ear, async ({ secure }) => {
        const pair = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
        for (const authorization of [
          pair(`records:${secret}`),
          pair(`records:${secret}x`),
          pair(`${secret}:records`),
          pair(secret),
          `Bearer ${secret}`,
          `Digest ${secret}`,
          secret,
        ]) {
          const answer = await post(secure[1] ?? '', queryFor('d'), { ca }, { authorization });
          if (answer.status === 200) granted++;
          ear.hear(answer.body);
        }
      });
      return granted === 1;
    },
  },
  {
    name: 'the key of a client, right, wrong, and in wrong places',
    use: async (folder, secret, ear) => {
      const clients = [clientConfig('records', { keys: [sha256OfKey(secret)] })];
      const config = await tlsConfig(path.join(folder, 'secrets'), pki, { clients });
      let granted = 0;
      await live({ ...config, stateDir: folder }, ear, async ({ secure, plain }) => {
        for (const authorization of [
          `Bearer ${secret}`,
          `Bearer ${secret}x`,
          `Basic ${Buffer.from(`records:${secret}`).toString('base64')}`,
          `Basic ${Buffer.from(`${secret}:`).toString('base64')}`,
        ]) {
          const answer = await post(secure[1] ?? '', queryFor('e'), { ca }, { authorization });
          if (answer.status === 200) granted++;
          ear.hear(answer.body);
        }
        // As some clients are set up: in the address.
        for (const base of [plain, secure[1] ?? ''])
          for (const address of [`?key=${secret}`, `evidence/default?key=${secret}`]) {
            const answer = await post(`${base}${address}`, queryFor('f'), { ca }).catch(String);
            ear.hear(typeof answer === 'string' ? answer : answer.body);
          }
      });
      return granted === 2;
    },
  },
];

for (const { name, use, except = [] } of places)
  test(`never said: ${name}`, async (t) => {
    await using folder = await temporaryFolder();
    await mkdir(path.join(folder.path, 'secrets'));
    await chmod(path.join(folder.path, 'secrets'), 0o700);
    const secret = createCanary();
    const ear = createEar();
    t.true(await use(folder.path, secret, ear), 'it was in use');
    await ear.hearFolder(folder.path, ['secrets', ...except]);
    t.true(ear.length() > 500, 'something was said');
    t.deepEqual(ear.heard(secret), []);
  });

test('a secret is found in any shape in which it could slip out', (t) => {
  const secret = createCanary();
  const cause = new Error(`because of ${secret}`);
  for (const said of [
    secret,
    Buffer.from(secret),
    { deep: { in: [{ a: { value: secret } }] } },
    new Error('no', { cause }),
    `Basic ${Buffer.from(`clinic:${secret}`).toString('base64')}`,
    Buffer.from(`ab${secret}c`).toString('base64'),
    Buffer.from(secret).toString('hex'),
  ]) {
    const ear = createEar();
    ear.hear(said);
    t.not(ear.heard(secret).length, 0);
    t.deepEqual(ear.heard(createCanary()), []);
  }
});

test('a key that is made is shown to who makes it, and kept by its digest alone', (t) => {
  const ear = createEar();
  const { key, sha256 } = createApiKey();
  ear.hear(sha256);
  t.deepEqual(ear.heard(key), []);
});

test('a secret that stands in the file by mistake is in no message about the file', (t) => {
  const secret = createCanary();
  const provider = (lines: string): string => `stateDir: state
approvalsRequired: false
profiles: { default: { providers: [one] } }
providers:
  one: { type: http, anchors: [a.pem], tsaPolicies: ['1.2.3'], ${lines} }
`;
  const texts = [
    provider(`url: "https://clinic:${secret}@tsa.example/"`),
    provider(`url: "https://tsa.example/", crls: ["https://clinic:${secret}@tsa.example/a.crl"]`),
    provider(`url: "https://tsa.example/", auth: { type: basic, user: a, password: ${secret} }`),
    provider(`url: "https://tsa.example/", auth: { type: bearer, tokenFile: ["${secret}"] }`),
    provider(`url: "https://tsa.example/", auth: { type: "${secret}" }`),
    provider(`url: "https://tsa.example/", password: "${secret}`),
    `${provider('url: "https://tsa.example/"')}clients: { records: { keys: ["${secret}"] } }`,
    `${provider('url: "https://tsa.example/"')}clients: { records: { passwords: ["${secret}"] } }`,
    `${provider('url: "https://tsa.example/"')}database: { host: a, database: b, user: c, password: ${secret} }`,
  ];
  for (const text of texts) {
    const ear = createEar();
    const error = t.throws(() => parseTsaConfig(text, { fileName: '/etc/tsa.yaml' }), {
      code: 'ERR_CONFIG_INVALID',
    });
    ear.hear(error);
    t.deepEqual(ear.heard(secret), [], text);
  }
});

test('of a provider that cannot be reached, no secret is said', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(createTestClock());
  const secret = createCanary();
  const ear = createEar();
  const file = await secretFile(folder.path, 'secret', secret);
  const url = `http://127.0.0.1:${closedPort}/`;
  const provider = await upstream.provider(folder.path, { url, auth: basic(file) });
  await live(configWith(folder.path, [provider]), ear);
  await ear.hearFolder(folder.path, ['secret']);
  t.deepEqual(ear.heard(secret), []);
});
