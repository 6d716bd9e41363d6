// What is left without a provider: who remains, what is lost, and whether limits and budgets have room.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import {
  defaultHttpProvider,
  defaultProfile,
  localTsaConfig,
  type Budget,
  type HttpProviderConfig,
  type Profile,
  type TsaConfig,
} from '#tsa/config/config.ts';
import type { UsageRow } from '#tsa/metering/usage.ts';
import {
  withoutProvider,
  type ProfileWithout,
  type WithoutProvider,
} from '#tsa/metering/without-provider.ts';
import { withoutCsv, withoutJson, withoutText } from '#tsa/metering/without-report.ts';
import { projectRoot } from '../../_sources.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from '../_proxy.ts';
import { startUpstream } from '../_upstream.ts';

function provider(
  name: string,
  settings: Partial<HttpProviderConfig> = {},
): Record<string, HttpProviderConfig> {
  const url = 'https://tsa.example/';
  const given = { ...defaultHttpProvider, kind: 'http', name, url, anchors: [] } as const;
  return {
    [name]: { ...given, hashAlgorithms: ['SHA-256'], tsaPolicies: ['1.2.3'], ...settings },
  };
}

/** A profile of `a`, which ends, and `b`. */
function config(
  settings: {
    readonly profile?: Partial<Profile>;
    readonly a?: Partial<HttpProviderConfig>;
    readonly b?: Partial<HttpProviderConfig>;
    readonly more?: Record<string, HttpProviderConfig>;
    readonly budgets?: readonly Budget[];
  } = {},
): TsaConfig {
  const { profile, a, b, more = {}, budgets = [] } = settings;
  const hashAlgorithms = ['SHA-256', 'SHA-512'] as const;
  return {
    ...localTsaConfig({ stateDir: '/nowhere' }),
    timeZone: 'UTC',
    budgets,
    providers: { ...provider('a', a), ...provider('b', b), ...more },
    profiles: {
      default: { ...defaultProfile, hashAlgorithms, providers: ['a', 'b'], ...profile },
    },
  };
}

function row(day: string, tokens: number, fields: Partial<UsageRow> = {}): UsageRow {
  const names = { client: 'records', profile: 'default', provider: 'a' };
  const nothing = { late: 0, second: 0, refused: 0, currency: undefined, costMicros: 0n };
  return { month: day.slice(0, -3), day, ...names, tokens, ...nothing, ...fields };
}

function reportOf(
  configured: TsaConfig,
  rows: readonly UsageRow[] = [],
  on = '2030-06-01',
): WithoutProvider {
  const day = Temporal.PlainDate.from(on);
  return withoutProvider({ config: configured, provider: 'a', on: day, rows });
}

function profileOf(
  configured: TsaConfig,
  rows: readonly UsageRow[] = [],
  on?: string,
): ProfileWithout {
  const [only] = reportOf(configured, rows, on).profiles;
  if (!only) throw new TypeError('one profile names the provider');
  return only;
}

const accredited = {
  accreditations: [
    {
      scheme: 'mic-2021-146',
      from: '2028-01-01',
      until: '2030-06-01',
      tsaPolicies: ['1.2.3'],
      confirmedBy: 'x',
      confirmedOn: '2028-01-01',
      document: 'x',
    },
  ],
} satisfies Partial<HttpProviderConfig>;

const standings: readonly (readonly [
  what: string,
  settings: Parameters<typeof config>[0],
  standing: ProfileWithout['standing'],
  lost: readonly string[],
])[] = [
  ['nobody else is named', { profile: { providers: ['a'] } }, 'none', ['SHA-256', '1.2.3']],
  [
    'the other one is not accredited on that day',
    { profile: { accredited: ['mic-2021-146'] }, a: accredited, b: accredited },
    'none',
    ['SHA-256', '1.2.3'],
  ],
  ['the other one offers the same', {}, 'served', []],
  ['a dual profile has one left', { profile: { dual: true } }, 'one', []],
  [
    'a dual profile has two left',
    { profile: { dual: true, providers: ['a', 'b', 'c'] }, more: provider('c') },
    'served',
    [],
  ],
  [
    'a hash algorithm is lost',
    { a: { hashAlgorithms: ['SHA-256', 'SHA-512'] } },
    'narrower',
    ['SHA-512'],
  ],
  ['a policy is lost', { a: { tsaPolicies: ['1.2.3', '1.2.4'] } }, 'narrower', ['1.2.4']],
  [
    'a policy is lost that the profile does not offer',
    { profile: { tsaPolicies: ['1.2.3'] }, a: { tsaPolicies: ['1.2.3', '1.2.4'] } },
    'served',
    [],
  ],
  [
    'a hash algorithm is lost that the profile does not offer',
    { a: { hashAlgorithms: ['SHA-256', 'SHA3-256'] } },
    'served',
    [],
  ],
];
for (const [what, settings, standing, lost] of standings)
  test(`${what}: ${standing}`, (t) => {
    const found = profileOf(config(settings));
    t.is(found.standing, standing);
    t.deepEqual([...found.lostHashAlgorithms, ...found.lostPolicies], lost);
  });

