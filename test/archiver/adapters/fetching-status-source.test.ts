// How addresses in certificates are asked: under which limits and rule, how often, and what is kept.
// The sender is a table of answers that writes down what it was asked.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { heldStatusSource } from '#archiver/adapters/configured-status-source.ts';
import { fetchingStatusSource } from '#archiver/adapters/fetching-status-source.ts';
import { openStatusCache, type StatusCache } from '#archiver/adapters/status-cache.ts';
import { SourceError } from '#shared/errors.ts';
import type { HttpRequest, HttpSender } from '#shared/io/http-sender.ts';
import { oids } from '#shared/oid.ts';
import { issueCa, issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { authorityInfoAccess, crlDistributionPoints } from '../../_extensions.ts';

const { signal } = new AbortController();
const now = Temporal.Instant.from('2027-01-12T00:00:00Z');
const after = now.subtract({ hours: 24 });
const root = issueRoot();
const crlAddress = 'http://crl.example.org/root.crl';
const distribution = crlDistributionPoints([{ fullName: [{ uri: crlAddress }] }]);
const signer = issueSigner(root, { extraExtensions: [distribution] });
const fresh = issueCrl({ issuer: root, thisUpdate: now.subtract({ hours: 1 }) }).raw;

function memoryCache(): StatusCache & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    load: (name) => Promise.resolve(kept.get(name)),
    keep: (name, octets) => {
      kept.set(name, octets);
      return Promise.resolve();
    },
  };
}

type Pages = Readonly<Record<string, Uint8Array | number | SourceError>>;

