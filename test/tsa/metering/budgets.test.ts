// Budgets by client, profile, provider and month: the limit is never passed, not by requests at the same time either,
// and what was bought before a restart counts.
import test from 'ava';
import fc from 'fast-check';
import type { Event } from '#shared/ports/runtime.ts';
import { createLedger } from '#tsa/metering/ledger.ts';
import type { Purchase } from '#tsa/metering/budget-rules.ts';
import { createBudgets } from '#tsa/metering/budgets.ts';
import type { Budget, TsaConfig } from '#tsa/config/config.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from '../_proxy.ts';
import { tokenOf } from '../_books-contract.ts';
import { startUpstream } from '../_upstream.ts';

const purchase: Purchase = {
  client: 'records',
  profile: 'default',
  provider: 'paid',
  price: { amount: 10.1, currency: 'JPY' },
};

function open(budgets: readonly Partial<Budget>[], timeZone = 'UTC') {
  const clock = createTestClock('2030-01-31T14:59:00Z');
  const events: Event[] = [];
  const sink = (event: Event): void => {
    events.push(event);
  };
  const full = budgets.map((budget) => ({
    period: 'month' as const,
    warnAtPercent: 80,
    ...budget,
  }));
  const ledger = createLedger(timeZone);
  return {
    ...createBudgets({ budgets: full, timeZone, ledger, clock, events: sink }),
    ledger,
    clock,
    events,
  };
}

type Row = { readonly name: string; readonly budget: Partial<Budget>; readonly allowed: number };
const rows: readonly Row[] = [
  { name: 'tokens', budget: { tokens: 3 }, allowed: 3 },
  { name: 'no token at all', budget: { tokens: 0 }, allowed: 0 },
  {
    name: 'money, never a token above it',
    budget: { cost: { amount: 40, currency: 'JPY' } },
    allowed: 3,
  },
  {
    name: 'money that fits exactly',
    budget: { cost: { amount: 40.4, currency: 'JPY' } },
    allowed: 4,
  },
  {
    name: 'whichever ends first',
    budget: { tokens: 2, cost: { amount: 1000, currency: 'JPY' } },
    allowed: 2,
  },
  {
    name: 'money of another currency',
    budget: { cost: { amount: 1, currency: 'EUR' } },
    allowed: 9,
  },
  { name: 'this client', budget: { client: 'records', tokens: 1 }, allowed: 1 },
  { name: 'another client', budget: { client: 'billing', tokens: 1 }, allowed: 9 },
  { name: 'another profile', budget: { profile: 'test', tokens: 1 }, allowed: 9 },
  { name: 'this provider', budget: { provider: 'paid', tokens: 1 }, allowed: 1 },
  { name: 'another provider', budget: { provider: 'second', tokens: 1 }, allowed: 9 },
];

const allows = test.macro({
  title: (_, { name }: Row) => `a budget of ${name}`,
  exec: (t, { budget, allowed }: Row) => {
    const budgets = open([budget]);
    const got = Array.from({ length: 9 }, () => budgets.reserve(purchase)).filter(
      ({ kind }) => kind === 'reserved',
    );
    t.is(got.length, allowed);
  },
});
for (const row of rows) test(allows, row);

test('what is given back can be reserved again, and never more than the budget is out', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('reserve', 'buy', 'release'), { maxLength: 60 }),
      (steps) => {
        const budgets = open([{ tokens: 5 }]);
        const open_: { bought: () => void; release: () => void }[] = [];
        let bought = 0;
        for (const step of steps) {
          if (step === 'reserve') {
            const one = budgets.reserve(purchase);
            if (one.kind === 'reserved') open_.push(one);
          } else if (step === 'buy' && open_.length > 0) {
            open_.pop()?.bought();
            bought++;
          } else open_.pop()?.release();
          t.true(bought + open_.length <= 5);
          t.is(budgets.states()[0]?.tokens, bought + open_.length);
        }
      },
    ),
  );
});

test('a month ends in the configured time zone, and the warning comes once a month', (t) => {
  const budgets = open([{ tokens: 4, warnAtPercent: 50 }], 'Asia/Tokyo');
  for (let i = 0; i < 4; i++) {
    const one = budgets.reserve(purchase);
    if (one.kind === 'reserved') one.bought();
  }
  t.deepEqual(
    budgets.events.map(({ name, percent }) => [name, percent]),
    [
      ['tsa.budget.warning', 50],
      ['tsa.budget.exhausted', 100],
    ],
  );
  const over = budgets.reserve(purchase);
  t.is(over.kind === 'exhausted' && over.until.toString(), '2030-01-31T15:00:00Z');
  budgets.clock.advance({ minutes: 1 });
  t.is(budgets.reserve(purchase).kind, 'reserved');
});