test('the day that is asked about decides who is accredited', (t) => {
  const asked = config({
    profile: { accredited: ['mic-2021-146'] },
    a: accredited,
    b: accredited,
  });
  const found = profileOf(asked, [], '2030-05-31');
  t.is(found.standing, 'served');
  t.like(found.remaining[0]?.accredited[0], { scheme: 'mic-2021-146' });
});

test('profiles that do not name it are left out', (t) => {
  t.deepEqual(reportOf(config({ profile: { providers: ['b'] } })).profiles, []);
});

test('what went to it: days, months, clients and cost; the proxy’s own trials aside', (t) => {
  const price = { currency: 'JPY', costMicros: 30_000_000n };
  const found = reportOf(config(), [
    row('2030-01-30', 3, price),
    row('2030-01-31', 4),
    row('2030-02-02', 5, { client: 'billing' }),
    row('2030-02-02', 100, { client: 'probe' }),
    row('2030-02-02', 100, { client: 'doctor' }),
    row('2030-02-03', 9, { provider: 'b' }),
    row('2030-02-03', 9, { profile: 'other' }),
  ]);
  t.like(found, { from: '2030-01-30', until: '2030-02-03', days: 5 });
  t.like(found.profiles[0], {
    tokens: 12,
    busiestDay: 5,
    busiestMonth: 7,
    clients: ['billing', 'records'],
    costs: [{ currency: 'JPY', micros: 30_000_000n }],
    unserved: 0,
  });
});

test('its tokens go to the next one at the price there, up to the limit of a day, and on', (t) => {
  const settings = config({
    profile: { providers: ['a', 'b', 'c'] },
    b: {
      price: { amount: 2, currency: 'JPY' },
      limits: { rate: undefined, tokensPerDay: 10 },
    },
    more: provider('c', { price: { amount: 5, currency: 'JPY' } }),
  });
  const rows = [
    row('2030-01-01', 8),
    // What it gives anyway counts first.
    row('2030-01-02', 4, { provider: 'b' }),
    row('2030-01-02', 8),
  ];
  const { remaining, unserved } = profileOf(settings, rows);
  t.deepEqual(
    remaining.map(({ provider: name, takes, costMicros }) => [name, takes, costMicros]),
    [
      ['b', 14, 28_000_000n],
      ['c', 2, 10_000_000n],
    ],
  );
  t.is(unserved, 0);
});

const full: readonly (readonly [
  what: string,
  settings: Parameters<typeof config>[0],
  unserved: number,
  by: string,
])[] = [
  [
    'the limit of its days',
    { b: { limits: { rate: undefined, tokensPerDay: 6 } } },
    4 + 4,
    'provider b',
  ],
  [
    'a budget of money, by its months',
    {
      b: { price: { amount: 3, currency: 'JPY' } },
      budgets: [
        {
          provider: 'b',
          period: 'month',
          cost: { amount: 44, currency: 'JPY' },
          warnAtPercent: 80,
        },
      ],
    },
    6,
    'provider b',
  ],
  [
    'a budget of everything, in which the old price counted less',
    {
      b: { price: { amount: 3, currency: 'JPY' } },
      budgets: [
        { period: 'month', cost: { amount: 45, currency: 'JPY' }, warnAtPercent: 80 },
        { provider: 'a', period: 'month', tokens: 1, warnAtPercent: 80 },
      ],
    },
    5,
    'everything',
  ],
];
for (const [what, settings, unserved, by] of full)
  test(`no room: ${what}`, (t) => {
    const found = profileOf(config(settings), [row('2030-01-01', 10), row('2030-01-02', 10)]);
    t.like(found, { unserved, limitedBy: [by] });
  });

