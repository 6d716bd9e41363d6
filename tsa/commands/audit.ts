// `tokiwa audit verify`: checks an audit log offline; `tokiwa audit export` copies one out of a database. Exit codes: 0 as it was written, 1 changed, 2 a stamp could not
// be judged, 3 usage or unreadable input.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { exportAuditLog } from '../adapters/audit-export.ts';
import { readAuditFolder } from '../adapters/audit-files.ts';
import { seenHeadOf } from '../adapters/seen-head.ts';
import { checkOneOf, openKeptRecords } from '../adapters/kept-records.ts';
import type { AuditHead } from '../audit/audit-line.ts';
import { checkAuditLog, findingPlace, type AuditReport } from '../audit/audit-check.ts';
import { loadTsaConfig, logEvents, readable, withExitCode } from './context.ts';

type VerifyOptions = {
  readonly config?: string;
  readonly anchors?: string[];
  readonly seen?: string;
  readonly json?: boolean;
};

const exitCodes = { intact: 0, broken: 1, indeterminate: 2 } as const;

function textOf(report: AuditReport, trusted: boolean): string {
  const { lines, firstLine, head, stamps, stampedThrough, findings, status } = report;
  const uncovered = head.seq - stampedThrough;
  return [
    ...findings.map((finding) => `${finding.level}: ${findingPlace(finding)}${finding.cause}`),
    `${status}: lines ${firstLine} to ${head.seq} (${lines}), SHA-256 of the last: ${head.hash}`,
    stamps === 0
      ? 'no stamp: the log could have been written anew as a whole'
      : `${stamps} stamps, the last good one over line ${stampedThrough}; ${uncovered} lines after it`,
    ...(stamps > 0 && !trusted ? ['who signed the stamps was not checked (--anchors)'] : []),
    '',
  ].join('\n');
}

/** @throws ConfigError ERR_CONFIG_USAGE */
function parseSeen(text: string): AuditHead {
  const [, seq = '', hash = ''] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hash !== '') return { seq: Number(seq), hash };
  throw new ConfigError(
    'ERR_CONFIG_USAGE',
    `no line that was seen: ${text}; write LINE:SHA-256, as /readyz shows them`,
  );
}

/** The log in a folder, or that of the proxy with this configuration. */
async function openLog(folder: string | undefined, config: string | undefined) {
  checkOneOf(folder, config, 'a folder or --config');
  if (config === undefined)
    return {
      log: readAuditFolder(folder ?? ''),
      place: folder ?? '',
      seen: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const settings = await loadTsaConfig(config);
  // Read before the log, which may go on meanwhile.
  const seen = await seenHeadOf(settings)?.load();
  const kept = await openKeptRecords(settings, logEvents);
  return {
    log: kept.audit,
    place: kept.auditPlace,
    seen,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

async function verify(folder: string | undefined, options: VerifyOptions): Promise<void> {
  const certificates = options.anchors ? await loadCertificates(options.anchors) : [];
  const given = options.seen === undefined ? undefined : parseSeen(options.seen);
  await using opened = await openLog(folder, options.config);
  const { log, place, seen } = opened;
  const report = await readable(place, () =>
    checkAuditLog(log, {
      anchors: certificates.map((certificate) => ({ certificate })),
      seen: given ?? seen,
    }),
  );
  if (report.lines === 0 && report.findings.length === 0)
    throw new ConfigError('ERR_CONFIG_USAGE', `${place} holds no audit log`);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(report, undefined, 1)}\n`
      : textOf(report, certificates.length > 0),
  );
  process.exitCode = exitCodes[report.status];
}

async function exportLog(folder: string, { config }: { readonly config: string }): Promise<void> {
  await using kept = await openKeptRecords(await loadTsaConfig(config), logEvents);
  const { lines, stamps } = await readable(folder, () => exportAuditLog(kept.audit, folder));
  process.stdout.write(`${lines} lines and ${stamps} stamps in ${folder}\n`);
}

/** Adds `audit verify` and `audit export`. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('the audit log of the proxy');
  audit
    .command('export')
    .description('copy the log out of a database, or from its folder, into another folder')
    .argument('<folder>', 'folder to write; files that are there are replaced')
    .requiredOption('--config <file>', 'configuration file of the proxy')
    .action((folder: string, options: { readonly config: string }) =>
      withExitCode(() => exportLog(folder, options)),
    );
  audit
    .command('verify')
    .description('check that no line was changed, removed or put in, and that the stamps fit')
    .argument('[folder]', 'folder of the audit log')
    .option('--config <file>', 'configuration file of the proxy, instead of a folder')
    .option('--anchors <file...>', 'trust anchors that the stamps must lead to (PEM or DER)')
    .option(
      '--seen <line:sha256>',
      'a line that was seen before and has to be there (default: what the proxy of --config kept)',
    )
    .option('--json', 'write the findings as JSON')
    .action((folder: string | undefined, options: VerifyOptions) =>
      withExitCode(() => verify(folder, options)),
    );
}
