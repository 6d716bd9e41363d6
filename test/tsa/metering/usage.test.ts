// The bill: sums by month, client, profile and provider that agree with what providers gave, as text, CSV and JSON.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import type { TokenRecord } from '#tsa/journal/journal-line.ts';
import {
  createUsageTable,
  formatMicros,
  toMicros,
  usageCsv,
  usageJson,
  usageText,
} from '#tsa/metering/usage.ts';
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

let serial = 0;
function token(fields: Partial<TokenRecord> = {}): TokenRecord {
  return {
    kind: 'token',
    id: 'a',
    at: Temporal.Instant.from('2030-01-31T15:00:00Z'),
    client: 'records',
    profile: 'default',
    provider: 'paid',
    serialNumber: String(serial++),
    genTime: Temporal.Instant.from('2030-01-31T15:00:00Z'),
    late: false,
    price: { amount: 0.1, currency: 'JPY' },
    response: new Uint8Array(),
    ...fields,
  };
}

test('tokens are summed by month of the time zone, client, profile, provider and currency', (t) => {
  const table = createUsageTable({ timeZone: 'Asia/Tokyo' });
  for (const record of [
    token(),
    token({ late: true }),
    token({ second: true }),
    token({ client: 'billing', price: undefined }),
    token({ at: Temporal.Instant.from('2030-01-31T14:59:59Z') }),
  ])
    table.add(record);
  const { id, at, client, profile, provider } = token();
  const failure = { kind: 'failure', id, at, client, profile, provider, reason: 'r' } as const;
  table.add({ ...failure, failureKind: 'invalid-token' });
  table.add({ ...failure, failureKind: 'timeout' });
  t.is(
    usageCsv(table.rows()),
    [
      'month,client,profile,provider,tokens,late,second,refused,cost,currency',
      '2030-01,records,default,paid,1,0,0,0,0.1,JPY',
      '2030-02,billing,default,paid,1,0,0,0,,',
      '2030-02,records,default,paid,0,0,0,1,,',
      '2030-02,records,default,paid,3,1,1,0,0.3,JPY',
      '',
    ].join('\r\n'),
  );
  t.regex(usageText(table.rows()), /^month {4}client/);
  t.like(JSON.parse(usageJson(table.rows())), { 0: { month: '2030-01', cost: '0.1' } });
});

test('a record that was appended twice counts once', (t) => {
  const table = createUsageTable({ timeZone: 'UTC' });
  const record = token();
  table.add(record);
  table.add(record);
  t.is(table.rows()[0]?.tokens, 1);
});

test('another month than the one that is asked for does not count', (t) => {
  const table = createUsageTable({ timeZone: 'UTC', month: '2030-02' });
  table.add(token());
  t.deepEqual(table.rows(), []);
});

test('names cannot break a cell, nor be computed by a spreadsheet', (t) => {
  const table = createUsageTable({ timeZone: 'UTC' });
  table.add(token({ client: '=1+1,"x"' }));
  t.regex(usageCsv(table.rows()), /\n2030-01,"'=1\+1,""x""",/);
});

for (const first of ['=', '+', '-', '@', '\t', '\uff1d', '\uff0b', '\uff0d', '\uff20'])
  test(`a name that begins with ${JSON.stringify(first)} is text`, (t) => {
    const table = createUsageTable({ timeZone: 'UTC' });
    table.add(token({ client: `${first}1` }));
    t.true(usageCsv(table.rows()).includes(`,'${first}1,`));
  });

test('a price that changes within a month counts for the tokens that were bought at it', (t) => {
  const table = createUsageTable({ timeZone: 'UTC' });
  for (const amount of [0.1, 0.2, 3.000001])
    table.add(token({ price: { amount, currency: 'JPY' } }));
  table.add(token({ price: { amount: 1, currency: 'EUR' } }));
  t.deepEqual(
    table.rows().map(({ tokens, currency, costMicros }) => [tokens, currency, costMicros]),
    [
      [1, 'EUR', 1_000_000n],
      [3, 'JPY', 3_300_001n],
    ],
  );
});

test('sums of prices are exact to a millionth', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e9 }),
      fc.integer({ min: 1, max: 1000 }),
      (price, count) => {
        const amount = price / 1e6;
        t.is(toMicros(amount) * BigInt(count), BigInt(price) * BigInt(count));
        t.is(Number(formatMicros(toMicros(amount))), amount);
      },
    ),
  );
});

test('the command counts what the upstream gave', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path, {
    price: { amount: 12.5, currency: 'JPY' },
  });
  const tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  for (const text of ['a', 'b', 'b', 'c']) await ask(tsa.url, queryFor(text));
  await tsa.close();
  const { stdout } = await promisify(execFile)(process.execPath, [
    path.join(projectRoot, 'cli.ts'),
    ...[
      'tsa',
      'usage',
      '--journal',
      path.join(folder.path, 'journal'),
      '--month',
      '2030-01',
      '--json',
    ],
  ]);
  t.like(JSON.parse(stdout), {
    length: 1,
    0: { client: 'anonymous', provider: provider.name, tokens: 3, cost: '37.5', currency: 'JPY' },
  });
  t.is(upstream.queries.length, 3);
});
