// The local unit's key under an algorithm policy: refused where it ends too soon, its certificates cut where it
// ends within their life, and not made again and again in its last year.
import test from 'ava';
import path from 'node:path';
import { type AlgorithmProfile, selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { openAuthorityFiles } from '#tsa/adapters/authority-files.ts';
import { openPublicFiles } from '#tsa/adapters/public-files.ts';
import {
  defaultLocalProvider,
  type LocalProviderConfig,
  localTsaConfig,
} from '#tsa/config/config.ts';
import { keyTerms } from '#tsa/local/key-terms.ts';
import { openLocalAuthority } from '#tsa/local/local-authority.ts';
import {
  ask,
  createTestClock,
  queryFor,
  random,
  startTestTsa,
  temporaryFolder,
  type TestClock,
} from '../_proxy.ts';

const instant = (text: string) => Temporal.Instant.from(text);

/** The medical profile with an operator's end. */
function ending(algorithm: string, endExclusive: string, minimumBits?: number): AlgorithmProfile {
  return selectProfile(bundledPolicies, 'jp-medical', [
    { algorithm, endExclusive: instant(endExclusive), minimumBits, source: 'operator' },
  ]);
}

const medical = selectProfile(bundledPolicies, 'jp-medical');

const cases: readonly [
  string,
  AlgorithmProfile,
  Partial<LocalProviderConfig>,
  at: string,
  expected: string | RegExp,
][] = [
  ['the government’s end', medical, {}, '2030-01-01', '2036-01-01T00:00:00Z jp-gov-pqc-2035'],
  [
    'the last instant before it',
    medical,
    {},
    '2035-12-31T23:59:59.999',
    '2036-01-01T00:00:00Z jp-gov-pqc-2035',
  ],
  ['its very instant', medical, {}, '2036-01-01', /accepts it until 2036-01-01T00:00:00Z/],
  ['a scheme that is not listed', medical, { key: 'ML-DSA-65' }, '2030-01-01', /does not accept/],
  [
    'one that another edition lists',
    selectProfile(
      {
        ...bundledPolicies,
        profiles: [{ id: 'bsi', uses: 'new', policies: ['bsi-tr-02102-1-2026-01'] }],
      },
      'bsi',
    ),
    { key: 'ML-DSA-65', signatureDigest: 'SHA-384' },
    '2030-01-01',
    'none bsi-tr-02102-1-2026-01',
  ],
  [
    'the digest, which ends first',
    ending('SHA-256', '2034-01-01T00:00:00Z'),
    {},
    '2030-01-01',
    '2034-01-01T00:00:00Z override',
  ],
  [
    'another digest than the one that ends',
    ending('SHA-256', '2034-01-01T00:00:00Z'),
    { signatureDigest: 'SHA-384' },
    '2030-01-01',
    '2036-01-01T00:00:00Z jp-gov-pqc-2035',
  ],
  [
    'a smaller key',
    ending('RSA', '2031-01-01T00:00:00Z', 4096),
    { key: 'RSA-3072' },
    '2030-01-01',
    '2031-01-01T00:00:00Z override',
  ],
  [
    'one that is large enough',
    ending('RSA', '2031-01-01T00:00:00Z', 4096),
    { key: 'RSA-4096' },
    '2030-01-01',
    '2036-01-01T00:00:00Z jp-gov-pqc-2035',
  ],
  [
    'a policy of signatures that are verified, asked for new ones',
    selectProfile(bundledPolicies, 'eu-validation'),
    { key: 'RSA-3072' },
    '2026-01-01',
    '2029-01-01T00:00:00Z etsi-ts-119312-v1.5.1',
  ],
];
for (const [name, profile, settings, at, expected] of cases)
  test(`terms: ${name}`, (t) => {
    const ask = () =>
      keyTerms(
        profile,
        { ...defaultLocalProvider, ...settings },
        instant(at.includes('T') ? `${at}Z` : `${at}T00:00:00Z`),
      );
    if (expected instanceof RegExp) {
      t.throws(ask, { code: 'ERR_CONFIG_INVALID', message: expected });
      return;
    }
    const { end, policy } = ask();
    t.is(`${end?.toString() ?? 'none'} ${policy}`, expected);
  });

async function openUnder(
  folder: string,
  profile: AlgorithmProfile | undefined,
  clock: TestClock,
  settings: Partial<LocalProviderConfig> = {},
) {
  const events: Event[] = [];
  const authority = await openLocalAuthority({
    config: { ...defaultLocalProvider, ...settings },
    files: await openAuthorityFiles(folder),
    publicFiles: await openPublicFiles(path.join(folder, 'public')),
    random,
    events: (event) => events.push(event),
  });
  authority.preparePolicy(profile, clock.now())();
  const ends = async () => {
    const { generation, issuerCertificate } = await authority.credential(clock.now());
    return [generation.certificate, issuerCertificate].map((one) =>
      parseCertificate(one).notAfter.toString(),
    );
  };
  return { authority, events, ends };
}

test('certificates of TSU and CA end with the policy, and the log says by which', async (t) => {
  await using folder = await temporaryFolder();
  const opened = await openUnder(folder.path, medical, createTestClock());
  t.deepEqual(await opened.ends(), ['2035-12-31T23:59:59Z', '2035-12-31T23:59:59Z']);
  t.like(
    opened.events.find(({ name }) => name === 'tsa.local.life-cut'),
    {
      level: 'info',
      algorithm: 'ECDSA P-256',
      policy: 'jp-gov-pqc-2035',
      endExclusive: '2036-01-01T00:00:00Z',
      tsuNotAfter: '2035-12-31T23:59:59Z',
    },
  );
});

test('without a policy, or where none is announced, lives are as configured', async (t) => {
  await using folder = await temporaryFolder();
  const opened = await openUnder(folder.path, undefined, createTestClock());
  t.deepEqual(await opened.ends(), ['2039-12-30T00:00:00Z', '2054-12-26T00:00:00Z']);
  t.false(opened.events.some(({ name }) => name === 'tsa.local.life-cut'));
});

test('a life that is shorter than tsuRenewBeforeDays as configured is no end of a policy', async (t) => {
  await using folder = await temporaryFolder();
  const short = { tsuLifeDays: 300, caLifeDays: 900 };
  const opened = await openUnder(folder.path, medical, createTestClock(), short);
  t.is((await opened.ends()).length, 2);
});

test('in its last year a cut certificate is not made anew; after it nothing is signed', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { authority, events } = await openUnder(folder.path, medical, clock);
  const first = await authority.credential(clock.now());
  for (const day of ['2035-01-02', '2035-07-01', '2035-12-31']) {
    clock.set(`${day}T00:00:00Z`);
    t.is((await authority.credential(clock.now())).generation.id, first.generation.id, day);
  }
  t.is(events.filter(({ name }) => name === 'tsa.local.renewed').length, 1);
  clock.set('2036-01-01T00:00:00Z');
  await authority.upkeep(clock.now());
  t.like(
    events.find(({ name }) => name === 'tsa.local.key-ended'),
    { level: 'error', policy: 'jp-gov-pqc-2035' },
  );
});

