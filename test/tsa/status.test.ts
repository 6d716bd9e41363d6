// What operators see of a running proxy: the status page in both languages, metrics, and events that belong together.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { metricsText } from '#tsa/status/metrics.ts';
import { endingSoon, type Snapshot } from '#tsa/status/snapshot.ts';
import { renderStatusPage } from '#tsa/status/status-page.ts';
import { chooseLanguage, statusTexts } from '#tsa/status/status-texts.ts';
import type { TsaConfig } from '#tsa/config/config.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { projectRoot } from '../_sources.ts';
import { createPki, tlsConfig } from './_tls.ts';
import { startUpstream } from './_upstream.ts';

const clock = createTestClock();

/** A proxy that was asked for two tokens, the first of which came from the second provider. */
async function busy(folder: string, settings: Partial<TsaConfig> = {}) {
  const first = await startUpstream({
    ...clock,
    handler: (request, self, count) => (count === 1 ? 'cut' : { body: self.grant(request) }),
  });
  const second = await startUpstream(clock);
  const price = { amount: 12.5, currency: 'JPY' };
  const providers = [
    await first.provider(folder, { price }),
    await second.provider(folder, { price }),
  ];
  const config = { ...configWith(folder, providers), ...settings };
  const tsa = await startTestTsa(config, clock);
  for (const text of ['a', 'b', 'b']) await ask(tsa.url, queryFor(text));
  const close = async (): Promise<void> => {
    for (const one of [tsa, first, second]) await one[Symbol.asyncDispose]();
  };
  const names = providers.map(({ name }) => name);
  return { tsa, names, [Symbol.asyncDispose]: close };
}

const html = { accept: 'text/html,application/xhtml+xml' };

