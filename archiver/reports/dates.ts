// Instants as readers of a report see them: in the configured zone, year first, always the same width.
import { markup, type Html } from './html.ts';

function zoned(instant: string, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone);
}

/** Calendar day in the zone: 2036-11-02. */
export function dayText(instant: string, timeZone: string): string {
  return zoned(instant, timeZone).toPlainDate().toString();
}

/** To the second, with the offset in force then: 2036-11-02 09:12:05+09:00. */
export function timeText(instant: string, timeZone: string): string {
  const local = zoned(instant, timeZone);
  const time = local.toPlainTime().toString({ smallestUnit: 'second' });
  return `${local.toPlainDate().toString()} ${time}${local.offset}`;
}

/** The day, with the exact time as title and for machines. */
export function dayElement(instant: string, timeZone: string): Html {
  const title = timeText(instant, timeZone);
  return markup`<time datetime="${instant}" title="${title}">${dayText(instant, timeZone)}</time>`;
}

/** The exact time. */
export function timeElement(instant: string, timeZone: string): Html {
  return markup`<time datetime="${instant}">${timeText(instant, timeZone)}</time>`;
}

/** Whole years, months or days from one instant to another, whichever is the coarsest that is not 0. */
export function distance(
  from: string,
  to: string,
  timeZone: string,
): { readonly unit: 'years' | 'months' | 'days'; readonly value: number; readonly past: boolean } {
  const [start, end] = [zoned(from, timeZone), zoned(to, timeZone)];
  const past = Temporal.ZonedDateTime.compare(end, start) < 0;
  const span = start.until(end, { largestUnit: 'years' }).abs();
  if (span.years > 0) return { unit: 'years', value: span.years, past };
  if (span.months > 0) return { unit: 'months', value: span.months, past };
  return { unit: 'days', value: span.days, past };
}
