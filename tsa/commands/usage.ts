// `tokiwa tsa usage`: what was bought, from the journal alone, while the proxy runs or not; with --without, what is left
// without a provider. Exit codes: 0 done, 2 some lines of the journal are damaged, 3 usage or unreadable input.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { readJournalFolder, type JournalFolder } from '../adapters/files.ts';
import { checkOneOf, openKeptRecords } from '../adapters/kept-records.ts';
import { createSystemClock } from '../adapters/system.ts';
import { defaultLimits, type TsaConfig } from '../config/config.ts';
import { parseJournalLine } from '../journal/journal-line.ts';
import { createUsageTable, usageCsv, usageJson, usageText } from '../metering/usage.ts';
import { withoutProvider, type WithoutQuestion } from '../metering/without-provider.ts';
import { withoutCsv, withoutJson, withoutText } from '../metering/without-report.ts';
import { loadTsaConfig, logEvents, readable, withExitCode } from './context.ts';

const clock = createSystemClock();

type UsageOptions = {
  readonly config?: string;
  readonly journal?: string;
  readonly timeZone?: string;
  readonly month?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
  readonly without?: string;
  readonly on?: string;
};

type Place = AsyncDisposable & {
  readonly files: JournalFolder;
  readonly name: string;
  readonly timeZone: string;
  readonly config: TsaConfig | undefined;
};

async function placeOf({ config, journal, timeZone }: UsageOptions): Promise<Place> {
  checkOneOf(config, journal, '--config or --journal');
  if (config === undefined)
    return {
      files: readJournalFolder(journal ?? ''),
      name: journal ?? '',
      timeZone: timeZone ?? defaultLimits.timeZone,
      config: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const settings = await loadTsaConfig(config);
  const kept = await openKeptRecords(settings, logEvents);
  return {
    files: kept.journal,
    name: kept.journalPlace,
    timeZone: timeZone ?? settings.timeZone,
    config: settings,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** The day that is asked about. @throws ConfigError ERR_CONFIG_USAGE: it is none */
function dayOn(text: string | undefined, timeZone: string): Temporal.PlainDate {
  if (text === undefined) return clock.now().toZonedDateTimeISO(timeZone).toPlainDate();
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || !isDay(text))
    throw new ConfigError('ERR_CONFIG_USAGE', `no day: ${text}; write it as 2030-01-31`);
  return Temporal.PlainDate.from(text);
}

function isDay(text: string): boolean {
  try {
    return Temporal.PlainDate.from(text).toString() === text;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What is asked about a provider. @throws ConfigError ERR_CONFIG_USAGE: there is no such one */
function questionOf(
  { without: provider, on }: UsageOptions,
  { config }: Place,
): Omit<WithoutQuestion, 'rows'> | undefined {
  if (provider === undefined) {
    if (on === undefined) return undefined;
    throw new ConfigError('ERR_CONFIG_USAGE', '--on goes with --without');
  }
  if (!config) throw new ConfigError('ERR_CONFIG_USAGE', '--without needs --config');
  if (Object.hasOwn(config.providers, provider))
    return { config, provider, on: dayOn(on, config.timeZone) };
  const known = Object.keys(config.providers).join(', ');
  throw new ConfigError('ERR_CONFIG_USAGE', `no provider ${provider} here, but ${known}`);
}

async function usage(options: UsageOptions): Promise<void> {
  const { month } = options;
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month))
    throw new ConfigError('ERR_CONFIG_USAGE', `no month: ${month}; write it as 2030-01`);
  await using place = await placeOf(options);
  const question = questionOf(options, place);
  const { files, name: folder } = place;
  // Limits and budgets count by the days of the configuration.
  const timeZone = question?.config.timeZone ?? place.timeZone;
  const table = createUsageTable({ timeZone, month, byDay: question !== undefined });
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
  if (question) {
    const write = options.csv ? withoutCsv : options.json ? withoutJson : withoutText;
    process.stdout.write(write(withoutProvider({ ...question, rows: table.rows() })));
  } else {
    const write = options.csv ? usageCsv : options.json ? usageJson : usageText;
    process.stdout.write(write(table.rows()));
  }
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
    .option('--without <provider>', 'what is left without this provider, by profile')
    .option('--on <day>', 'the day by which accreditations are judged (default: today)')
    .action((options: UsageOptions) => withExitCode(() => usage(options)));
}
