// Providers that are unwell, slow, limited or rolled over: whom a request goes to, what is bought, and what is said.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseJournalLine, type JournalRecord } from '#tsa/journal/journal-line.ts';
import { issueTsu } from '../_authority.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
  type TestTsa,
} from './_proxy.ts';
import { startUpstream } from './_upstream.ts';

const breaker = { failures: 2, openSeconds: 30, maxOpenSeconds: 60 };

async function records(stateDir: string): Promise<readonly JournalRecord[]> {
  const folder = path.join(stateDir, 'journal');
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(path.join(folder, name))),
  );
  return texts.flatMap((text) =>
    text
      .toString('latin1')
      .split('\n')
      .flatMap((line) => parseJournalLine(Buffer.from(line, 'latin1')) ?? []),
  );
}

const count = (tsa: TestTsa, name: string): number =>
  tsa.events.filter((event) => event.name === name).length;

/** Waits for what goes on beside answers. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('one that fails again and again is passed over, tried with a stamp of the proxy’s own, and taken back', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let sick = true;
  await using first = await startUpstream({
    ...clock,
    handler: (request, self) => (sick ? 'cut' : { body: self.grant(request) }),
  });
  await using second = await startUpstream(clock);
  const providers = [
    await first.provider(folder.path, { breaker }),
    await second.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  for (let i = 0; i < 5; i++) await ask(tsa.url, queryFor(`text ${i}`));
  t.is(first.queries.length, 2);
  t.is(count(tsa, 'tsa.provider.opened'), 1);

  clock.advance({ seconds: 30 });
  sick = false;
  await ask(tsa.url, queryFor('during the trial'));
  await until(() => count(tsa, 'tsa.provider.closed') === 1);
  t.is(first.queries.length, 3);
  await ask(tsa.url, queryFor('after it'));
  t.is(first.queries.length, 4);
  await tsa.close();
  const trial = (await records(folder.path)).filter(
    (record) => record.kind === 'token' && record.client === 'probe',
  );
  t.is(trial.length, 1, 'the trial is a token in the journal');
});

test('a trial is a query that the profile takes: by its hash algorithm, under its policy', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let sick = true;
  await using first = await startUpstream({
    ...clock,
    handler: (request, self) => (sick ? 'cut' : { body: self.grant(request) }),
  });
  await using second = await startUpstream(clock);
  const policies = { tsaPolicies: ['1.2.3.1', '1.2.3.2'] };
  const providers = [
    await first.provider(folder.path, { breaker, ...policies }),
    await second.provider(folder.path, policies),
  ];
  const profile = { hashAlgorithms: ['SHA-512'], tsaPolicies: ['1.2.3.2'] } as const;
  await using tsa = await startTestTsa(
    configWith(folder.path, providers, { ...profile, minimumRemainingDays: 1 }),
    clock,
  );
  const wanted = {
    algorithm: 'SHA-512',
    digest: new Uint8Array(64),
    reqPolicy: '1.2.3.2',
  } as const;
  for (const nonce of [1n, 2n]) await ask(tsa.url, queryFor('a', { ...wanted, nonce }));
  t.is(count(tsa, 'tsa.provider.opened'), 1);
  clock.advance({ seconds: 30 });
  sick = false;
  await ask(tsa.url, queryFor('a', { ...wanted, nonce: 3n }));
  await until(() => first.queries.length === 3 && count(tsa, 'tsa.token.journalled') === 4);
  t.is(count(tsa, 'tsa.provider.closed'), 1);
});

test('a trial takes the last token of a budget, and nothing after it', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let sick = false;
  await using first = await startUpstream({
    ...clock,
    handler: (request, self) => (sick ? 'cut' : { body: self.grant(request) }),
  });
  await using second = await startUpstream(clock);
  const providers = [
    await first.provider(folder.path, { breaker }),
    await second.provider(folder.path),
  ];
  const config = configWith(folder.path, providers);
  const provider = providers[0]?.name;
  const budgets = [{ provider, period: 'day', tokens: 2, warnAtPercent: 100 }] as const;
  await using tsa = await startTestTsa({ ...config, budgets }, clock);
  await ask(tsa.url, queryFor('one of two'));
  sick = true;
  for (let i = 0; i < 2; i++) await ask(tsa.url, queryFor(`text ${i}`));
  t.is(count(tsa, 'tsa.provider.opened'), 1);
  sick = false;
  clock.advance({ seconds: 30 });
  await ask(tsa.url, queryFor('the trial takes what is left'));
  await until(() => count(tsa, 'tsa.provider.closed') === 1);
  t.is(first.queries.length, 4);
  const asked = first.queries.length;
  await ask(tsa.url, queryFor('nothing is left'));
  t.is(first.queries.length, asked);
});

test('a trial for which no budget is left is due again after its time, not with every request', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream({ ...clock, handler: () => 'cut' });
  await using second = await startUpstream(clock);
  const providers = [
    await first.provider(folder.path, { breaker }),
    await second.provider(folder.path),
  ];
  const config = configWith(folder.path, providers);
  await using tsa = await startTestTsa(config, clock);
  for (let i = 0; i < 2; i++) await ask(tsa.url, queryFor(`text ${i}`));
  const provider = providers[0]?.name;
  const budgets = [{ provider, period: 'day', tokens: 0, warnAtPercent: 100 }] as const;
  await tsa.reload({ ...config, budgets });
  for (let i = 0; i < 2; i++) {
    clock.advance({ seconds: 30 });
    for (let j = 0; j < 4; j++) await ask(tsa.url, queryFor(`later ${i} ${j}`));
  }
  await tsa.close();
  t.is(first.queries.length, 2, 'nothing was sent');
  const trials = (await records(folder.path)).filter(
    (record) => record.kind === 'request' && record.client === 'probe',
  );
  // The end of the first may be noticed after the clock was moved.
  t.true(trials.length === 1 || trials.length === 2);
});

test('with nobody else to ask, an unwell provider is asked all the same', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream({
    ...clock,
    handler: (request, self, n) => (n <= 3 ? 'cut' : { body: self.grant(request) }),
  });
  const provider = await upstream.provider(folder.path, { breaker });
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  const names: (string | undefined)[] = [];
  for (let i = 0; i < 4; i++)
    names.push((await ask(tsa.url, queryFor(`text ${i}`))).response.statusName);
  t.deepEqual(names, ['rejection', 'rejection', 'rejection', 'granted']);
  t.is(count(tsa, 'tsa.provider.closed'), 1);
});

test('a query that the provider may refuse says nothing of its health', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { buildTimeStampResp } = await import('#shared/tsp/response.ts');
  await using upstream = await startUpstream({
    ...clock,
    handler: () => ({
      body: buildTimeStampResp({ status: 'rejection', failInfo: ['badAlg'], statusString: 'no' }),
    }),
  });
  const provider = await upstream.provider(folder.path, { breaker });
  await using tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  for (let i = 0; i < 4; i++) await ask(tsa.url, queryFor(`text ${i}`));
  t.is(count(tsa, 'tsa.provider.opened'), 0);
});

test('limits that are known are kept: the next provider is asked instead', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream(clock);
  await using second = await startUpstream(clock);
  await using third = await startUpstream(clock);
  const rate = { requests: 2, withinSeconds: 60 };
  const providers = [
    await first.provider(folder.path, { limits: { rate, tokensPerDay: undefined } }),
    await second.provider(folder.path, { limits: { rate: undefined, tokensPerDay: 1 } }),
    await third.provider(folder.path),
  ];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  for (let i = 0; i < 5; i++) await ask(tsa.url, queryFor(`text ${i}`));
  const asked = () => [first, second, third].map(({ queries }) => queries.length);
  t.deepEqual(asked(), [2, 1, 2]);
  clock.advance({ minutes: 1 });
  await ask(tsa.url, queryFor('a minute later'));
  t.deepEqual(asked(), [3, 1, 2]);
});

test('a restart does not forget what was sent within the stretch of a rate', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream({
    ...clock,
    handler: (request, self, count) => (count === 1 ? 'cut' : { body: self.grant(request) }),
  });
  await using second = await startUpstream(clock);
  const limits = { rate: { requests: 3, withinSeconds: 1200 }, tokensPerDay: undefined };
  const config = configWith(folder.path, [
    await first.provider(folder.path, { limits }),
    await second.provider(folder.path),
  ]);
  for (let i = 0; i < 3; i++) {
    await using tsa = await startTestTsa(config, clock);
    for (let j = 0; j < 2; j++) await ask(tsa.url, queryFor(`start ${i}, text ${j}`));
    clock.advance({ minutes: 1 });
  }
  t.is(first.queries.length, 3, 'the one that failed was sent, too');
  clock.advance({ minutes: 20 });
  await using tsa = await startTestTsa(config, clock);
  await ask(tsa.url, queryFor('later'));
  t.is(first.queries.length, 4);
});

test('hedging: a slow provider gets company, up to the ceiling, and both tokens are in the journal', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let release: () => void = () => undefined;
  let slow = false;
  await using first = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      if (slow)
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      return { body: self.grant(request) };
    },
  });
  await using second = await startUpstream(clock);
  const timeouts = { connectMs: 60_000, responseMs: 60_000, lateMs: 60_000 };
  const providers = [
    await first.provider(folder.path, { timeouts }),
    await second.provider(folder.path, { timeouts }),
  ];
  const config = configWith(folder.path, providers, { hedgesPerHour: 1 });
  await using tsa = await startTestTsa(config, clock);
  // The clock stands still: every answer so far took no time, and whatever takes longer is slow.
  for (let i = 0; i < 20; i++) await ask(tsa.url, queryFor(`text ${i}`));
  t.is(second.queries.length, 0, 'nothing is known yet');
  slow = true;
  const { response } = await ask(tsa.url, queryFor('hedged'));
  t.is(response.statusName, 'granted');
  t.is(second.queries.length, 1);
  t.is(count(tsa, 'tsa.hedged'), 1);
  // Until the slow one has been asked there is nothing to release.
  await until(() => first.queries.length === 21);
  release();
  await until(() => count(tsa, 'tsa.token.journalled') === 22);

  const waiting = ask(tsa.url, queryFor('above the ceiling'));
  await until(() => first.queries.length === 22);
  release();
  t.is((await waiting).response.statusName, 'granted');
  t.is(second.queries.length, 1);
  await tsa.close();
  const late = (await records(folder.path)).filter((one) => one.kind === 'token' && one.late);
  t.is(late.length, 1, 'the slow one was paid for');
});

test('without hedgesPerHour nobody is asked twice', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  await using first = await startUpstream({
    ...clock,
    handler: async (request, self) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { body: self.grant(request) };
    },
  });
  await using second = await startUpstream(clock);
  const providers = [await first.provider(folder.path), await second.provider(folder.path)];
  await using tsa = await startTestTsa(configWith(folder.path, providers), clock);
  for (let i = 0; i < 22; i++) await ask(tsa.url, queryFor(`text ${i}`));
  t.is(second.queries.length, 0);
});

test('a TSU that a provider rolls over to is accepted below the same anchors, said and written down', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  let rolled = false;
  await using upstream = await startUpstream({
    ...clock,
    handler: (request, self) => ({
      body: self.grant(request, rolled ? { tsu: next } : {}),
    }),
  });
  const next = issueTsu(upstream.root, { subject: 'CN=Next TSU' });
  const provider = await upstream.provider(folder.path);
  const tsa = await startTestTsa(configWith(folder.path, [provider]), clock);
  await ask(tsa.url, queryFor('a'));
  t.is(count(tsa, 'tsa.provider.new-tsu'), 0, 'the first one is no news');
  rolled = true;
  for (const text of ['b', 'c']) await ask(tsa.url, queryFor(text));
  t.is(count(tsa, 'tsa.provider.new-tsu'), 1);
  await tsa.close();
  const audit = path.join(folder.path, 'audit');
  const text = (
    await Promise.all(
      (await readdir(audit)).map((name) => readFile(path.join(audit, name), 'utf8')),
    )
  ).join('');
  t.regex(text, new RegExp(`"event":"new-tsu".*${next.certificate.fingerprint}`));
});