test('a reload does not say again what was said of the same budget, and says it of another one', (t) => {
  const budget = { period: 'month', tokens: 4, warnAtPercent: 50 } as const;
  const budgets = open([budget]);
  const buy = (id: string): void => {
    const one = budgets.reserve(purchase);
    if (one.kind === 'reserved') one.bought();
    budgets.ledger.add(tokenOf(budgets.clock, id));
  };
  buy('a');
  buy('b');
  const said = () => budgets.events.map(({ name, percent }) => [name, percent]);
  const warning = ['tsa.budget.warning', 50];
  t.deepEqual(said(), [warning]);
  budgets.replace([budget]);
  t.deepEqual(said(), [warning]);
  budgets.replace([budget, { ...budget, provider: 'paid' }]);
  t.deepEqual(said(), [warning, warning]);
  buy('c');
  buy('d');
  t.deepEqual(
    said().map(([name]) => name),
    [
      ...Array<string>(2).fill('tsa.budget.warning'),
      ...Array<string>(2).fill('tsa.budget.exhausted'),
    ],
  );
});

test('a purchase that spans the end of the month counts in the new one', (t) => {
  const budgets = open([{ tokens: 1 }]);
  const one = budgets.reserve(purchase);
  budgets.clock.advance({ days: 1 });
  if (one.kind === 'reserved') one.bought();
  t.is(budgets.states()[0]?.tokens, 1);
});

function withBudgets(config: TsaConfig, budgets: readonly Partial<Budget>[]): TsaConfig {
  return {
    ...config,
    budgets: budgets.map((one) => ({ period: 'month' as const, warnAtPercent: 80, ...one })),
  };
}

test('a client without budget gets 429 until the next month, a repeat is answered, a restart forgets nothing', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-01-31T00:00:00Z');
  await using upstream = await startUpstream(clock);
  const config = withBudgets(configWith(folder.path, [await upstream.provider(folder.path)]), [
    { tokens: 2 },
  ]);
  const post = (url: string, text: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query' },
      body: Buffer.from(queryFor(text)),
    });
  {
    await using tsa = await startTestTsa(config, clock);
    for (const text of ['a', 'b']) await ask(tsa.url, queryFor(text));
  }
  await using tsa = await startTestTsa(config, clock);
  const refused = await post(tsa.url, 'c');
  t.is(refused.status, 429);
  t.is(refused.headers.get('retry-after'), String(15 * 3600));
  t.regex(await refused.text(), /budget of this month for everything/);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'granted');
  t.is(upstream.queries.length, 2);
  clock.advance({ hours: 15 });
  t.is((await ask(tsa.url, queryFor('c'))).response.statusName, 'granted');
});

test('a provider without budget is passed over, and without another one the answer is a rejection', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream(clock);
  await using second = await startUpstream(clock);
  const providers = [await first.provider(folder.path), await second.provider(folder.path)];
  const config = withBudgets(
    configWith(folder.path, providers),
    providers.map(({ name }) => ({ provider: name, tokens: 1 })),
  );
  await using tsa = await startTestTsa(config, clock);
  for (const text of ['a', 'b']) await ask(tsa.url, queryFor(text));
  t.deepEqual([first.queries.length, second.queries.length], [1, 1]);
  const { response } = await ask(tsa.url, queryFor('c'));
  t.deepEqual(response.failInfo, ['timeNotAvailable']);
  t.regex(response.statusString[0] ?? '', /budget of this month for provider/);
});

test('requests at the same time do not pass the limit together', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path);
  const config = withBudgets(configWith(folder.path, [provider]), [
    { provider: provider.name, tokens: 3 },
  ]);
  await using tsa = await startTestTsa(config, clock);
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) => ask(tsa.url, queryFor(`text ${i}`))),
  );
  t.is(replies.filter(({ response }) => response.statusName === 'granted').length, 3);
  t.is(upstream.queries.length, 3);
});

test('a token that is refused gives its place back', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream({
    ...clock,
    handler: (request, self, count) => ({
      body: self.grant(request, count === 1 ? { nonce: 1n } : {}),
    }),
  });
  const config = withBudgets(configWith(folder.path, [await upstream.provider(folder.path)]), [
    { tokens: 1 },
  ]);
  await using tsa = await startTestTsa(config, clock);
  t.is((await ask(tsa.url, queryFor('a'))).response.statusName, 'rejection');
  t.is((await ask(tsa.url, queryFor('b'))).response.statusName, 'granted');
});
