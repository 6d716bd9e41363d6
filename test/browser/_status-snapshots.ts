// The proxy on its worst day: every state that its status page can show, with the longest of names.
import { createProviderRecord } from '#tsa/providers/provider-record.ts';
import type { ProviderStatus, Snapshot } from '#tsa/status/snapshot.ts';

const at = Temporal.Instant.from('2030-01-31T15:00:00Z');
const longest = 'p'.repeat(63);

function provider(name: string, fields: Partial<ProviderStatus>): ProviderStatus {
  return {
    ...createProviderRecord().figures(),
    name,
    kind: 'http',
    breaker: 'closed',
    tokensToday: 0,
    costsThisMonth: new Map(),
    contact: undefined,
    approved: undefined,
    ...fields,
  };
}

/** Nothing works, everything is long. */
export const worstDay: Snapshot = {
  at,
  timeZone: 'America/Argentina/ComodRivadavia',
  month: '2030-01',
  journalWritable: false,
  auditWritable: false,
  auditHead: { seq: 123_456_789, hash: 'f'.repeat(64) },
  providers: [
    provider(longest, {
      breaker: 'open',
      tokensToday: 123_456_789,
      medianMs: 30_000.4,
      p95Ms: 59_999.6,
      lastFailure: { at, kind: 'not-an-answer', reason: 'r'.repeat(500) },
      chainEnds: at.add({ hours: 36 }),
      contact: `当直の担当者、${'0'.repeat(60)}、someone.with.a.long.name@department.hospital.example`,
      approved: `${'N'.repeat(80)}, 2029-12-31`,
    }),
    provider('second', { breaker: 'half-open', lastSuccess: at, chainEnds: at }),
    provider('local', { kind: 'local', chainEnds: at.subtract({ hours: 48 }) }),
  ],
  tokensToday: 123_456_789,
  tokensThisMonth: 9_876_543_210,
  costsThisMonth: new Map([
    ['JPY', 123_456_789_000_000n],
    ['EUR', 1n],
    ['USD', 10n ** 15n],
  ]),
  budgets: [
    {
      name: `client ${longest}, profile ${longest}, provider ${longest}`,
      budget: { period: 'month', tokens: 8, warnAtPercent: 80 },
      tokens: 8,
      costMicros: 0n,
      percent: 100,
    },
    {
      name: 'everything',
      budget: { period: 'day', cost: { amount: 1_000_000, currency: 'JPY' }, warnAtPercent: 80 },
      tokens: 0,
      costMicros: 999_999_999_999n,
      percent: 99.9999,
    },
  ],
  certificates: [
    { use: `listener https://${'h'.repeat(63)}.example:3443/`, notAfter: at.add({ hours: 1 }) },
    { use: `accreditation of ${longest} (${'s'.repeat(60)})`, notAfter: at.subtract({ hours: 1 }) },
  ],
  contacts: [
    { party: 'facility', contact: undefined },
    { party: 'integrator', contact: 'c'.repeat(200) },
    { party: 'network', contact: undefined },
    { party: 'store', contact: undefined },
  ],
  evidenceWaiting: 7,
  algorithmPolicy: { profile: longest, editions: Array.from({ length: 9 }, () => longest) },
  answers: [],
  refusals: [],
};

/** Nothing has happened yet. */
export const firstMinute: Snapshot = {
  ...worstDay,
  journalWritable: true,
  auditWritable: true,
  providers: [provider('local', { kind: 'local' })],
  tokensToday: 0,
  tokensThisMonth: 0,
  costsThisMonth: new Map(),
  budgets: [],
  certificates: [],
  algorithmPolicy: undefined,
};
