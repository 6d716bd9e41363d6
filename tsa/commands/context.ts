// What the commands of the proxy share: exit codes, signals, the configuration file, the log on standard error.
import { readFile } from 'node:fs/promises';
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import { readBoundedFile } from '#shared/io/bounded-file.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { printableLines } from '#shared/printable.ts';
import { instantText } from '#shared/time.ts';
import { createSystemClock } from '../adapters/system.ts';
import { parseTsaConfig } from '../config/config-file.ts';
import type { TsaConfig } from '../config/config.ts';

const clock = createSystemClock();
let waiting = '';

function writeWaiting(): void {
  const lines = waiting;
  waiting = '';
  if (lines !== '') process.stderr.write(lines);
}

/** One JSON line per event on standard error; the lines of one turn of the event loop in one call of the system. */
export const logEvents: EventSink = (event) => {
  if (waiting === '') setImmediate(writeWaiting);
  waiting += `${JSON.stringify({ time: instantText(clock.now()), ...event })}\n`;
};
process.once('exit', writeWaiting);

/** Runs an action; errors that an operator can act on become a sentence and an exit code. */
export async function withExitCode(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const expected =
      error instanceof ConfigError || error instanceof SourceError || error instanceof FormatError;
    if (!expected) throw error;
    process.stderr.write(`tokiwa: ${printableLines(error.message)}\n`);
    process.exitCode = error instanceof ConfigError ? 3 : 1;
  }
}

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once, as without us. */
export function untilSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return controller.signal;
}

/** What cannot be read at `path` is a matter of usage. @throws ConfigError ERR_CONFIG_USAGE */
export async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('ERR_CONFIG_USAGE', `${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

/** @throws ConfigError ERR_CONFIG_USAGE: no such file; ERR_CONFIG_INVALID: every problem in it */
export async function loadTsaConfig(file: string): Promise<TsaConfig> {
  const text = await readable(file, () => readFile(file, 'utf8'));
  return parseTsaConfig(text, { fileName: file, readFile: readBoundedFile });
}
