// `tokiwa audit verify`: checks an audit log offline. Exit codes: 0 as it was written, 1 changed, 2 a stamp could not
// be judged, 3 usage or unreadable input.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { readAuditFolder } from '../adapters/audit-files.ts';
import { checkAuditLog, type AuditReport } from '../audit-check.ts';
import { readable, withExitCode } from './context.ts';

type VerifyOptions = { readonly anchors?: string[]; readonly json?: boolean };

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

async function verify(folder: string, options: VerifyOptions): Promise<void> {
  const certificates = options.anchors ? await loadCertificates(options.anchors) : [];
  const report = await readable(folder, () =>
    checkAuditLog(readAuditFolder(folder), {
      anchors: certificates.map((certificate) => ({ certificate })),
    }),
  );
  if (report.lines === 0 && report.findings.length === 0)
    throw new ConfigError('ERR_CONFIG_USAGE', `${folder} holds no audit log`);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(report, undefined, 1)}\n`
      : textOf(report, certificates.length > 0),
  );
  process.exitCode = exitCodes[report.status];
}

/** Adds `audit verify`. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description('the audit log of the proxy')
    .command('verify')
    .description('check that no line was changed, removed or put in, and that the stamps fit')
    .argument('<folder>', 'folder of the audit log')
    .option('--anchors <file...>', 'trust anchors that the stamps must lead to (PEM or DER)')
    .option('--json', 'write the findings as JSON')
    .action((folder: string, options: VerifyOptions) =>
      withExitCode(() => verify(folder, options)),
    );
}
