// The local unit behind the proxy: what its tokens say, that they verify, its clock guard, and repeats.
import test from 'ava';
import { findDerOffence } from '#shared/der/strict.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { parsePemCertificates } from '#shared/x509/certificate.ts';
import { localTsaConfig, localTsaPolicy } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';
import { ask, createTestClock, queryFor, random, startLocal, temporaryFolder } from '../_proxy.ts';

for (const [key, signatureDigest] of [
  ['P-256', 'SHA-256'],
  ['P-256', 'SHA-512'],
  ['P-384', 'SHA-384'],
  ['RSA-3072', 'SHA-384'],
  ['RSA-4096', 'SHA-512'],
  ['Ed25519', 'SHA-512'],
  ['ML-DSA-44', 'SHA-256'],
  ['ML-DSA-65', 'SHA-512'],
  ['ML-DSA-87', 'SHA-512'],
] as const) {
  test(`${key} with ${signatureDigest}: a token that says what was asked and verifies`, async (t) => {
    await using folder = await temporaryFolder();
    const clock = createTestClock('2030-01-01T12:34:56.789123Z');
    await using tsa = await startLocal(folder.path, clock, { key, signatureDigest });
    const { token } = await ask(tsa.url, queryFor('a'));
    t.is(findDerOffence(token?.raw ?? new Uint8Array()), undefined);
    t.like(token?.tstInfo, {
      policy: localTsaPolicy,
      nonce: 0x1234567890n,
      genTimeText: '20300101123456.789Z',
      ordering: false,
    });
    t.is(token?.signedData.signerInfos[0]?.digestAlgorithm.oid !== undefined, true);
    if (!token) return;
    const verdict = verifyToken(token, {
      anchors: parsePemCertificates(tsa.anchorsPem).map((certificate) => ({ certificate })),
      revocationMode: 'none',
    });
    t.is(verdict.status, 'valid');
  });
}

test('certReq FALSE leaves the certificates out', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const { token } = await ask(tsa.url, queryFor('a', { certReq: false }));
  t.deepEqual(token?.signedData.certificates, []);
});

test('a repeat with a nonce gets the same octets for seven days, also after a restart', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let first: Uint8Array;
  {
    await using tsa = await startLocal(folder.path, clock);
    first = (await ask(tsa.url, queryFor('a'))).octets;
    t.deepEqual((await ask(tsa.url, queryFor('a'))).octets, first);
    // Another profile address of the same profile is the same request.
    t.deepEqual((await ask(`${tsa.url}tsa/default`, queryFor('a'))).octets, first);
    t.notDeepEqual((await ask(tsa.url, queryFor('a', { nonce: 2n }))).octets, first);
  }
  clock.advance({ days: 6, hours: 23 });
  await using tsa = await startLocal(folder.path, clock);
  t.deepEqual((await ask(tsa.url, queryFor('a'))).octets, first);
  clock.advance({ hours: 2 });
  t.notDeepEqual((await ask(tsa.url, queryFor('a'))).octets, first);
});

test('without a nonce a repeat is a new request', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const serialOf = async () => {
    const { token } = await ask(tsa.url, queryFor('a', { nonce: undefined }));
    return token?.tstInfo.serialNumber;
  };
  t.not(await serialOf(), await serialOf());
});

test('equal requests at the same time share one token', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(tsa.url, queryFor('a'))));
  t.is(new Set(replies.map(({ octets }) => Buffer.from(octets).toString('hex'))).size, 1);
  t.is(tsa.events.filter((event) => event.name === 'tsa.token.journalled').length, 1);
});

test('different requests at the same time have different serials', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await startLocal(folder.path, createTestClock());
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => ask(tsa.url, queryFor(String(i)))),
  );
  t.is(new Set(replies.map(({ token }) => token?.tstInfo.serialNumber)).size, 40);
});

test('no token is given before the last genTime, also after a restart', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-06-01T00:00:00Z');
  {
    await using tsa = await startLocal(folder.path, clock);
    t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
    clock.set('2030-05-31T23:59:59.999Z');
    const { response } = await ask(tsa.url, queryFor('b'));
    t.deepEqual(response.failInfo, ['timeNotAvailable']);
  }
  clock.set('2030-03-01T00:00:00Z');
  await using tsa = await startLocal(folder.path, clock);
  t.deepEqual((await ask(tsa.url, queryFor('c'))).response.failInfo, ['timeNotAvailable']);
  clock.set('2030-06-01T00:00:00Z');
  t.is((await ask(tsa.url, queryFor('d'))).response.statusName, 'granted');
});

