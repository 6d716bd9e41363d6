// `tokiwa tsa serve` runs the proxy until it is told to stop, `tokiwa tsa reload` has it take over a changed
// configuration. Exit code 3: the configuration cannot be used.
import type { Command } from 'commander';
import { askForReload, openControl } from '../adapters/control.ts';
import { createSystemClock, createSystemRandom } from '../adapters/system.ts';
import type { TsaConfig } from '../config/config.ts';
import { startTsa, type RunningTsa } from '../main.ts';
import { errorFields } from '../replies.ts';
import { loadTsaConfig, logEvents, untilSignal, withExitCode } from './context.ts';

type ServeOptions = { readonly config: string };

/** Reloads at SIGHUP; what is wrong with the new configuration is an event, and the old one stays. */
function reloadOnHangup(reload: () => Promise<void>): Disposable {
  const listener = (): void => {
    reload().catch((error: unknown) => {
      logEvents({ level: 'error', name: 'tsa.reload.failed', ...errorFields(error) });
    });
  };
  process.on('SIGHUP', listener);
  return {
    [Symbol.dispose]: () => {
      process.off('SIGHUP', listener);
    },
  };
}

/**
 * Who reads the log may go away: what is said is lost then, and no client may notice. The audit log is in files. To the
 * end of the process: its last lines are written when everything else is closed.
 */
function outliveLogReader(): void {
  process.stderr.on('error', () => undefined);
}

async function serve({ config: file }: ServeOptions): Promise<void> {
  const config = await loadTsaConfig(file);
  const signal = untilSignal();
  outliveLogReader();
  const loadConfig = (): Promise<TsaConfig> => loadTsaConfig(file);
  const started = Promise.withResolvers<RunningTsa>();
  const reload = async (): Promise<void> => {
    const running = await started.promise;
    await running.reload(await loadConfig());
  };
  // Before anything is written: the folder has one writer.
  await using _control = await openControl(config.stateDir, { reload });
  await using tsa: RunningTsa = await startTsa({
    config,
    clock: createSystemClock(),
    steadyClock: () => performance.now(),
    random: createSystemRandom(),
    events: logEvents,
    loadConfig,
    signal,
  });
  started.resolve(tsa);
  using _hangup = reloadOnHangup(reload);
  process.stderr.write(`tokiwa: time-stamping at ${[tsa.url, ...tsa.secureUrls].join(' ')}\n`);
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => {
    resolve(undefined);
  });
  await promise;
}

async function reload({ config: file }: ServeOptions): Promise<void> {
  const { stateDir } = await loadTsaConfig(file);
  await askForReload(stateDir);
  process.stderr.write('tokiwa: the proxy has taken over the configuration\n');
}

/** Adds `tsa serve` and `tsa reload`. */
export function registerServe(tsa: Command): void {
  tsa
    .command('serve')
    .description('run the proxy until it is told to stop; SIGHUP reloads the configuration')
    .requiredOption('--config <file>', 'configuration file (YAML)')
    .action((options: ServeOptions) => withExitCode(() => serve(options)));
  tsa
    .command('reload')
    .description('check a changed configuration and have the running proxy take it over')
    .requiredOption('--config <file>', 'configuration file of that proxy')
    .action((options: ServeOptions) => withExitCode(() => reload(options)));
}
