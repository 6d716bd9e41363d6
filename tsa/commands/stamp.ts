// `tokiwa stamp`: asks any TSA for one token. Exit codes: 0 done, 1 the TSA gave no acceptable token, 3 usage or
// unreadable input.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { digestAlgorithms, isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { createFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { byStrongestDigest } from '#shared/tsp/strongest-digest.ts';
import { stampFile } from '../adapters/stamp-file.ts';
import { defaultLimits } from '../config/config.ts';
import { untilSignal, withExitCode } from './context.ts';

const defaultUrl = `http://${defaultLimits.host}:${defaultLimits.port}/`;

async function stamp(
  file: string,
  options: {
    readonly url: string;
    readonly out?: string;
    readonly hash?: string;
    readonly anchors?: string[];
  },
): Promise<void> {
  const { hash } = options;
  if (hash !== undefined && !isDigestAlgorithm(hash)) {
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no digest algorithm ${hash}; there are: ${digestAlgorithms.join(', ')}`,
    );
  }
  const out = options.out ?? `${file}.tsr`;
  // Asked before anything is bought; the write itself refuses as well.
  const taken = (): ConfigError =>
    new ConfigError('ERR_CONFIG_USAGE', `${out} cannot be written: it exists already`);
  if (existsSync(out)) throw taken();
  const asking = {
    file,
    url: options.url,
    anchors: options.anchors ? await loadCertificates(options.anchors) : [],
    now: Temporal.Now.instant(),
    signal: untilSignal(),
  };
  const { value, algorithm, reason } =
    hash === undefined
      ? await byStrongestDigest((strongest) => stampFile({ ...asking, algorithm: strongest }))
      : {
          value: await stampFile({ ...asking, algorithm: hash }),
          algorithm: hash,
          reason: '--hash',
        };
  const { response, token, trusted } = value;
  try {
    if (!(await createFile(out, response))) throw taken();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} cannot be written: ${String(error)}`, {
      cause: error,
    });
  }
  const { genTime, policy } = token.tstInfo;
  process.stderr.write(
    `${out}: stamped at ${genTime.toString()} under policy ${policy}, by ${algorithm} (${reason})` +
      `${trusted ? '' : '; the signature holds, the TSA was not checked against anchors (--anchors)'}\n`,
  );
}

/** Adds `stamp`. */
export function registerStamp(program: Command): void {
  program
    .command('stamp')
    .description('have a file stamped; writes the TimeStampResp beside it')
    .argument('<file>', 'file to stamp; only its digest is sent')
    .option('--url <url>', 'address of the TSA', defaultUrl)
    .option('-o, --out <file>', 'where the answer goes (default: FILE.tsr)')
    .option(
      '--hash <algorithm>',
      'digest algorithm (default: SHA-512, SHA-384 or SHA-256, the first that the TSA takes)',
    )
    .option('--anchors <file...>', 'trust anchors that the TSA must lead to (PEM or DER)')
    .action((file: string, options: Parameters<typeof stamp>[1]) =>
      withExitCode(() => stamp(file, options)),
    );
}
