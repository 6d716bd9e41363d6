// What every command of the archiver shares: the configuration file, an open archiver, signals,
// events on standard error, and output on standard out.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { readBoundedFile } from '#shared/io/bounded-file.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { parseArchiverConfig, type ArchiverConfig } from '../config.ts';
import { openArchiver, type Archiver } from '../main.ts';

/** Where the configuration is unless a command is told: that of `npm start`. */
export function defaultConfigFile(): string {
  return process.env['TOKIWA_CONFIG'] ?? path.join('state', 'tokiwa.yaml');
}

export const configOption = [
  '-c, --config <file>',
  'configuration file (default: $TOKIWA_CONFIG or state/tokiwa.yaml)',
] as const;

/** @throws ConfigError ERR_CONFIG_INVALID: not there, or with problems */
export async function loadConfig(file: string | undefined): Promise<ArchiverConfig> {
  const name = file ?? defaultConfigFile();
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch (error) {
    const hint = file === undefined ? ': `npm start` makes one, or name yours with --config' : '';
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `the configuration ${name} cannot be read (${systemErrorCode(error) ?? 'unknown'})${hint}`,
      { cause: error },
    );
  }
  return parseArchiverConfig(text, name, readBoundedFile);
}

/** Aborted by Ctrl-C or a termination signal; a second Ctrl-C ends at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write('\ntokiwa: stopping …\n');
    // Named as the platform names it: whoever waits throws it, and the command line tells it from a fault.
    controller.abort(new DOMException(`stopped by ${signal}`, 'AbortError'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

export function systemClock(): { readonly now: () => Temporal.Instant } {
  return { now: () => Temporal.Now.instant() };
}

export type CommandContext = {
  readonly archiver: Archiver;
  readonly events: EventSink;
  readonly signal: AbortSignal;
};

/** Opens the archive of the configuration and closes it after the work. */
export async function withArchiver<T>(
  configFile: string | undefined,
  options: { readonly create: boolean; readonly json?: boolean | undefined },
  work: (context: CommandContext) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(configFile);
  const signal = interruptSignal();
  const events = terminalEvents({ json: options.json ?? false });
  await using archiver = await openArchiver(config, {
    clock: systemClock(),
    events,
    signal,
    create: options.create,
  });
  // Awaited here: the archive closes when this scope ends.
  return await work({ archiver, events, signal });
}