function world(
  pages: Pages,
  options: { readonly allowedHosts?: readonly string[]; readonly cache?: StatusCache } = {},
) {
  const asked: HttpRequest[] = [];
  const sender: HttpSender = {
    send: async (request) => {
      await Promise.resolve();
      asked.push(request);
      const page = pages[request.url] ?? 404;
      if (page instanceof SourceError) throw page;
      return typeof page === 'number'
        ? { status: page, headers: {}, body: new Uint8Array() }
        : { status: 200, headers: {}, body: page };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const cache = options.cache ?? memoryCache();
  const source = fetchingStatusSource({
    base: heldStatusSource({ crls: [], ocspResponses: [] }, [root.certificate]),
    sender,
    cache,
    allowedHosts: options.allowedHosts ?? [],
    random: (length) => new Uint8Array(length),
    events: () => undefined,
  });
  return { source, asked, urls: () => asked.map(({ url }) => url) };
}

test('addresses are asked as those of strangers', async (t) => {
  const { source, asked } = world({ [crlAddress]: fresh });
  const data = await source.certificatesAndCrlsFor([signer.certificate], {
    at: now,
    after,
    signal,
  });
  t.deepEqual(data.missing, []);
  t.deepEqual(
    data.crls.map(({ raw }) => raw),
    [fresh],
  );
  const [request] = asked;
  t.is(request?.addresses, 'public');
  t.is(request?.maxRedirects, 3);
  t.true((request?.limits.totalMs ?? Infinity) <= 60_000);
  t.true((request?.limits.maxAnswerBytes ?? Infinity) <= 32 * 1024 * 1024);
});

test('an allowed host may be private, and may not redirect', async (t) => {
  for (const allowedHosts of [['crl.example.org'], ['CRL.example.org:80', 'crl.example.org']]) {
    const { source, asked } = world({ [crlAddress]: fresh }, { allowedHosts });
    await source.certificatesAndCrlsFor([signer.certificate], { at: now, after, signal });
    t.is(asked[0]?.addresses, 'any');
    t.is(asked[0]?.maxRedirects, 0);
  }
});

const stale = issueCrl({ issuer: root, thisUpdate: after.subtract({ hours: 1 }) }).raw;
const old = issueCrl({ issuer: root, thisUpdate: now.subtract({ hours: 24 * 9 }) }).raw;
const early = issueCrl({ issuer: root, thisUpdate: now.add({ hours: 1 }) }).raw;
const stranger = issueCrl({ issuer: issueRoot(), thisUpdate: now }).raw;

for (const [what, page, reason] of [
  ['before the proof of existence', stale, /before the proof of existence/],
  ['out of date', old, /out of date/],
  ['from the future', early, /future/],
  ['signed by a stranger', stranger, /no known issuer/],
  ['no CRL', new TextEncoder().encode('<html>'), /.+/],
  ['not there', 404, /HTTP status 404/],
  [
    'a host that fails',
    new SourceError('ERR_SOURCE_TIMEOUT', 'too slow', { retryable: true }),
    /too slow/,
  ],
] as const)
  test(`a list ${what} is missing and not kept`, async (t) => {
    const cache = memoryCache();
    const { source } = world({ [crlAddress]: page }, { cache });
    const options = { at: now, after, signal };
    const { missing, crls } = await source.certificatesAndCrlsFor([signer.certificate], options);
    t.is(missing[0]?.fingerprint, signer.certificate.fingerprint);
    t.regex(missing[0]?.reason ?? '', reason);
    t.deepEqual(crls, []);
    t.is(cache.kept.size, 0);
  });

test('what is kept serves until it is out of date or too old for the question', async (t) => {
  const cache = memoryCache();
  const ask = async (hours: number, since: Temporal.Instant) => {
    const night = world({ [crlAddress]: fresh }, { cache });
    const at = now.add({ hours });
    await night.source.certificatesAndCrlsFor([signer.certificate], { at, after: since, signal });
    return night.asked.length;
  };
  t.is(await ask(0, after), 1);
  t.is(await ask(24, after), 0);
  t.is(await ask(24 * 7, after), 1, 'nextUpdate is past');
  t.is(await ask(24, now), 1, 'issued before the instant in question');
});

test('an address is asked once a night, a host that fails twice', async (t) => {
  const error = new SourceError('ERR_SOURCE_UNREACHABLE', 'refused', { retryable: true });
  const address = (n: number): string => `http://down.example.org/${n}.crl`;
  const { source, urls } = world({ [address(1)]: error, [address(2)]: error, [address(3)]: error });
  for (const n of [1, 1, 2, 3]) {
    const one = issueSigner(root, {
      extraExtensions: [crlDistributionPoints([{ fullName: [{ uri: address(n) }] }])],
    });
    const options = { at: now, after, signal };
    const { missing } = await source.certificatesAndCrlsFor([one.certificate], options);
    t.is(missing.length, 1);
  }
  t.deepEqual(urls(), [address(1), address(2)]);
});

test('issuers are followed upwards, and none that did not sign', async (t) => {
  const caUrl = 'http://ca.example.org/ca.cer';
  const ca = issueCa(root, { extraExtensions: [distribution] });
  const below = issueSigner(ca, {
    extraExtensions: [
      authorityInfoAccess([{ method: oids.idAdCaIssuers, uri: caUrl }]),
      crlDistributionPoints([{ fullName: [{ uri: 'http://crl.example.org/ca.crl' }] }]),
    ],
  });
  const pages = {
    [crlAddress]: fresh,
    'http://crl.example.org/ca.crl': issueCrl({ issuer: ca, thisUpdate: now }).raw,
  };
  const options = { at: now, after, signal };
  const genuine = world({ ...pages, [caUrl]: ca.certificate.raw });
  const found = await genuine.source.certificatesAndCrlsFor([below.certificate], options);
  t.deepEqual(found.missing, []);
  t.true(found.certificates.some(({ fingerprint }) => fingerprint === ca.certificate.fingerprint));
  const impostor = world({ ...pages, [caUrl]: issueCa(root).certificate.raw });
  const refused = await impostor.source.certificatesAndCrlsFor([below.certificate], options);
  t.regex(refused.missing[0]?.reason ?? '', /is not at hand/);
});

test('the folder cache gives back what it keeps, and forgets what nobody renewed', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-status-'));
  const wallClock = Temporal.Instant.fromEpochMilliseconds(Date.parse('2020-01-01T00:00:00Z'));
  const cache = await openStatusCache(folder, wallClock);
  t.is(await cache.load('a'), undefined);
  await cache.keep('a', Uint8Array.of(1));
  await cache.keep('a', Uint8Array.of(2));
  t.deepEqual(await cache.load('a'), Uint8Array.of(2));
  const later = await openStatusCache(folder, Temporal.Instant.from('2200-01-01T00:00:00Z'));
  t.is(await later.load('a'), undefined);
  await rm(folder, { recursive: true });
});
