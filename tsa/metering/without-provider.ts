// What is left without a provider: by profile, who remains and what they are, what went to it, and whether the
// others' daily limits and the budgets have room for that, at which price. From configuration and journal alone.
import { accreditationsOf, isAccredited, type Accreditation } from '../providers/accreditation.ts';
import { budgetsOf } from '../books.ts';
import { budgetName, covers, microsIn } from './budget-rules.ts';
import type { Budget, Price, Profile, ProviderConfig, TsaConfig } from '../config/config.ts';
import type { RateLimit } from '../providers/provider-record.ts';
import { microsOfPrice, toMicros, type UsageRow } from './usage.ts';

/**
 * none: nobody is left to ask · one: a dual profile would get one token instead of two · narrower: a hash algorithm or
 * policy that it offers is to be had no more · served: all that it offers.
 */
export type Standing = 'none' | 'one' | 'narrower' | 'served';

/** Another provider of the profile. */
export type Remaining = {
  readonly provider: string;
  readonly kind: ProviderConfig['kind'];
  /** Schemes under which it is accredited on that day, with the end of the period. */
  readonly accredited: readonly Accreditation[];
  /** Whether the profile may ask it on that day: accredited, where the profile asks for that. */
  readonly mayBeAsked: boolean;
  readonly tsaPolicies: readonly string[];
  readonly hashAlgorithms: readonly string[];
  readonly rate: RateLimit | undefined;
  readonly tokensPerDay: number | undefined;
  readonly price: Price | undefined;
  /** Tokens that would have gone to it instead, and their price there. */
  readonly takes: number;
  readonly costMicros: bigint;
};

export type ProfileWithout = {
  readonly profile: string;
  readonly standing: Standing;
  readonly lostHashAlgorithms: readonly string[];
  readonly lostPolicies: readonly string[];
  /** What went to the provider, the proxy's own trials left out. */
  readonly tokens: number;
  readonly busiestDay: number;
  readonly busiestMonth: number;
  readonly clients: readonly string[];
  readonly costs: readonly { readonly currency: string; readonly micros: bigint }[];
  readonly remaining: readonly Remaining[];
  /** Tokens for which nobody would have had room. */
  readonly unserved: number;
  /** Budgets and limits that were in their way. */
  readonly limitedBy: readonly string[];
};

export type WithoutProvider = {
  readonly provider: string;
  /** Accreditations are those of this day. */
  readonly on: string;
  /** First and last day with a token in the journal. */
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly days: number;
  readonly profiles: readonly ProfileWithout[];
};

export type WithoutQuestion = {
  readonly config: TsaConfig;
  readonly provider: string;
  readonly on: Temporal.PlainDate;
  /** By day, of all providers. */
  readonly rows: readonly UsageRow[];
};

type DayRow = UsageRow & { readonly day: string };

/** Clients under which the proxy looks at a provider itself: without it there is nothing to look at. */
const ownTrials: readonly string[] = ['probe', 'doctor'];

function remainingOf(
  profile: Profile,
  { config, provider, on }: WithoutQuestion,
): readonly Remaining[] {
  const at = on.toZonedDateTime(config.timeZone).toInstant();
  return profile.providers.flatMap((name): Remaining[] => {
    const one = config.providers[name];
    if (!one || name === provider) return [];
    const known = one.kind === 'http' ? accreditationsOf(one.accreditations, config.timeZone) : [];
    const accredited = known.filter((entry) => isAccredited([entry], [entry.scheme], at));
    const { tsaPolicies, hashAlgorithms, price, kind } = one;
    return [
      {
        ...{ provider: name, kind, accredited, tsaPolicies, hashAlgorithms, price },
        mayBeAsked: profile.accredited.length === 0 || isAccredited(known, profile.accredited, at),
        rate: one.kind === 'http' ? one.limits.rate : undefined,
        tokensPerDay: one.kind === 'http' ? one.limits.tokensPerDay : undefined,
        takes: 0,
        costMicros: 0n,
      },
    ];
  });
}

