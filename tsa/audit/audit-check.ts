// Whether an audit log is as it was written: each line follows the one before, and each stamp covers the line that it
// names. Reads a folder and nothing else; what a stamp's signer is worth is asked of given anchors.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import type { AuditFolder } from '../adapters/audit-files.ts';
import {
  auditHash,
  emptyHead,
  parseAuditLine,
  parseStampFileName,
  type AuditHead,
  type AuditLine,
  type RetiredFields,
  type StampedFields,
} from './audit-line.ts';

/** Something that is not as it was written, or (`warning`) that a crash explains. */
export type AuditFinding = {
  readonly level: 'error' | 'unknown' | 'warning';
  /** Empty where the log as a whole is meant. */
  readonly file: string;
  /** Line within the file, from 1; missing where the file itself is meant. */
  readonly line?: number;
  readonly cause: string;
};

/** What stands before the cause where a finding is shown. */
export function findingPlace({ file, line }: AuditFinding): string {
  return file === '' ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
}

export type AuditReport = {
  /** broken: changed, removed or forged; indeterminate: a stamp's signer could not be judged. */
  readonly status: 'intact' | 'broken' | 'indeterminate';
  readonly lines: number;
  readonly firstLine: number;
  readonly head: AuditHead;
  readonly stamps: number;
  /** The last line under a stamp that fits; 0 without one. What came after it could be cut off unseen. */
  readonly stampedThrough: number;
  readonly findings: readonly AuditFinding[];
};

/** Where the walk stands. */
type Walk = {
  head: AuditHead;
  lines: number;
  /** What came before the first line that is there. */
  before: AuditHead;
  /** SHA-256 of the lines of the file that is read and of the end of the one before, by number. */
  recent: Map<number, string>;
  /** SHA-256 of the lines that stamps' files name. */
  readonly stamped: Map<number, string | undefined>;
  /** Stamps that lines speak of, and where. */
  readonly announced: {
    readonly stamp: StampedFields;
    readonly file: string;
    readonly line: number;
  }[];
  readonly retired: RetiredFields[];
  /** SHA-256 of the line that was seen before, where it is there. */
  seenHash: string | undefined;
  readonly findings: AuditFinding[];
};

/** What is wrong with a line that comes after `head`; nothing where it follows. */
function breachOf(line: AuditLine | undefined, head: AuditHead): string | undefined {
  if (!line) return 'no line of an audit log';
  if (line.seq <= head.seq)
    return `line ${line.seq} comes again: it was put in, or two processes wrote here`;
  if (line.seq > head.seq + 1)
    return `line ${line.seq} follows line ${head.seq}: what was between them was removed`;
  if (line.prev !== head.hash)
    return `line ${line.seq} does not hold the SHA-256 of the line before it: one of the two was changed`;
  return undefined;
}

/**
 * A failed write may leave whole lines that nobody relied on. The file after it says so and goes on before them.
 */
function stepBack(walk: Walk, line: AuditLine, file: string): void {
  const abandoned = walk.head.seq - (line.seq - 1);
  if (line.event !== 'resumed' || abandoned <= 0) return;
  if (walk.recent.get(line.seq - 1) !== line.prev) return;
  const cause = `the ${abandoned} lines before it belong to a write that failed, and are no part of the log`;
  walk.findings.push({ level: 'warning', file, line: 1, cause });
  walk.head = { seq: line.seq - 1, hash: line.prev };
  walk.lines -= abandoned;
}

function restoredText({ what, through }: NonNullable<AuditLine['restored']>): string {
  const rest =
    what === 'journal'
      ? 'tokens of before may not be in it'
      : `lines ${through === undefined ? 'that had been there' : `up to ${through}, seen before,`} are not in this log`;
  return `says that an older copy of the ${what} was put back here: ${rest}`;
}

