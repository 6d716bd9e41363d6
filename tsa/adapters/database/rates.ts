// Rates that replicas keep together: the rules of ../../rates.ts, each as one statement on one row.
import { nextOfBucket, type Rates } from '../../providers/rates.ts';
import type { Database } from './connection.ts';

const filled = `least($2::double precision, b.tokens + greatest(0, $3::bigint - b.at) * $2::double precision / 60000)`;

const takeOfBucket = `
INSERT INTO buckets AS b (key, tokens, at) VALUES ($1, $2::double precision - 1, $3::bigint)
ON CONFLICT (key) DO UPDATE SET tokens = ${filled} - 1, at = greatest(b.at, $3::bigint) WHERE ${filled} >= 1
RETURNING 1 AS taken`;

const lookIntoBucket = `SELECT ${filled} AS tokens FROM buckets b WHERE key = $1`;

const inWindow = `SELECT t FROM unnest(w.taken) t WHERE t > $3::bigint - $4::bigint`;

const takeOfWindow = `
INSERT INTO windows AS w (key, taken)
SELECT $1::text, ARRAY[$3::bigint] WHERE $2::integer > 0
ON CONFLICT (key) DO UPDATE SET taken = ARRAY(${inWindow} ORDER BY t) || $3::bigint
WHERE (SELECT count(*) FROM (${inWindow}) kept) < $2
RETURNING 1 AS taken`;

/** From when on fewer than the limit lie in the stretch before. */
const freeOfWindow = `
SELECT t + $3::bigint AS free FROM windows w, unnest(w.taken) t WHERE key = $1
ORDER BY t DESC OFFSET greatest($2::integer - 1, 0) LIMIT 1`;

export function createDatabaseRates(database: Database): Rates {
  return {
    takeOfMinute: async (key, perMinute, now) => {
      const values = [key, perMinute, now.epochMilliseconds];
      if ((await database.query(takeOfBucket, values)).length > 0) return undefined;
      const [found] = await database.query<{ tokens: number }>(lookIntoBucket, values);
      return nextOfBucket(Math.min(found?.tokens ?? 0, 1), perMinute, now);
    },
    takeOfWindow: async (key, { requests, withinSeconds }, now) => {
      const [at, length] = [now.epochMilliseconds, withinSeconds * 1000];
      const values = [key, requests, at, length];
      if ((await database.query(takeOfWindow, values)).length > 0) return undefined;
      const limits = [key, requests, length];
      const [found] = await database.query<{ free: string }>(freeOfWindow, limits);
      const free = Math.max(at + 1, Number(found?.free ?? at + length));
      return Temporal.Instant.fromEpochMilliseconds(free);
    },
  };
}
