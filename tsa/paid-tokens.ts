// Tokens on their way into the journal: what was paid for is not lost because the journal could not be written just
// then. It waits in memory for a journal that works, or for its client to ask again.
import type { EventSink } from '#shared/ports/runtime.ts';
import type { TokenRecord } from './journal-line.ts';
import type { Journal } from './journal.ts';

export type PaidTokens = {
  /** @throws the system's error: the token waits, and nobody may be given it */
  readonly append: (record: TokenRecord) => Promise<void>;
  /** Brings what waits into the journal. @throws the system's error */
  readonly flush: () => Promise<void>;
  /** Whether the answer to this repeat waits. */
  readonly waits: (repeatKey: string) => boolean;
};

/** More than this and the oldest is dropped. */
const maxWaiting = 1000;

export function createPaidTokens(journal: Journal, events: EventSink): PaidTokens {
  const waiting = new Map<string, TokenRecord>();
  return {
    append: async (record) => {
      try {
        await journal.append(record);
      } catch (error) {
        waiting.set(record.id, record);
        const oldest = waiting.keys().next();
        if (waiting.size > maxWaiting && !oldest.done) waiting.delete(oldest.value);
        throw error;
      }
      events({
        level: 'info',
        name: 'tsa.token.journalled',
        id: record.id,
        provider: record.provider,
        serialNumber: record.serialNumber,
        genTime: record.genTime.toString(),
        late: record.late,
      });
    },
    flush: async () => {
      for (const record of [...waiting.values()]) {
        await journal.append(record);
        waiting.delete(record.id);
      }
    },
    waits: (repeatKey) => [...waiting.values()].some((record) => record.repeatKey === repeatKey),
  };
}
