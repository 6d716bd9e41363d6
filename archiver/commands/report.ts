// `tokiwa report`: the report from the catalogue as it stands, to a file or standard output, stamped where that
// is asked for.
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { createDigest } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { strongestFirst } from '#shared/tsp/strongest-digest.ts';
import type { ReportDigests } from '../reports/stamp.ts';
import { parseInstant } from './archive.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { writeOutput } from './output-file.ts';

type ReportOptions = {
  readonly config?: string;
  readonly format: string;
  readonly lang: string;
  readonly output?: string;
  readonly stamp?: boolean;
  readonly at?: string;
  readonly rerun?: boolean;
};

async function report(options: ReportOptions): Promise<void> {
  const { format, lang, output, stamp } = options;
  if (stamp && output === undefined)
    throw new ConfigError('ERR_CONFIG_USAGE', '--stamp stamps a file: give -o');
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const { renderReport } = await import('../reports/write.ts');
    const at = options.at === undefined ? systemClock().now() : parseInstant(options.at);
    const pieces = renderReport(archiver, { format, lang, at, reread: options.rerun });
    // Streamed: a report of a large archive is larger than memory should be.
    if (output === undefined) {
      await pipeline(pieces, process.stdout, { end: false });
      return;
    }
    const digests = strongestFirst.map(
      (algorithm) => [algorithm, createDigest(algorithm)] as const,
    );
    const digesting = async function* (octets: AsyncIterable<string | Uint8Array>) {
      for await (const piece of octets) {
        const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
        if (stamp) for (const [, running] of digests) running.update(chunk);
        yield chunk;
      }
    };
    await writeOutput(output, digesting(pieces));
    if (!stamp) return;
    const { stampReport } = await import('../reports/stamp.ts');
    const finished = Object.fromEntries(
      digests.map(([algorithm, running]) => [algorithm, running.finish()]),
    ) as ReportDigests;
    const stamped = await stampReport(await archiver.night(signal), finished, signal);
    await writeOutput(`${output}.tsr`, stamped.response);
    const { genTime, algorithm, reason } = stamped;
    process.stdout.write(
      `${output}.tsr: stamped at ${genTime.toString()} by ${algorithm} (${reason})\n`,
    );
  });
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('the report from the catalogue as it stands')
    .option(...configOption)
    .option('--format <format>', 'json, html, csv or pdf (PDF/A)', 'json')
    .option('--lang <lang>', 'of html and pdf: ja or en', 'ja')
    .option('-o, --output <file>', 'write here instead of standard output')
    .option('--at <time>', 'as of another time')
    .option(
      '--rerun',
      'under the policies and rules of this configuration, whatever the last run planned by',
    )
    .option('--stamp', 'buy one token over the file and write it beside: <file>.tsr')
    .action(report);
}
