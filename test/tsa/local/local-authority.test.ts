// The local authority: certificates by the standards' letter, renewal ahead of time, CRLs every day, keys that only
// their owner can read.
import test from 'ava';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findDerOffence } from '#shared/der/strict.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { parseCertificate, parsePemCertificates } from '#shared/x509/certificate.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import { openAuthorityFiles } from '#tsa/adapters/authority-files.ts';
import { openPublicFiles } from '#tsa/adapters/public-files.ts';
import { defaultLocalProvider, type LocalProviderConfig } from '#tsa/config/config.ts';
import { openLocalAuthority, type LocalAuthority } from '#tsa/local/local-authority.ts';
import { createTestClock, random, temporaryFolder, type TestClock } from '../_proxy.ts';

async function openIn(
  folder: string,
  settings: Partial<LocalProviderConfig> = {},
  clockJump?: () => number | undefined,
) {
  const events: Event[] = [];
  const publicFiles = await openPublicFiles(path.join(folder, 'public'));
  const authority = await openLocalAuthority({
    config: { ...defaultLocalProvider, ...settings },
    files: await openAuthorityFiles(folder),
    publicFiles,
    random,
    events: (event) => events.push(event),
    clockJump,
  });
  return { authority, publicFiles, events };
}

type Opened = Awaited<ReturnType<typeof openIn>>;

async function pathVerdict({ authority }: Opened, clock: TestClock) {
  const { generation } = await authority.credential(clock.now());
  return verifyCertificatePath({
    target: parseCertificate(generation.certificate),
    intermediates: [],
    anchors: authority.anchors().map((one) => ({ certificate: parseCertificate(one) })),
    crls: authority.certificateLists().map(parseCertificateList),
    ocspResponses: [],
    at: clock.now(),
    purpose: 'tsu',
    revocationMode: 'require',
  });
}

for (const key of ['P-256', 'RSA-3072'] as const) {
  test(`${key}: certificates and CRL are DER and make a valid path with revocation required`, async (t) => {
    await using folder = await temporaryFolder();
    const clock = createTestClock();
    const opened = await openIn(folder.path, { key });
    const { generation, issuerCertificate } = await opened.authority.credential(clock.now());
    const [crl = new Uint8Array()] = opened.authority.certificateLists();
    for (const octets of [generation.certificate, issuerCertificate, crl])
      t.is(findDerOffence(octets), undefined);
    t.is((await pathVerdict(opened, clock)).status, 'valid');
    const tsu = parseCertificate(generation.certificate);
    t.regex(tsu.subject.text, /CN=Tokiwa local TSU - not accredited/);
    t.like(tsu.key, key === 'P-256' ? { kind: 'EC', bits: 256 } : { kind: 'RSA', bits: 3072 });
    t.deepEqual(
      tsu.extensions.filter((one) => one.critical).map((one) => one.oid),
      ['2.5.29.15', '2.5.29.37'],
    );
  });
}

test('years from 2050 on are GeneralizedTime, and the path is valid there', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2049-06-01T00:00:00Z');
  const opened = await openIn(folder.path);
  t.is((await pathVerdict(opened, clock)).status, 'valid');
  const { generation } = await opened.authority.credential(clock.now());
  t.is(parseCertificate(generation.certificate).notAfter.toString(), '2059-05-30T00:00:00Z');
});

test('a TSU is replaced ahead of its end, a CA before a TSU would outlive it', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const opened = await openIn(folder.path, {
    caLifeDays: 100,
    tsuLifeDays: 40,
    tsuRenewBeforeDays: 10,
  });
  const generations: string[] = [];
  for (let day = 0; day < 100; day++) {
    t.is((await pathVerdict(opened, clock)).status, 'valid');
    const { generation } = await opened.authority.credential(clock.now());
    const name = `${generation.caId} ${generation.id}`;
    if (generations.at(-1) !== name) generations.push(name);
    clock.advance({ days: 1 });
  }
  // Days 0, 30, 60 under the first CA; on day 90 a TSU would end on day 130.
  t.is(generations.length, 4);
  t.is(new Set(generations.map((name) => name.split(' ')[0])).size, 2);
  t.is(opened.authority.anchors().length, 2);
  const pem = await readFile(opened.publicFiles.anchorsPath, 'utf8');
  t.is(parsePemCertificates(pem).length, 2, 'both anchors stay for the old tokens');
  const keys = await readdir(path.join(folder.path, 'keys'));
  t.deepEqual(
    keys.map((name) => name.slice(0, 3)).toSorted(),
    ['ca-', 'ca-', 'tsu'],
    'a replaced TSU key is gone',
  );
});

