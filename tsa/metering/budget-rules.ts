// What budgets are and when they are used up: the rules alone. Who counts, and where, is for budgets.ts (this process)
// and adapters/database-budgets.ts (replicas together).
import type { Budget, Price } from '../config/config.ts';
import { endOfDay, endOfMonth, startOfDay, startOfMonth } from '../days.ts';
import { toMicros } from './usage.ts';

/** What a token was, or is to be, bought for and where. */
export type Purchase = {
  /** The request; a provider is asked at most once for it. */
  readonly id?: string;
  readonly client: string;
  readonly profile: string;
  readonly provider: string;
  readonly price: Price | undefined;
  /** So long a token may still come. */
  readonly holdMs?: number;
};

/** One purchase that counts already; exactly one of the two is called once. */
export type Reservation = {
  readonly kind: 'reserved';
  readonly bought: () => void;
  readonly release: () => void;
};

export type Exhausted = {
  readonly kind: 'exhausted';
  /** Names the budget. */
  readonly message: string;
  /** When its next month or day begins. */
  readonly until: Temporal.Instant;
};

/** A budget and how much of it this month or day has used. */
export type BudgetState = {
  readonly budget: Budget;
  readonly name: string;
  readonly tokens: number;
  readonly costMicros: bigint;
  /** The larger of the shares of tokens and money, in percent. */
  readonly percent: number;
};

export type Budgets = {
  /** @throws the system's error where a shared count cannot be reached */
  readonly reserve: (
    purchase: Purchase,
  ) => Reservation | Exhausted | Promise<Reservation | Exhausted>;
  /** Whether this client has anything left, whichever provider would be asked. @throws as `reserve` */
  readonly check: (
    asking: Pick<Purchase, 'client' | 'profile'>,
  ) => Exhausted | undefined | Promise<Exhausted | undefined>;
  readonly states: () => readonly BudgetState[];
  /** Other budgets from now on; what this month and day bought already counts in them. */
  readonly replace: (budgets: readonly Budget[]) => void;
};

/** What one budget has used of its month or day. */
export type BudgetUse = {
  readonly budget: Budget;
  readonly tokens: number;
  readonly micros: bigint;
};

/** `client records, provider accredited`, or `everything`. */
export function budgetName({ client, profile, provider }: Budget): string {
  const parts = Object.entries({ client, profile, provider }).filter(
    ([, name]) => name !== undefined,
  );
  return parts.length === 0 ? 'everything' : parts.map((part) => part.join(' ')).join(', ');
}

/** The same for two budgets that say the same, and for no others: of tokens and of money there may be one each. */
export function budgetKey(budget: Budget): string {
  const { period, tokens, cost, warnAtPercent } = budget;
  return JSON.stringify([budgetName(budget), period, tokens, cost, warnAtPercent]);
}

/** Whether a purchase counts in a budget. */
export function covers(budget: Budget, purchase: Partial<Purchase>): boolean {
  return (['client', 'profile', 'provider'] as const).every(
    (key) => budget[key] === undefined || budget[key] === purchase[key],
  );
}

/** What a price counts in a budget of money: nothing in another currency. */
export function microsIn(budget: Budget, price: Price | undefined): bigint {
  return price && price.currency === budget.cost?.currency ? toMicros(price.amount) : 0n;
}

/** The larger of the shares of tokens and money. */
export function percentOf({ budget, tokens, micros }: BudgetUse): number {
  const ofTokens = budget.tokens === undefined ? 0 : (100 * tokens) / Math.max(budget.tokens, 1);
  const limit = budget.cost ? toMicros(budget.cost.amount) : 0n;
  const ofCost = budget.cost ? (100 * Number(micros)) / Math.max(Number(limit), 1) : 0;
  return Math.max(ofTokens, ofCost);
}

/** Whether one more token, at this price, would pass the limit. */
export function isExhausted({ budget, tokens, micros }: BudgetUse, price: bigint): boolean {
  if (budget.tokens !== undefined && tokens >= budget.tokens) return true;
  if (!budget.cost) return false;
  const limit = toMicros(budget.cost.amount);
  return micros + price > limit || micros >= limit;
}

/** The month or day of a budget in which `now` lies. */
export function periodOf(
  { period }: Pick<Budget, 'period'>,
  now: Temporal.Instant,
  timeZone: string,
) {
  return period === 'day'
    ? { begins: startOfDay(now, timeZone), ends: endOfDay(now, timeZone) }
    : { begins: startOfMonth(now, timeZone), ends: endOfMonth(now, timeZone) };
}

/** What is said of a budget that is used up. */
export function exhaustedUntil(budget: Budget, until: Temporal.Instant): Exhausted {
  const message = `the budget of this ${budget.period} for ${budgetName(budget)} is used up`;
  return { kind: 'exhausted', message, until };
}

/** The share that is worth a word: 0, the warning's, 100. */
export function reachedShare(use: BudgetUse): number {
  const percent = percentOf(use);
  const { warnAtPercent } = use.budget;
  return percent >= 100 ? 100 : percent >= warnAtPercent ? warnAtPercent : 0;
}
