// The snapshot in the text format of Prometheus, version 0.0.4. Written here: the values are at hand as figures, and
// the one library for it wants to hold them itself and has had no release for years.
import type { BudgetState } from '../metering/budget-rules.ts';
import { bucketSeconds } from './histogram.ts';
import { daysUntil, type ProviderStatus, type Snapshot } from './snapshot.ts';
import { toMicros } from '../metering/usage.ts';

export const metricsMediaType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
type Sample = {
  readonly labels: Labels;
  readonly value: number | undefined;
  readonly suffix?: string;
};
type Metric = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
};

function labelText(labels: Labels): string {
  const escape = (text: string): string =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function textOf({ name, type, help, samples }: Metric): string {
  const lines = samples.flatMap(({ labels, value, suffix = '' }) =>
    value === undefined ? [] : [`tokiwa_tsa_${name}${suffix}${labelText(labels)} ${value}`],
  );
  if (lines.length === 0) return '';
  const head = [`# HELP tokiwa_tsa_${name} ${help}`, `# TYPE tokiwa_tsa_${name} ${type}`];
  return `${[...head, ...lines].join('\n')}\n`;
}

const breakerNumbers = { closed: 0, 'half-open': 1, open: 2 } as const;

function seconds(instant: Temporal.Instant | undefined): number | undefined {
  return instant && Math.floor(instant.epochMilliseconds / 1000);
}

function latencySamples({ name, latencies }: ProviderStatus): readonly Sample[] {
  return Object.entries(latencies).flatMap(([outcome, { buckets, sumSeconds, count }]) => {
    const labels = { provider: name, outcome };
    return [
      ...bucketSeconds.map((end, i) => ({
        suffix: '_bucket',
        labels: { ...labels, le: String(end) },
        value: buckets[i],
      })),
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
      { suffix: '_sum', labels, value: sumSeconds },
      { suffix: '_count', labels, value: count },
    ];
  });
}

function providerMetrics({ providers, at }: Snapshot): readonly Metric[] {
  const each = (value: (provider: ProviderStatus) => number | undefined): readonly Sample[] =>
    providers.map((provider) => ({ labels: { provider: provider.name }, value: value(provider) }));
  return [
    {
      name: 'provider_requests_total',
      type: 'counter',
      help: 'Requests sent to a provider.',
      samples: each(({ asked }) => asked),
    },
    {
      name: 'provider_answers_total',
      type: 'counter',
      help: 'What came of them: granted, late, or a kind of failure.',
      samples: providers.flatMap(({ name, granted, late, failures }) =>
        Object.entries({ granted, late, ...failures }).map(([outcome, value]) => ({
          labels: { provider: name, outcome },
          value,
        })),
      ),
    },
    {
      name: 'provider_seconds',
      type: 'histogram',
      help: 'Time from a request to its answer, by outcome.',
      samples: providers.flatMap(latencySamples),
    },
    {
      name: 'provider_hedged_total',
      type: 'counter',
      help: 'Requests sent to a provider because another one was slow.',
      samples: each(({ hedged }) => hedged),
    },
    {
      name: 'provider_breaker_state',
      type: 'gauge',
      help: '0 asked as usual, 1 a trial is due, 2 passed over.',
      samples: each(({ breaker }) => breakerNumbers[breaker]),
    },
    {
      name: 'provider_last_success_timestamp_seconds',
      type: 'gauge',
      help: 'When the last good token came.',
      samples: each(({ lastSuccess }) => seconds(lastSuccess)),
    },
    {
      name: 'provider_chain_days',
      type: 'gauge',
      help: 'Days until the TSU chain of the newest token ends.',
      samples: each(({ chainEnds }) => chainEnds && daysUntil(chainEnds, at)),
    },
    {
      name: 'provider_clock_offset_seconds',
      type: 'gauge',
      help: 'genTime of the newest token less our clock when it came.',
      samples: each(({ clockOffsetSeconds }) => clockOffsetSeconds),
    },
    {
      name: 'provider_month_cost',
      type: 'gauge',
      help: 'What its tokens cost this calendar month, by currency.',
      samples: providers.flatMap(({ name, costsThisMonth }) =>
        [...costsThisMonth].map(([currency, micros]) => ({
          labels: { provider: name, currency },
          value: Number(micros) / Number(toMicros(1)),
        })),
      ),
    },
  ];
}

/** Of several budgets for the same and the same time (tokens, and money by currency) the one that says most. */
function budgetSamples(
  { budgets }: Snapshot,
  most: (...values: readonly number[]) => number,
  valueOf: (state: BudgetState) => number | undefined,
): readonly Sample[] {
  const samples = new Map<string, Sample & { readonly value: number }>();
  for (const state of budgets) {
    const labels = { budget: state.name, period: state.budget.period };
    const key = labelText(labels);
    const value = valueOf(state);
    const other = samples.get(key)?.value;
    if (value === undefined) continue;
    samples.set(key, { labels, value: other === undefined ? value : most(value, other) });
  }
  return [...samples.values()];
}

function bookMetrics(snapshot: Snapshot): readonly Metric[] {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
  return [
    {
      name: 'answers_total',
      type: 'counter',
      help: 'Queries answered, by verdict.',
      samples: snapshot.answers.map(({ profile, verdict, count }) => ({
        labels: { profile, verdict },
        value: count,
      })),
    },
    {
      name: 'refusals_total',
      type: 'counter',
      help: 'Clients turned away, by HTTP status; 0: in the TLS handshake.',
      samples: snapshot.refusals.map(({ status, count }) => ({
        labels: { status: String(status) },
        value: count,
      })),
    },
    {
      name: 'journal_writable',
      type: 'gauge',
      help: '1 as long as the journal takes records.',
      samples: one(snapshot.journalWritable ? 1 : 0),
    },
    {
      name: 'audit_writable',
      type: 'gauge',
      help: '1 as long as the audit log takes lines.',
      samples: one(snapshot.auditWritable ? 1 : 0),
    },
    {
      name: 'audit_lines',
      type: 'gauge',
      help: 'Number of the last line of the audit log.',
      samples: one(snapshot.auditHead.seq),
    },
    {
      name: 'evidence_waiting',
      type: 'gauge',
      help: 'Groups of digests that were promised a record and have none.',
      samples: one(snapshot.evidenceWaiting),
    },
    {
      name: 'month_tokens',
      type: 'gauge',
      help: 'Tokens bought this calendar month.',
      samples: one(snapshot.tokensThisMonth),
    },
    {
      name: 'month_cost',
      type: 'gauge',
      help: 'What they cost, by currency.',
      samples: [...snapshot.costsThisMonth].map(([currency, micros]) => ({
        labels: { currency },
        value: Number(micros) / Number(toMicros(1)),
      })),
    },
    {
      name: 'budget_used_ratio',
      type: 'gauge',
      help: 'Share of a budget that its month or day has used.',
      samples: budgetSamples(snapshot, Math.max, ({ percent }) => percent / 100),
    },
    {
      name: 'budget_tokens_left',
      type: 'gauge',
      help: 'Tokens that a budget or quota has left in its month or day.',
      samples: budgetSamples(snapshot, Math.min, ({ budget, tokens }) =>
        budget.tokens === undefined ? undefined : Math.max(0, budget.tokens - tokens),
      ),
    },
    {
      name: 'certificate_days',
      type: 'gauge',
      help: 'Days until a certificate of ours ends.',
      samples: snapshot.certificates.map(({ use, notAfter }) => ({
        labels: { use },
        value: daysUntil(notAfter, snapshot.at),
      })),
    },
  ];
}

/** The whole answer to `GET /metrics`. */
export function metricsText(snapshot: Snapshot): string {
  return [...bookMetrics(snapshot), ...providerMetrics(snapshot)].map(textOf).join('');
}
