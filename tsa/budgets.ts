// What may be bought this month or day: budgets of tokens or money by client, profile and provider. A purchase is reserved
// before a provider is asked, so that requests at the same time cannot pass the limit together.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import type { Budget, Price } from './config.ts';
import { endOfDay, endOfMonth, startOfDay, startOfMonth } from './days.ts';
import type { Ledger } from './ledger.ts';
import { toMicros } from './usage.ts';

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
  readonly reserve: (purchase: Purchase) => Reservation | Exhausted;
  /** Whether this client has anything left, whichever provider would be asked. */
  readonly check: (asking: Pick<Purchase, 'client' | 'profile'>) => Exhausted | undefined;
  readonly states: () => readonly BudgetState[];
  /** Other budgets from now on; what this month and day bought already counts in them. */
  readonly replace: (budgets: readonly Budget[]) => void;
};

/** A reservation that is neither bought nor given back yet. */
type Open = { readonly purchase: Purchase; readonly at: Temporal.Instant };

type Account = {
  readonly budget: Budget;
  readonly name: string;
  begins: Temporal.Instant;
  ends: Temporal.Instant;
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
  readonly ledger: Pick<Ledger, 'sum'>;
  readonly clock: Clock;
  readonly events: EventSink;
}): Budgets {
  const { timeZone, ledger, clock, events } = options;
  const open = new Set<Open>();

  const periodOf = ({ period }: Budget, now: Temporal.Instant) =>
    period === 'day'
      ? { begins: startOfDay(now, timeZone), ends: endOfDay(now, timeZone) }
      : { begins: startOfMonth(now, timeZone), ends: endOfMonth(now, timeZone) };

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

  const add = (account: Account, purchase: Purchase, sign: 1 | -1): void => {
    account.tokens += sign;
    account.micros += BigInt(sign) * microsOf(account.budget, purchase.price);
  };

  /** A budget with what its month or day has used, reservations among it. */
  const openAccount = (budget: Budget): Account => {
    const now = clock.now();
    const period = periodOf(budget, now);
    const day = now.toZonedDateTimeISO(timeZone).toPlainDate();
    const within = budget.period === 'day' ? day.toString() : day.toPlainYearMonth().toString();
    const { tokens, costs } = ledger.sum({ ...budget, within });
    const micros = costs.get(budget.cost?.currency ?? '') ?? 0n;
    const account = { budget, name: nameOf(budget), ...period, tokens, micros, said: 0 };
    for (const { purchase, at } of open)
      if (covers(budget, purchase) && compareInstants(at, period.begins) >= 0)
        add(account, purchase, 1);
    tell(account);
    return account;
  };

  let accounts = options.budgets.map(openAccount);

  /** Begins anew where a month or day has begun; a clock that went back does not give one anew. */
  const turnOver = (): void => {
    const now = clock.now();
    for (const account of accounts)
      if (compareInstants(now, account.ends) >= 0)
        Object.assign(account, periodOf(account.budget, now), { tokens: 0, micros: 0n, said: 0 });
  };

  const of = (purchase: Purchase): readonly Account[] =>
    accounts.filter(({ budget }) => covers(budget, purchase));

  const exhausted = ({ budget, name, ends }: Account): Exhausted => ({
    kind: 'exhausted',
    message: `the budget of this ${budget.period} for ${name} is used up`,
    until: ends,
  });

  return {
    reserve: (purchase) => {
      turnOver();
      const mine = of(purchase);
      const over = mine.find((one) => isExhausted(one, microsOf(one.budget, purchase.price)));
      if (over) return exhausted(over);
      const held: Open = { purchase, at: clock.now() };
      open.add(held);
      for (const account of mine) add(account, purchase, 1);
      /** Accounts whose month or day had not begun when this was reserved. */
      const begunSince = (): readonly Account[] =>
        of(purchase).filter(({ begins }) => compareInstants(held.at, begins) < 0);
      return {
        kind: 'reserved',
        bought: () => {
          if (!open.delete(held)) return;
          turnOver();
          // The journal has it in the period of its end.
          for (const account of begunSince()) add(account, purchase, 1);
          for (const account of of(purchase)) tell(account);
        },
        release: () => {
          if (!open.delete(held)) return;
          turnOver();
          // To a period that is over nothing is given back.
          const later = begunSince();
          for (const account of of(purchase))
            if (!later.includes(account)) add(account, purchase, -1);
        },
      };
    },
    check: (asking) => {
      turnOver();
      const over = accounts.find(
        (account) =>
          account.budget.provider === undefined &&
          covers(account.budget, asking) &&
          isExhausted(account, 0n),
      );
      return over && exhausted(over);
    },
    replace: (budgets) => {
      accounts = budgets.map(openAccount);
    },
    states: () => {
      turnOver();
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
