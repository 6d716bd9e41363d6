// The journal: a request is durable before it is sent, a token before it is answered, and a repeat within seven
// days gets the same token. Append-only segments by day; the index of repeats is in memory, rebuilt at start.
import { toHex } from '#shared/bytes.ts';
import { hexDigest } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import type { AppendLog } from '#shared/io/append-log.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { earlier, isBefore } from '#shared/time.ts';
import type { JournalFiles } from '../adapters/files.ts';
import { dayOf } from '../days.ts';
import {
  buildJournalLine,
  parseJournalLine,
  type JournalRecord,
  type TokenRecord,
} from './journal-line.ts';
import { createRepeatIndex, type Place, type RepeatIndex } from './repeat-index.ts';

/** So long a repeat is answered with the same token (design §5). */
export const repeatPeriod = { hours: 7 * 24 } as const;
const repeatPeriodMs = repeatPeriod.hours * 3_600_000;

export type OpenJournalOptions = {
  readonly files: JournalFiles;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** Lines from the day of this instant on are read at the start, and those of the last seven days anyway. */
  readonly readSince?: Temporal.Instant | undefined;
  /** Told of every line that is read at the start, and of every one that has become durable. */
  readonly onRecord?: ((record: JournalRecord) => void) | undefined;
};

/** A request that nobody else buys meanwhile. */
export type Claim = {
  /** Called once, when its token is in the journal or will not come. Throws nothing. */
  readonly release: () => void;
};