test('after the end of a CA its key is gone and its CRL no longer reissued', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const opened = await openIn(folder.path, {
    caLifeDays: 50,
    tsuLifeDays: 40,
    tsuRenewBeforeDays: 5,
  });
  await opened.authority.upkeep(clock.now());
  clock.advance({ days: 45 });
  await opened.authority.upkeep(clock.now());
  t.is(opened.authority.certificateLists().length, 2);
  clock.advance({ days: 10 });
  await opened.authority.upkeep(clock.now());
  t.is(opened.authority.certificateLists().length, 1);
  t.is((await readdir(opened.publicFiles.crlFolder)).length, 2, 'the last list stays readable');
  const keys = await readdir(path.join(folder.path, 'keys'));
  t.is(keys.filter((name) => name.startsWith('ca-')).length, 1);
});

test('other settings of key or digest bring a new CA and TSU; the same ones do not', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const idOf = async (settings: Partial<LocalProviderConfig>) => {
    const { authority } = await openIn(folder.path, settings);
    return (await authority.credential(clock.now())).generation;
  };
  const first = await idOf({});
  t.is((await idOf({})).id, first.id);
  const second = await idOf({ signatureDigest: 'SHA-512' });
  t.not(second.caId, first.caId);
  t.is(second.signatureDigest, 'SHA-512');
  t.not((await idOf({ signatureDigest: 'SHA-512', key: 'RSA-3072' })).caId, second.caId);
});

test('the CRL is reissued daily, not more often, and never for an earlier time', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { authority, publicFiles } = await openIn(folder.path);
  const listAt = async () => {
    await authority.upkeep(clock.now());
    const [name = ''] = await readdir(publicFiles.crlFolder);
    return parseCertificateList(await readFile(path.join(publicFiles.crlFolder, name)));
  };
  const first = await listAt();
  clock.advance({ hours: 23 });
  t.is((await listAt()).fingerprint, first.fingerprint);
  clock.advance({ hours: 1 });
  const second = await listAt();
  t.is(second.thisUpdate.toString(), '2030-01-02T00:00:00Z');
  t.is(second.nextUpdate?.toString(), '2030-01-09T00:00:00Z');
  t.true((second.cRLNumber ?? 0n) > (first.cRLNumber ?? 0n));
  clock.set('2029-01-01T00:00:00Z');
  t.is((await listAt()).fingerprint, second.fingerprint);
});

test('a restart gives no older CRL either, and none of another CA counts', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-01-05T00:00:00Z');
  const listOf = async () => {
    const { authority, publicFiles } = await openIn(folder.path);
    await authority.upkeep(clock.now());
    const [name = ''] = await readdir(publicFiles.crlFolder);
    const file = path.join(publicFiles.crlFolder, name);
    const list = parseCertificateList(new Uint8Array(await readFile(file)));
    t.deepEqual(authority.certificateLists(), [list.raw]);
    return { list, file };
  };
  const { list: first, file } = await listOf();
  clock.set('2030-01-04T00:00:00Z');
  t.is((await listOf()).list.fingerprint, first.fingerprint);
  clock.set('2030-01-06T00:00:00Z');
  const { list: second } = await listOf();
  t.true((second.cRLNumber ?? 0n) > (first.cRLNumber ?? 0n));
  const turned = Uint8Array.from(second.raw);
  turned[turned.length - 1] = (turned.at(-1) ?? 0) ^ 1;
  for (const octets of [turned, second.raw.subarray(0, 40), new Uint8Array()]) {
    await writeFile(file, octets);
    clock.advance({ seconds: 1 });
    t.is((await listOf()).list.thisUpdate.toString(), clock.now().toString());
  }
});

test('a CRL that a clock far ahead made is followed by one of today, with a higher number', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-01-01T00:00:00Z');
  const open = async () => (await openIn(folder.path, { tsuRenewBeforeDays: 1 })).authority;
  const listOf = async (of?: LocalAuthority) => {
    const authority = of ?? (await open());
    await authority.upkeep(clock.now());
    return parseCertificateList(authority.certificateLists()[0] ?? new Uint8Array());
  };
  await listOf();
  clock.set('2036-01-01T00:00:00Z');
  const ahead = await listOf();
  t.is(ahead.thisUpdate.toString(), '2036-01-01T00:00:00Z');
  clock.set('2030-01-02T00:00:00Z');
  const reopened = await open();
  const today = await listOf(reopened);
  t.is(today.thisUpdate.toString(), '2030-01-02T00:00:00Z');
  t.true((today.cRLNumber ?? 0n) > (ahead.cRLNumber ?? 0n));
  clock.advance({ days: 2 });
  const later = await listOf(reopened);
  t.true((later.cRLNumber ?? 0n) > (today.cRLNumber ?? 0n));
});

