// Instants from UTCTime and GeneralizedTime and back, read from the octets: asn1js stops at
// milliseconds and a genTime may be finer (RFC 3161 §2.4.2, RFC 5280 §4.1.2.5, X.690 §11.7, §11.8).
import { FormatError } from '#shared/errors.ts';

function badTime(text: string, why: string): FormatError {
  return new FormatError('ERR_FORMAT_TIME', `not a time: ${JSON.stringify(text)}: ${why}`, {
    clause: 'X.690 §11.7',
  });
}

function ascii(octets: Uint8Array): string {
  if (octets.length > 40) throw badTime('…', 'longer than 40 octets');
  // A loop, since spreading octets into arguments costs five times as much.
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

function instantOf(text: string, fields: string, fraction: string): Temporal.Instant {
  const [year, month, day, hour, minute, second] = [
    fields.slice(0, 4),
    fields.slice(4, 6),
    fields.slice(6, 8),
    fields.slice(8, 10),
    fields.slice(10, 12),
    fields.slice(12, 14),
  ];
  // A leap second is legal in UTC; Temporal would fold it silently, so it is refused by name.
  if (second === '60') throw badTime(text, 'leap seconds are not handled');
  try {
    return Temporal.Instant.from(
      `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction ? `.${fraction}` : ''}Z`,
    );
  } catch {
    throw badTime(text, 'no such date or time');
  }
}

/** UTCTime contents with seconds and Z; years 50 to 99 are 19xx. @throws FormatError ERR_FORMAT_TIME @see RFC 5280 §4.1.2.5.1 */
export function parseUtcTime(octets: Uint8Array): Temporal.Instant {
  const text = ascii(octets);
  if (!/^\d{12}Z$/.test(text)) throw badTime(text, 'UTCTime is YYMMDDHHMMSSZ');
  return instantOf(text, `${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text.slice(0, 12)}`, '');
}

/**
 * GeneralizedTime contents with seconds and Z, a fraction of up to nine digits kept in full.
 * Trailing zeros in the fraction are legal BER but not DER; `strict` refuses them.
 * @throws FormatError ERR_FORMAT_TIME
 * @see RFC 3161 §2.4.2
 */
export function parseGeneralizedTime(
  octets: Uint8Array,
  options: { readonly strict?: boolean } = {},
): Temporal.Instant {
  const text = ascii(octets);
  const match = /^(\d{14})(?:\.(\d+))?Z$/.exec(text);
  if (!match) throw badTime(text, 'GeneralizedTime is YYYYMMDDHHMMSS[.f]Z');
  const [, fields = '', fraction = ''] = match;
  if (options.strict && fraction.endsWith('0')) throw badTime(text, 'fraction ends with 0');
  if (fraction.length > 9) throw badTime(text, 'fraction finer than nanoseconds');
  return instantOf(text, fields, fraction);
}

/** A function of an instant whose last value stays: what happens together is written with one instant. */
function lastInstant<T>(
  compute: (instant: Temporal.Instant) => T,
): (instant: Temporal.Instant) => T {
  let last: { readonly instant: Temporal.Instant; readonly value: T } | undefined;
  return (instant) => {
    if (last?.instant !== instant) last = { instant, value: compute(instant) };
    return last.value;
  };
}

/** ISO 8601 in UTC with as many digits as the instant has, as its `toString` gives it. */
export const instantText = lastInstant((instant) => instant.toString());

const utf8 = new TextEncoder();

/** GeneralizedTime contents in DER: no trailing zeros, no dot without a fraction. */
export function formatGeneralizedTime(instant: Temporal.Instant): Uint8Array {
  // The year may have a sign: that dash stays.
  const [, year = '', rest = ''] = /^([+-]?\d+)(-.+)$/.exec(instantText(instant)) ?? [];
  return utf8.encode(year + rest.replace(/[-:T]/g, ''));
}

/** UTCTime contents. Only for years 1950 to 2049 (RFC 5280 §4.1.2.5). */
export function formatUtcTime(instant: Temporal.Instant): Uint8Array {
  const text = instant.toString({ smallestUnit: 'second' });
  return utf8.encode(text.slice(2).replace(/[-:T]/g, ''));
}

/** Negative, zero or positive, as `Temporal.Instant.compare`, but without its cost where milliseconds differ. */
export function compareInstants(a: Temporal.Instant, b: Temporal.Instant): number {
  return a.epochMilliseconds - b.epochMilliseconds || Temporal.Instant.compare(a, b);
}

/** The earlier of two instants. */
export function earlier(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return compareInstants(a, b) <= 0 ? a : b;
}

/** Whether `a` lies strictly before `b`. */
export function isBefore(a: Temporal.Instant, b: Temporal.Instant): boolean {
  return compareInstants(a, b) < 0;
}

/** Adds calendar years, months or days in UTC: an Instant alone takes hours at most. */
export function addCalendar(
  instant: Temporal.Instant,
  span: Temporal.DurationLike,
): Temporal.Instant {
  return instant.toZonedDateTimeISO('UTC').add(span).toInstant();
}
