// How often: requests of a client, of a provider and of hedging. Kept in memory here; replicas that stand behind one
// address share them through a database instead.
import { compareInstants } from '#shared/time.ts';
import type { Profile } from '../config/config.ts';
import type { RateLimit } from './provider-record.ts';

/** Each takes one; the instant from which there is room where there is none, `undefined` where it was taken. */
export type Rates = {
  /** So many at once, and one more with every part of a minute that passes. */
  readonly takeOfMinute: (
    key: string,
    perMinute: number,
    now: Temporal.Instant,
  ) => Free | Promise<Free>;
  /** So many in any stretch of so many seconds. */
  readonly takeOfWindow: (
    key: string,
    limit: RateLimit,
    now: Temporal.Instant,
  ) => Free | Promise<Free>;
};

type Free = Temporal.Instant | undefined;

/** The ceiling of a profile's hedging, and the key under which it is counted. */
export function hedgeRate({ name, hedgesPerHour }: Pick<Profile, 'name' | 'hedgesPerHour'>): {
  readonly key: string;
  readonly limit: RateLimit;
} {
  return { key: `hedge ${name}`, limit: { requests: hedgesPerHour, withinSeconds: 3600 } };
}

type Bucket = { tokens: number; at: Temporal.Instant };

/** What is in a bucket that held `tokens` so many milliseconds ago. */
export function filledBucket(tokens: number, milliseconds: number, perMinute: number): number {
  return Math.min(perMinute, tokens + (Math.max(0, milliseconds) * perMinute) / 60_000);
}

/** When a bucket that holds less than one will hold it. */
export function nextOfBucket(
  tokens: number,
  perMinute: number,
  now: Temporal.Instant,
): Temporal.Instant {
  return now.add({ milliseconds: Math.ceil(((1 - tokens) * 60_000) / perMinute) });
}

/** Rates of this process alone. */
export function createRates(): {
  readonly takeOfMinute: (key: string, perMinute: number, now: Temporal.Instant) => Free;
  readonly takeOfWindow: (key: string, limit: RateLimit, now: Temporal.Instant) => Free;
  /** Counts what was taken before this process began; the oldest first. */
  readonly wasTaken: (key: string, limit: RateLimit, at: Temporal.Instant) => void;
} {
  const buckets = new Map<string, Bucket>();
  const windows = new Map<string, Temporal.Instant[]>();
  return {
    takeOfMinute: (key, perMinute, now) => {
      const bucket = buckets.get(key) ?? { tokens: perMinute, at: now };
      buckets.set(key, bucket);
      const passed = now.epochMilliseconds - bucket.at.epochMilliseconds;
      bucket.tokens = filledBucket(bucket.tokens, passed, perMinute);
      bucket.at = now;
      if (bucket.tokens < 1) return nextOfBucket(bucket.tokens, perMinute, now);
      bucket.tokens--;
      return undefined;
    },
    takeOfWindow: (key, { requests, withinSeconds }, now) => {
      const taken = windows.get(key) ?? [];
      windows.set(key, taken);
      // A reload may have lowered the limit.
      while (taken.length > requests) taken.shift();
      const [oldest] = taken;
      if (taken.length >= requests) {
        const free = (oldest ?? now).add({ seconds: withinSeconds });
        if (compareInstants(now, free) < 0) return free;
        taken.shift();
      }
      taken.push(now);
      return undefined;
    },
    wasTaken: (key, { requests }, at) => {
      const taken = windows.get(key) ?? [];
      windows.set(key, taken);
      taken.push(at);
      if (taken.length > requests) taken.shift();
    },
  };
}
