// The audit log in a database: one chain that several replicas write, one at a time by a lock that the server holds for
// the length of a transaction. The lines are those of the files (../../audit-line.ts) and are checked in the same way.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import {
  auditHash,
  buildAuditLine,
  emptyHead,
  parseAuditLine,
  parseStampFileName,
  type AuditEntry,
  type AuditHead,
} from '../../audit/audit-line.ts';
import type { AuditLog, Unstamped } from '../../audit/audit-log.ts';
import { dayOf, firstKeptDay } from '../../days.ts';
import { errorFields } from '../../replies.ts';
import type { Database, RunQuery } from './connection.ts';
import { createGroupWriter } from './group-writer.ts';

const largestGroup = 256;

const lastLine = 'SELECT l.seq::text, line FROM audit_lines l ORDER BY l.seq DESC LIMIT 1';
const addLines = `
INSERT INTO audit_lines (seq, day, event, line)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[])`;
const oldestUnstamped = `
SELECT min(day) AS day FROM audit_lines
WHERE seq > (SELECT coalesce(max(seq), 0) FROM audit_stamps) AND event <> 'stamped'`;
const newestBefore = 'SELECT max(day) AS day FROM audit_lines WHERE day < $1';
const lineAt = 'SELECT l.seq::text, line FROM audit_lines l WHERE seq = $1';
const firstKept =
  'SELECT l.seq::text, line FROM audit_lines l WHERE day >= $1 ORDER BY l.seq LIMIT 1';

type LineRow = { readonly seq: string; readonly line: Buffer };

/** Where the chain ends, and when its last line was written. */
type End = { readonly head: AuditHead; readonly at: Temporal.Instant | undefined };

async function findEnd(query: RunQuery): Promise<End> {
  const [row] = await query<LineRow>(lastLine);
  if (!row) return { head: emptyHead, at: undefined };
  const at = parseAuditLine(row.line)?.at;
  return {
    head: { seq: Number(row.seq), hash: auditHash(row.line) },
    at: at === undefined ? undefined : Temporal.Instant.from(at),
  };
}

export type DatabaseAudit = {
  readonly log: AuditLog;
  readonly storeStamp: (name: string, octets: Uint8Array) => Promise<void>;
  /** Removes lines of days that need not be kept, with a line that says so. @throws SourceError */
  readonly retire: () => Promise<void>;
  /** Reads the head that `head` shows, and sees whether what was seen before is still there. @throws SourceError */
  readonly refresh: () => Promise<void>;
};

