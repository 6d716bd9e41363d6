// The one session whose locks say what this replica has in hand. A replica that dies takes its session, and so its locks,
// with it; a session that breaks is renewed, and holds nothing then.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { SourceError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { errorFields } from '../../replies.ts';
import { createGroupWriter } from './group-writer.ts';

/** So often it is asked whether it still lives. */
const pingMs = 2000;
const reconnectMs = 500;
const largestGroup = 256;

const noSession = 'database: no session';
const takeLocks = `
SELECT pg_try_advisory_lock(k) AS locked FROM unnest($1::bigint[]) WITH ORDINALITY AS t(k, place)
ORDER BY place`;
const giveUpLocks = 'SELECT pg_advisory_unlock(k) FROM unnest($1::bigint[]) AS t(k)';

export type Session = AsyncDisposable & {
  readonly alive: () => boolean;
  /** Takes a lock by its number. @throws the driver's error, SourceError where there is no session */
  readonly tryLock: (number: string) => Promise<boolean>;
  /** @throws as `tryLock` */
  readonly unlock: (number: string) => Promise<unknown>;
};

/** @throws the driver's error */
export async function openSession(settings: ClientConfig, events: EventSink): Promise<Session> {
  let client: Client | undefined;
  let closed = false;
  let reconnecting: Promise<void> | undefined;
  const wake = new AbortController();

  const connect = async (): Promise<void> => {
    const next = new Client(settings);
    const drop = (error?: unknown): void => {
      if (client === next) lost(error);
    };
    next.on('error', drop);
    next.on('end', () => {
      drop();
    });
    await next.connect();
    client = next;
  };

  const reconnect = async (): Promise<void> => {
    while (!closed && !client) {
      try {
        await connect();
        events({ level: 'info', name: 'tsa.database.back' });
      } catch {
        await sleep(reconnectMs, undefined, { signal: wake.signal }).catch(() => undefined);
      }
    }
    reconnecting = undefined;
  };

  const lost = (error: unknown): void => {
    const old = client;
    client = undefined;
    if (closed) return;
    events({ level: 'error', name: 'tsa.database.lost', ...errorFields(error) });
    void old?.end().catch(() => undefined);
    reconnecting ??= reconnect();
  };

  await connect();
  // One statement at a time: what comes meanwhile goes together in the next one.
  let last: Promise<unknown> = Promise.resolve();
  const query = <Row extends QueryResultRow>(text: string, values: unknown[] = []) => {
    const ask = async (): Promise<readonly Row[]> => {
      if (!client) throw new SourceError('ERR_SOURCE_UNREACHABLE', noSession, { retryable: true });
      return (await client.query<Row>(text, values)).rows;
    };
    const asked = last.then(ask);
    last = asked.catch(() => undefined);
    return asked;
  };
  const locks = createGroupWriter(async (numbers: readonly string[]) => {
    const rows = await query<{ locked: boolean }>(takeLocks, [numbers]);
    return rows.map(({ locked }) => locked);
  }, largestGroup);
  const unlocks = createGroupWriter(async (numbers: readonly string[]) => {
    await query(giveUpLocks, [numbers]);
    return numbers;
  }, largestGroup);

  const ping = setInterval(() => {
    const asked = client;
    query('SELECT 1').catch((error: unknown) => {
      if (asked && client === asked) lost(error);
    });
  }, pingMs);
  ping.unref();

  return {
    alive: () => client !== undefined,
    tryLock: locks.add,
    unlock: unlocks.add,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearInterval(ping);
      wake.abort();
      await reconnecting;
      await client?.end().catch(() => undefined);
    },
  };
}