async function walkFile(
  folder: AuditFolder,
  file: string,
  walk: Walk,
  seen: AuditHead | undefined,
): Promise<void> {
  let number = 0;
  for await (const { octets, whole } of folder.lines(file)) {
    number++;
    if (!whole) {
      const cause = 'a torn last line, as a crash leaves it; nobody was answered on its strength';
      walk.findings.push({ level: 'warning', file, line: number, cause });
      break;
    }
    const line = parseAuditLine(octets);
    if (line && walk.lines === 0) {
      walk.before = { seq: line.seq - 1, hash: line.prev };
      walk.head = walk.before;
    } else if (line && number === 1) stepBack(walk, line, file);
    if (number === 1) walk.recent = new Map([[walk.head.seq, walk.head.hash]]);
    const cause = breachOf(line, walk.head);
    if (cause !== undefined) walk.findings.push({ level: 'error', file, line: number, cause });
    // Behind a breach the walk goes on from what is there: one change is one finding, or two.
    walk.head = { seq: line?.seq ?? walk.head.seq + 1, hash: auditHash(octets) };
    walk.lines++;
    walk.recent.set(walk.head.seq, walk.head.hash);
    if (walk.stamped.has(walk.head.seq)) walk.stamped.set(walk.head.seq, walk.head.hash);
    if (line?.stamped) walk.announced.push({ stamp: line.stamped, file, line: number });
    if (line?.retired) walk.retired.push(line.retired);
    if (line?.restored) {
      const cause = restoredText(line.restored);
      walk.findings.push({ level: 'warning', file, line: number, cause });
    }
    if (walk.head.seq === seen?.seq) walk.seenHash = walk.head.hash;
  }
}

/** The first line that is there has to be the first, or a later line says that those before it were old. */
function checkBeginning(walk: Walk, file: string): AuditFinding[] {
  const { before, retired } = walk;
  if (walk.lines === 0 || (before.seq === 0 && before.hash === emptyHead.hash)) return [];
  if (retired.some(({ through, head }) => through === before.seq && head === before.hash))
    return [];
  // What ended the process while it removed them leaves some of the later ones; they are in the chain still.
  const rest = retired.find(({ through }) => through > before.seq);
  if (rest) {
    const cause = `the log begins with line ${before.seq + 1}: lines up to ${rest.through} were being removed as old`;
    return [{ level: 'warning', file, line: 1, cause }];
  }
  const cause = `the log begins with line ${before.seq + 1}, and no line says that those before it were removed as old`;
  return [{ level: 'error', file, line: 1, cause }];
}

/** What was seen elsewhere has to be there, unless it was old enough to be removed. */
function checkSeen({ before, seenHash }: Walk, seen: AuditHead | undefined): AuditFinding[] {
  if (!seen || seen.seq < before.seq) return [];
  const hash = seen.seq === before.seq ? before.hash : seenHash;
  if (hash === seen.hash) return [];
  const why = hash === undefined ? 'it is not there' : 'it is another one';
  const cause = `line ${seen.seq} was seen with the SHA-256 ${seen.hash}, and ${why}: the end was cut off, or an older copy was put back`;
  return [{ level: 'error', file: '', cause }];
}

/** The stamp in a file over the line with this SHA-256. */
function checkStamp(
  octets: Uint8Array,
  hash: string,
  anchors: readonly TrustAnchor[],
): { readonly level: 'error' | 'unknown'; readonly cause: string } | undefined {
  const { token: tokenOctets } = parseTimeStampResp(octets);
  if (!tokenOctets) return { level: 'error', cause: 'holds no token' };
  const verdict = verifyToken(parseTimeStampToken(tokenOctets), {
    imprint: { algorithm: 'SHA-256', digest: fromHex(hash) ?? new Uint8Array() },
    anchors,
    revocationMode: 'soft',
  });
  const failed = verdict.findings.filter(({ level }) => level === 'error' || level === 'unknown');
  const reasons = failed.map(({ message }) => message).join('; ');
  if (verdict.status === 'valid') return undefined;
  if (verdict.status === 'invalid') return { level: 'error', cause: `does not hold: ${reasons}` };
  const onlyAnchorMissing =
    anchors.length === 0 &&
    verdict.subIndication === 'NO_CERTIFICATE_CHAIN_FOUND' &&
    verdict.signatureIntact &&
    verdict.messageDigestIntact;
  // As with `tokiwa stamp`: who signed is asked where anchors are given.
  return onlyAnchorMissing
    ? undefined
    : { level: 'unknown', cause: `cannot be judged: ${reasons}` };
}

