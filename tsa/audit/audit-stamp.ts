// The daily stamp over the audit log's head: the SHA-256 of its last line, stamped like any client's digest by the
// providers of a profile, so that the log cannot be written anew afterwards.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { stampFileName, type AuditHead } from './audit-line.ts';
import type { AuditLog } from './audit-log.ts';
import type { Profile } from '../config/config.ts';
import { dayOf } from '../days.ts';
import { errorFields } from '../replies.ts';
import type { StampService } from '../stamp.ts';

/** The name under which the log's own stamps stand in the journal. */
export const auditClient = 'audit';

/** Runs work while no other process does the same task, or leaves it to that one. */
export type Alone = (task: string, work: () => Promise<void>) => Promise<void>;

/**
 * A function that stamps the head where lines of an earlier day have no stamp yet. Never throws: a stamp that could
 * not be had is an event, and is asked for again at the next call.
 */
export function createAuditStamper(options: {
  readonly log: AuditLog;
  /** Keeps a stamp under a name. */
  readonly storeStamp: (name: string, octets: Uint8Array) => Promise<void>;
  readonly alone: Alone;
  readonly service: StampService;
  /** Whose providers stamp; asked each time, since a reload may change it. */
  readonly profile: () => Profile | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
}): () => Promise<void> {
  const { log, storeStamp, service, clock, random, events, alone } = options;

  /** The head where it is to be stamped. */
  const dueHead = async (): Promise<AuditHead | undefined> => {
    const { head, since } = await log.unstamped();
    return since === undefined || since >= dayOf(clock.now()) ? undefined : head;
  };

  const stampHead = async (profile: Profile): Promise<void> => {
    const head = await dueHead();
    if (!head) return;
    const imprint = fromHex(head.hash);
    if (!imprint) throw new InvariantError('ERR_INVARIANT_STATE', 'a head is hexadecimal');
    const octets = buildTimeStampReq({
      algorithm: 'SHA-256',
      digest: imprint,
      nonce: BigInt(`0x${toHex(random(8))}`) >> 1n,
      certReq: true,
    });
    const stamped = await service.stamp({
      client: auditClient,
      profile,
      request: parseTimeStampReq(octets),
      algorithm: 'SHA-256',
    });
    if (stamped.kind !== 'granted') {
      events({ level: 'warn', name: 'tsa.audit.stamp-failed', reason: stamped.message });
      return;
    }
    const { provider, serialNumber, genTime, response } = stamped.record;
    const file = stampFileName(head.seq);
    await storeStamp(file, response);
    await log.append({
      event: 'stamped',
      through: head.seq,
      head: head.hash,
      file,
      fileDigest: toHex(digest('SHA-256', response)),
      provider,
      serialNumber,
      genTime: genTime.toString(),
    });
    events({ level: 'info', name: 'tsa.audit.stamped', line: head.seq, provider });
  };

  let working: Promise<void> | undefined;
  return () => {
    const profile = options.profile();
    if (!profile) return Promise.resolve();
    working ??= alone('audit-stamp', () => stampHead(profile))
      .catch((error: unknown) => {
        events({ level: 'warn', name: 'tsa.audit.stamp-failed', ...errorFields(error) });
      })
      .finally(() => {
        working = undefined;
      });
    return working;
  };
}
