// `tokiwa tsa usage`: what was bought, from the journal alone, while the proxy runs or not. Exit codes: 0 done, 2 some
// lines of the journal are damaged, 3 usage or unreadable input.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { readJournalFolder, type JournalFolder } from '../adapters/files.ts';
import { checkOneOf, openKeptRecords } from '../adapters/kept-records.ts';
import { defaultLimits } from '../config.ts';
import { parseJournalLine } from '../journal-line.ts';
import { createUsageTable, usageCsv, usageJson, usageText } from '../usage.ts';
import { loadTsaConfig, logEvents, readable, withExitCode } from './context.ts';

type UsageOptions = {
  readonly config?: string;
  readonly journal?: string;
  readonly timeZone?: string;
  readonly month?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
};

type Place = AsyncDisposable & {
  readonly files: JournalFolder;
  readonly name: string;
  readonly timeZone: string;
};

async function placeOf({ config, journal, timeZone }: UsageOptions): Promise<Place> {
  checkOneOf(config, journal, '--config or --journal');
  if (config === undefined)
    return {
      files: readJournalFolder(journal ?? ''),
      name: journal ?? '',
      timeZone: timeZone ?? defaultLimits.timeZone,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const settings = await loadTsaConfig(config);
  const kept = await openKeptRecords(settings, logEvents);
  return {
    files: kept.journal,
    name: kept.journalPlace,
    timeZone: timeZone ?? settings.timeZone,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

async function usage(options: UsageOptions): Promise<void> {
  const { month } = options;
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month))
    throw new ConfigError('ERR_CONFIG_USAGE', `no month: ${month}; write it as 2030-01`);
  await using place = await placeOf(options);
  const { files, name: folder, timeZone } = place;
  const table = createUsageTable({ timeZone, month });
  let damaged = 0;
  await readable(folder, async () => {
    for (const segment of await files.list()) {
      for await (const { octets, whole } of files.lines(segment)) {
        const record = parseJournalLine(octets);
        if (record) table.add(record);
        // A torn last line is what a crash leaves: nobody was told of it.
        else if (whole) damaged++;
      }
    }
  });
  const write = options.csv ? usageCsv : options.json ? usageJson : usageText;
  process.stdout.write(write(table.rows()));
  if (damaged === 0) return;
  process.stderr.write(`tokiwa: ${damaged} lines of ${folder} are damaged and not counted\n`);
  process.exitCode = 2;
}

/** Adds `tsa usage`. */
export function registerUsage(tsa: Command): void {
  tsa
    .command('usage')
    .description('tokens and cost by month, client, profile and provider, from the journal')
    .option('--config <file>', 'configuration file of the proxy')
    .option('--journal <folder>', 'the journal itself, instead of --config')
    .option('--time-zone <zone>', 'where months begin (default: as configured)')
    .option('--month <month>', 'this month alone, such as 2030-01')
    .option('--csv', 'write CSV')
    .option('--json', 'write JSON')
    .action((options: UsageOptions) => withExitCode(() => usage(options)));
}
