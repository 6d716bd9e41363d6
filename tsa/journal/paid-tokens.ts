// Tokens on their way into the journal: what was paid for is not lost because the journal could not be written just
// then. It waits in memory for a journal that works, or for its client to ask again.
import type { EventSink } from '#shared/ports/runtime.ts';
import { instantText } from '#shared/time.ts';
import type { TokenRecord } from './journal-line.ts';
import type { Journal } from './journal.ts';

export type PaidTokens = {
  /** As {@link Journal.append}. @throws the system's error: the token waits, and nobody may be given it */
  readonly append: (record: TokenRecord) => Promise<boolean>;
  /** Brings what waits into the journal. @throws the system's error */
  readonly flush: () => Promise<void>;
  /** Whether the answer to this repeat waits. */
  readonly waits: (repeatKey: string) => boolean;
  /** Brings what waits into the journal for the last time, before the end; what cannot be is said. Throws nothing. */
  readonly close: () => Promise<void>;
};

/** More than this and the oldest is dropped. */
const maxWaiting = 1000;

/** So long after a failure it is tried again, whether anyone asks or not. */
const retryMs = 1000;

/** One purchase can bring several: of both providers of a dual profile, or a late one beside the answer. */
function keyOf({ id, provider, serialNumber }: TokenRecord): string {
  return `${id} ${provider} ${serialNumber}`;
}

export function createPaidTokens(journal: Journal, events: EventSink): PaidTokens {
  const waiting = new Map<string, TokenRecord>();
  let retry: ReturnType<typeof setTimeout> | undefined;

  const write = async (record: TokenRecord): Promise<boolean> => {
    const mayBeSecond = await journal.append(record);
    events({
      level: 'info',
      name: 'tsa.token.journalled',
      id: record.id,
      provider: record.provider,
      serialNumber: record.serialNumber,
      genTime: instantText(record.genTime),
      late: record.late,
    });
    return mayBeSecond;
  };

  /** The bill will have it: its provider can be asked for it by these. */
  const lose = (key: string, { id, provider, serialNumber, genTime }: TokenRecord): void => {
    waiting.delete(key);
    const token = { id, provider, serialNumber, genTime: instantText(genTime) };
    events({ level: 'error', name: 'tsa.token.lost', ...token });
  };

  const writeAll = async (): Promise<void> => {
    for (const [key, record] of [...waiting]) {
      await write(record);
      waiting.delete(key);
    }
  };

  // One at a time: a second one would write what the first has in hand once more.
  let flushing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    if (waiting.size === 0) return;
    flushing ??= writeAll().finally(() => {
      flushing = undefined;
    });
    await flushing;
  };

  const retryLater = (): void => {
    retry ??= setTimeout(() => {
      retry = undefined;
      // Each failure has its event.
      flush().catch(retryLater);
    }, retryMs).unref();
  };

  return {
    append: async (record) => {
      try {
        return await write(record);
      } catch (error) {
        waiting.set(keyOf(record), record);
        retryLater();
        const [oldest] = waiting;
        if (waiting.size > maxWaiting && oldest) lose(...oldest);
        throw error;
      }
    },
    flush,
    close: async () => {
      clearTimeout(retry);
      // One that is under way may have begun before the last of them came.
      await flush().catch(() => undefined);
      await flush().catch(() => undefined);
      for (const [key, record] of [...waiting]) lose(key, record);
    },
    waits: (repeatKey) => [...waiting.values()].some((record) => record.repeatKey === repeatKey),
  };
}
