// Days and months as the proxy counts them: files turn over by the day of UTC, money by the months of a time zone.

/**
 * A calendar's answer, kept while it is asked for the same stretch of time again: every record of every token asks
 * for its day and month, and a calendar costs more than what is written.
 */
function lastOf(
  stretchMs: number,
  compute: (instant: Temporal.Instant, timeZone: string) => string,
) {
  const kept = new Map<string, { readonly stretch: number; readonly value: string }>();
  return (instant: Temporal.Instant, timeZone: string): string => {
    const stretch = Math.floor(instant.epochMilliseconds / stretchMs);
    const last = kept.get(timeZone);
    if (last?.stretch === stretch) return last.value;
    const value = compute(instant, timeZone);
    kept.set(timeZone, { stretch, value });
    return value;
  };
}

// No zone's offset has had parts of a minute since 1972: a day begins with a minute.
const dayIn = lastOf(60_000, (instant, timeZone) =>
  instant.toZonedDateTimeISO(timeZone).toPlainDate().toString(),
);

/** The calendar day in UTC, such as `2030-01-31`. */
export function dayOf(instant: Temporal.Instant): string {
  return dayIn(instant, 'UTC');
}

/**
 * The first day that is kept of what is kept for so many days. `before`: the newest day of what is there from earlier
 * days. Of what was written before a leap of the clock nothing goes for a day: a clock that is wrong by years would
 * take everything with it.
 */
export function firstKeptDay(today: string, before: string, keepDays: number): string {
  const next = Temporal.PlainDate.from(before).add({ days: 1 }).toString();
  const last = today < next ? today : next;
  return Temporal.PlainDate.from(last).subtract({ days: keepDays }).toString();
}

/** The calendar day in a time zone, such as `2030-01-31`. */
export function localDayOf(instant: Temporal.Instant, timeZone: string): string {
  return dayIn(instant, timeZone);
}

/** The calendar month in a time zone, such as `2030-01`. */
export function monthOf(instant: Temporal.Instant, timeZone: string): string {
  // ISO 8601: the year may have a sign and six digits.
  return dayIn(instant, timeZone).slice(0, -3);
}

/** When the month of `instant` began in a time zone. */
export function startOfMonth(instant: Temporal.Instant, timeZone: string): Temporal.Instant {
  return instant.toZonedDateTimeISO(timeZone).with({ day: 1 }).startOfDay().toInstant();
}

/** When the next month begins in a time zone. */
export function endOfMonth(instant: Temporal.Instant, timeZone: string): Temporal.Instant {
  const first = instant.toZonedDateTimeISO(timeZone).with({ day: 1 });
  return first.add({ months: 1 }).startOfDay().toInstant();
}

/** When the calendar day of `instant` began in a time zone. */
export function startOfDay(instant: Temporal.Instant, timeZone: string): Temporal.Instant {
  return instant.toZonedDateTimeISO(timeZone).startOfDay().toInstant();
}

/** When the next calendar day begins in a time zone. */
export function endOfDay(instant: Temporal.Instant, timeZone: string): Temporal.Instant {
  return instant.toZonedDateTimeISO(timeZone).add({ days: 1 }).startOfDay().toInstant();
}
