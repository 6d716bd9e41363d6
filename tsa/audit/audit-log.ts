// The audit log: one line for each answer and refusal, each line holding the SHA-256 of the one before, so that
// nothing can be removed, changed or put in between unseen. Files turn over by day and size; the chain goes on.
import { toHex } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import type { AppendLog } from '#shared/io/append-log.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { AuditFiles } from '../adapters/audit-files.ts';
import {
  auditFileName,
  auditHash,
  buildAuditLine,
  emptyHead,
  parseAuditFileName,
  parseAuditLine,
  parseStampFileName,
  type AuditEntry,
  type AuditHead,
} from './audit-line.ts';
import { dayOf, firstKeptDay } from '../days.ts';
import { errorFields } from '../replies.ts';

export type AuditLog = {
  /** Resolves when the line is durable, with the head that it made. @throws the system's error: there is no such line */
  readonly append: (entry: AuditEntry) => Promise<AuditHead>;
  /** The last line as far as it is known here. */
  readonly head: () => AuditHead;
  /** What a stamp would cover now. @throws the system's error where a shared log cannot be reached */
  readonly unstamped: () => Unstamped | Promise<Unstamped>;
  /** Whether the last append succeeded. */
  readonly writable: () => boolean;
  /** Where it did not: tries whether one would now. */
  readonly recheck: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type Unstamped = {
  readonly head: AuditHead;
  /** Day of the oldest line that no stamp covers; `undefined` where there is none but a stamp's own. */
  readonly since: string | undefined;
};

type Waiting = {
  readonly entry: AuditEntry;
  readonly resolve: (head: AuditHead) => void;
  readonly reject: (error: unknown) => void;
};

type OpenFile = { readonly day: string; readonly log: AppendLog };

/** The last whole line of the log, and the day of its file. */
async function findHead(
  files: AuditFiles,
  events: EventSink,
): Promise<{ readonly head: AuditHead; readonly day: string | undefined }> {
  for (const name of (await files.list()).toReversed()) {
    const place = parseAuditFileName(name);
    if (!place) continue;
    let { seq } = place;
    let last: Uint8Array | undefined;
    try {
      for await (const line of files.lines(name)) {
        if (line.whole) {
          if (last) seq++;
          last = line.octets;
        } else events({ level: 'info', name: 'tsa.audit.torn-line', file: name });
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      events({ level: 'error', name: 'tsa.audit.damaged', file: name, ...errorFields(error) });
    }
    if (!last) continue;
    // Damage is found by `audit verify`; the service goes on behind it, and says so.
    if (parseAuditLine(last)?.seq !== seq)
      events({ level: 'error', name: 'tsa.audit.damaged', file: name, line: seq });
    return { head: { seq, hash: auditHash(last) }, day: place.day };
  }
  return { head: emptyHead, day: undefined };
}

/**
 * Opens the log behind its last whole line. Each opening writes files of its own: nothing is ever appended behind a
 * line that a crash tore.
 * @throws the system's error
 */
export async function openAuditLog(options: {
  readonly files: AuditFiles;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** A file that has grown to this is followed by a new one. */
  readonly maxFileBytes: number;
  /** Files of earlier days are removed; 0: kept for ever. */
  readonly keepDays: number;
}): Promise<AuditLog> {
  const { files, clock, events, maxFileBytes, keepDays } = options;
  // Process and number of the file: two openings, or two tries, never meet in one.
  const instance = toHex(options.random(2));
  let filesMade = 0;
  const newName = (day: string): string =>
    auditFileName(head.seq + 1, day, `${instance}${(filesMade++).toString(16).padStart(4, '0')}`);
  const found = await findHead(files, events);
  const lastStamp = parseStampFileName((await files.stamps()).at(-1) ?? '') ?? 0;
  let { head } = found;
  // The line behind the stamped one is the one that says so.
  let unstampedSince = head.seq > lastStamp + 1 ? found.day : undefined;
  let file: OpenFile | undefined;
  let failure: string | undefined;
  let writable = true;
  const waiting: Waiting[] = [];
  let flushing: Promise<void> | undefined;

  const write = async (entries: readonly AuditEntry[]): Promise<readonly AuditHead[]> => {
    const at = clock.now();
    const heads: AuditHead[] = [];
    const lines: Uint8Array[] = [];
    let next = head;
    for (const entry of entries) {
      const line = buildAuditLine(entry, next, at);
      lines.push(line.octets);
      heads.push(line.head);
      next = line.head;
    }
    const day = dayOf(at);
    file ??= { day, log: await files.create(newName(day)) };
    await file.log.append(Buffer.concat(lines));
    head = next;
    noteStamped(entries, heads, day);
    return heads;
  };

  const noteStamped = (
    entries: readonly AuditEntry[],
    heads: readonly AuditHead[],
    day: string,
  ): void => {
    for (const [i, entry] of entries.entries()) {
      if (entry.event !== 'stamped') unstampedSince ??= day;
      // Lines between the stamped one and the one that says so wait for the next stamp.
      else unstampedSince = (heads[i]?.seq ?? 0) > entry.through + 1 ? day : undefined;
    }
  };

  const closeFile = async (): Promise<void> => {
    const old = file;
    file = undefined;
    await old?.log[Symbol.asyncDispose]();
  };

  /** Files that hold nothing but lines of days that need not be kept; the line about it comes before they go. */
  const retire = async (before: string | undefined): Promise<void> => {
    if (keepDays === 0 || before === undefined) return;
    const firstDay = firstKeptDay(dayOf(clock.now()), before, keepDays);
    const names = await files.list();
    const kept = names.findIndex((name) => (parseAuditFileName(name)?.day ?? '') >= firstDay);
    const old = kept < 0 ? names : names.slice(0, kept);
    if (old.length === 0) return;
    let last = head;
    for await (const line of kept < 0 ? [] : files.lines(names[kept] ?? '')) {
      const first = line.whole ? parseAuditLine(line.octets) : undefined;
      if (!first) return;
      last = { seq: first.seq - 1, hash: first.prev };
      break;
    }
    await write([{ event: 'retired', through: last.seq, head: last.hash }]);
    try {
      await files.remove(old);
    } catch (error) {
      // They go another day; a log that can be written is worth more than space.
      events({ level: 'warn', name: 'tsa.audit.retire-failed', ...errorFields(error) });
    }
  };

  const turnOver = async (): Promise<void> => {
    const day = dayOf(clock.now());
    if (file && file.day >= day && file.log.size() < maxFileBytes) return;
    const newDay = !file || file.day < day;
    const before = file?.day ?? found.day;
    await closeFile();
    if (failure !== undefined) {
      await write([{ event: 'resumed', reason: failure }]);
      failure = undefined;
    }
    if (newDay) await retire(before);
  };

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting.splice(0);
      try {
        await turnOver();
        const heads = await write(group.map(({ entry }) => entry));
        writable = true;
        for (const [i, { resolve }] of group.entries()) resolve(heads[i] ?? head);
      } catch (error) {
        writable = false;
        const { reason } = errorFields(error);
        // What the failed write left is not known for certain: the log goes on in a new file.
        failure = reason;
        await closeFile().catch(() => undefined);
        events({ level: 'error', name: 'tsa.audit.append-failed', reason });
        for (const { reject } of group) reject(error);
      }
    }
    flushing = undefined;
  };

  return {
    append: (entry) => {
      const { promise, resolve, reject } = Promise.withResolvers<AuditHead>();
      waiting.push({ entry, resolve, reject });
      // A turn later, so that lines of the same turn share one write.
      flushing ??= Promise.resolve().then(flush);
      return promise;
    },
    head: () => head,
    unstamped: () => ({ head, since: unstampedSince }),
    writable: () => writable,
    recheck: async () => {
      if (!writable) writable = await files.takesWrites();
    },
    [Symbol.asyncDispose]: async () => {
      await flushing;
      await closeFile();
    },
  };
}
