// `tokiwa stamp`: what a client checks before it believes an answer.
import test from 'ava';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { byStrongestDigest } from '#shared/tsp/strongest-digest.ts';
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
  algorithm: DigestAlgorithm = 'SHA-512',
) {
  const file = path.join(folder, '文書 1.txt');
  await writeFile(file, 'content');
  return stampFile({
    file,
    url,
    algorithm,
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

/** Answers badAlg to imprints longer than this. */
const takingAtMost =
  (octets: number): Handler =>
  (q, self) => ({
    body:
      q.messageImprint.hashedMessage.length > octets
        ? buildTimeStampResp({ status: 'rejection', failInfo: ['badAlg'] })
        : self.grant(q),
  });

const choices: readonly [number, DigestAlgorithm, string][] = [
  [64, 'SHA-512', 'the strongest that is asked for, and the TSA takes it'],
  [48, 'SHA-384', 'the TSA answered badAlg to SHA-512'],
  [32, 'SHA-256', 'the TSA answered badAlg to SHA-512 and SHA-384'],
];
for (const [length, algorithm, reason] of choices)
  test(`where no hash is named, a TSA that takes ${length} octets gets ${algorithm}`, async (t) => {
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream({ now: clock.now, handler: takingAtMost(length) });
    const chosen = await byStrongestDigest((one) => stampIn(folder.path, upstream.url, [], one));
    t.like(chosen, { algorithm, reason });
    t.is(chosen.value.token.tstInfo.messageImprint.algorithm, algorithm);
  });

test('SHA-1 is never asked for, and another refusal than badAlg is final', async (t) => {
  await using folder = await temporaryFolder();
  await using none = await startUpstream({ now: clock.now, handler: takingAtMost(20) });
  const ask = (url: string) => byStrongestDigest((one) => stampIn(folder.path, url, [], one));
  await t.throwsAsync(ask(none.url), { code: 'ERR_SOURCE_REFUSED', message: /badAlg/ });
  t.is(none.queries.length, 3);
  const body = buildTimeStampResp({ status: 'rejection', failInfo: ['systemFailure'] });
  await using down = await startUpstream({ now: clock.now, handler: () => ({ body }) });
  await t.throwsAsync(ask(down.url), { code: 'ERR_SOURCE_REFUSED' });
  t.is(down.queries.length, 1);
});

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