const least: readonly [string, string, boolean][] = [
  ['tsuRenewBeforeDays and a second before', '2034-12-31T23:59:58Z', true],
  ['tsuRenewBeforeDays before', '2034-12-31T23:59:59Z', false],
];
for (const [name, at, starts] of least)
  test(`a new unit, ${name} the policy’s last second: ${starts ? 'starts' : 'refused'}`, async (t) => {
    await using folder = await temporaryFolder();
    const opening = openUnder(folder.path, medical, createTestClock(at));
    if (starts) await t.notThrowsAsync(opening);
    else
      await t.throwsAsync(opening, {
        code: 'ERR_CONFIG_INVALID',
        message: /ECDSA P-256 ends on 2036-01-01T00:00:00Z \(jp-gov-pqc-2035\)/,
      });
  });

test('a unit whose certificate outlives a new policy gets one that does not, under the same CA', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const before = await openUnder(folder.path, undefined, clock);
  const old = await before.authority.credential(clock.now());
  const after = await openUnder(folder.path, medical, clock);
  const { generation } = await after.authority.credential(clock.now());
  t.not(generation.id, old.generation.id);
  t.is(generation.caId, old.generation.caId);
  t.is(generation.notAfter.toString(), '2035-12-31T23:59:59Z');
});

test('the proxy does not start with a key that ends too soon, nor takes such a policy over', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const soon = ending('ECDSA', '2030-06-01T00:00:00Z');
  const under = (algorithmPolicy: AlgorithmProfile) =>
    localTsaConfig({ stateDir: folder.path, algorithmPolicy });
  const refused = { code: 'ERR_CONFIG_INVALID', message: /cannot sign with P-256/ };
  await t.throwsAsync(startTestTsa(under(soon), clock), refused);
  await using tsa = await startTestTsa(under(medical), clock);
  await t.throwsAsync(tsa.reload(under(soon)), refused);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
  await tsa.reload(under(ending('ECDSA', '2033-01-01T00:00:00Z')));
  await tsa.upkeep();
  const cut = tsa.events.filter(({ name }) => name === 'tsa.local.life-cut');
  t.deepEqual(
    cut.map(({ tsuNotAfter }) => tsuNotAfter),
    ['2035-12-31T23:59:59Z', '2032-12-31T23:59:59Z'],
  );
});

test('after the policy’s end a running unit answers by its reason, not by its clock', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const config = localTsaConfig({ stateDir: folder.path, algorithmPolicy: medical });
  await using tsa = await startTestTsa(config, clock);
  clock.set('2036-01-01T00:00:00Z');
  await fetch(tsa.url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(queryFor('a')),
  });
  t.true(tsa.events.some(({ name }) => name === 'tsa.local.certificate-ended'));
  t.false(tsa.events.some(({ name }) => name === 'tsa.local.clock-refused'));
});
