// Budgets and quotas that replicas share: what was bought stands beside the journal, what is being bought is reserved in
// a table, and one lock makes counting and reserving one step, so that replicas cannot pass a limit together.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
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
  type BudgetUse,
  type Exhausted,
  type Purchase,
  type Reservation,
} from '../../metering/budget-rules.ts';
import type { Budget } from '../../config/config.ts';
import { microsOfPrice } from '../../metering/usage.ts';
import type { Database, RunQuery } from './connection.ts';

/** Beyond the time in which a token may come: until its record is written. */
const marginMs = 60_000;
/** Where nobody says how long a token may take. */
const defaultHoldMs = 600_000;

/** A provider is asked at most once for a request. */
export function reservationKey(id: string, provider: string): string {
  return `${id} ${provider}`;
}

// A reservation counts from the moment it is made to the moment its record is in the journal, or until it lapses with
// a replica that died. One purchase counts once: both tables are read in one snapshot.
const sumUses = `
SELECT b.place, coalesce(sum(u.tokens), 0)::text AS tokens,
  coalesce(sum(u.micros) FILTER (WHERE u.currency = b.currency), 0)::text AS micros
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
  AS b(day, client, profile, provider, currency, place)
LEFT JOIN LATERAL (
  SELECT tokens, micros, currency FROM usage_days d WHERE d.day >= b.day
    AND (b.client IS NULL OR d.client = b.client) AND (b.profile IS NULL OR d.profile = b.profile)
    AND (b.provider IS NULL OR d.provider = b.provider)
  UNION ALL
  SELECT 1, micros, currency FROM reservations r WHERE r.until > $6
    AND (b.client IS NULL OR r.client = b.client) AND (b.profile IS NULL OR r.profile = b.profile)
    AND (b.provider IS NULL OR r.provider = b.provider)
) u ON true
GROUP BY b.place ORDER BY b.place`;

const reserveOne = `
INSERT INTO reservations (id, client, profile, provider, currency, micros, until)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET until = excluded.until`;

type Sum = { readonly tokens: string; readonly micros: string };

export type DatabaseBudgets = Budgets & {
  /** Reads what `states` shows. @throws SourceError */
  readonly refresh: () => Promise<void>;
};

export function createDatabaseBudgets(options: {
  readonly database: Database;
  readonly budgets: readonly Budget[];
  readonly timeZone: string;
  readonly clock: Clock;
  readonly events: EventSink;
}): DatabaseBudgets {
  const { database, timeZone, clock, events } = options;
  const lock = `SELECT pg_advisory_xact_lock(${database.lockNumber('budgets')})`;
  let { budgets } = options;
  let uses: readonly BudgetUse[] = budgets.map((budget) => ({ budget, tokens: 0, micros: 0n }));
  const said = new Map<string, number>();

  const usesOf = async (
    query: RunQuery,
    wanted: readonly Budget[],
  ): Promise<readonly BudgetUse[]> => {
    const now = clock.now();
    const firstDay = (budget: Budget): string =>
      periodOf(budget, now, timeZone).begins.toZonedDateTimeISO(timeZone).toPlainDate().toString();
    const sums = await query<Sum>(sumUses, [
      wanted.map(firstDay),
      wanted.map(({ client }) => client ?? null),
      wanted.map(({ profile }) => profile ?? null),
      wanted.map(({ provider }) => provider ?? null),
      wanted.map(({ cost }) => cost?.currency ?? ''),
      now.epochMilliseconds,
    ]);
    return wanted.map((budget, i) => ({
      budget,
      tokens: Number(sums[i]?.tokens ?? 0),
      micros: BigInt(sums[i]?.micros.split('.')[0] ?? 0),
    }));
  };

  const endOf = (budget: Budget): Temporal.Instant => periodOf(budget, clock.now(), timeZone).ends;

  /** Each replica says it once a month or day. */
  const tell = (use: BudgetUse): void => {
    const name = budgetName(use.budget);
    const key = `${budgetKey(use.budget)} ${endOf(use.budget).toString()}`;
    const reached = reachedShare(use);
    if (reached <= (said.get(key) ?? 0)) return;
    said.set(key, reached);
    const event = reached === 100 ? 'tsa.budget.exhausted' : 'tsa.budget.warning';
    const percent = Math.floor(percentOf(use));
    events({ level: 'warn', name: event, budget: name, percent });
  };

  const release = (key: string): void => {
    // One that stays lapses by itself.
    database.query('DELETE FROM reservations WHERE id = $1', [key]).catch(() => undefined);
  };

  const reserve = async (purchase: Purchase): Promise<Reservation | Exhausted> => {
    const { id, client, profile, provider, price, holdMs = defaultHoldMs } = purchase;
    const mine = budgets.filter((budget) => covers(budget, purchase));
    if (mine.length === 0 || id === undefined)
      return { kind: 'reserved', bought: () => undefined, release: () => undefined };
    const key = reservationKey(id, provider);
    const over = await database.transaction(lock, async (query): Promise<Exhausted | undefined> => {
      const found = await usesOf(query, mine);
      const full = found.find((use) => isExhausted(use, microsIn(use.budget, price)));
      if (full) return exhaustedUntil(full.budget, endOf(full.budget));
      const currency = price?.currency ?? '';
      const micros = microsOfPrice(price);
      const until = clock.now().epochMilliseconds + holdMs + marginMs;
      await query(reserveOne, [key, client, profile, provider, currency, micros.toString(), until]);
      for (const use of found)
        tell({
          ...use,
          tokens: use.tokens + 1,
          micros: use.micros + microsIn(use.budget, price),
        });
      return undefined;
    });
    if (over) return over;
    return {
      kind: 'reserved',
      // It goes with the token's record, in the same transaction.
      bought: () => undefined,
      release: () => {
        release(key);
      },
    };
  };

  return {
    reserve,
    check: async (asking) => {
      const mine = budgets.filter((one) => one.provider === undefined && covers(one, asking));
      if (mine.length === 0) return undefined;
      const over = (await usesOf(database.query, mine)).find((use) => isExhausted(use, 0n));
      return over && exhaustedUntil(over.budget, endOf(over.budget));
    },
    replace: (others) => {
      budgets = others;
      uses = others.map((budget) => ({ budget, tokens: 0, micros: 0n }));
    },
    states: () =>
      uses.map((use) => ({
        budget: use.budget,
        name: budgetName(use.budget),
        tokens: use.tokens,
        costMicros: use.micros,
        percent: percentOf(use),
      })),
    refresh: async () => {
      const wanted = budgets;
      if (wanted.length === 0) return;
      const found = await usesOf(database.query, wanted);
      for (const use of found) tell(use);
      if (budgets === wanted) uses = found;
    },
  };
}
