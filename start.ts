// `npm start`: the whole of Tokiwa on one machine with no configuration and no account. Makes a state
// folder with a configuration, places the samples in a document folder, brings up TSA and archiver,
// runs the first night at once, and serves the report page until it is stopped.
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { interruptSignal, loadConfig, systemClock } from '#archiver/commands/context.ts';
import { terminalEvents } from '#archiver/adapters/terminal-events.ts';
import { openArchiver } from '#archiver/main.ts';
import { runnerOf } from '#archiver/runner.ts';
import type { RunSummary } from '#archiver/reports/report.ts';
import { startSchedule, type Schedule } from '#archiver/schedule.ts';
import { simulationTimeline } from '#archiver/simulation/timeline.ts';
import { evidenceOf } from '#archiver/commands/evidence.ts';
import { startWeb } from '#archiver/web.ts';
import { trackProgress } from '#archiver/web/progress.ts';
import { ConflictError } from '#shared/errors.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { stringify } from 'yaml';
import { startEmbeddedTsa } from './embedded-tsa.ts';

type StartOptions = {
  readonly state: string;
  readonly documents: string;
  readonly port: string;
  readonly tsaPort: string;
  readonly samples: boolean;
  readonly once?: boolean;
};

const root = import.meta.dirname;

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  return (await exists(file)) ? readFile(file, 'utf8') : undefined;
}

/** The configuration that the first start writes; afterwards it is the operator's. */
async function firstConfig(options: Omit<StartOptions, 'once'>): Promise<string> {
  const samples = path.join(root, 'samples');
  const rules: unknown = JSON.parse(await readFile(path.join(samples, 'rules.json'), 'utf8'));
  const url = `http://127.0.0.1:${options.tsaPort}/`;
  const settings = {
    state: '.',
    stores: [
      { kind: 'folder', name: 'documents', path: path.relative(options.state, options.documents) },
    ],
    tsa: {
      url,
      local: { state: 'tsa', port: Number(options.tsaPort) },
      anchors: ['tsa/public/anchors.pem'],
      crls: ['tsa/public/crls'],
    },
    signers: options.samples
      ? {
          anchors: [path.relative(options.state, path.join(samples, 'pki', 'anchors'))],
          crls: [path.relative(options.state, path.join(samples, 'pki', 'crls'))],
          tsuAnchors: [path.relative(options.state, path.join(samples, 'pki', 'anchors'))],
        }
      : {},
    retention: { rules: options.samples ? rules : [] },
    web: { host: '127.0.0.1', port: Number(options.port) },
  };
  return `# Tokiwa on this machine. Every key: docs/configuration.md\n${stringify(settings)}`;
}

/** Configuration and samples where there are none yet; `isFirst`: they were written just now. */
export async function prepare(
  options: Omit<StartOptions, 'once'>,
): Promise<{ readonly configFile: string; readonly isFirst: boolean }> {
  const configFile = path.join(options.state, 'tokiwa.yaml');
  await mkdir(options.state, { recursive: true });
  if (await exists(configFile)) return { configFile, isFirst: false };
  const isNew = !(await exists(options.documents));
  await mkdir(options.documents, { recursive: true });
  // Samples only into a folder that was empty: nobody's documents are mixed with them.
  if (options.samples && (isNew || (await readdir(options.documents)).length === 0)) {
    await cp(path.join(root, 'samples', 'documents'), options.documents, {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  await writeFile(configFile, await firstConfig(options), { flag: 'wx' });
  return { configFile, isFirst: true };
}

/** Who tries it out with the samples has nobody to name yet: that whom to call is missing is no news then. */
export function eventsOf(
  { isFirst, samples }: { readonly isFirst: boolean; readonly samples: boolean },
  events: EventSink,
): EventSink {
  if (!isFirst || !samples) return events;
  return (event) => {
    if (event.name !== 'archiver.contact.missing') events(event);
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(summary: RunSummary): string {
  const { outcome, scanned, added, protectedGroups, tokensBought, findings } = summary;
  return `nightly run ${outcome}: ${scanned} listed, ${added} new, ${protectedGroups} protected by ${tokensBought} timestamp${tokensBought === 1 ? '' : 's'}, ${findings.length} findings`;
}

async function start(options: StartOptions): Promise<void> {
  const signal = interruptSignal();
  const clock = systemClock();
  const progress = trackProgress(terminalEvents({ json: false }));
  const { configFile, isFirst } = await prepare(options);
  const events = eventsOf({ ...options, isFirst }, progress.events);
  const config = await loadConfig(configFile);
  say(`Tokiwa: state in ${options.state}, documents in ${options.documents}`);
  try {
    await using _tsa = await startEmbeddedTsa(config, { clock, events, signal });
    say(
      `timestamps from ${config.tsa.url}${config.tsa.local ? ' (local TSU, not accredited)' : ''}`,
    );
    await using archiver = await openArchiver(config, { clock, events, signal, create: true });
    const runner = runnerOf(archiver, clock, signal);
    const planned: { schedule?: Schedule } = {};
    await using web = await startWeb({
      archiver,
      run: runner.run,
      running: runner.running,
      takeIn: runner.takeIn,
      progress,
      evidence: (row) => evidenceOf(archiver, row, signal),
      timeline: () => readIfThere(simulationTimeline(config.state)),
      nextRun: () => planned.schedule?.nextRun(),
      clock,
      events,
    });
    say('the first nightly run:');
    try {
      say(describe(await runner.run()));
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      say(`the run has to wait: ${error.message}`);
    }
    if (options.once || signal.aborted) return;
    await using nightly = startSchedule({
      cron: config.schedule.cron,
      timeZone: config.timeZone,
      events,
      run: async () => {
        say(describe(await runner.run()));
      },
    });
    planned.schedule = nightly;
    say(
      `\nreport: ${web.url}\nput documents into ${options.documents}; they are protected at the next run (the page's button, or ./tokiwa run). Ctrl-C stops.`,
    );
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  say('stopped; starting again continues');
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('Tokiwa on this machine: local TSA, archiver, first run, report page')
    .option('--state <folder>', 'where state is kept', path.join(root, 'state'))
    .option('--documents <folder>', 'where documents are', path.join(root, 'documents'))
    .option('--port <n>', 'port of the report page', '3180')
    .option('--tsa-port <n>', 'port of the local TSA', '3161')
    .option('--no-samples', 'place no sample documents')
    .option('--once', 'end after the first run')
    .action((options: StartOptions) =>
      start({
        ...options,
        state: path.resolve(options.state),
        documents: path.resolve(options.documents),
      }),
    );
}
