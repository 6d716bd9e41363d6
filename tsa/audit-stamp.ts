// The daily stamp over the audit log's head: the SHA-256 of its last line, stamped like any client's digest by the
// providers of a profile, so that the log cannot be written anew afterwards.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import type { AuditFiles } from './adapters/audit-files.ts';
import { stampFileName } from './audit-line.ts';
import type { AuditLog } from './audit-log.ts';
import type { Profile } from './config.ts';
import { dayOf } from './days.ts';
import { errorFields } from './replies.ts';
import type { StampService } from './stamp.ts';

/** The name under which the log's own stamps stand in the journal. */
export const auditClient = 'audit';

/**
 * A function that stamps the head where lines of an earlier day have no stamp yet. Never throws: a stamp that could
 * not be had is an event, and is asked for again at the next call.
 */
export function createAuditStamper(options: {
  readonly log: AuditLog;
  readonly files: AuditFiles;
  readonly service: StampService;
  /** Whose providers stamp; asked each time, since a reload may change it. */
  readonly profile: () => Profile | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
}): () => Promise<void> {
  const { log, files, service, clock, random, events } = options;

  const stampHead = async (profile: Profile): Promise<void> => {
    const head = log.head();
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
    await files.storeStamp(file, response);
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
    const since = log.unstampedSince();
    if (since === undefined || since >= dayOf(clock.now())) return Promise.resolve();
    const profile = options.profile();
    if (!profile) return Promise.resolve();
    working ??= stampHead(profile)
      .catch((error: unknown) => {
        events({ level: 'warn', name: 'tsa.audit.stamp-failed', ...errorFields(error) });
      })
      .finally(() => {
        working = undefined;
      });
    return working;
  };
}
