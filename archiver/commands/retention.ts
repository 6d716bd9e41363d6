// `tokiwa retention set|import|show|hold`: the operator's word on how long a document is kept. It is
// journalled in the evidence store; the next run plans by it.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import type { JournalEntry } from '../journal-entries.ts';
import type { Archiver } from '../main.ts';
import { parseRetentionTable, retentionStatement } from '../retention-statement.ts';
import { refreshRetention } from '../stages/refresh-retention.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { documentOf } from './evidence.ts';

type Options = { readonly config?: string; readonly store?: string; readonly by: string };

const maxImportBytes = 64 * 1024 * 1024;

async function journal(
  archiver: Archiver,
  entries: readonly JournalEntry[],
  signal: AbortSignal,
): Promise<void> {
  const at = systemClock().now();
  const { lease } = await archiver.night(signal);
  // The journal has one writer at a time: an append in the middle of a night would stop it.
  await using _lease = await archiver.evidence.acquireLease({
    ...lease,
    run: 'retention',
    at,
    duration: Temporal.Duration.from({ minutes: 5 }),
    signal,
  });
  await archiver.evidence.journal.append(entries, { at, run: 'retention', signal });
  await refreshRetention(archiver.catalogue, archiver.config, archiver.evidence, signal);
}

async function importFile(file: string, options: Options): Promise<void> {
  const octets = await readFile(file);
  if (octets.length > maxImportBytes)
    throw new ConfigError('ERR_CONFIG_USAGE', `${file} is larger than ${maxImportBytes} bytes`);
  const rows = parseRetentionTable(octets.toString('utf8'), file);
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const entries: JournalEntry[] = [];
    for (const { key, line, ...said } of rows) {
      const statement = retentionStatement(archiver.config, said, `${file}, line ${line}`);
      const { store } = await documentOf(archiver, key, options.store);
      entries.push({ kind: 'retention-set', store, key, statement, by: options.by });
    }
    await journal(archiver, entries, signal);
    process.stdout.write(`${entries.length} documents\n`);
  });
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

/** `--start` and each `--event NAME=DATE`. */
function eventsOf({
  start,
  event,
}: {
  readonly start?: string;
  readonly event: readonly string[];
}): Readonly<Record<string, string>> {
  const events = event.map((text): [string, string] => {
    const [name = '', date = ''] = text.split('=');
    return [name, date];
  });
  return Object.fromEntries(start === undefined ? events : [['start', start], ...events]);
}

export function registerRetentionCommands(program: Command): void {
  const retention = program.command('retention').description('how long documents are kept');
  const common = (command: Command): Command =>
    command
      .option(...configOption)
      .option('--store <name>', 'only in this store')
      .option('--by <name>', 'who says so', 'operator');
  common(
    retention.command('set').description('set rule and start of one document').argument('<key>'),
  )
    .option(
      '--rule <preset>',
      'id of a retention preset (repeatable: the latest end wins)',
      collect,
      [],
    )
    .option('--start <date>', 'start date, YYYY-MM-DD')
    .option(
      '--event <name=date>',
      'date of another event that the preset counts from (repeatable)',
      collect,
      [],
    )
    .action(
      async (
        key: string,
        options: Options & {
          readonly rule: readonly string[];
          readonly start?: string;
          readonly event: readonly string[];
        },
      ) => {
        await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
          const { store } = await documentOf(archiver, key, options.store);
          const events = eventsOf(options);
          const said = { rules: options.rule, events };
          const statement = retentionStatement(archiver.config, said, key);
          await journal(
            archiver,
            [{ kind: 'retention-set', store, key, statement, by: options.by }],
            signal,
          );
        });
      },
    );
  common(
    retention
      .command('import')
      .description('set many from a CSV file with a heading: key, rule, start, and events by name')
      .argument('<file>'),
  ).action(importFile);
  common(
    retention.command('show').description('rule, start and end of one document').argument('<key>'),
  ).action(async (key: string, options: Options) => {
    await withArchiver(options.config, { create: false }, async ({ archiver }) => {
      const row = await documentOf(archiver, key, options.store);
      process.stdout.write(`${JSON.stringify(row.retention, undefined, 2)}\n`);
    });
  });
  common(
    retention
      .command('hold')
      .description('keep a document beyond its end, or lift that')
      .argument('<key>')
      .argument('<on|off>'),
  ).action(async (key: string, word: string, options: Options) => {
    if (word !== 'on' && word !== 'off')
      throw new ConfigError('ERR_CONFIG_USAGE', 'hold is on or off');
    await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
      const { store } = await documentOf(archiver, key, options.store);
      await journal(
        archiver,
        [{ kind: 'hold', store, key, on: word === 'on', by: options.by }],
        signal,
      );
    });
  });
}