export function openDatabaseAudit(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Lines of earlier days are removed; 0: kept for ever. */
  readonly keepDays: number;
  /** What this replica saw of the chain before it was started. */
  readonly seen?: AuditHead | undefined;
}): DatabaseAudit {
  const { database, clock, events, keepDays } = options;
  const lock = `SELECT pg_advisory_xact_lock(${database.lockNumber('audit')})`;
  let head = options.seen ?? emptyHead;
  let writable = true;

  /**
   * Whether lines that were seen are gone or others: nothing but an older copy that was put back takes any from the end.
   * Where the chain is longer than what was seen, the line itself is looked at.
   */
  const isRestored = async (query: RunQuery, end: AuditHead): Promise<boolean> => {
    if (end.seq <= head.seq) return end.seq < head.seq || end.hash !== head.hash;
    const [row] = await query<LineRow>(lineAt, [head.seq]);
    // Without it the line is old enough to have been removed.
    return row !== undefined && auditHash(row.line) !== head.hash;
  };

  const note = (found: AuditHead): void => {
    if (found.seq >= head.seq) head = found;
  };

  /** Writes lines behind the end of the chain; the lock is held. */
  const writeBehind = async (
    query: RunQuery,
    end: End,
    entries: readonly AuditEntry[],
  ): Promise<readonly AuditHead[]> => {
    // Clocks of replicas differ; the chain's does not go back.
    const now = clock.now();
    const at = end.at && isBefore(now, end.at) ? end.at : now;
    const heads: AuditHead[] = [];
    const lines: Buffer[] = [];
    for (const entry of entries) {
      const line = buildAuditLine(entry, heads.at(-1) ?? end.head, at);
      lines.push(Buffer.from(line.octets.subarray(0, -1)));
      heads.push(line.head);
    }
    await query(addLines, [
      heads.map(({ seq }) => seq),
      heads.map(() => dayOf(at)),
      entries.map(({ event }) => event),
      lines,
    ]);
    return heads;
  };

  /** The chain goes on from where it ends now, and says what it once held. */
  const writeRestored = (
    query: RunQuery,
    end: End,
    entries: readonly AuditEntry[],
  ): Promise<readonly AuditHead[]> => {
    const { seq: through, hash } = head;
    events({
      level: 'error',
      name: 'tsa.database.restored',
      seen: through,
      sha256: hash,
      found: end.head.seq,
    });
    return writeBehind(query, end, [
      { event: 'restored', what: 'database', through, head: hash },
      ...entries,
    ]);
  };

  const write = async (entries: readonly AuditEntry[]): Promise<readonly AuditHead[]> => {
    let restored = false;
    const heads = await database.transaction(lock, async (query) => {
      const end = await findEnd(query);
      // On the way of each answer: what a longer chain hides is for `refresh` to find.
      restored = end.head.seq < head.seq;
      return restored ? writeRestored(query, end, entries) : writeBehind(query, end, entries);
    });
    const last = heads.at(-1);
    if (last && restored) head = last;
    else if (last) note(last);
    return restored ? heads.slice(1) : heads;
  };
  const writer = createGroupWriter(write, largestGroup);

  const append = async (entry: AuditEntry): Promise<AuditHead> => {
    try {
      const made = await writer.add(entry);
      writable = true;
      return made;
    } catch (error) {
      writable = false;
      events({ level: 'error', name: 'tsa.audit.append-failed', ...errorFields(error) });
      throw error;
    }
  };

  const unstamped = async (): Promise<Unstamped> => {
    const [{ day } = { day: null }] = await database.query<{ day: string | null }>(oldestUnstamped);
    const end = await findEnd(database.query);
    note(end.head);
    return { head: end.head, since: day ?? undefined };
  };

  const retire = async (): Promise<void> => {
    if (keepDays === 0) return;
    const today = dayOf(clock.now());
    await database.transaction(lock, async (query) => {
      const [{ day } = { day: null }] = await query<{ day: string | null }>(newestBefore, [today]);
      if (day === null) return;
      const firstDay = firstKeptDay(today, day, keepDays);
      const [kept] = await query<LineRow>(firstKept, [firstDay]);
      const end = await findEnd(query);
      const first = kept && parseAuditLine(kept.line);
      const last = first ? { seq: first.seq - 1, hash: first.prev } : end.head;
      const [old] = await query('SELECT 1 FROM audit_lines WHERE seq <= $1 LIMIT 1', [last.seq]);
      if (!old || (kept && !first)) return;
      await writeBehind(query, end, [{ event: 'retired', through: last.seq, head: last.hash }]);
      await query('DELETE FROM audit_lines WHERE seq <= $1', [last.seq]);
    });
  };

  return {
    log: {
      append,
      head: () => head,
      unstamped,
      writable: () => writable && database.reachable(),
      recheck: async () => {
        if (!writable) writable = await database.takesWrites();
      },
      [Symbol.asyncDispose]: () => writer.idle(),
    },
    storeStamp: async (name, octets) => {
      // The same line may be stamped again after a crash: the first stamp stands.
      const values = [parseStampFileName(name), Buffer.from(octets)];
      const text =
        'INSERT INTO audit_stamps (seq, response) VALUES ($1, $2) ON CONFLICT DO NOTHING';
      await database.query(text, values);
    },
    retire,
    refresh: async () => {
      const { head: end } = await findEnd(database.query);
      if (!(await isRestored(database.query, end))) {
        note(end);
        return;
      }
      const made = await database.transaction(lock, async (query) => {
        const now = await findEnd(query);
        if (!(await isRestored(query, now.head))) return undefined;
        return (await writeRestored(query, now, [])).at(-1);
      });
      if (made) head = made;
    },
  };
}
