// Whether the folders are older copies that were put back (from a backup, a snapshot). A folder cannot say so by itself:
// its audit log is compared with the line that was seen last and with the stamps that the journal holds over it, the
// journal with the tokens that the audit log names. What was put back together with all of these is not noticed.
import { toHex } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { isBefore } from '#shared/time.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { AuditFolder } from '../adapters/audit-files.ts';
import {
  auditHash,
  parseAuditFileName,
  parseAuditLine,
  tokenNamedIn,
  type AuditEntry,
  type AuditHead,
  type TokenFields,
} from './audit-line.ts';
import { dayOf } from '../days.ts';
import type { TokenRecord } from '../journal/journal-line.ts';
import { repeatPeriod, type Journal } from '../journal/journal.ts';

/** What is missing, as a line of the audit log says it. */
export type Restored = Extract<AuditEntry, { event: 'restored' }>;

export type OlderCopyOptions = {
  readonly audit: AuditFolder;
  readonly head: AuditHead;
  /** What was seen of the log before; `undefined`: nothing, as far as can be known. */
  readonly seen: AuditHead | undefined;
  readonly journal: Pick<Journal, 'lastGenTime'>;
  /** The newest stamp over the log that the journal has. */
  readonly stamp: TokenRecord | undefined;
  readonly now: Temporal.Instant;
};

/** Files of the log with the number of their first line and their day, the newest first. */
async function filesOf(audit: AuditFolder) {
  return (await audit.list())
    .flatMap((name) => {
      const place = parseAuditFileName(name);
      return place ? [{ name, ...place }] : [];
    })
    .toReversed();
}

/** Whole lines, as far as they can be read: what is damaged is for `audit verify`. */
async function* wholeLines(audit: AuditFolder, name: string): AsyncIterable<Uint8Array> {
  try {
    for await (const { octets, whole } of audit.lines(name)) if (whole) yield octets;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

/** Whether the line that was seen is gone or another one; one that is old enough may have been removed. */
async function lacksSeen({ audit, head, seen }: OlderCopyOptions): Promise<boolean> {
  if (!seen || seen.seq === 0) return false;
  if (head.seq <= seen.seq) return head.seq < seen.seq || head.hash !== seen.hash;
  const file = (await filesOf(audit)).find(({ seq }) => seq <= seen.seq);
  if (!file) return false;
  for await (const line of wholeLines(audit, file.name))
    if (parseAuditLine(line)?.seq === seen.seq) return auditHash(line) !== seen.hash;
  return true;
}

/** What a stamp is over, hexadecimal. */
function imprintOf(response: Uint8Array): string | undefined {
  try {
    const { token } = parseTimeStampResp(response);
    return token && toHex(parseTimeStampToken(token).tstInfo.messageImprint.hashedMessage);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** So far before its stamp a line may have been written. */
const oldestStampedDays = 31;

/** The SHA-256 that a stamp is over, where the log has no such line. */
async function lacksStamped({ audit, stamp }: OlderCopyOptions): Promise<string | undefined> {
  if (!stamp) return undefined;
  const head = imprintOf(stamp.response);
  if (head === undefined) return undefined;
  const [newest] = (await audit.stamps()).toReversed();
  if (newest !== undefined && Buffer.from(stamp.response).equals(await audit.stamp(newest)))
    return undefined;
  const earliest = dayOf(stamp.at.subtract({ hours: 24 * oldestStampedDays }));
  const files = await filesOf(audit);
  const first = files.at(-1);
  // Where the beginning was removed as old, the line may have been in it.
  if (first && first.seq > 1 && first.day >= earliest) return undefined;
  for (const { name } of files.filter(({ day }) => day >= earliest))
    for await (const line of wholeLines(audit, name))
      if (auditHash(line) === head) return undefined;
  return head;
}

/** A token that the log names and the journal should have: it was durable there before. */
async function lacksToken(options: OlderCopyOptions): Promise<TokenFields | undefined> {
  const { audit, journal, now } = options;
  // A day inside of what the journal reads at its start: records are of our clock, genTimes of the provider's.
  const since = now.subtract(repeatPeriod).add({ hours: 24 });
  const firstDay = dayOf(since);
  for (const { name, day } of await filesOf(audit)) {
    if (day < firstDay) return undefined;
    let octets: Uint8Array | undefined;
    for await (const line of wholeLines(audit, name))
      if (Buffer.from(line.buffer, line.byteOffset, line.length).includes('"genTime":'))
        octets = line;
    const last = octets && tokenNamedIn(octets);
    if (!last) continue;
    const genTime = Temporal.Instant.from(last.genTime);
    const newest = journal.lastGenTime(last.provider);
    return isBefore(since, genTime) && (!newest || isBefore(newest, genTime)) ? last : undefined;
  }
  return undefined;
}

/** What the folders lack of what they are known to have had. @throws the system's error */
export async function findRestored(options: OlderCopyOptions): Promise<readonly Restored[]> {
  const found: Restored[] = [];
  const { seen } = options;
  if (seen && (await lacksSeen(options)))
    found.push({ event: 'restored', what: 'audit log', through: seen.seq, head: seen.hash });
  else {
    const head = await lacksStamped(options);
    if (head !== undefined) found.push({ event: 'restored', what: 'audit log', head });
  }
  const token = await lacksToken(options);
  if (token) {
    const { provider, serialNumber, genTime } = token;
    found.push({ event: 'restored', what: 'journal', provider, serialNumber, genTime });
  }
  return found;
}