/** What a profile offers with the provider, and nobody else does. */
function lostOf(
  profile: Profile,
  { config, provider }: WithoutQuestion,
  asked: readonly Remaining[],
): Pick<ProfileWithout, 'lostHashAlgorithms' | 'lostPolicies'> {
  const { hashAlgorithms = [], tsaPolicies = [] } = config.providers[provider] ?? {};
  const isOffered = (policy: string): boolean =>
    profile.tsaPolicies.length === 0 || profile.tsaPolicies.includes(policy);
  return {
    lostHashAlgorithms: profile.hashAlgorithms.filter(
      (one) =>
        hashAlgorithms.includes(one) && !asked.some((other) => other.hashAlgorithms.includes(one)),
    ),
    lostPolicies: tsaPolicies.filter(
      (one) => isOffered(one) && !asked.some((other) => other.tsaPolicies.includes(one)),
    ),
  };
}

function standingOf(profile: Profile, asked: readonly Remaining[], isNarrower: boolean): Standing {
  if (asked.length === 0) return 'none';
  if (profile.dual && asked.length < 2) return 'one';
  return isNarrower ? 'narrower' : 'served';
}

type Bought = { readonly client: string; readonly profile: string; readonly provider: string };

/** Budgets as they fill up, day by day. */
function createAccounts(budgets: readonly Budget[]) {
  const used = new Map<string, { tokens: number; micros: bigint }>();
  const useOf = (budget: Budget, day: string) => {
    const period = budget.period === 'day' ? day : day.slice(0, -3);
    const key = `${budgets.indexOf(budget)} ${period}`;
    const use = used.get(key) ?? { tokens: 0, micros: 0n };
    used.set(key, use);
    return use;
  };
  const roomIn = (budget: Budget, day: string, price: Price | undefined): number => {
    const { tokens, micros } = useOf(budget, day);
    const ofTokens = budget.tokens === undefined ? Infinity : Math.max(0, budget.tokens - tokens);
    if (!budget.cost) return ofTokens;
    const left = toMicros(budget.cost.amount) - micros;
    const each = microsIn(budget, price);
    const ofCost = left <= 0n ? 0 : each === 0n ? Infinity : Number(left / each);
    return Math.min(ofTokens, ofCost);
  };
  return {
    add: (bought: Bought, day: string, tokens: number, price: Price | undefined): void => {
      for (const budget of budgets.filter((one) => covers(one, bought))) {
        const use = useOf(budget, day);
        use.tokens += tokens;
        use.micros += BigInt(tokens) * microsIn(budget, price);
      }
    },
    /** For how many tokens there is room, and what leaves no more. */
    room: (bought: Bought, day: string, price: Price | undefined) => {
      const rooms = budgets
        .filter((one) => covers(one, bought))
        .map((budget) => ({ name: budgetName(budget), tokens: roomIn(budget, day, price) }));
      const tokens = Math.min(...rooms.map((one) => one.tokens), Infinity);
      return {
        tokens,
        names: rooms.filter((one) => one.tokens === tokens).map(({ name }) => name),
      };
    },
  };
}

type Moved = {
  /** By profile and provider. */
  readonly takes: ReadonlyMap<string, number>;
  readonly unserved: ReadonlyMap<string, number>;
  readonly limitedBy: ReadonlyMap<string, ReadonlySet<string>>;
};

const pairKey = (profile: string, provider: string): string => JSON.stringify([profile, provider]);

function averagePrice({ tokens, costMicros, currency }: UsageRow): Price | undefined {
  if (currency === undefined || tokens === 0) return undefined;
  return { amount: Number(costMicros) / 1e6 / tokens, currency };
}

