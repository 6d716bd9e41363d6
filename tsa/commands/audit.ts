// `tokiwa audit verify`: checks an audit log offline; `tokiwa audit export` copies one out of a database. Exit codes: 0 as it was written, 1 changed, 2 a stamp could not
// be judged, 3 usage or unreadable input.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { exportAuditLog } from '../adapters/audit-export.ts';
import { readAuditFolder } from '../adapters/audit-files.ts';
import { checkOneOf, openKeptRecords } from '../adapters/kept-records.ts';
import { checkAuditLog, type AuditReport } from '../audit-check.ts';
import { loadTsaConfig, logEvents, readable, withExitCode } from './context.ts';

type VerifyOptions = {
  readonly config?: string;
  readonly anchors?: string[];
  readonly json?: boolean;
};

const exitCodes = { intact: 0, broken: 1, indeterminate: 2 } as const;

function textOf(report: AuditReport, trusted: boolean): string {
  const { lines, firstLine, head, stamps, stampedThrough, findings, status } = report;
  const uncovered = head.seq - stampedThrough;
  return [
    ...findings.map(
      ({ level, file, line, cause }) =>
        `${level}: ${file}${line === undefined ? '' : `:${line}`}: ${cause}`,
    ),
    `${status}: lines ${firstLine} to ${head.seq} (${lines}), SHA-256 of the last: ${head.hash}`,
    stamps === 0
      ? 'no stamp: the log could have been written anew as a whole'
      : `${stamps} stamps, the last good one over line ${stampedThrough}; ${uncovered} lines after it`,
    ...(stamps > 0 && !trusted ? ['who signed the stamps was not checked (--anchors)'] : []),
    '',
  ].join('\n');
}

/** The log in a folder, or that of the proxy with this configuration. */
async function openLog(folder: string | undefined, config: string | undefined) {
  checkOneOf(folder, config, 'a folder or --config');
  if (config === undefined)
    return {
      log: readAuditFolder(folder ?? ''),
      place: folder ?? '',
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const kept = await openKeptRecords(await loadTsaConfig(config), logEvents);
  return {
    log: kept.audit,
    place: kept.auditPlace,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

async function verify(folder: string | undefined, options: VerifyOptions): Promise<void> {
  const certificates = options.anchors ? await loadCertificates(options.anchors) : [];
  await using opened = await openLog(folder, options.config);
  const { log, place } = opened;
  const report = await readable(place, () =>
    checkAuditLog(log, {
      anchors: certificates.map((certificate) => ({ certificate })),
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
    .option('--json', 'write the findings as JSON')
    .action((folder: string | undefined, options: VerifyOptions) =>
      withExitCode(() => verify(folder, options)),
    );
}