test('a clock before the certificate gives no token either', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-06-01T00:00:00Z');
  await using tsa = await startLocal(folder.path, clock);
  clock.set('2029-06-01T00:00:00Z');
  t.deepEqual((await ask(tsa.url, queryFor('a'))).response.failInfo, ['timeNotAvailable']);
});

test('decades on one clock: rollovers of TSU and CA, every token valid at its time', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-01-01T00:00:00Z');
  await using tsa = await startLocal(folder.path, clock, {
    caLifeDays: 20 * 365,
    tsuLifeDays: 5 * 365,
    tsuRenewBeforeDays: 365,
  });
  const signers = new Set<string>();
  for (let year = 0; year < 40; year += 2) {
    const { token } = await ask(tsa.url, queryFor(String(year)));
    if (!token) {
      t.fail(`no token in year ${year}`);
      return;
    }
    const verdict = verifyToken(token, {
      anchors: parsePemCertificates(tsa.anchorsPem).map((certificate) => ({ certificate })),
      revocationMode: 'none',
    });
    t.is(verdict.status, 'valid');
    signers.add(verdict.signer?.fingerprint ?? '');
    clock.advance({ years: 2 });
  }
  t.true(signers.size >= 8);
  t.true(parsePemCertificates(tsa.anchorsPem).length >= 2);
});

test('a clock that was set is not believed until it has run evenly for a minute', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let steady = 0;
  const events: string[] = [];
  await using tsa = await startTsa({
    config: localTsaConfig({ stateDir: folder.path }),
    clock,
    steadyClock: () => steady,
    random,
    events: ({ name }) => events.push(name),
    signal: new AbortController().signal,
  });
  let texts = 0;
  const pass = (seconds: number, steadySeconds = seconds): void => {
    clock.advance({ seconds });
    steady += 1000 * steadySeconds;
  };
  const answer = async (): Promise<string> => {
    const { response } = await ask(tsa.url, queryFor(`text ${texts++}`));
    return response.failInfo[0] ?? response.statusName ?? '';
  };
  const answers = [await answer()];
  pass(3600);
  answers.push(await answer());
  pass(3600, 1);
  answers.push(await answer());
  pass(30);
  answers.push(await answer());
  pass(30);
  answers.push(await answer());
  t.deepEqual(answers, ['granted', 'granted', 'timeNotAvailable', 'timeNotAvailable', 'granted']);
  t.is(events.filter((name) => name === 'tsa.local.clock-refused').length, 2);
});

for (const step of [{ years: 70 }, { years: -1 }])
  test(`a clock set by ${step.years} years: no token, and keys and certificates are what they were`, async (t) => {
    await using folder = await temporaryFolder();
    const clock = createTestClock();
    let steady = 0;
    const names: string[] = [];
    await using tsa = await startTsa({
      config: localTsaConfig({ stateDir: folder.path }),
      clock,
      steadyClock: () => steady,
      random,
      events: ({ name }) => names.push(name),
      signal: new AbortController().signal,
    });
    let texts = 0;
    const answer = async (): Promise<string> => {
      const { response } = await ask(tsa.url, queryFor(`text ${texts++}`));
      return response.failInfo[0] ?? response.statusName ?? '';
    };
    t.is(await answer(), 'granted');
    const { anchorsPem } = tsa;
    const right = clock.now();
    steady += 1000;
    clock.advance(step);
    t.is(await answer(), 'timeNotAvailable');
    await tsa.upkeep();
    t.true(names.includes('tsa.upkeep.put-off'));
    // As long as it was wrong, nothing was made by it: put right, it serves after a minute as before.
    clock.set(right.toString());
    clock.advance({ seconds: 2 });
    steady += 1000;
    t.is(await answer(), 'timeNotAvailable');
    clock.advance({ seconds: 60 });
    steady += 60_000;
    t.is(await answer(), 'granted');
    t.is(tsa.anchorsPem, anchorsPem);
    const isPutOff = async (): Promise<boolean> => {
      const before = names.length;
      await tsa.upkeep();
      return names.slice(before).includes('tsa.upkeep.put-off');
    };
    t.true(await isPutOff(), 'it sees for the first time that the clock was put right');
    clock.advance({ hours: 1 });
    steady += 3_600_000;
    t.false(await isPutOff());
  });
