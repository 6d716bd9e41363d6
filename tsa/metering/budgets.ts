// What may be bought this month or day: budgets of tokens or money by client, profile and provider. A purchase is reserved
// before a provider is asked, so that requests at the same time cannot pass the limit together.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import {
  budgetKey,
  budgetName,
  covers,
  exhaustedUntil,
  isExhausted,
  microsIn,
  percentOf,
  periodOf,
  reachedShare,
  type Budgets,
  type Exhausted,
  type Purchase,
  type Reservation,
} from './budget-rules.ts';
import type { Budget } from '../config/config.ts';
import type { Ledger } from './ledger.ts';

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

/** Counted in memory: nobody has to wait. */
type MemoryBudgets = Omit<Budgets, 'reserve' | 'check'> & {
  readonly reserve: (purchase: Purchase) => Reservation | Exhausted;
  readonly check: (asking: Pick<Purchase, 'client' | 'profile'>) => Exhausted | undefined;
};

export function createBudgets(options: {
  readonly budgets: readonly Budget[];
  readonly timeZone: string;
  readonly ledger: Pick<Ledger, 'sum'>;
  readonly clock: Clock;
  readonly events: EventSink;
}): MemoryBudgets {
  const { timeZone, ledger, clock, events } = options;
  const open = new Set<Open>();

  const tell = (account: Account): void => {
    const percent = percentOf(account);
    const { name } = account;
    const reached = reachedShare(account);
    if (reached <= account.said) return;
    account.said = reached;
    const event = reached === 100 ? 'tsa.budget.exhausted' : 'tsa.budget.warning';
    events({ level: 'warn', name: event, budget: name, percent: Math.floor(percent) });
  };

  const add = (account: Account, purchase: Purchase, sign: 1 | -1): void => {
    account.tokens += sign;
    account.micros += BigInt(sign) * microsIn(account.budget, purchase.price);
  };

  /** A budget with what its month or day has used, reservations among it; `before`: the account that it had. */
  const openAccount = (budget: Budget, before?: Account): Account => {
    const now = clock.now();
    const period = periodOf(budget, now, timeZone);
    const day = now.toZonedDateTimeISO(timeZone).toPlainDate();
    const within = budget.period === 'day' ? day.toString() : day.toPlainYearMonth().toString();
    const { tokens, costs } = ledger.sum({ ...budget, within });
    const micros = costs.get(budget.cost?.currency ?? '') ?? 0n;
    const said = before && compareInstants(before.ends, period.ends) === 0 ? before.said : 0;
    const account = { budget, name: budgetName(budget), ...period, tokens, micros, said };
    for (const { purchase, at } of open)
      if (covers(budget, purchase) && compareInstants(at, period.begins) >= 0)
        add(account, purchase, 1);
    tell(account);
    return account;
  };

  let accounts = options.budgets.map((budget) => openAccount(budget));

  /** Begins anew where a month or day has begun; a clock that went back does not give one anew. */
  const turnOver = (): void => {
    const now = clock.now();
    for (const account of accounts)
      if (compareInstants(now, account.ends) >= 0)
        Object.assign(account, periodOf(account.budget, now, timeZone), {
          tokens: 0,
          micros: 0n,
          said: 0,
        });
  };

  const of = (purchase: Purchase): readonly Account[] =>
    accounts.filter(({ budget }) => covers(budget, purchase));

  const exhausted = ({ budget, ends }: Account): Exhausted => exhaustedUntil(budget, ends);

  return {
    reserve: (purchase) => {
      turnOver();
      const mine = of(purchase);
      const over = mine.find((one) => isExhausted(one, microsIn(one.budget, purchase.price)));
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
      const before = new Map(accounts.map((one) => [budgetKey(one.budget), one]));
      accounts = budgets.map((one) => openAccount(one, before.get(budgetKey(one))));
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