test('metrics say how providers, answers, budgets and books are', async (t) => {
  await using folder = await temporaryFolder();
  await using proxy = await busy(folder.path, {
    budgets: [{ period: 'month', tokens: 8, warnAtPercent: 80 }],
  });
  await fetch(`${proxy.tsa.url}tsa/nobody`, { method: 'POST' });
  const answer = await fetch(`${proxy.tsa.url}metrics`);
  t.is(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  const [first, second] = proxy.names;
  for (const line of [
    `provider_requests_total{provider="${first}"} 2`,
    `provider_answers_total{provider="${first}",outcome="unreachable"} 1`,
    `provider_answers_total{provider="${second}",outcome="granted"} 1`,
    `provider_seconds_count{provider="${second}",outcome="granted"} 1`,
    `provider_seconds_bucket{provider="${second}",outcome="granted",le="+Inf"} 1`,
    `provider_breaker_state{provider="${first}"} 0`,
    `provider_last_success_timestamp_seconds{provider="${first}"} 1893456000`,
    'answers_total{profile="default",verdict="granted"} 2',
    'answers_total{profile="default",verdict="repeated"} 1',
    'refusals_total{status="404"} 1',
    'journal_writable 1',
    'month_tokens 2',
    'month_cost{currency="JPY"} 25',
    'budget_used_ratio{budget="everything",period="month"} 0.25',
    'budget_tokens_left{budget="everything",period="month"} 6',
    `provider_clock_offset_seconds{provider="${second}"} 0`,
    `provider_month_cost{provider="${second}",currency="JPY"} 12.5`,
  ])
    t.true(text.includes(`\ntokiwa_tsa_${line}\n`), `${line}\n${text}`);
  // Every line is a comment or a sample, and each metric says what it is before its first sample.
  for (const line of text.trimEnd().split('\n'))
    t.regex(line, /^(# (HELP|TYPE) tokiwa_tsa_\w+ .+|tokiwa_tsa_\w+(\{.+\})? -?[\d.e+-]+)$/);
  t.is((await fetch(`${proxy.tsa.url}metrics`, { method: 'POST' })).status, 405);
});

test('every alarm of docs/alarms.yaml is about a metric that there is', async (t) => {
  await using folder = await temporaryFolder();
  await using proxy = await busy(folder.path, {
    budgets: [{ period: 'month', tokens: 8, warnAtPercent: 80 }],
  });
  await fetch(`${proxy.tsa.url}tsa/nobody`, { method: 'POST' });
  const metrics = await (await fetch(`${proxy.tsa.url}metrics`)).text();
  const alarms = await readFile(path.join(projectRoot, 'docs', 'alarms.yaml'), 'utf8');
  const named = new Set(alarms.match(/tokiwa_tsa_\w+/g));
  t.true(named.size > 10);
  const unknown = [...named].filter(
    (name) => !metrics.includes(`# TYPE ${name.replace(/_(bucket|count|sum)$/, '')} `),
  );
  // Of a proxy with certificates of its own alone.
  t.deepEqual(unknown, ['tokiwa_tsa_certificate_days']);
});

test('a browser gets the status page in its language, a program the explanation', async (t) => {
  await using folder = await temporaryFolder();
  await using proxy = await busy(folder.path);
  const get = async (address: string, headers: Record<string, string>): Promise<string> =>
    (await fetch(proxy.tsa.url + address, { headers })).text();
  const english = await get('', html);
  t.regex(english, /<html lang="en">/);
  t.regex(english, /Tokens today<\/dt><dd>2</);
  t.regex(english, /Cost this month<\/dt><dd>25 JPY</);
  t.true(english.includes(proxy.names[0] ?? ''));
  t.regex(english, /unreachable/);
  t.regex(await get('', { ...html, 'accept-language': 'ja-JP,en;q=0.5' }), /<html lang="ja">/);
  t.regex(await get('?lang=ja', html), /本日のトークン数<\/dt><dd>2</);
  t.regex(await get('', { accept: '*/*' }), /openssl ts -query/);
});

test('the page can be read by machines that read to people, and on a narrow screen', async (t) => {
  await using folder = await temporaryFolder();
  await using proxy = await busy(folder.path);
  const page = await (await fetch(proxy.tsa.url, { headers: html })).text();
  t.regex(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/);
  t.is(page.match(/<h1>/g)?.length, 1);
  t.is(page.match(/<main>/g)?.length, 1);
  t.is(page.match(/<script/g), null);
  const cells = page.match(/<td[^>]*>/g) ?? [];
  t.true(cells.length > 0 && cells.every((cell) => cell.includes('data-label=')));
  t.true((page.match(/<th[ >][^>]*/g) ?? []).every((cell) => cell.includes('scope=')));
});

test('clients on TLS listeners see neither page nor metrics', async (t) => {
  await using folder = await temporaryFolder();
  const pki = createPki();
  await using tsa = await startTestTsa(await tlsConfig(folder.path, pki), createTestClock());
  const [, url = ''] = tsa.secureUrls;
  const { get } = await import('node:https');
  const { pemOf } = await import('./_tls.ts');
  const statusOf = (address: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const ca = pemOf(pki.root).cert;
      get(url + address, { ca, agent: false, headers: html }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      }).on('error', reject);
    });
  t.deepEqual([await statusOf(''), await statusOf('metrics')], [401, 404]);
  // The server's certificate ends in 2040 of a clock that is in 2030: not soon.
  const metrics = await (await fetch(`${tsa.url}metrics`)).text();
  t.regex(metrics, /certificate_days\{use="listener /);
  t.regex(metrics, /certificate_days\{use="client authority CN=Clients Root of listener /);
});

test('events, journal and audit log of one request carry the id that its client was told', async (t) => {
  await using folder = await temporaryFolder();
  await using proxy = await busy(folder.path);
  const answer = await fetch(proxy.tsa.url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(queryFor('traced')),
  });
  const id = answer.headers.get('x-request-id');
  const names = proxy.tsa.events.filter((event) => event['id'] === id).map(({ name }) => name);
  t.deepEqual(names, ['tsa.token.journalled', 'tsa.query.answered']);
  const failed = proxy.tsa.events.find(({ name }) => name === 'tsa.provider.failed');
  t.regex(String(failed?.['id']), /^[0-9a-f]{32}$/);
});

const empty: Snapshot = {
  at: clock.now(),
  timeZone: 'Asia/Tokyo',
  month: '2030-01',
  journalWritable: false,
  auditWritable: true,
  auditHead: { seq: 0, hash: '0'.repeat(64) },
  providers: [],
  tokensToday: 0,
  tokensThisMonth: 0,
  costsThisMonth: new Map(),
  budgets: [],
  certificates: [
    { use: 'listener <script>', notAfter: Temporal.Instant.from('2030-02-01T00:00:00Z') },
    { use: 'provider far', notAfter: Temporal.Instant.from('2031-02-01T00:00:00Z') },
    { use: 'provider over', notAfter: Temporal.Instant.from('2029-12-01T00:00:00Z') },
  ],
  contacts: [],
  evidenceWaiting: 0,
  algorithmPolicy: undefined,
  answers: [],
  refusals: [],
};

test('certificates that end within 60 days are shown, the first to end first, and text stays text', (t) => {
  t.deepEqual(
    endingSoon(empty).map(({ use }) => use),
    ['provider over', 'listener <script>'],
  );
  for (const language of ['ja', 'en'] as const) {
    const page = renderStatusPage(empty, language);
    t.true(page.includes('listener &lt;script&gt;'));
    t.true(page.includes(statusTexts[language].days(31)));
    t.true(page.includes(statusTexts[language].days(-31)));
    t.true(page.includes(statusTexts[language].notReady));
  }
  t.regex(metricsText(empty), /tokiwa_tsa_journal_writable 0\n/);
});

test('of budgets for the same and the same time, metrics have the share that is nearest its end', (t) => {
  const budget = { period: 'month', warnAtPercent: 80 } as const;
  const use = { name: 'everything', tokens: 3, costMicros: 0n };
  const text = metricsText({
    ...empty,
    budgets: [
      { ...use, budget: { ...budget, tokens: 10 }, percent: 30 },
      { ...use, budget: { ...budget, tokens: 5 }, percent: 60 },
      { ...use, budget: { ...budget, cost: { amount: 1, currency: 'JPY' } }, percent: 50 },
      { ...use, budget: { ...budget, period: 'day', tokens: 4 }, percent: 75 },
    ],
  });
  t.deepEqual(text.match(/^tokiwa_tsa_budget_.*$/gm), [
    'tokiwa_tsa_budget_used_ratio{budget="everything",period="month"} 0.6',
    'tokiwa_tsa_budget_used_ratio{budget="everything",period="day"} 0.75',
    'tokiwa_tsa_budget_tokens_left{budget="everything",period="month"} 2',
    'tokiwa_tsa_budget_tokens_left{budget="everything",period="day"} 1',
  ]);
});

test('the language is the one asked for, else the first that is there', (t) => {
  t.is(chooseLanguage('ja', 'en'), 'ja');
  t.is(chooseLanguage('xx', 'fr, ja;q=0.8, en;q=0.5'), 'ja');
  t.is(chooseLanguage(undefined, 'en-GB'), 'en');
  t.is(chooseLanguage(['ja'], undefined), 'en');
});

test('the page names the algorithm policy by profile and edition, or says that there is none', (t) => {
  const algorithmPolicy = { profile: 'mine', editions: ['own <1> (2027-04)', 'override: RSA'] };
  const page = renderStatusPage({ ...empty, algorithmPolicy }, 'en');
  t.true(page.includes('Algorithm policy: mine: own &lt;1&gt; (2027-04); override: RSA'));
  for (const language of ['ja', 'en'] as const)
    t.true(renderStatusPage(empty, language).includes(statusTexts[language].noAlgorithms));
});
