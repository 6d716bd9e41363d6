// `tokiwa simulate`: decades in a minute, on the user's own documents, with the real code.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import { decades } from '../simulation/scenario.ts';
import { settableClock, simulate, type SimulationResult } from '../simulation/simulate.ts';
import { simulationTimeline, timelineSvg, timelineText } from '../simulation/timeline.ts';
import type { StartSimulatedTsas } from '../simulation/tsas.ts';
import { parseInstant } from './archive.ts';
import { defaultConfigFile, interruptSignal } from './context.ts';
import { writeOutput } from './output-file.ts';

type Options = {
  readonly years: string;
  readonly documents: string;
  readonly start?: string;
  readonly state?: string;
  readonly exportYear: readonly number[];
  readonly json?: boolean;
};

/** What of the events is shown while decades pass: nothing, unless asked for. */
const quiet: EventSink = () => undefined;

async function prepareState(
  state: string | undefined,
): Promise<{ readonly folder: string; readonly keep: boolean }> {
  if (state === undefined)
    return { folder: await mkdtemp(path.join(tmpdir(), 'tokiwa-simulation-')), keep: false };
  const folder = path.resolve(state);
  await makeFolder(folder);
  if ((await readdir(folder)).length > 0)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${folder} is not empty: a simulation starts from nothing`,
    );
  return { folder, keep: true };
}

async function writeTimeline(folder: string, { timeline }: SimulationResult): Promise<void> {
  await makeFolder(folder);
  await writeOutput(path.join(folder, 'timeline.txt'), Buffer.from(timelineText(timeline)));
  await writeOutput(path.join(folder, 'timeline.svg'), Buffer.from(timelineSvg(timeline)));
}

/** All is well: every intact document verified, planted damage found at once, nothing bought twice. */
export function isSound(result: SimulationResult): boolean {
  return (
    result.notVerified.length === 0 &&
    result.rebuildDiffers.length === 0 &&
    result.tokensBought === result.tokensMade &&
    result.damageFound.every((damage) => damage.runsAfter === 1)
  );
}

function summaryText(result: SimulationResult, years: number): string {
  const damage = result.damageFound
    .map(
      ({ what, planted, found, runsAfter }) =>
        `  ${what}: planted ${planted.slice(0, 10)}, ${found === undefined ? 'NOT FOUND' : `found ${found.slice(0, 10)} by run ${runsAfter ?? 0} that read it`}\n`,
    )
    .join('');
  const failed = result.notVerified
    .map(({ key, reason }) => `  NOT VERIFIED ${key}: ${reason}\n`)
    .join('');
  return (
    `${years} years, ${result.runs} runs, ${result.skippedNights} nights proved empty; longest gap ${Math.round(result.longestGapDays)} days\n` +
    `${result.tokensBought} timestamps bought (${result.tokensMade} made by the providers)\n` +
    `${result.verified} of ${result.documents} documents verified at the end\n${failed}` +
    `planted damage:\n${damage}` +
    `catalogue rebuilt from the stores: ${result.rebuildDiffers.length === 0 ? 'equal' : `${result.rebuildDiffers.length} rows differ`}\n`
  );
}

async function run(options: Options, startTsas: StartSimulatedTsas): Promise<void> {
  const years = Number(options.years);
  if (!Number.isSafeInteger(years) || years < 1 || years > 60)
    throw new ConfigError('ERR_CONFIG_USAGE', '--years is a whole number from 1 to 60');
  const signal = interruptSignal();
  const start = options.start === undefined ? Temporal.Now.instant() : parseInstant(options.start);
  const scenario = decades(start.round({ smallestUnit: 'second', roundingMode: 'floor' }), years);
  const clock = settableClock(scenario.start);
  const { folder, keep } = await prepareState(options.state);
  const terminal = process.stderr.isTTY;
  try {
    await using tsas = await startTsas({
      stateDir: path.join(folder, 'tsa'),
      clock,
      tsuLifeDays: scenario.tsuLifeDays,
      caLifeDays: scenario.caLifeDays,
      events: quiet,
      signal,
    });
    const result = await simulate({
      scenario,
      documents: path.resolve(options.documents),
      state: folder,
      retention: [],
      clock,
      tsas,
      events: quiet,
      signal,
      exportYears: options.exportYear,
      onProgress: ({ at, runs, skipped }) => {
        if (terminal)
          process.stderr.write(
            `\r\u001b[K${at.toString().slice(0, 10)}  ${runs} runs, ${skipped} nights proved empty`,
          );
      },
    });
    if (terminal) process.stderr.write('\r\u001b[K');
    if (keep) await writeTimeline(folder, result);
    // The page of the archive that stands here shows the newest simulation.
    const page = path.dirname(simulationTimeline(path.dirname(defaultConfigFile())));
    if (existsSync(defaultConfigFile())) await writeTimeline(page, result);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else process.stdout.write(`${timelineText(result.timeline)}\n${summaryText(result, years)}`);
    process.exitCode = isSound(result) ? 0 : 1;
  } finally {
    if (!keep) await rm(folder, { recursive: true, force: true });
  }
}

const years = (value: string, earlier: readonly number[]): readonly number[] => [
  ...earlier,
  Number(value),
];

/** `startTsas`: how the simulated providers are started; the archiver itself knows none. */
export function registerSimulate(program: Command, startTsas: StartSimulatedTsas): void {
  program
    .command('simulate')
    .description('live through decades with the real code on a simulated clock')
    .requiredOption('--documents <folder>', 'the documents; they are copied')
    .option('--years <n>', 'how many', '40')
    .option('--start <date>', 'first day; default: today')
    .option(
      '--state <folder>',
      'keep everything here, with timeline.txt and timeline.svg; must be empty',
    )
    .option(
      '--export-year <year>',
      'write every document’s evidence at the end of this year to <state>/export (repeatable)',
      years,
      [],
    )
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      '\nExit status: 0 all intact documents verified and planted damage found at once, 1 otherwise.',
    )
    .action((options: Options) => run(options, startTsas));
}
