// What was bought, by month, client, profile and provider: sums over the journal's tokens, exact to a millionth of the
// currency, and the tables that people and programs read.
import { csvLine } from '#shared/csv.ts';
import type { Price } from '../config/config.ts';
import type { JournalRecord } from '../journal/journal-line.ts';
import { localDayOf, monthOf } from '../days.ts';

/** One line of a bill. */
export type UsageRow = {
  /** Calendar month, such as `2030-01`. */
  readonly month: string;
  /** Calendar day, where the table is by day. */
  readonly day?: string;
  readonly client: string;
  readonly profile: string;
  readonly provider: string;
  /** Tokens in the journal, late ones among them: those were paid for as well. */
  readonly tokens: number;
  /** Of these, those that came too late for their client. */
  readonly late: number;
  /** Of these, those that a dual profile bought besides the one that its client has. */
  readonly second: number;
  /** Tokens that failed a check and were handed to nobody; a provider may bill them. */
  readonly refused: number;
  /** Absent where the provider has no price. */
  readonly currency: string | undefined;
  /** Millionths of the currency's unit. */
  readonly costMicros: bigint;
};

/** A price in millionths of its unit: sums of them are exact. */
export function toMicros(amount: number): bigint {
  return BigInt(Math.round(amount * 1e6));
}

/** What a token without a price counts is nothing. */
export function microsOfPrice(price: Price | undefined): bigint {
  return price ? toMicros(price.amount) : 0n;
}

/** Millionths as a decimal number without needless zeros. */
export function formatMicros(micros: bigint): string {
  const whole = micros / 1_000_000n;
  const rest = (micros % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return rest === '' ? whole.toString() : `${whole}.${rest}`;
}

/** Sums as they grow. */
export type UsageTable = {
  /** Tokens and refused tokens count; other records are passed over. */
  readonly add: (record: JournalRecord) => void;
  /** By month, client, profile, provider. */
  readonly rows: () => readonly UsageRow[];
};

type Sum = { -readonly [K in keyof UsageRow]: UsageRow[K] };

/** Records this near to each other may be one that was appended twice after a failed write. */
const duplicateWindow = 10_000;
const unknownClient = 'unknown';

export function createUsageTable(options: {
  readonly timeZone: string;
  /** Months that count; all where absent. */
  readonly month?: string | undefined;
  /** A row a day instead of one a month. */
  readonly byDay?: boolean;
}): UsageTable {
  const sums = new Map<string, Sum>();
  const seen = new Set<string>();

  const isDuplicate = (key: string): boolean => {
    if (seen.has(key)) return true;
    seen.add(key);
    const oldest = seen.keys().next();
    if (seen.size > duplicateWindow && !oldest.done) seen.delete(oldest.value);
    return false;
  };

  return {
    add: (record) => {
      if (record.kind === 'request') return;
      if (record.kind === 'failure' && record.failureKind !== 'invalid-token') return;
      const month = monthOf(record.at, options.timeZone);
      if (options.month !== undefined && month !== options.month) return;
      const price = record.kind === 'token' ? record.price : undefined;
      if (
        record.kind === 'token' &&
        isDuplicate(`${record.id} ${record.provider} ${record.serialNumber}`)
      )
        return;
      const { client = unknownClient, profile = unknownClient, provider } = record;
      const day = options.byDay ? { day: localDayOf(record.at, options.timeZone) } : {};
      const period = day.day ?? month;
      const key = JSON.stringify([period, client, profile, provider, price?.currency ?? '']);
      const sum = sums.get(key) ?? {
        month,
        ...day,
        client,
        profile,
        provider,
        tokens: 0,
        late: 0,
        second: 0,
        refused: 0,
        currency: price?.currency,
        costMicros: 0n,
      };
      sums.set(key, sum);
      if (record.kind === 'failure') {
        sum.refused++;
        return;
      }
      sum.tokens++;
      if (record.late) sum.late++;
      if (record.second) sum.second++;
      if (price) sum.costMicros += toMicros(price.amount);
    },
    rows: () => [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum),
  };
}

const columns = [
  'month',
  'client',
  'profile',
  'provider',
  'tokens',
  'late',
  'second',
  'refused',
  'cost',
  'currency',
] as const;

function cellsOf(row: UsageRow): readonly string[] {
  const { costMicros, currency = '', ...named } = row;
  const cells = { ...named, cost: currency === '' ? '' : formatMicros(costMicros), currency };
  return columns.map((column) => String(cells[column]));
}

/** CSV with a head line (RFC 4180). */
export function usageCsv(rows: readonly UsageRow[]): string {
  return [columns, ...rows.map(cellsOf)].map(csvLine).join('');
}

/** The rows as JSON; costs are decimal texts, so that no reader rounds them. */
export function usageJson(rows: readonly UsageRow[]): string {
  const written = rows.map(({ costMicros, currency, ...row }) => ({
    ...row,
    ...(currency === undefined ? {} : { cost: formatMicros(costMicros), currency }),
  }));
  return `${JSON.stringify(written, undefined, 1)}\n`;
}

/** The rows as columns of text. */
export function usageText(rows: readonly UsageRow[]): string {
  const lines = [columns, ...rows.map(cellsOf)];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const textOf = (line: readonly string[]): string =>
    line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  return lines.map((line) => `${textOf(line).trimEnd()}\n`).join('');
}
