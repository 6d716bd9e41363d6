// `tokiwa retention set|import|show|hold`: the operator's word on how long a document is kept. It is
// journalled in the evidence store; the next run plans by it.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import type { RetentionStatement } from '#shared/ports/catalogue.ts';
import { presetOf } from '../config.ts';
import type { JournalEntry } from '../journal-entries.ts';
import type { Archiver } from '../main.ts';
import { refreshRetention } from '../stages/refresh-retention.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { documentOf } from './evidence.ts';

type Options = { readonly config?: string; readonly store?: string; readonly by: string };

const maxImportBytes = 64 * 1024 * 1024;

/** @throws ConfigError ERR_CONFIG_USAGE, ERR_CONFIG_INVALID: no date, or no such preset */
function statementOf(
  archiver: Archiver,
  rule: string | undefined,
  start: string | undefined,
  place: string,
): RetentionStatement {
  if (rule === undefined && start === undefined)
    throw new ConfigError('ERR_CONFIG_USAGE', `${place}: give a rule, a start, or both`);
  if (rule !== undefined) presetOf(archiver.config, rule);
  if (start !== undefined) {
    try {
      Temporal.PlainDate.from(start);
    } catch {
      throw new ConfigError(
        'ERR_CONFIG_USAGE',
        `${place}: ${JSON.stringify(start)} is no date (YYYY-MM-DD)`,
      );
    }
  }
  return {
    presets: rule === undefined ? undefined : [rule],
    events: start === undefined ? undefined : { start },
  };
}

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

/** Lines `key,rule,start` with a heading; a field may stand in double quotes. */
function parseCsv(text: string): {
  readonly key: string;
  readonly rule: string | undefined;
  readonly start: string | undefined;
  readonly line: number;
}[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return lines.flatMap((line, index) => {
    if (index === 0 || line.trim() === '') return [];
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) =>
      (match[1] ?? match[2] ?? '').replaceAll('""', '"').trim(),
    );
    const [key = '', rule, start] = fields;
    return [
      {
        key,
        rule: rule === '' ? undefined : rule,
        start: start === '' ? undefined : start,
        line: index + 1,
      },
    ];
  });
}

async function importFile(file: string, options: Options): Promise<void> {
  const octets = await readFile(file);
  if (octets.length > maxImportBytes)
    throw new ConfigError('ERR_CONFIG_USAGE', `${file} is larger than ${maxImportBytes} bytes`);
  const rows = parseCsv(octets.toString('utf8'));
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const entries: JournalEntry[] = [];
    for (const { key, rule, start, line } of rows) {
      const statement = statementOf(archiver, rule, start, `${file}, line ${line}`);
      const { store } = await documentOf(archiver, key, options.store);
      entries.push({ kind: 'retention-set', store, key, statement, by: options.by });
    }
    await journal(archiver, entries, signal);
    process.stdout.write(`${entries.length} documents\n`);
  });
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
    .option('--rule <preset>', 'id of a retention preset')
    .option('--start <date>', 'start date, YYYY-MM-DD')
    .action(
      async (
        key: string,
        options: Options & { readonly rule?: string; readonly start?: string },
      ) => {
        await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
          const { store } = await documentOf(archiver, key, options.store);
          const statement = statementOf(archiver, options.rule, options.start, key);
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
      .description('set many from a CSV file: key,rule,start with a heading')
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
