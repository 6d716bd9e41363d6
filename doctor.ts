// `tokiwa doctor`: where a fault lies, and whose it is: of an archive, of the proxy, or of both at once. Exit codes:
// 0 every stage passed, 1 one failed, 3 usage or a configuration that cannot be used.
import type { Command } from 'commander';
import { doctorOfArchive } from '#archiver/commands/doctor.ts';
import { renderExamination, type ExaminedStage } from '#shared/examination.ts';
import { doctorOfProxy } from '#tsa/commands/doctor.ts';

type Options = {
  readonly archive?: string;
  readonly config?: string;
  readonly stamp?: boolean;
  readonly json?: boolean;
};

async function doctor({ archive, config, stamp = false, json }: Options): Promise<void> {
  const lines: ExaminedStage[] = [];
  if (archive !== undefined || config === undefined)
    lines.push(...(await doctorOfArchive(archive)));
  if (config !== undefined) lines.push(...(await doctorOfProxy(config, stamp)));
  process.stdout.write(
    json ? `${JSON.stringify(lines, undefined, 1)}\n` : renderExamination(lines),
  );
  if (lines.some(({ passed }) => !passed)) process.exitCode = 1;
}

/** Adds `doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'find out where a fault lies: stores, catalogue, books, name, connection, TLS, HTTP, token, chain',
    )
    .option(
      '--archive <file>',
      'configuration file of the archiver (without --config: $TOKIWA_CONFIG or state/tokiwa.yaml)',
    )
    .option('--config <file>', 'configuration file of the proxy')
    .option('--stamp', 'buy one token of each provider of the proxy, to look at what comes')
    .option('--json', 'write the stages as JSON')
    .addHelpText('after', '\nExit status: 0 every stage passed, 1 one failed, 3 usage.')
    .action(doctor);
}
