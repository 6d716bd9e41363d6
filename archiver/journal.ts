// The journal of the evidence store: numbered objects that are only ever added, one after the other,
// without a gap. `rebuild` replays them; the catalogue remembers up to which it has.
import { z } from 'zod';
import { ConflictError, FormatError, InvariantError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { buildStoredJson, instantSchema, parseStoredJson } from './evidence/stored-json.ts';
import type { JournalEntry } from './journal-entries.ts';
import { maxSmallObjectBytes, readSmallObject, writeSmallObject } from './small-object.ts';

const prefix = 'journal/';
const digits = 12;

/** So many entries stand in one object at most; a longer list becomes several. */
const maxEntriesPerObject = 500;

/** Every kind of entry; a record makes the compiler ask for those that are new. */
export const journalKinds = Object.keys({
  intake: true,
  'retention-set': true,
  hold: true,
  statement: true,
  state: true,
  'accepted-as-new': true,
  augmented: true,
  'validation-data': true,
  acknowledged: true,
  deleted: true,
  'evidence-damage': true,
  'evidence-healed': true,
  'run-finished': true,
} satisfies Record<JournalEntry['kind'], true>);

const kindSchema = z.object({ kind: z.enum(journalKinds) });

const entrySchema = z.custom<JournalEntry>(
  (value) => kindSchema.safeParse(value).success,
  'no kind of entry that is known',
);

const schema = z.object({
  sequence: z.int().positive(),
  at: instantSchema,
  run: z.string(),
  entries: z.array(entrySchema).min(1),
});

/** One object of the journal: entries of one run, in the order in which they were appended. */
export type JournalRecord = z.infer<typeof schema>;

export type Journal = {
  /** Looks for the end anew at the next append: whoever held the lease before may have written. */
  readonly forgetEnd: () => void;
  /** An object of that number is there: the end is looked for behind it. */
  readonly noteUsed: (sequence: number) => void;
  /**
   * Appends entries, durable when the promise fulfils; a long list as several objects in order.
   * @returns the last sequence number, unchanged for an empty list
   * @throws ConflictError ERR_CONFLICT_EXISTS where another writer appended meanwhile
   */
  readonly append: (
    entries: readonly JournalEntry[],
    options: {
      readonly at: Temporal.Instant;
      readonly run: string;
      readonly signal: AbortSignal;
    },
  ) => Promise<number>;
  /**
   * Records from `sequence` (the first is 1) to the end, in order.
   * @param onDamaged told of an object that is malformed, which is then passed over
   * @throws FormatError ERR_FORMAT_STORED naming a missing or foreign object, or a malformed one where
   *   nobody is told
   */
  readonly readFrom: (
    sequence: number,
    signal: AbortSignal,
    onDamaged?: (error: FormatError) => void,
  ) => AsyncIterable<JournalRecord>;
};

export function openJournal(store: ObjectStore): Journal {
  let newest: number | undefined;
  let used = 0;
  let last: Promise<unknown> = Promise.resolve();

  const appendAll: Journal['append'] = async (entries, { at, run, signal }) => {
    newest ??= await findNewest(store, used, signal);
    for (let start = 0; start < entries.length; start += maxEntriesPerObject) {
      const sequence: number = newest + 1;
      const key = journalKey(sequence);
      const octets = buildStoredJson({
        format: 'tokiwa-journal',
        version: 1,
        sequence,
        at,
        run,
        entries: entries.slice(start, start + maxEntriesPerObject),
      });
      if (octets.length > maxSmallObjectBytes)
        throw new InvariantError('ERR_INVARIANT_STATE', `${key} would be too long to read again`);
      try {
        await writeSmallObject(store, key, octets, { condition: { kind: 'absent' }, signal });
      } catch (error) {
        // What was known of the end is stale; the caller's entries may rest on it.
        newest = undefined;
        if (!(error instanceof ConflictError)) throw error;
        throw new ConflictError(
          'ERR_CONFLICT_EXISTS',
          `another writer appended ${key} to the journal meanwhile`,
          { cause: error },
        );
      }
      newest = sequence;
    }
    return newest;
  };

  return {
    forgetEnd: () => {
      newest = undefined;
      used = 0;
    },
    noteUsed: (sequence) => {
      used = Math.max(used, sequence);
    },
    append: (entries, options) => {
      const turn = last.then(() => appendAll(entries, options));
      last = turn.catch(() => undefined);
      return turn;
    },
    readFrom: async function* (sequence, signal, onDamaged) {
      let expected = sequence;
      const entries = store.list({ prefix, startAfter: journalKey(sequence - 1), signal });
      for await (const { key } of entries) {
        if (key !== journalKey(expected))
          throw new FormatError(
            'ERR_FORMAT_STORED',
            `the journal goes on with ${key} where ${journalKey(expected)} was expected`,
          );
        const record = await readRecord(store, expected, signal).catch((error: unknown) => {
          if (!onDamaged || !(error instanceof FormatError)) throw error;
          onDamaged(error);
          return undefined;
        });
        expected += 1;
        if (record) yield record;
      }
    },
  };
}

/** Name of the object with that number. */
export function journalKey(sequence: number): string {
  return `${prefix}${String(sequence).padStart(digits, '0')}.json`;
}

async function readRecord(
  store: ObjectStore,
  sequence: number,
  signal: AbortSignal,
): Promise<JournalRecord> {
  const key = journalKey(sequence);
  const found = await readSmallObject(store, key, signal);
  if (found === undefined)
    throw new FormatError('ERR_FORMAT_STORED', `${key} went from the journal while it was read`);
  const record = parseStoredJson(found.octets, key, {
    format: 'tokiwa-journal',
    version: 1,
    schema,
  });
  // A copied or renamed object would replay entries that stand elsewhere.
  if (record.sequence !== sequence)
    throw new FormatError('ERR_FORMAT_STORED', `${key} says that it is number ${record.sequence}`);
  return record;
}

/** Greatest number in use, `used` at least: doubling, then halving, since there are no gaps. */
async function findNewest(store: ObjectStore, used: number, signal: AbortSignal): Promise<number> {
  const exists = async (sequence: number) =>
    (await readSmallObject(store, journalKey(sequence), signal)) !== undefined;
  let known = used;
  let free = used + 1;
  while (await exists(free)) {
    known = free;
    free += free - used;
  }
  while (free - known > 1) {
    const middle = Math.floor((known + free) / 2);
    if (await exists(middle)) known = middle;
    else free = middle;
  }
  return known;
}
