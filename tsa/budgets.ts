// What may be bought this month: budgets of tokens or money by client, profile and provider. A purchase is reserved
// before a provider is asked, so that requests at the same time cannot pass the limit together.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import type { Budget, Price } from './config.ts';
import { endOfMonth, startOfMonth } from './days.ts';
import { formatMicros, toMicros } from './usage.ts';

/** What a token was, or is to be, bought for and where. */
export type Purchase = {
  readonly client: string;
  readonly profile: string;
  readonly provider: string;
  readonly price: Price | undefined;
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
  /** When its next month begins. */
  readonly until: Temporal.Instant;
};

/** A budget and how much of it this month has used. */
export type BudgetState = {
  readonly budget: Budget;
  readonly name: string;
  readonly tokens: number;
  readonly costMicros: bigint;
  /** The larger of the shares of tokens and money, in percent. */
  readonly percent: number;
};

export type Budgets = {
  /** Takes note of a token that was bought; those of other months are passed over. */
  readonly count: (purchase: Purchase, at: Temporal.Instant) => void;
  readonly reserve: (purchase: Purchase) => Reservation | Exhausted;
  /** Whether this client has anything left, whichever provider would be asked. */
  readonly check: (asking: Pick<Purchase, 'client' | 'profile'>) => Exhausted | undefined;
  readonly states: () => readonly BudgetState[];
};

type Account = {
  readonly budget: Budget;
  readonly name: string;
  tokens: number;
  micros: bigint;
  /** The last share that was said: 0, the warning's, 100. */
  said: number;
};

/** `client records, provider accredited`, or `everything`. */
function nameOf({ client, profile, provider }: Budget): string {
  const parts = Object.entries({ client, profile, provider }).filter(
    ([, name]) => name !== undefined,
  );
  return parts.length === 0 ? 'everything' : parts.map((part) => part.join(' ')).join(', ');
}

function covers(budget: Budget, purchase: Partial<Purchase>): boolean {
  return (['client', 'profile', 'provider'] as const).every(
    (key) => budget[key] === undefined || budget[key] === purchase[key],
  );
}

function microsOf(budget: Budget, price: Price | undefined): bigint {
  return price && price.currency === budget.cost?.currency ? toMicros(price.amount) : 0n;
}

function percentOf({ budget, tokens, micros }: Account): number {
  const ofTokens = budget.tokens === undefined ? 0 : (100 * tokens) / Math.max(budget.tokens, 1);
  const limit = budget.cost ? toMicros(budget.cost.amount) : 0n;
  const ofCost = budget.cost ? (100 * Number(micros)) / Math.max(Number(limit), 1) : 0;
  return Math.max(ofTokens, ofCost);
}

/** Whether one more token, at this price, would pass the limit. */
function isExhausted({ budget, tokens, micros }: Account, price: bigint): boolean {
  if (budget.tokens !== undefined && tokens >= budget.tokens) return true;
  if (!budget.cost) return false;
  const limit = toMicros(budget.cost.amount);
  return micros + price > limit || micros >= limit;
}

export function createBudgets(options: {
  readonly budgets: readonly Budget[];
  readonly timeZone: string;
  readonly clock: Clock;
  readonly events: EventSink;
}): Budgets {
  const { timeZone, clock, events } = options;
  const accounts: Account[] = options.budgets.map((budget) => ({
    budget,
    name: nameOf(budget),
    tokens: 0,
    micros: 0n,
    said: 0,
  }));
  let begins = startOfMonth(clock.now(), timeZone);
  let ends = endOfMonth(clock.now(), timeZone);

  /** Begins a new month where one has begun; a clock that went back does not give a month anew. */
  const turnOver = (now: Temporal.Instant): void => {
    if (compareInstants(now, ends) < 0) return;
    begins = startOfMonth(now, timeZone);
    ends = endOfMonth(now, timeZone);
    for (const account of accounts) {
      account.tokens = 0;
      account.micros = 0n;
      account.said = 0;
    }
  };

  const tell = (account: Account): void => {
    const percent = percentOf(account);
    const { name, budget } = account;
    const reached =
      percent >= 100 ? 100 : percent >= budget.warnAtPercent ? budget.warnAtPercent : 0;
    if (reached <= account.said) return;
    account.said = reached;
    const event = reached === 100 ? 'tsa.budget.exhausted' : 'tsa.budget.warning';
    events({ level: 'warn', name: event, budget: name, percent: Math.floor(percent) });
  };

  const add = (purchase: Purchase, sign: 1 | -1): void => {
    for (const account of accounts) {
      if (!covers(account.budget, purchase)) continue;
      account.tokens += sign;
      account.micros += BigInt(sign) * microsOf(account.budget, purchase.price);
    }
  };

  const exhausted = (account: Account): Exhausted => ({
    kind: 'exhausted',
    message: `the budget of this month for ${account.name} is used up`,
    until: ends,
  });

  return {
    count: (purchase, at) => {
      turnOver(clock.now());
      if (compareInstants(at, begins) < 0 || compareInstants(at, ends) >= 0) return;
      add(purchase, 1);
      for (const account of accounts) tell(account);
    },
    reserve: (purchase) => {
      turnOver(clock.now());
      const over = accounts.find(
        (account) =>
          covers(account.budget, purchase) &&
          isExhausted(account, microsOf(account.budget, purchase.price)),
      );
      if (over) return exhausted(over);
      const month = ends;
      add(purchase, 1);
      return {
        kind: 'reserved',
        bought: () => {
          turnOver(clock.now());
          // The journal has it in the month of its end.
          if (!ends.equals(month)) add(purchase, 1);
          for (const account of accounts) tell(account);
        },
        release: () => {
          turnOver(clock.now());
          // Of a month that is over nothing is left to give back to.
          if (ends.equals(month)) add(purchase, -1);
        },
      };
    },
    check: (asking) => {
      turnOver(clock.now());
      const over = accounts.find(
        (account) =>
          account.budget.provider === undefined &&
          covers(account.budget, asking) &&
          isExhausted(account, 0n),
      );
      return over && exhausted(over);
    },
    states: () => {
      turnOver(clock.now());
      return accounts.map((account) => ({
        budget: account.budget,
        name: account.name,
        tokens: account.tokens,
        costMicros: account.micros,
        percent: percentOf(account),
      }));
    },
  };
}

/** For a log or a page: what was used and what there is. */
export function budgetText({ budget, tokens, costMicros }: BudgetState): string {
  const parts = [
    budget.tokens === undefined ? [] : [`${tokens} of ${budget.tokens} tokens`],
    budget.cost
      ? [`${formatMicros(costMicros)} of ${budget.cost.amount} ${budget.cost.currency}`]
      : [],
  ];
  return parts.flat().join(', ');
}
