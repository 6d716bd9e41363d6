// The form in which a signing time has to be written.
import { tags, type Tlv } from '#shared/der/reader.ts';
import { isBefore } from '#shared/time.ts';

const firstUtcTime = Temporal.Instant.from('1950-01-01T00:00:00Z');
const afterUtcTimes = Temporal.Instant.from('2050-01-01T00:00:00Z');

const point = 0x2e;

/**
 * Whether a GeneralizedTime stands where it may not: for a time of the years 1950 to 2049, or with a fraction of a
 * second.
 * @see RFC 5652 §11.3
 */
export function isMisformedTime({ tag, content }: Tlv, time: Temporal.Instant): boolean {
  if (tag !== tags.generalizedTime) return false;
  const isOfUtcTime = !isBefore(time, firstUtcTime) && isBefore(time, afterUtcTimes);
  return isOfUtcTime || content.includes(point);
}
