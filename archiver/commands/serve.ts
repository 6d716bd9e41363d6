// `tokiwa serve`: the report page, the nightly run by its schedule, and documents over HTTP, in one process that goes on
// until it is stopped.
import type { Command } from 'commander';
import type { EmbeddedTsa } from '../embedded-tsa.ts';
import { runnerOf } from '../runner.ts';
import { startSchedule, type Schedule } from '../schedule.ts';
import { startWeb } from '../web.ts';
import { trackProgress } from '../web/progress.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { evidenceOf } from './evidence.ts';

type Options = { readonly config?: string; readonly json?: boolean };

async function serve(options: Options, embeddedTsa: EmbeddedTsa): Promise<void> {
  const { config: file, json } = options;
  await withArchiver(file, { create: true, json }, async ({ archiver, signal, ...context }) => {
    const clock = systemClock();
    const progress = trackProgress(context.events);
    const { events } = progress;
    const { config } = archiver;
    await using _tsa = await embeddedTsa(config, { clock, events, signal });
    const runner = runnerOf(archiver, clock, signal);
    const planned: { schedule?: Schedule } = {};
    await using web = await startWeb({
      archiver,
      ...{ run: runner.run, running: runner.running, takeIn: runner.takeIn },
      evidence: (row) => evidenceOf(archiver, row, signal),
      nextRun: () => planned.schedule?.nextRun(),
      ...{ progress, clock, events },
    });
    await using schedule = startSchedule({
      cron: config.schedule.cron,
      timeZone: config.timeZone,
      events,
      run: async () => {
        await runner.run();
      },
    });
    planned.schedule = schedule;
    process.stderr.write(`tokiwa: ${web.url}\n`);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
    if (!signal.aborted) await promise;
  });
}

export function registerServe(program: Command, embeddedTsa: EmbeddedTsa): void {
  program
    .command('serve')
    .description('the report page, the nightly run by its schedule, documents over HTTP')
    .option(...configOption)
    .option('--json', 'events as JSON lines on standard error')
    .action((options: Options) => serve(options, embeddedTsa));
}