test('a dual profile asks the one that remains once: its own tokens were there already', (t) => {
  const dual = { dual: true, providers: ['a', 'b', 'c'] };
  const rows = [row('2030-01-01', 10), row('2030-01-01', 10, { provider: 'b' })];
  const two = profileOf(config({ profile: dual, more: provider('c') }), rows);
  t.deepEqual(
    two.remaining.map(({ takes }) => takes),
    [0, 10],
  );
  const one = profileOf(config({ profile: { dual: true } }), rows);
  t.deepEqual([one.remaining[0]?.takes, one.unserved], [0, 10]);
});

test('as text, CSV and JSON', (t) => {
  const settings = config({
    profile: { accredited: ['mic-2021-146'], providers: ['a', 'b', 'c'] },
    a: { ...accredited, hashAlgorithms: ['SHA-256', 'SHA-512'] },
    b: {
      ...accredited,
      price: { amount: 2.5, currency: 'JPY' },
      limits: { rate: { requests: 20, withinSeconds: 1200 }, tokensPerDay: 6 },
    },
    more: provider('c'),
  });
  const report = reportOf(settings, [row('2030-01-01', 10)], '2030-05-31');
  const text = withoutText(report);
  for (const line of [
    /^Without a on 2030-05-31, by the tokens from 2030-01-01 to 2030-01-01 \(1 days\)$/m,
    /^profile default: served, with less to choose from$/m,
    /^ {2}offered by nobody else: SHA-512$/m,
    /^ {2}went to it: 10 tokens; 10 a day; at most 10 in a day and 10 in a month; clients records$/m,
    /^ {2}b: takes 6; 15 JPY; mic-2021-146 until 2030-06-01T00:00:00Z; policies 1\.2\.3; SHA-256; rate 20 in 1200 s; 6 tokens a day$/m,
    /^ {2}c: not asked: not accredited on that day; no price; not accredited;/m,
    /^ {2}no room for 4 of its tokens: provider b$/m,
  ])
    t.regex(text, line);
  const [head, first, second] = withoutCsv(report).split('\r\n');
  t.regex(head ?? '', /^profile,standing,lostHashAlgorithms,lostPolicies,tokens,perDay,/);
  t.is(
    first,
    'default,narrower,SHA-512,,10,10,10,10,,4,provider b,b,true,mic-2021-146 until 2030-06-01T00:00:00Z,1.2.3,SHA-256,20 in 1200 s,6,6,15 JPY',
  );
  t.regex(second ?? '', /,c,false,,1\.2\.3,SHA-256,,,0,$/);
  t.like(JSON.parse(withoutJson(report)), {
    provider: 'a',
    profiles: [
      { standing: 'narrower', remaining: [{ takes: 6, cost: '15' }, { takes: 0 }], unserved: 4 },
    ],
  });
});

test('a profile with nobody left is a line of the table, too', (t) => {
  const report = reportOf(config({ profile: { providers: ['a'] } }));
  t.regex(withoutText(report), /nobody remains: every query is refused/);
  t.regex(withoutCsv(report), /\ndefault,none,/);
});

test('the command asks configuration and journal', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const name = 'accredited';
  const paid = await upstream.provider(folder.path, { name });
  const tsa = await startTestTsa(configWith(path.join(folder.path, 'state'), [paid]), clock);
  for (const text of ['a', 'b']) await ask(tsa.url, queryFor(text));
  await tsa.close();
  const file = path.join(folder.path, 'tsa.yaml');
  await writeFile(
    file,
    `stateDir: state
profiles: { default: { providers: [accredited, local] } }
providers:
  accredited: { type: http, url: '${upstream.url}', anchors: ['${paid.anchors[0] ?? ''}'] }
  local: { type: local }
`,
  );
  const run = (...args: readonly string[]): Promise<string> =>
    promisify(execFile)(process.execPath, [
      path.join(projectRoot, 'cli.ts'),
      ...['tsa', 'usage', '--config', file, ...args],
    ]).then(({ stdout }) => stdout);
  const [report] = await Promise.all([
    run('--without', name, '--json'),
    t.throwsAsync(run('--without', 'nobody'), { code: 3 }),
    t.throwsAsync(run('--without', name, '--on', '2030-02-30'), { code: 3 }),
    t.throwsAsync(run('--on', '2030-02-01'), { code: 3 }),
  ]);
  t.like(JSON.parse(report), {
    provider: name,
    profiles: [{ tokens: 2, standing: 'served', remaining: [{ provider: 'local', takes: 2 }] }],
  });
});
