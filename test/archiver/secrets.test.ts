// No secret of the archiver's is ever said: one is put into each place that takes one, used well and badly by the
// commands, and looked for in what they print, in reports, records, webhooks and the catalogue.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import { replyMediaType } from '#shared/tsp/http-exchange.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { createCanary, createEar, secretFile, type Ear } from '../_canary.ts';
import { collect } from '../_faulty-store.ts';
import type { TestArchive } from './night/_night.ts';
import { today, tokiwa, tokiwaIn } from './night/_tokiwa.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** A server on the loopback that keeps what it was sent: addresses, headers, bodies. */
async function listen(answer: Answer) {
  const told: string[] = [];
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    told.push(`${request.url ?? ''} ${JSON.stringify(request.headers)}`);
    void collect(request).then((body) => {
      bodies.push(body);
      answer(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    bodies,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Repeats what it was told, in HTTP and in its own words. */
const repeating: Answer = ({ headers: { authorization = '' }, method }, response) => {
  const [, pair = ''] = authorization.split(' ');
  const statusString = `${authorization}: ${Buffer.from(pair, 'base64').toString()}`;
  const body = buildTimeStampResp({
    status: 'rejection',
    failInfo: ['systemFailure'],
    statusString,
  });
  response.writeHead(method === 'POST' ? 200 : 401, {
    'content-type': replyMediaType,
    'x-told': authorization,
  });
  response.end(body);
};

type Place = {
  readonly name: string;
  /** Lives with the secret, and says whether it was really in use. */
  readonly use: (archive: TestArchive, secret: string, ear: Ear) => Promise<boolean>;
};

async function run(archive: TestArchive, ear: Ear, ...args: readonly string[]): Promise<void> {
  await archive.writeConfig();
  await archive.close();
  ear.hear(await tokiwa(archive, ...args));
}

const places: readonly Place[] = [
  {
    name: 'the password at a TSA that repeats it, then at one that refuses it',
    use: async (archive, secret, ear) => {
      const file = await secretFile(path.join(archive.folder, 'secrets'), 'secret', `${secret}\n`);
      const auth = { kind: 'basic', user: 'clinic', passwordFile: file };
      await archive.put('a.txt', 'a');
      const told: string[] = [];
      for (const answer of [
        repeating,
        ((_, response) => {
          response.writeHead(401).end(`no`);
        }) satisfies Answer,
      ]) {
        await using tsa = await listen(answer);
        await archive.configure({ tsa: { url: tsa.url, auth } });
        await run(archive, ear, 'run');
        await run(archive, ear, 'report');
        told.push(...tsa.told);
      }
      return told.some((one) => one.includes(Buffer.from(`clinic:${secret}`).toString('base64')));
    },
  },
  {
    name: 'the token in the address of the webhook',
    use: async (archive, secret, ear) => {
      await archive.put('a.txt', 'a');
      await archive.night();
      await rm(path.join(archive.documents, 'a.txt'));
      const told: string[] = [];
      const answers: readonly Answer[] = [
        ({ url }, response) => {
          response.writeHead(500).end(url);
        },
        ({ url }, response) => {
          response.writeHead(302, { location: `https://elsewhere.example${url ?? ''}` }).end(url);
        },
        (_, response) => {
          response.destroy();
        },
      ];
      for (const answer of answers) {
        await using receiver = await listen(answer);
        await archive.configure({ webhook: { url: `${receiver.url}/${secret}?token=${secret}` } });
        await run(archive, ear, 'run');
        told.push(...receiver.told);
        for (const body of receiver.bodies) ear.hear(body);
      }
      return told.length >= answers.length && told.every((one) => one.includes(secret));
    },
  },
  {
    name: 'the keys of a store that refuses them',
    use: async (archive, secret, ear) => {
      await using store = await listen(({ headers }, response) => {
        const { authorization = '', 'x-amz-security-token': token = '' } = headers;
        // As AWS has it: what it refuses stands in an element of its own.
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end(
          `<Error><Code>SignatureDoesNotMatch</Code><Message>not right: ${authorization}</Message><Token-0>${String(token)}</Token-0></Error>`,
        );
      });
      const stores = [{ kind: 's3', bucket: 'documents', endpoint: store.url }];
      await archive.configure({ stores });
      await archive.writeConfig();
      await archive.close();
      const more = {
        AWS_ACCESS_KEY_ID: 'clinic',
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_SESSION_TOKEN: `session-${secret}`,
      };
      for (const command of ['run', 'plan']) ear.hear(await tokiwaIn(archive, more, command));
      return store.told.some((one) => one.includes(`session-${secret}`));
    },
  },
  {
    name: 'what decrypts the key that signs policies, right and then wrong',
    use: async (archive, secret, ear) => {
      const folder = path.join(archive.folder, 'secrets');
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: secret,
      });
      const key = await secretFile(folder, 'key.pem', pem);
      const anchors = archive.tsa.running.anchorsPath;
      await archive.writeConfig();
      const messages: string[] = [];
      for (const password of [secret, `${secret}-other`]) {
        const file = await secretFile(folder, 'password', password);
        const signing = ['--sign-key', key, '--sign-certificate', anchors];
        const ended = await tokiwa(
          archive,
          ...['policy export', 'cryptrec-ls-0003-2022', ...signing, '--key-password-file', file],
        );
        ear.hear(ended);
        messages.push(ended.stderr);
      }
      // The right one opens the key, which is not the certificate's; the wrong one does not.
      return /of another key/.test(messages[0] ?? '') && /cannot be used/.test(messages[1] ?? '');
    },
  },
];

for (const { name, use } of places)
  test.serial(`never said: ${name}`, async (t) => {
    await using archive = await today();
    await mkdir(path.join(archive.folder, 'secrets'));
    const secret = createCanary();
    const ear = createEar();
    t.true(await use(archive, secret, ear), 'it was in use');
    ear.hear(archive.events);
    // The configuration says where to send; it is the operator's own file.
    await ear.hearFolder(archive.folder, ['secrets', path.basename(archive.configFile)]);
    t.true(ear.length() > 500, 'something was said');
    t.deepEqual(ear.heard(secret), []);
  });

test.serial('towards a TSA go digests: no octet of a document, and no name', async (t) => {
  await using archive = await today();
  const { url } = archive.tsa.running;
  await using between = await listen(({ method = 'GET', headers }, response, body) => {
    const type = { 'content-type': headers['content-type'] ?? '' };
    void fetch(url, { method, ...(method === 'POST' ? { headers: type, body } : {}) }).then(
      async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        response.end(Buffer.from(await answer.arrayBuffer()));
      },
    );
  });
  const [name, content] = [createCanary(), createCanary()];
  await archive.put(`${name}.txt`, content);
  await archive.configure({ tsa: { url: between.url } });
  await archive.night();
  t.is((await archive.row(`${name}.txt`)).state, 'protected');
  const ear = createEar();
  for (const sent of [...between.told, ...between.bodies]) ear.hear(sent);
  t.true(
    between.bodies.some(({ length }) => length > 50),
    'a query was sent',
  );
  t.deepEqual([...ear.heard(name), ...ear.heard(content)], []);
});

const tsa = 'url: "https://tsa.example/", anchors: [a.pem]';
const base = 'stores: [{ kind: folder, path: documents }]';
const withPassword = 'auth: { kind: basic, user: a, passwordFile: b }';

/** Settings with a secret in them, and whether they can be used. */
const mistakes: readonly (readonly [name: string, lines: (secret: string) => string])[] = [
  [
    'the TSA’s address',
    (s) => `${base}\ntsa: { url: "https://a:${s}@tsa.example/", anchors: [a] }`,
  ],
  [
    'the second TSA’s address',
    (s) => `${base}\ntsa: { ${tsa} }\nsecondTsa: { url: "https://${s}@b.example/", anchors: [b] }`,
  ],
  [
    'the webhook’s address',
    (s) => `${base}\ntsa: { ${tsa} }\nwebhook: { url: "https://a:${s}@b.example/" }`,
  ],
  [
    'a store’s address',
    (s) =>
      `stores: [{ kind: s3, bucket: b, endpoint: "https://a:${s}@b.example/" }]\ntsa: { ${tsa} }`,
  ],
  [
    'the evidence’s address',
    (s) =>
      `${base}\nevidence: { kind: s3, bucket: b, endpoint: "https://a:${s}@b.example/" }\ntsa: { ${tsa} }`,
  ],
  ['a CRL’s address', (s) => `${base}\ntsa: { ${tsa}, crls: ["https://a:${s}@b.example/"] }`],
  [
    'a signer’s CRL’s address',
    (s) => `${base}\ntsa: { ${tsa} }\nsigners: { crls: ["https://a:${s}@b.example/"] }`,
  ],
  [
    'a password beside its user',
    (s) => `${base}\ntsa: { ${tsa}, auth: { kind: basic, password: "${s}" } }`,
  ],
  ['a line that does not end', (s) => `${base}\ntsa: { ${tsa}, secret: "${s}`],
];
for (const [name, lines] of mistakes)
  test(`a secret that stands there by mistake is refused and not repeated: ${name}`, (t) => {
    const secret = createCanary();
    const ear = createEar();
    const parse = () => parseArchiverConfig(`${lines(secret)}\n`, '/etc/tokiwa.yaml');
    ear.hear(t.throws(parse, { code: 'ERR_CONFIG_INVALID' }));
    t.deepEqual(ear.heard(secret), []);
  });

test('no password goes over plain http, but within the machine', (t) => {
  const parse = (url: string) =>
    parseArchiverConfig(
      `${base}\ntsa: { url: "${url}", anchors: [a.pem], ${withPassword} }\n`,
      '/etc/tokiwa.yaml',
    );
  for (const url of ['https://tsa.example/', 'http://127.0.0.1:1/', 'http://localhost/'])
    t.is(parse(url).tsa.auth.kind, 'basic', url);
  for (const url of ['http://tsa.example/', 'http://127.0.0.1.example/', 'http://10.0.0.1/'])
    t.throws(() => parse(url), { message: /tsa\.auth: no password goes over plain http/ }, url);
});
