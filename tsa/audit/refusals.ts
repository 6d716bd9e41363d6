// Clients that were turned away, as lines of the audit log. Anyone can knock, so the lines of a minute are bounded:
// what is above that is counted and said with the next line.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import type { AuditEntry } from './audit-line.ts';
import type { AuditLog } from './audit-log.ts';
import type { Tally } from '../status/tally.ts';

export type Refusal = Omit<Extract<AuditEntry, { event: 'refused' }>, 'event' | 'unlisted'>;

/** Resolves when the line is durable, or when it cannot be: the client is refused in any case. */
export type RefusalLog = (refusal: Refusal) => Promise<void>;

const linesPerMinute = 120;

export function createRefusalLog(options: {
  readonly audit: AuditLog;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly events: EventSink;
}): RefusalLog {
  const { audit, tally, clock, events } = options;
  let minuteEnds = clock.now();
  let lines = 0;
  let unlisted = 0;
  return async (refusal) => {
    events({ level: 'warn', name: 'tsa.client.refused', ...refusal });
    tally.refused(refusal.status);
    const now = clock.now();
    if (compareInstants(now, minuteEnds) >= 0) {
      minuteEnds = now.add({ minutes: 1 });
      lines = 0;
    }
    if (lines >= linesPerMinute) {
      unlisted++;
      return;
    }
    lines++;
    const before = unlisted;
    unlisted = 0;
    try {
      const rest = before > 0 ? { unlisted: before } : {};
      await audit.append({ event: 'refused', ...refusal, ...rest });
    } catch {
      unlisted += before;
    }
  };
}
