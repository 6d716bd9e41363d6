// `tokiwa stamp`: what a client checks before it believes an answer.
import test from 'ava';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { parsePemCertificates } from '#shared/x509/certificate.ts';
import { stampFile } from '#tsa/adapters/stamp-file.ts';
import { issueRoot } from '../../_authority.ts';
import { createTestClock, startLocal, temporaryFolder } from '../_proxy.ts';
import { startUpstream, type Handler } from '../_upstream.ts';

const clock = createTestClock();

async function stampIn(
  folder: string,
  url: string,
  anchors: Parameters<typeof stampFile>[0]['anchors'] = [],
) {
  const file = path.join(folder, '文書 1.txt');
  await writeFile(file, 'content');
  return stampFile({
    file,
    url,
    algorithm: 'SHA-512',
    anchors,
    now: clock.now(),
    signal: new AbortController().signal,
  });
}

test('a file is stamped by its digest; anchors make it trusted', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, clock);
  const plain = await stampIn(folder.path, tsa.url);
  t.false(plain.trusted);
  t.deepEqual(
    Buffer.from(plain.token.tstInfo.messageImprint.hashedMessage),
    Buffer.from(digest('SHA-512', Buffer.from('content'))),
  );
  const trusted = await stampIn(folder.path, tsa.url, parsePemCertificates(tsa.anchorsPem));
  t.true(trusted.trusted);
  const stranger = [issueRoot({ subject: 'CN=Stranger' }).certificate];
  await t.throwsAsync(stampIn(folder.path, tsa.url, stranger), { code: 'ERR_SOURCE_ANSWER' });
});

const bad: readonly (readonly [name: string, handler: Handler, code: string])[] = [
  ['another nonce', (q, self) => ({ body: self.grant(q, { nonce: 1n }) }), 'ERR_SOURCE_ANSWER'],
  [
    'another imprint',
    (q, self) => ({ body: self.grant(q, { imprint: new Uint8Array(64) }) }),
    'ERR_SOURCE_ANSWER',
  ],
  [
    'a broken signature',
    (q, self) => {
      const body = Uint8Array.from(self.grant(q));
      body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
      return { body };
    },
    'ERR_SOURCE_ANSWER',
  ],
  [
    'a rejection',
    () => ({ body: buildTimeStampResp({ status: 'rejection', failInfo: ['badAlg'] }) }),
    'ERR_SOURCE_REFUSED',
  ],
  ['an HTML page', () => ({ type: 'text/html', body: '<p>' }), 'ERR_SOURCE_ANSWER'],
  ['status 500', () => ({ status: 500, body: '' }), 'ERR_SOURCE_REFUSED'],
];
for (const [name, handler, code] of bad) {
  test(`refused without anchors as well: ${name}`, async (t) => {
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream({ now: clock.now, handler });
    await t.throwsAsync(stampIn(folder.path, upstream.url), { code });
  });
}

test('a file that is not there is a usage error', async (t) => {
  const { signal } = new AbortController();
  await t.throwsAsync(
    stampFile({
      file: '/nowhere/at/all',
      url: 'http://127.0.0.1:9/',
      algorithm: 'SHA-256',
      anchors: [],
      now: clock.now(),
      signal,
    }),
    { code: 'ERR_CONFIG_USAGE' },
  );
});
