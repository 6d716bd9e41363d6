// What is left without a provider, as text for people, CSV and JSON.
import { csvLine } from '#shared/csv.ts';
import { formatMicros } from './usage.ts';
import type { ProfileWithout, Remaining, WithoutProvider } from './without-provider.ts';

const columns = [
  'profile',
  'standing',
  'lostHashAlgorithms',
  'lostPolicies',
  'tokens',
  'perDay',
  'busiestDay',
  'busiestMonth',
  'cost',
  'unserved',
  'limitedBy',
  'provider',
  'mayBeAsked',
  'accredited',
  'tsaPolicies',
  'hashAlgorithms',
  'rate',
  'tokensPerDay',
  'takes',
  'takesCost',
] as const;

type Cells = Readonly<Record<(typeof columns)[number], string>>;

/** Tokens a day over the days of the journal, to a tenth. */
function perDay(tokens: number, days: number): number {
  return Math.round((10 * tokens) / Math.max(1, days)) / 10;
}

function accreditedText({ accredited, kind }: Remaining): string {
  if (kind === 'local') return '';
  return accredited
    .map(({ scheme, until }) => (until ? `${scheme} until ${until.toString()}` : scheme))
    .join(' ');
}

function rateText({ rate }: Remaining): string {
  return rate ? `${rate.requests} in ${rate.withinSeconds} s` : '';
}

function takesCost({ price, costMicros }: Remaining): string {
  return price ? `${formatMicros(costMicros)} ${price.currency}` : '';
}

function costText({ costs }: ProfileWithout): string {
  return costs.map(({ currency, micros }) => `${formatMicros(micros)} ${currency}`).join(' ');
}

const nobody: Partial<Cells> = {};

function cellsOfRemaining(one: Remaining): Partial<Cells> {
  return {
    provider: one.provider,
    mayBeAsked: String(one.mayBeAsked),
    accredited: accreditedText(one),
    tsaPolicies: one.tsaPolicies.join(' '),
    hashAlgorithms: one.hashAlgorithms.join(' '),
    rate: rateText(one),
    tokensPerDay: one.tokensPerDay?.toString() ?? '',
    takes: String(one.takes),
    takesCost: takesCost(one),
  };
}

/** CSV with a head line (RFC 4180): one for each provider that remains to a profile, or one for the profile. */
export function withoutCsv({ profiles, days }: WithoutProvider): string {
  const lines = profiles.flatMap((profile) => {
    const own: Partial<Cells> = {
      profile: profile.profile,
      standing: profile.standing,
      lostHashAlgorithms: profile.lostHashAlgorithms.join(' '),
      lostPolicies: profile.lostPolicies.join(' '),
      tokens: String(profile.tokens),
      perDay: String(perDay(profile.tokens, days)),
      busiestDay: String(profile.busiestDay),
      busiestMonth: String(profile.busiestMonth),
      cost: costText(profile),
      unserved: String(profile.unserved),
      limitedBy: profile.limitedBy.join('; '),
    };
    const remaining = profile.remaining.map(cellsOfRemaining);
    return (remaining.length === 0 ? [nobody] : remaining).map((cells) => ({ ...own, ...cells }));
  });
  return [columns, ...lines.map((line) => columns.map((column) => line[column] ?? ''))]
    .map(csvLine)
    .join('');
}

/** As JSON; costs are decimal texts, so that no reader rounds them. */
export function withoutJson(report: WithoutProvider): string {
  const profiles = report.profiles.map(({ costs, remaining, ...profile }) => ({
    ...profile,
    perDay: perDay(profile.tokens, report.days),
    costs: costs.map(({ currency, micros }) => ({ cost: formatMicros(micros), currency })),
    remaining: remaining.map(({ costMicros, accredited, ...one }) => ({
      ...one,
      accredited: accredited.map(({ scheme, until }) => ({ scheme, until: until?.toString() })),
      ...(one.price ? { cost: formatMicros(costMicros), currency: one.price.currency } : {}),
    })),
  }));
  return `${JSON.stringify({ ...report, profiles }, undefined, 1)}\n`;
}

const standings = {
  none: 'nobody remains: every query is refused',
  one: 'one remains of the two that dual asks: one token instead of two',
  narrower: 'served, with less to choose from',
  served: 'served as before',
} as const satisfies Record<ProfileWithout['standing'], string>;

function textOfRemaining(one: Remaining): string {
  const facts = [
    one.mayBeAsked ? `takes ${one.takes}` : 'not asked: not accredited on that day',
    takesCost(one) === '' ? 'no price' : takesCost(one),
    accreditedText(one) === '' ? 'not accredited' : accreditedText(one),
    ...(one.tsaPolicies.length > 0 ? [`policies ${one.tsaPolicies.join(' ')}`] : []),
    one.hashAlgorithms.join(' '),
    ...(one.rate ? [`rate ${rateText(one)}`] : []),
    ...(one.tokensPerDay === undefined ? [] : [`${one.tokensPerDay} tokens a day`]),
  ];
  return `  ${one.provider}: ${facts.join('; ')}\n`;
}

function textOfProfile(profile: ProfileWithout, days: number): string {
  const { tokens, unserved, limitedBy } = profile;
  const lost = [...profile.lostHashAlgorithms, ...profile.lostPolicies];
  const cost = costText(profile);
  const went = [
    `${tokens} tokens`,
    `${perDay(tokens, days)} a day`,
    `at most ${profile.busiestDay} in a day and ${profile.busiestMonth} in a month`,
    ...(cost === '' ? [] : [cost]),
    ...(profile.clients.length === 0 ? [] : [`clients ${profile.clients.join(', ')}`]),
  ];
  const by = limitedBy.length > 0 ? `: ${limitedBy.join('; ')}` : '';
  return [
    `\nprofile ${profile.profile}: ${standings[profile.standing]}\n`,
    ...(lost.length > 0 ? [`  offered by nobody else: ${lost.join(', ')}\n`] : []),
    `  went to it: ${went.join('; ')}\n`,
    ...profile.remaining.map(textOfRemaining),
    ...(unserved > 0 ? [`  no room for ${unserved} of its tokens${by}\n`] : []),
  ].join('');
}

/** For people. */
export function withoutText(report: WithoutProvider): string {
  const { provider, on, from, until, days, profiles } = report;
  const journal =
    from === undefined || until === undefined
      ? 'no token in the journal'
      : `by the tokens from ${from} to ${until} (${days} days)`;
  const nothing = profiles.length === 0 ? '\nno profile names it\n' : '';
  const texts = profiles.map((profile) => textOfProfile(profile, days));
  return [`Without ${provider} on ${on}, ${journal}\n`, nothing, ...texts].join('');
}
