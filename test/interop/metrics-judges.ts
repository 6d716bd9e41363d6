// Metrics before a parser that we did not write: what a busy proxy says of itself, and what it would say were its names as
// bad as names can be, read back value by value.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { z } from 'zod';
import { createHistogram } from '#tsa/status/histogram.ts';
import { metricsText } from '#tsa/status/metrics.ts';
import { createProviderRecord } from '#tsa/providers/provider-record.ts';
import type { ProviderStatus, Snapshot } from '#tsa/status/snapshot.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from '../tsa/_proxy.ts';
import { startUpstream } from '../tsa/_upstream.ts';
import { pythonWith } from './_python.ts';

const families = z.array(
  z.object({
    name: z.string(),
    type: z.string(),
    help: z.string(),
    samples: z.array(z.tuple([z.string(), z.record(z.string(), z.string()), z.string()])),
  }),
);
type Family = z.infer<typeof families>[number];

const clock = createTestClock();

async function parse(text: string): Promise<readonly Family[]> {
  const python = await pythonWith('prometheus-client', '0.26.0', 'prometheus_client.parser');
  const script = path.join(import.meta.dirname, '_prometheus-parser.py');
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(text);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the parser ended with status ${String(status)}`);
  return families.parse(JSON.parse(Buffer.concat(parts).toString()));
}

/** Labels in one order, so that two samples of one name can be compared. */
const labelsKey = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** What Prometheus would refuse, or misunderstand, although it can be read. */
function problemsOf(parsed: readonly Family[], text: string): readonly string[] {
  const problems: string[] = [];
  const names = parsed.map(({ name }) => name);
  for (const name of new Set(names))
    if (names.filter((one) => one === name).length > 1) problems.push(`${name} twice`);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  const samples = parsed.flatMap((family) => family.samples);
  if (samples.length !== lines) problems.push(`${samples.length} samples of ${lines} lines`);
  const keys = samples.map(([name, labels]) => name + labelsKey(labels));
  for (const [i, key] of keys.entries()) if (keys.indexOf(key) !== i) problems.push(`${key} twice`);
  for (const { name, type, help } of parsed) {
    if (help === '') problems.push(`${name} without help`);
    if (!['counter', 'gauge', 'histogram'].includes(type)) problems.push(`${name} is ${type}`);
  }
  for (const family of parsed.filter(({ type }) => type === 'histogram'))
    problems.push(...histogramProblems(family));
  return problems;
}

/** Buckets are cumulative, end with +Inf, and the last one is the count. */
function histogramProblems({ name, samples }: Family): readonly string[] {
  const problems: string[] = [];
  const series = new Map<string, { buckets: [number, number][]; count?: number; sum?: number }>();
  for (const [sample, { le, ...labels }, value] of samples) {
    const one = series.get(labelsKey(labels)) ?? { buckets: [] };
    series.set(labelsKey(labels), one);
    if (sample === `${name}_bucket`)
      one.buckets.push([le === '+Inf' ? Infinity : Number(le), Number(value)]);
    else if (sample === `${name}_count`) one.count = Number(value);
    else if (sample === `${name}_sum`) one.sum = Number(value);
    else problems.push(`${sample} of a histogram`);
  }
  for (const [key, { buckets, count, sum }] of series) {
    const rising = buckets.every(
      ([end, value], i) =>
        i === 0 || (end > (buckets[i - 1]?.[0] ?? NaN) && value >= (buckets[i - 1]?.[1] ?? NaN)),
    );
    const [lastEnd, lastCount] = buckets.at(-1) ?? [];
    if (!rising || lastEnd !== Infinity || lastCount !== count || sum === undefined)
      problems.push(`${name}${key} is no histogram`);
  }
  return problems;
}

const result = (name: string, problems: readonly string[]): ConformanceResult => ({
  case: name,
  passed: problems.length === 0,
  expected: 'none',
  got: problems.length === 0 ? 'ok' : problems.slice(0, 10).join('; '),
});

/** A proxy that was asked, refused, failed over, and has budgets of tokens and of two currencies. */
async function busyProxy(): Promise<readonly string[]> {
  await using folder = await temporaryFolder();
  await using first = await startUpstream({
    ...clock,
    handler: (request, self, count) => (count === 1 ? 'cut' : { body: self.grant(request) }),
  });
  await using second = await startUpstream(clock);
  const price = { amount: 12.5, currency: 'JPY' };
  const config = configWith(folder.path, [
    await first.provider(folder.path, { price }),
    await second.provider(folder.path, { price: { amount: 0.1, currency: 'EUR' } }),
  ]);
  const budget = { period: 'month', warnAtPercent: 80 } as const;
  const costs = ['JPY', 'EUR'].map((currency) => ({ ...budget, cost: { amount: 50, currency } }));
  const budgets = [{ ...budget, tokens: 0, profile: 'other' }, { ...budget, tokens: 8 }, ...costs];
  await using tsa = await startTestTsa({ ...config, budgets }, clock);
  for (const text of ['a', 'b', 'b']) await ask(tsa.url, queryFor(text));
  for (const place of ['tsa/nobody', 'tsa/%22%7D%0Aevil%201', '%5C%22'])
    await fetch(`${tsa.url}${place}`, { method: 'POST' });
  const text = await (await fetch(`${tsa.url}metrics`)).text();
  const parsed = await parse(text);
  const told = JSON.stringify(parsed);
  return [
    ...problemsOf(parsed, text),
    ...(parsed.length < 15 ? [`${parsed.length} metrics alone`] : []),
    // What comes from outside never is a name or a label.
    ...(/nobody|evil/.test(told) ? ['a label from outside'] : []),
  ];
}

const badNames = [
  'plain',
  '"',
  '\\',
  '\\n',
  'line\nbreak',
  '"} 1\nevil 1\n# TYPE evil gauge',
  'a="b",c="d"',
  '{}',
  ' ',
  '',
  '診療録',
  '\u0000\t\r\u007f\u2028',
  '👩‍⚕️',
];

function providerOf(name: string): ProviderStatus {
  const histogram = createHistogram();
  for (const seconds of [0.001, 0.3, 99]) histogram.observe(seconds);
  return {
    ...createProviderRecord().figures(),
    name,
    kind: 'http',
    breaker: 'half-open',
    latencies: { granted: histogram.value() },
    failures: { timeout: 3 },
    tokensToday: 0,
    costsThisMonth: new Map([[name, 1_500_000n]]),
    contact: undefined,
    approved: undefined,
  };
}

/** A snapshot whose every name is bad, read back. */
async function badlyNamed(): Promise<readonly string[]> {
  const snapshot: Snapshot = {
    at: clock.now(),
    timeZone: 'Asia/Tokyo',
    month: '2030-01',
    journalWritable: true,
    auditWritable: true,
    auditHead: { seq: 2 ** 53 - 1, hash: '' },
    providers: badNames.map(providerOf),
    tokensToday: 0,
    tokensThisMonth: 0,
    costsThisMonth: new Map(badNames.map((name) => [name, 10n ** 30n])),
    budgets: badNames.flatMap((name) =>
      [NaN, Infinity, 1e-9].map((percent) => ({
        budget: { period: 'day' as const, tokens: 5, warnAtPercent: 80 },
        name: `${name} ${percent}`,
        tokens: 9,
        costMicros: 0n,
        percent,
      })),
    ),
    certificates: badNames.map((use) => ({ use, notAfter: clock.now() })),
    contacts: [],
    evidenceWaiting: 0,
    algorithmPolicy: undefined,
    answers: badNames.map((profile) => ({ profile, verdict: profile, count: 1 })),
    refusals: [],
  };
  const text = metricsText(snapshot);
  const parsed = await parse(text);
  const problems = [...problemsOf(parsed, text)];
  const labelsOf = (name: string, label: string): readonly (string | undefined)[] =>
    parsed
      .flatMap(({ samples }) => samples)
      .filter(([sample]) => sample === `tokiwa_tsa_${name}`)
      .map(([, labels]) => labels[label]);
  for (const [name, label] of [
    ['provider_breaker_state', 'provider'],
    ['provider_seconds_count', 'provider'],
    ['month_cost', 'currency'],
    ['certificate_days', 'use'],
    ['answers_total', 'profile'],
  ] as const)
    if (JSON.stringify(labelsOf(name, label)) !== JSON.stringify(badNames))
      problems.push(`${name}: ${JSON.stringify(labelsOf(name, label))}`);
  return problems;
}

export async function judgeMetrics(): Promise<ConformanceReport> {
  return {
    results: [
      result('metrics of a busy proxy', await busyProxy()),
      result('metrics with names of every kind, read back', await badlyNamed()),
    ],
  };
}