export type Journal = {
  /**
   * Resolves when the record is durable, and says whether it may be a second token: one whose repeats are answered with
   * another that `find` gives. @throws the system's error: the record does not count
   */
  readonly append: (record: JournalRecord) => Promise<boolean>;
  /**
   * Takes a request to buy its token, against other processes that write to the same journal; `undefined`: one of them
   * is buying it now. Within a process the callers see to it.
   * @throws the system's error: who has it is not known
   */
  readonly claim: (repeatKey: string) => Promise<Claim | undefined>;
  /** The answer that a repeat of this request gets, `undefined` where it is a new request. */
  readonly find: (repeatKey: string) => Promise<TokenRecord | undefined>;
  /** The newest genTime of a provider's tokens that the loaded segments hold. */
  readonly lastGenTime: (provider: string) => Temporal.Instant | undefined;
  /** Whether the last append succeeded. */
  readonly writable: () => boolean;
  /** Where it did not: tries whether one would now, so that a service that nobody is sent to comes back. */
  readonly recheck: () => Promise<void>;
  readonly newId: () => string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** What makes two requests the same: who asks, where, and every octet (the nonce is among them). */
export function repeatKeyOf(request: {
  readonly client: string;
  readonly profile: string;
  readonly octets: Uint8Array;
}): string {
  const head = Buffer.from(JSON.stringify([request.client, request.profile]));
  return hexDigest('SHA-256', Buffer.concat([head, request.octets])).slice(0, 32);
}

type Segment = { readonly name: string; readonly day: string; readonly log: AppendLog };

/** The part of the index that is rebuilt from segments. */
type Index = {
  readonly repeats: RepeatIndex;
  readonly lastGenTimes: Map<string, Temporal.Instant>;
};

function noteGenTime({ lastGenTimes }: Index, { provider, genTime }: TokenRecord): void {
  const last = lastGenTimes.get(provider);
  if (!last || isBefore(last, genTime)) lastGenTimes.set(provider, genTime);
}

/** The first token stays the answer: a later one for the same request came late. */
function enter(
  { repeats }: Index,
  { repeatKey, at }: TokenRecord,
  place: Omit<Place, 'atMs'>,
): void {
  if (repeatKey !== undefined) repeats.enter(repeatKey, { ...place, atMs: at.epochMilliseconds });
}

async function loadIndex(options: OpenJournalOptions, since: Temporal.Instant): Promise<Index> {
  const { files, events, onRecord } = options;
  const index: Index = { repeats: createRepeatIndex(), lastGenTimes: new Map() };
  const readSince = options.readSince ? earlier(options.readSince, since) : since;
  const firstDay = dayOf(readSince);
  // Names begin with the day. Days after today are read too: a clock that went back must be noticed.
  const segments = (await files.list()).filter((name) => name >= firstDay);
  for (const segment of segments) {
    for await (const line of files.lines(segment)) {
      const record = line.whole ? parseJournalLine(line.octets) : undefined;
      if (record) onRecord?.(record);
      if (record?.kind === 'token') {
        noteGenTime(index, record);
        if (isBefore(record.at, since)) continue;
        const { offset, octets } = line;
        enter(index, record, { segment, offset, length: octets.length });
      } else if (!record) {
        // A torn last line is what a crash leaves: nobody was told of it. In the middle it is damage.
        events({
          level: line.whole ? 'error' : 'info',
          name: line.whole ? 'tsa.journal.damaged-line' : 'tsa.journal.torn-line',
          segment,
          offset: line.offset,
        });
      }
    }
  }
  return index;
}

/**
 * Opens the journal and rebuilds its index. Each opening writes segments of its own, so that nothing is
 * ever appended behind a torn line and two processes do not meet in one file.
 * @throws the system's error
 */
export async function openJournal(options: OpenJournalOptions): Promise<Journal> {
  const { files, clock, random, events } = options;
  const instance = toHex(random(4));
  const index = await loadIndex(options, clock.now().subtract(repeatPeriod));
  let segment: Segment | undefined;
  let segments = 0;
  let writable = true;
  let closed = false;
  let switching: Promise<void> = Promise.resolve();

  const sinceMs = (): number => clock.now().epochMilliseconds - repeatPeriodMs;

  /** Opens a segment for `day` unless another call did so meanwhile. */
  const switchTo = (day: string): Promise<void> => {
    const run = switching.then(async () => {
      if (segment && segment.day >= day) return;
      if (closed) throw new InvariantError('ERR_INVARIANT_STATE', 'the journal is closed');
      const name = `${day}.${instance}.${String(segments++).padStart(6, '0')}.jsonl`;
      const old = segment;
      segment = { name, day, log: await files.create(name) };
      index.repeats.forgetBefore(sinceMs());
      await old?.log[Symbol.asyncDispose]();
    });
    switching = run.catch(() => undefined);
    return run;
  };

  const append = async (record: JournalRecord): Promise<boolean> => {
    const line = buildJournalLine(record);
    const day = dayOf(record.at);
    let current: Segment | undefined;
    try {
      // A segment of a later day serves as well: one that waited over midnight goes there.
      while (!segment || segment.day < day) await switchTo(day);
      current = segment;
      const offset = await current.log.append(line);
      writable = true;
      options.onRecord?.(record);
      if (record.kind !== 'token') return false;
      noteGenTime(index, record);
      const { repeatKey } = record;
      const isSecond = repeatKey !== undefined && !!index.repeats.find(repeatKey, sinceMs());
      enter(index, record, { segment: current.name, offset, length: line.length - 1 });
      return isSecond;
    } catch (error) {
      writable = false;
      // What a failed write left is not known for certain: the next record begins a new segment.
      if (current && segment === current) {
        segment = undefined;
        void current.log[Symbol.asyncDispose]().catch(() => undefined);
      }
      events({
        level: 'error',
        name: 'tsa.journal.append-failed',
        kind: record.kind,
        reason: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  };

  const find = async (repeatKey: string): Promise<TokenRecord | undefined> => {
    const place = index.repeats.find(repeatKey, sinceMs());
    if (!place) return undefined;
    const { segment: name, offset, length } = place;
    const record = parseJournalLine(await files.read(name, offset, length));
    if (record?.kind === 'token') return record;
    events({ level: 'error', name: 'tsa.journal.damaged-line', segment: name, offset });
    return undefined;
  };

  return {
    append,
    // The folder has one writer.
    claim: () => Promise.resolve({ release: () => undefined }),
    find,
    lastGenTime: (provider) => index.lastGenTimes.get(provider),
    writable: () => writable,
    recheck: async () => {
      if (!writable) writable = await files.takesWrites();
    },
    newId: () => toHex(random(16)),
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await switching;
      await segment?.log[Symbol.asyncDispose]();
      segment = undefined;
    },
  };
}