async function checkStamps(
  folder: AuditFolder,
  walk: Walk,
  anchors: readonly TrustAnchor[],
): Promise<{
  readonly findings: AuditFinding[];
  readonly through: number;
  readonly count: number;
}> {
  const findings: AuditFinding[] = [];
  const digests = new Map<string, string>();
  let through = 0;
  for (const file of await folder.stamps()) {
    const seq = parseStampFileName(file) ?? 0;
    const hash = walk.stamped.get(seq) ?? (seq === walk.before.seq ? walk.before.hash : undefined);
    try {
      const octets = await folder.stamp(file);
      digests.set(file, toHex(digest('SHA-256', octets)));
      // A stamp over lines that were removed as old covers nothing that is here.
      if (hash === undefined && seq < walk.before.seq) continue;
      const failed =
        hash === undefined
          ? ({
              level: 'error',
              cause: `covers line ${seq}, which is not there: the end was cut off`,
            } as const)
          : checkStamp(octets, hash, anchors);
      if (failed) findings.push({ ...failed, file });
      else through = seq;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      findings.push({ level: 'error', file, cause: `cannot be read: ${error.message}` });
    }
  }
  for (const { stamp, file, line } of walk.announced) {
    const found = digests.get(stamp.file);
    if (found === undefined)
      findings.push({ level: 'error', file, line, cause: `${stamp.file} is missing` });
    else if (found !== stamp.fileDigest)
      findings.push({ level: 'error', file, line, cause: `${stamp.file} is another file` });
  }
  return { findings, through, count: digests.size };
}

/**
 * Checks an audit log from its first line to its last. With anchors, the signers of its stamps have to lead to them;
 * without, only the stamps themselves are checked.
 * @throws the system's error: the folder or a file cannot be read
 */
export async function checkAuditLog(
  folder: AuditFolder,
  options: {
    readonly anchors: readonly TrustAnchor[];
    /** A line that was seen elsewhere. */
    readonly seen?: AuditHead | undefined;
  },
): Promise<AuditReport> {
  const files = await folder.list();
  const stampedLines = (await folder.stamps()).map((name) => parseStampFileName(name) ?? 0);
  const walk: Walk = {
    head: emptyHead,
    lines: 0,
    before: emptyHead,
    recent: new Map(),
    stamped: new Map(stampedLines.map((seq) => [seq, undefined])),
    announced: [],
    retired: [],
    seenHash: undefined,
    findings: [],
  };
  for (const file of files) {
    try {
      await walkFile(folder, file, walk, options.seen);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      walk.findings.push({ level: 'error', file, cause: error.message });
    }
  }
  const stamps = await checkStamps(folder, walk, options.anchors);
  const findings = [
    ...checkBeginning(walk, files[0] ?? ''),
    ...walk.findings,
    ...stamps.findings,
    ...checkSeen(walk, options.seen),
  ];
  const has = (level: AuditFinding['level']): boolean =>
    findings.some((finding) => finding.level === level);
  return {
    status: has('error') ? 'broken' : has('unknown') ? 'indeterminate' : 'intact',
    lines: walk.lines,
    firstLine: walk.before.seq + 1,
    head: walk.head,
    stamps: stamps.count,
    stampedThrough: stamps.through,
    findings,
  };
}