test('by a clock that jumped nothing is renewed, reissued or destroyed', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let jump: number | undefined;
  const { authority, publicFiles, events } = await openIn(folder.path, {}, () => jump);
  const idOf = async () => (await authority.credential(clock.now())).generation.id;
  const before = await idOf();
  const look = async () => ({
    keys: (await readdir(path.join(folder.path, 'keys'))).toSorted(),
    state: await readFile(path.join(folder.path, 'authority.json'), 'utf8'),
    lists: await Promise.all(
      (await readdir(publicFiles.crlFolder)).map((name) =>
        readFile(path.join(publicFiles.crlFolder, name)),
      ),
    ),
  });
  const files = await look();
  jump = 1;
  clock.advance({ years: 70 });
  t.is(await idOf(), before);
  await authority.upkeep(clock.now());
  t.deepEqual(await look(), files);
  t.deepEqual(
    events.map(({ name }) => name),
    ['tsa.local.renewed', 'tsa.local.clock-refused', 'tsa.local.clock-refused'],
  );
  jump = undefined;
  t.not(await idOf(), before);
});

test('without a certificate, a clock that jumped makes none', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { authority } = await openIn(folder.path, {}, () => 1);
  await t.throwsAsync(authority.credential(clock.now()), { code: 'ERR_SOURCE_CLOCK' });
  t.deepEqual(await readdir(path.join(folder.path, 'keys')), []);
});

test('calls at the same time make one authority', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { authority } = await openIn(folder.path);
  const made = await Promise.all(
    Array.from({ length: 8 }, () => authority.credential(clock.now())),
  );
  t.is(new Set(made.map(({ generation }) => generation.id)).size, 1);
  t.is((await readdir(path.join(folder.path, 'keys'))).length, 2);
});

test('key files are 0600, and refused where others can read them', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await (await openIn(folder.path)).authority.upkeep(clock.now());
  const keys = path.join(folder.path, 'keys');
  for (const name of await readdir(keys)) {
    const file = path.join(keys, name);
    t.is((await stat(file)).mode & 0o777, 0o600);
    await chmod(file, 0o640);
  }
  await t.throwsAsync(openIn(folder.path), {
    code: 'ERR_CONFIG_INVALID',
    message: /can be read by others \(mode 640\)/,
  });
});

test('a damaged state stops the start instead of making a new authority', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await (await openIn(folder.path)).authority.upkeep(clock.now());
  const state = path.join(folder.path, 'authority.json');
  const text = await readFile(state, 'utf8');
  for (const damaged of ['', text.slice(0, -20), text.replace('"version": 1', '"version": 2')]) {
    await writeFile(state, damaged);
    await t.throwsAsync(openIn(folder.path), { code: 'ERR_CONFIG_INVALID', message: /damaged/ });
  }
});

/** What may have become of a key file, and what is said of it. */
const keyDamages: readonly (readonly [
  name: string,
  become: (pem: string, other: string) => string | undefined,
  message: RegExp,
])[] = [
  ['missing', () => undefined, /cannot be read/],
  ['empty', () => '', /cannot be used/],
  ['no key', () => 'no key', /cannot be used/],
  ['cut short', (pem) => pem.slice(0, 120), /cannot be used/],
  ['cut short, with its last line', (pem) => pem.replace(/\n[^-]{8}/, '\n'), /cannot be used/],
  ['of another certificate', (_, other) => other, /is not the key of its certificate/],
];

for (const owner of ['tsu', 'ca'])
  for (const [name, become, message] of keyDamages)
    test(`the key file of the ${owner} is ${name}: nothing is signed, and nothing made anew`, async (t) => {
      await using folder = await temporaryFolder();
      await using elsewhere = await temporaryFolder();
      const clock = createTestClock();
      for (const { path: place } of [folder, elsewhere])
        await (await openIn(place)).authority.upkeep(clock.now());
      const fileIn = async (place: string): Promise<string> => {
        const keys = path.join(place, 'keys');
        const found = (await readdir(keys)).find((one) => one.startsWith(owner)) ?? '';
        return path.join(keys, found);
      };
      const file = await fileIn(folder.path);
      const other = await readFile(await fileIn(elsewhere.path), 'utf8');
      const text = become(await readFile(file, 'utf8'), other);
      if (text === undefined) await rm(file);
      else await writeFile(file, text);
      const state = await readFile(path.join(folder.path, 'authority.json'), 'utf8');
      const start = async (): Promise<void> => {
        const { authority } = await openIn(folder.path);
        await authority.upkeep(clock.now());
      };
      await t.throwsAsync(start(), { code: 'ERR_CONFIG_INVALID', message });
      t.is(await readFile(path.join(folder.path, 'authority.json'), 'utf8'), state);
    });

test('a state that cannot be written signs nothing and does not count', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { authority } = await openIn(folder.path);
  // A folder in the state file's place makes every rename fail.
  await mkdir(path.join(folder.path, 'authority.json', 'x'), { recursive: true });
  await t.throwsAsync(authority.credential(clock.now()));
  t.is(authority.anchors().length, 0);
});
