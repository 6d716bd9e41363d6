// The journal in a database: the same promises as in a folder (../../journal.ts), kept for several replicas together.
// One statement writes a group of records with all that follows from them.
import { toHex } from '#shared/bytes.ts';
import { SourceError } from '#shared/errors.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { dayOf, localDayOf } from '../../days.ts';
import {
  buildJournalLine,
  parseJournalLine,
  type JournalRecord,
  type TokenRecord,
} from '../../journal/journal-line.ts';
import { repeatPeriod, type Journal } from '../../journal/journal.ts';
import { errorFields } from '../../replies.ts';
import { microsOfPrice } from '../../metering/usage.ts';
import { reservationKey } from './budgets.ts';
import type { Database } from './connection.ts';
import { createGroupWriter } from './group-writer.ts';

/** Records in one statement; a record may be 2 MB. */
const largestGroup = 64;

// The first token for a request stays the answer; a record that was sent twice counts once. Rows are taken in the order
// of their keys, so that two replicas cannot wait for each other.
const appendGroup = `
WITH input AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
      $8::text[], $9::text[], $10::text[], $11::text[], $12::numeric[], $13::bytea[]) WITH ORDINALITY
    AS t(kind, id, day, provider, serial_number, repeat_key, at,
      client, profile, usage_day, currency, micros, line, place)
), inserted AS (
  INSERT INTO journal (kind, id, day, provider, serial_number, line)
  SELECT kind, id, day, provider, serial_number, line FROM input ORDER BY place
  ON CONFLICT (id, provider, serial_number) WHERE kind = 'token' DO NOTHING
  RETURNING seq, kind, id, provider, serial_number
), tokens AS (
  SELECT DISTINCT ON (n.seq) n.seq, i.* FROM inserted n
  JOIN input i USING (kind, id, provider, serial_number) WHERE n.kind = 'token'
), counted AS (
  INSERT INTO usage_days AS u (day, client, profile, provider, currency, tokens, micros)
  SELECT usage_day, client, profile, provider, currency, count(*), sum(micros) FROM tokens
  GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (day, client, profile, provider, currency)
  DO UPDATE SET tokens = u.tokens + excluded.tokens, micros = u.micros + excluded.micros
), answered AS (
  INSERT INTO answers AS a (repeat_key, seq, at)
  SELECT DISTINCT ON (repeat_key) repeat_key, seq, at FROM tokens
  WHERE repeat_key IS NOT NULL ORDER BY repeat_key, seq
  ON CONFLICT (repeat_key) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE a.at < $14
)
DELETE FROM reservations WHERE id = ANY ($15::text[])`;

const findAnswer = `
SELECT j.line FROM answers a JOIN journal j USING (seq) WHERE a.repeat_key = $1 AND a.at >= $2`;

/** Tries again what the server gave up so that another transaction could go on. */
async function retried(work: () => Promise<unknown>): Promise<void> {
  for (let left = 3; ; left--) {
    try {
      await work();
      return;
    } catch (error) {
      const again =
        error instanceof SourceError && error.code === 'ERR_SOURCE_REFUSED' && error.retryable;
      if (!again || left === 0) throw error;
    }
  }
}

function columnsOf(records: readonly JournalRecord[], timeZone: string): readonly unknown[][] {
  const token = (record: JournalRecord): TokenRecord | undefined =>
    record.kind === 'token' ? record : undefined;
  const column = (value: (record: JournalRecord) => unknown): unknown[] => records.map(value);
  return [
    column(({ kind }) => kind),
    column(({ id }) => id),
    column(({ at }) => dayOf(at)),
    column((record) => token(record)?.provider ?? null),
    column((record) => token(record)?.serialNumber ?? null),
    column((record) => token(record)?.repeatKey ?? null),
    column(({ at }) => at.epochMilliseconds),
    column(({ client = '' }) => client),
    column(({ profile = '' }) => profile),
    column(({ at }) => localDayOf(at, timeZone)),
    column((record) => token(record)?.price?.currency ?? ''),
    column((record) => microsOfPrice(token(record)?.price).toString()),
    column((record) => Buffer.from(buildJournalLine(record).subarray(0, -1))),
  ];
}

export function openDatabaseJournal(options: {
  readonly database: Database;
  readonly timeZone: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
}): Journal {
  const { database, timeZone, clock, random, events } = options;
  let writable = true;

  /** Milliseconds from which on a token still answers a repeat. */
  const since = (): number => clock.now().subtract(repeatPeriod).epochMilliseconds;

  const write = async (records: readonly JournalRecord[]): Promise<readonly undefined[]> => {
    const tokens = records.filter((record) => record.kind === 'token');
    const released = tokens.map(({ id, provider }) => reservationKey(id, provider));
    const values = [...columnsOf(records, timeZone), since(), released];
    await retried(() => database.query(appendGroup, values));
    return records.map(() => undefined);
  };
  const writer = createGroupWriter(write, largestGroup);

  const append = async (record: JournalRecord): Promise<boolean> => {
    try {
      await writer.add(record);
      writable = true;
      // Another replica's may stand there: its last write can come after its end, when its claim is gone.
      return record.kind === 'token' && record.repeatKey !== undefined;
    } catch (error) {
      writable = false;
      const { kind } = record;
      events({ level: 'error', name: 'tsa.journal.append-failed', kind, ...errorFields(error) });
      throw error;
    }
  };

  const find = async (repeatKey: string): Promise<TokenRecord | undefined> => {
    const [row] = await database.query<{ line: Buffer }>(findAnswer, [repeatKey, since()]);
    if (!row) return undefined;
    const record = parseJournalLine(row.line);
    if (record?.kind === 'token') return record;
    events({ level: 'error', name: 'tsa.journal.damaged-line', repeatKey });
    return undefined;
  };

  return {
    append,
    claim: async (repeatKey) => {
      const name = `request ${repeatKey}`;
      if (!(await database.tryLock(name))) return undefined;
      return {
        release: () => {
          void database.unlock(name);
        },
      };
    },
    find,
    // Asked by local units alone, and those go with a folder.
    lastGenTime: () => undefined,
    writable: () => writable && database.reachable(),
    recheck: async () => {
      if (!writable) writable = await database.takesWrites();
    },
    newId: () => toHex(random(16)),
    [Symbol.asyncDispose]: () => writer.idle(),
  };
}
