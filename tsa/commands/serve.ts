// `tokiwa tsa serve`: runs the proxy until it is told to stop. Exit code 3: the configuration cannot be used.
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { startTsa } from '../main.ts';
import { loadTsaConfig, logEvents, untilSignal, withExitCode } from './context.ts';

async function serve(options: { readonly config: string }): Promise<void> {
  const config = await loadTsaConfig(options.config);
  const signal = untilSignal();
  await using tsa = await startTsa({
    config,
    clock: { now: () => Temporal.Now.instant() },
    random: (length) => randomBytes(length),
    events: logEvents,
    signal,
  });
  process.stderr.write(`tokiwa: time-stamping at ${tsa.url}\n`);
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => {
    resolve(undefined);
  });
  await promise;
}

/** Adds `tsa serve`. */
export function registerServe(tsa: Command): void {
  tsa
    .command('serve')
    .description('run the proxy until it is told to stop')
    .requiredOption('--config <file>', 'configuration file (YAML)')
    .action((options: { readonly config: string }) => withExitCode(() => serve(options)));
}
