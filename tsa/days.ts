// Days and months as the proxy counts them: files turn over by the day of UTC, money by the months of a time zone.

/** The calendar day in UTC, such as `2030-01-31`. */
export function dayOf(instant: Temporal.Instant): string {
  return instant.toZonedDateTimeISO('UTC').toPlainDate().toString();
}

/** The calendar month in a time zone, such as `2030-01`. */
export function monthOf(instant: Temporal.Instant, timeZone: string): string {
  return instant.toZonedDateTimeISO(timeZone).toPlainDate().toPlainYearMonth().toString();
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
