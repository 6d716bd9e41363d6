// Under which schemes a provider is accredited and until when, as an operator confirmed it: nothing makes a provider
// accredited but that. A profile that asks for it takes tokens of the period and the policies alone.
import { isBefore } from '#shared/time.ts';
import type { AccreditationConfig } from '../config/config.ts';

/** One scheme, one period; tokens under other policies do not count. */
export type Accreditation = {
  readonly scheme: string;
  readonly from: Temporal.Instant;
  /** First instant at which it is over. */
  readonly until: Temporal.Instant | undefined;
  readonly tsaPolicies: readonly string[];
};

/** Days begin in the configured time zone. */
export function accreditationsOf(
  entries: readonly AccreditationConfig[],
  timeZone: string,
): readonly Accreditation[] {
  const startOf = (day: string): Temporal.Instant =>
    Temporal.PlainDate.from(day).toZonedDateTime(timeZone).toInstant();
  return entries.map(({ scheme, from, until, tsaPolicies }) => ({
    scheme,
    from: startOf(from),
    until: until === undefined ? undefined : startOf(until),
    tsaPolicies,
  }));
}

/** Whether one of the schemes lasts at an instant; for a token, under its policy as well. */
export function isAccredited(
  accreditations: readonly Accreditation[],
  schemes: readonly string[],
  at: Temporal.Instant,
  tsaPolicy?: string,
): boolean {
  return accreditations.some(
    ({ scheme, from, until, tsaPolicies }) =>
      schemes.includes(scheme) &&
      !isBefore(at, from) &&
      (until === undefined || isBefore(at, until)) &&
      (tsaPolicy === undefined || tsaPolicies.includes(tsaPolicy)),
  );
}

/** The end of each scheme that ends: the last of its periods counts. */
export function accreditationEnds(
  accreditations: readonly Accreditation[],
): readonly { readonly scheme: string; readonly until: Temporal.Instant }[] {
  const schemes = [...new Set(accreditations.map(({ scheme }) => scheme))];
  return schemes.flatMap((scheme) => {
    const ends = accreditations.filter((one) => one.scheme === scheme).map(({ until }) => until);
    const known = ends.filter((until) => until !== undefined);
    const last = known.toSorted((a, b) => Temporal.Instant.compare(a, b)).at(-1);
    return last === undefined || known.length < ends.length ? [] : [{ scheme, until: last }];
  });
}
