// `tokiwa doctor`: where a fault lies, and whose it is. Exit codes: 0 every stage passed, 1 one failed, 3 usage or a
// configuration that cannot be used.
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { openJournalFiles } from '../adapters/files.ts';
import { openBooks } from '../books.ts';
import type { TsaConfig } from '../config.ts';
import { examine, type DoctorLine } from '../doctor.ts';
import { openJournal } from '../journal.ts';
import { loadTsaConfig, logEvents, untilSignal, withExitCode } from './context.ts';

type ExamineOptions = {
  readonly config: string;
  readonly stamp?: boolean;
  readonly json?: boolean;
};

function textOf(lines: readonly DoctorLine[]): string {
  const failed = lines.find(({ passed }) => !passed);
  const end = failed
    ? `first failing stage: ${failed.subject}, ${failed.stage}; to act: ${failed.party ?? ''}${failed.contact === undefined ? '' : `; call ${failed.contact}`}`
    : 'every stage passed';
  return [
    ...lines.map(
      ({ subject, stage, passed, detail }) =>
        `${passed ? 'ok    ' : 'FAILED'} ${subject}: ${stage}: ${detail}`,
    ),
    end,
    '',
  ].join('\n');
}

async function run(config: TsaConfig, options: ExamineOptions): Promise<readonly DoctorLine[]> {
  const runtime = {
    config,
    clock: { now: () => Temporal.Now.instant() },
    random: (length: number) => new Uint8Array(randomBytes(length)),
    events: logEvents,
    signal: untilSignal(),
  };
  if (!options.stamp) return examine({ ...runtime, journal: undefined });
  if (config.database) {
    await using books = await openBooks(runtime);
    return await examine({ ...runtime, journal: books.journal });
  }
  // Segments of its own: the running proxy's are not touched, and the bill has these tokens too.
  const files = await openJournalFiles(config.journalDir);
  await using journal = await openJournal({ ...runtime, files });
  return await examine({ ...runtime, journal });
}

async function doctor(options: ExamineOptions): Promise<void> {
  const config = await loadTsaConfig(options.config);
  const lines = await run(config, options);
  process.stdout.write(options.json ? `${JSON.stringify(lines, undefined, 1)}\n` : textOf(lines));
  if (lines.some(({ passed }) => !passed)) process.exitCode = 1;
}

/** Adds `doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('find out where a fault lies: books, name, connection, TLS, HTTP, token, chain')
    .requiredOption('--config <file>', 'configuration file of the proxy')
    .option('--stamp', 'buy one token of each provider, to look at what comes')
    .option('--json', 'write the stages as JSON')
    .action((options: ExamineOptions) => withExitCode(() => doctor(options)));
}
