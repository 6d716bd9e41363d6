// The form in which a signing time has to be written.
import { tags, type Tlv } from '#shared/der/reader.ts';
import { isBefore } from '#shared/time.ts';

const firstUtcTime = Temporal.Instant.from('1950-01-01T00:00:00Z');
const afterUtcTimes = Temporal.Instant.from('2050-01-01T00:00:00Z');

/**
 * Whether a time of the years 1950 to 2049 is written as a GeneralizedTime, which those years do not allow.
 * @see RFC 5652 §11.3
 */
export function isMisformedTime({ tag }: Tlv, time: Temporal.Instant): boolean {
  return (
    tag === tags.generalizedTime && !isBefore(time, firstUtcTime) && isBefore(time, afterUtcTimes)
  );
}