/** Plays the days again: what others gave counts as it was, and each token of the provider goes to the next with room. */
function play(
  rows: readonly DayRow[],
  remaining: ReadonlyMap<string, readonly Remaining[]>,
  { config, provider }: WithoutQuestion,
): Moved {
  const accounts = createAccounts(budgetsOf(config));
  const takes = new Map<string, number>();
  const unserved = new Map<string, number>();
  const limitedBy = new Map<string, Set<string>>();
  const move = ({ day, client, profile, tokens }: DayRow): void => {
    const asked = (remaining.get(profile) ?? []).filter(({ mayBeAsked }) => mayBeAsked);
    // Of a dual profile the first that remains gave its own token already.
    const others = config.profiles[profile]?.dual ? asked.slice(1) : asked;
    let left = tokens;
    for (const { provider: name, price } of others) {
      const bought = { client, profile, provider: name };
      const room = accounts.room(bought, day, price);
      const taken = Math.min(left, room.tokens);
      accounts.add(bought, day, taken, price);
      const key = pairKey(profile, name);
      takes.set(key, (takes.get(key) ?? 0) + taken);
      left -= taken;
      if (left === 0) return;
      const names = limitedBy.get(profile) ?? new Set();
      limitedBy.set(profile, names);
      for (const one of room.names) names.add(one);
    }
    unserved.set(profile, (unserved.get(profile) ?? 0) + left);
  };
  const days = [...Map.groupBy(rows, ({ day }) => day)];
  for (const [, ofDay] of days.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    for (const row of ofDay)
      if (row.provider !== provider) accounts.add(row, row.day, row.tokens, averagePrice(row));
    for (const row of ofDay) if (row.provider === provider) move(row);
  }
  return { takes, unserved, limitedBy };
}

function busiest(rows: readonly DayRow[], periodOf: (row: DayRow) => string): number {
  const sums = [...Map.groupBy(rows, periodOf).values()].map((some) =>
    some.reduce((sum, { tokens }) => sum + tokens, 0),
  );
  return Math.max(0, ...sums);
}

function costsOf(rows: readonly DayRow[]): ProfileWithout['costs'] {
  const sums = new Map<string, bigint>();
  for (const { currency, costMicros } of rows)
    if (currency !== undefined) sums.set(currency, (sums.get(currency) ?? 0n) + costMicros);
  return [...sums].toSorted().map(([currency, micros]) => ({ currency, micros }));
}

/** Every profile that names the provider, as it would be without. */
export function withoutProvider(question: WithoutQuestion): WithoutProvider {
  const { config, provider, on } = question;
  const rows = question.rows.flatMap((row): DayRow[] =>
    row.day === undefined || row.tokens === 0 || ownTrials.includes(row.client)
      ? []
      : [{ ...row, day: row.day }],
  );
  const profiles = Object.values(config.profiles).filter((one) => one.providers.includes(provider));
  const remaining = new Map(profiles.map((one) => [one.name, remainingOf(one, question)]));
  const moved = play(rows, remaining, question);
  const days = rows.map(({ day }) => day).toSorted();
  const [from] = days;
  const until = days.at(-1);
  return {
    ...{ provider, on: on.toString(), from, until },
    days:
      from === undefined || until === undefined
        ? 0
        : Temporal.PlainDate.from(from).until(until, { largestUnit: 'days' }).days + 1,
    profiles: profiles.map((profile): ProfileWithout => {
      const all = remaining.get(profile.name) ?? [];
      const asked = all.filter(({ mayBeAsked }) => mayBeAsked);
      const lost = lostOf(profile, question, asked);
      const isNarrower = lost.lostHashAlgorithms.length + lost.lostPolicies.length > 0;
      const mine = rows.filter((row) => row.provider === provider && row.profile === profile.name);
      return {
        profile: profile.name,
        standing: standingOf(profile, asked, isNarrower),
        ...lost,
        tokens: mine.reduce((sum, { tokens }) => sum + tokens, 0),
        busiestDay: busiest(mine, ({ day }) => day),
        busiestMonth: busiest(mine, ({ day }) => day.slice(0, -3)),
        clients: [...new Set(mine.map(({ client }) => client))].toSorted(),
        costs: costsOf(mine),
        remaining: all.map((one) => {
          const takes = moved.takes.get(pairKey(profile.name, one.provider)) ?? 0;
          return { ...one, takes, costMicros: BigInt(takes) * microsOfPrice(one.price) };
        }),
        unserved: moved.unserved.get(profile.name) ?? 0,
        limitedBy: [...(moved.limitedBy.get(profile.name) ?? [])].toSorted(),
      };
    }),
  };
}
