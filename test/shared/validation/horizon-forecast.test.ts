// What a supposed event does to a proof horizon, which element decides then, and what would move it.
import test from 'ava';
import fc from 'fast-check';
import { forecastHorizon, type HorizonEvent } from '#shared/validation/horizon-forecast.ts';
import type { HorizonRules, HorizonToken } from '#shared/validation/proof-horizon.ts';
import { profileWith } from './_world.ts';

const instant = (text: string): Temporal.Instant => Temporal.Instant.from(`${text}T00:00:00Z`);
const ec = { kind: 'EC', bits: 256, curve: 'P-256' };
const rsa = { kind: 'RSA', bits: 2048 };
const token: HorizonToken = {
  genTime: '2026-01-01T00:00:00Z',
  imprintAlgorithm: 'SHA-512',
  tsaPolicy: '1.2.3',
  serialNumber: '1',
  signature: { name: 'ecdsa-with-SHA512', digest: 'SHA-512', key: ec },
  chain: [
    {
      fingerprint: 'aa',
      subject: 'CN=TSU',
      notAfter: '2036-01-01T00:00:00Z',
      signature: { name: 'sha512WithRSAEncryption', digest: 'SHA-512', key: rsa },
    },
    { fingerprint: 'bb', subject: 'CN=Root', notAfter: '2046-01-01T00:00:00Z' },
  ],
};
const rules: HorizonRules = {
  profile: profileWith(),
  anchorEnds: new Map(),
  revocations: new Map(),
};
const ends = (algorithm: string, at: string, minimumBits?: number): HorizonEvent => ({
  kind: 'algorithm-ends',
  algorithm,
  at: instant(at),
  minimumBits,
});
const compromised = (certificate: string, at: string): HorizonEvent => ({
  kind: 'certificate-compromised',
  certificate,
  at: instant(at),
});

const rows: Readonly<
  Record<string, readonly [readonly HorizonEvent[], string, string, string, string]>
> = {
  'nothing supposed': [[], '2036-01-01', 'tsu-certificate', 'timestamp-renewal', '2046-01-01'],
  'the tree hash ends': [
    [ends('SHA-256', '2031-01-01')],
    '2031-01-01',
    'tree-hash',
    'hash-tree-renewal',
    '2036-01-01',
  ],
  'the digest of the token ends': [
    [ends('SHA-512', '2031-01-01')],
    '2031-01-01',
    'digest-algorithm',
    'timestamp-renewal',
    '2036-01-01',
  ],
  'RSA ends, by which the CA signed': [
    [ends('RSA', '2030-01-01')],
    '2030-01-01',
    'signature-algorithm',
    'timestamp-renewal',
    '2036-01-01',
  ],
  'RSA ends below this size only': [
    [ends('RSA', '2030-01-01', 2048)],
    '2036-01-01',
    'tsu-certificate',
    'timestamp-renewal',
    '2046-01-01',
  ],
  'the TSU is compromised': [
    [compromised('CN=TSU', '2027-01-01')],
    '2027-01-01',
    'revocation',
    'timestamp-renewal',
    '2036-01-01',
  ],
  'the root is compromised, named by fingerprint': [
    [compromised('bb', '2028-01-01')],
    '2028-01-01',
    'revocation',
    'timestamp-renewal',
    '2036-01-01',
  ],
  'another CA is compromised': [
    [compromised('CN=Somebody else', '2027-01-01')],
    '2036-01-01',
    'tsu-certificate',
    'timestamp-renewal',
    '2046-01-01',
  ],
  'a policy that ends SHA-512 in 2029': [
    [
      {
        kind: 'policy-changes',
        profile: profileWith({
          algorithm: 'SHA-512',
          endExclusive: instant('2029-01-01'),
          source: 't',
        }),
      },
    ],
    '2029-01-01',
    'digest-algorithm',
    'timestamp-renewal',
    '2036-01-01',
  ],
  'two events: the earlier decides': [
    [ends('SHA-256', '2031-01-01'), compromised('aa', '2029-01-01')],
    '2029-01-01',
    'revocation',
    'timestamp-renewal',
    '2031-01-01',
  ],
};
for (const [what, [events, at, kind, remedy, next]] of Object.entries(rows))
  test(`${what}: ${at} by ${kind}`, (t) => {
    const forecast = forecastHorizon(token, 'SHA-256', rules, events);
    t.is(forecast.supposed.at?.toString(), `${at}T00:00:00Z`);
    t.is(forecast.supposed.element.kind, kind as never);
    t.is(forecast.remedy, remedy as never);
    t.is(forecast.next.at?.toString(), `${next}T00:00:00Z`);
    t.is(forecast.now.at?.toString(), '2036-01-01T00:00:00Z');
  });

test('an event never moves a horizon later', (t) => {
  const year = fc.integer({ min: 2027, max: 2060 });
  const event = fc.oneof(
    fc
      .record({ what: fc.constantFrom('SHA-256', 'SHA-512', 'RSA', 'ECDSA'), year })
      .map(({ what, year: when }) => ends(what, `${when}-01-01`)),
    fc
      .record({ what: fc.constantFrom('aa', 'bb', 'cc'), year })
      .map(({ what, year: when }) => compromised(what, `${when}-01-01`)),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 4 }), (events) => {
      const { now, supposed } = forecastHorizon(token, 'SHA-256', rules, events);
      return now.at && supposed.at && Temporal.Instant.compare(supposed.at, now.at) <= 0;
    }),
  );
  t.pass();
});
