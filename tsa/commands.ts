// The commands of the proxy: `tsa serve` runs it, `stamp` asks any TSA for one token. Exit codes: 0 done, 1 the TSA
// gave no acceptable token, 3 usage or unreadable input.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { digestAlgorithms, isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import { systemErrorCode, writeNewFile } from '#shared/io/durable-file.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { parseTsaConfig } from './config-file.ts';
import { defaultLimits } from './config.ts';
import { startTsa } from './main.ts';
import { stampFile } from './adapters/stamp-file.ts';

const defaultUrl = `http://${defaultLimits.host}:${defaultLimits.port}/`;

/** One JSON line per event on standard error. */
const logEvents: EventSink = (event) => {
  const line = { time: Temporal.Now.instant().toString(), ...event };
  process.stderr.write(`${JSON.stringify(line)}\n`);
};

/** Runs an action; errors that an operator can act on become a sentence and an exit code. */
async function withExitCode(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const expected =
      error instanceof ConfigError || error instanceof SourceError || error instanceof FormatError;
    if (!expected) throw error;
    process.stderr.write(`tokiwa: ${error.message}\n`);
    process.exitCode = error instanceof ConfigError ? 3 : 1;
  }
}

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once, as without us. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return controller.signal;
}

async function serve(options: { readonly config: string }): Promise<void> {
  let text: string;
  try {
    text = await readFile(options.config, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('ERR_CONFIG_USAGE', `${options.config} cannot be read: ${reason}`, {
      cause: error,
    });
  }
  const signal = untilSignal();
  await using tsa = await startTsa({
    config: parseTsaConfig(text, { fileName: options.config }),
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

async function stamp(
  file: string,
  options: {
    readonly url: string;
    readonly out?: string;
    readonly hash: string;
    readonly anchors?: string[];
  },
): Promise<void> {
  if (!isDigestAlgorithm(options.hash)) {
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no digest algorithm ${options.hash}; there are: ${digestAlgorithms.join(', ')}`,
    );
  }
  const out = options.out ?? `${file}.tsr`;
  // Asked before anything is bought; the write itself refuses as well.
  if (existsSync(out))
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} cannot be written: it exists already`);
  const { response, token, trusted } = await stampFile({
    file,
    url: options.url,
    algorithm: options.hash,
    anchors: options.anchors ? await loadCertificates(options.anchors) : [],
    now: Temporal.Now.instant(),
    signal: untilSignal(),
  });
  try {
    await writeNewFile(out, response);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} cannot be written: ${String(error)}`, {
      cause: error,
    });
  }
  const { genTime, policy } = token.tstInfo;
  process.stderr.write(
    `${out}: stamped at ${genTime.toString()} under policy ${policy}` +
      `${trusted ? '' : '; the signature holds, the TSA was not checked against anchors (--anchors)'}\n`,
  );
}

/** Adds `tsa serve` and `stamp`. */
export function registerTsaCommands(program: Command): void {
  const tsa = program.command('tsa').description('the time-stamping proxy');
  tsa
    .command('serve')
    .description('run the proxy until it is told to stop')
    .requiredOption('--config <file>', 'configuration file (YAML)')
    .action((options: { readonly config: string }) => withExitCode(() => serve(options)));
  program
    .command('stamp')
    .description('have a file stamped; writes the TimeStampResp beside it')
    .argument('<file>', 'file to stamp; only its digest is sent')
    .option('--url <url>', 'address of the TSA', defaultUrl)
    .option('-o, --out <file>', 'where the answer goes (default: FILE.tsr)')
    .option('--hash <algorithm>', 'digest algorithm', 'SHA-256')
    .option('--anchors <file...>', 'trust anchors that the TSA must lead to (PEM or DER)')
    .action((file: string, options: Parameters<typeof stamp>[1]) =>
      withExitCode(() => stamp(file, options)),
    );
}
