// What a running proxy asks of the system: the time and random octets, at the price that a thousand tokens a second can
// pay.
import { randomBytes } from 'node:crypto';
import type { Clock, RandomSource } from '#shared/ports/runtime.ts';

/** The wall clock, to the millisecond: what happens within one is given one instant, and written once. */
export function createSystemClock(): Clock {
  let milliseconds = NaN;
  let instant = Temporal.Now.instant();
  return {
    now: () => {
      const current = Date.now();
      if (current !== milliseconds) {
        milliseconds = current;
        instant = Temporal.Instant.fromEpochMilliseconds(current);
      }
      return instant;
    },
  };
}

const poolOctets = 4096;

/** Random octets, asked for in blocks; none is given twice. */
export function createSystemRandom(): RandomSource {
  let pool = Buffer.alloc(0);
  let used = 0;
  return (length) => {
    if (length > poolOctets) return randomBytes(length);
    if (used + length > pool.length) {
      pool = randomBytes(poolOctets);
      used = 0;
    }
    used += length;
    return pool.subarray(used - length, used);
  };
}
