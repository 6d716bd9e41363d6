// What this month has bought so far, in memory: sums of the journal's tokens by day, client, profile and provider.
// Budgets begin from them, and the status page shows them.
import { localDayOf, monthOf } from '../days.ts';
import type { TokenRecord } from '../journal/journal-line.ts';
import { microsOfPrice } from './usage.ts';

export type LedgerQuery = {
  readonly client?: string | undefined;
  readonly profile?: string | undefined;
  readonly provider?: string | undefined;
  /** A day such as `2030-01-31`, or a month such as `2030-01`, of the ledger's time zone. */
  readonly within: string;
};

/** Tokens, and what they cost by currency in millionths. */
export type LedgerSum = {
  readonly tokens: number;
  readonly costs: ReadonlyMap<string, bigint>;
};

export type Ledger = {
  readonly add: (record: TokenRecord) => void;
  readonly sum: (query: LedgerQuery) => LedgerSum;
};

/** What was bought on one day by one client and profile at one provider, in one currency. */
export type LedgerRow = {
  readonly day: string;
  readonly client: string;
  readonly profile: string;
  readonly provider: string;
  readonly currency: string;
  readonly tokens: number;
  readonly micros: bigint;
};

type Row = { -readonly [K in keyof LedgerRow]: LedgerRow[K] };

/** The rows that a query is about, added up. */
export function sumRows(rows: Iterable<LedgerRow>, { within, ...query }: LedgerQuery): LedgerSum {
  let tokens = 0;
  const costs = new Map<string, bigint>();
  for (const row of rows) {
    const wanted =
      row.day.startsWith(within) &&
      (['client', 'profile', 'provider'] as const).every(
        (key) => query[key] === undefined || query[key] === row[key],
      );
    if (!wanted) continue;
    tokens += row.tokens;
    if (row.currency !== '') costs.set(row.currency, (costs.get(row.currency) ?? 0n) + row.micros);
  }
  return { tokens, costs };
}

/** Months before the newest are forgotten: the journal has them. */
export function createLedger(timeZone: string): Ledger {
  const rows = new Map<string, Row>();
  let newestMonth = '';

  return {
    add: ({ at, client = '', profile = '', provider, price }) => {
      const month = monthOf(at, timeZone);
      if (month < newestMonth) return;
      if (month > newestMonth) {
        rows.clear();
        newestMonth = month;
      }
      const day = localDayOf(at, timeZone);
      const currency = price?.currency ?? '';
      const key = JSON.stringify([day, client, profile, provider, currency]);
      const fresh = { day, client, profile, provider, currency, tokens: 0, micros: 0n };
      const row = rows.get(key) ?? fresh;
      rows.set(key, row);
      row.tokens++;
      row.micros += microsOfPrice(price);
    },
    sum: (query) => sumRows(rows.values(), query),
  };
}
