// `tokiwa augment`: a CAdES file to a higher level in a file of its own, octet for octet but for what is
// added. Wiring only: what is added is decided in archiver/augmentation, what holds in shared/validation.
// Exit codes: 0 done or nothing to do, 1 or 2 the signature is not valid, 3 usage or unreadable.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Command } from 'commander';
import {
  type DigestAlgorithm,
  digestAlgorithms,
  isDigestAlgorithm,
} from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { printable } from '#shared/printable.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import type { AugmentationLevel, Refusal } from '../augmentation/types.ts';
import { type AugmentSettings, augmentFile, type FileOutcome } from './augment-file.ts';
import { interruptSignal, loadConfig, systemClock } from './context.ts';

export type AugmentOptions = {
  readonly level: string;
  readonly tsa?: string;
  readonly detached?: string;
  readonly out?: string;
  readonly hash: string;
  readonly trust: readonly string[];
  readonly crls: readonly string[];
  readonly policy: string;
  readonly revocation: string;
  readonly tsaPolicy?: string;
  readonly fetch?: boolean;
  readonly allowHost: readonly string[];
  readonly config?: string;
  readonly json?: boolean;
};

function usage(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_USAGE', message);
}

function levelOf(text: string): AugmentationLevel {
  if (text === 'T' || text === 'LT' || text === 'LTA') return text;
  throw usage('--level is T, LT or LTA');
}

function digestOf(text: string): DigestAlgorithm {
  if (isDigestAlgorithm(text)) return text;
  throw usage(`no digest algorithm ${text}; there are: ${digestAlgorithms.join(', ')}`);
}

/** `contract.lta.p7m` for `contract.p7m`. */
function defaultOut(file: string, level: AugmentationLevel): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.${level.toLowerCase()}${ext}`);
}

type Trust = Pick<AugmentSettings, 'tsa' | 'signerTrust' | 'tsuTrust' | 'crls'>;

/** What of the TSA and of trust the options say, and what they leave to the configuration. */
async function trustOf(options: AugmentOptions): Promise<Trust> {
  const { trust, crls, tsa: url, tsaPolicy } = options;
  if (url === undefined) {
    const { tsa, signers } = await loadConfig(options.config);
    return {
      tsa: { ...tsa, tsaPolicy: tsaPolicy ?? tsa.tsaPolicy },
      signerTrust: [...Object.values(signers.anchors).flat(), ...trust],
      tsuTrust: [...tsa.anchors, ...signers.tsuAnchors, ...trust],
      crls: [...tsa.crls, ...signers.crls, ...crls],
    };
  }
  if (!URL.canParse(url)) throw usage(`--tsa ${url} is no address`);
  if (trust.length === 0)
    throw usage('--trust is needed with --tsa: nothing is covered that cannot be verified');
  return {
    tsa: {
      url,
      anchors: trust,
      crls,
      auth: { kind: 'none' },
      tsaPolicy,
      revocation: 'soft',
      clockToleranceSeconds: 300,
      responseMs: 30_000,
    },
    signerTrust: trust,
    tsuTrust: trust,
    crls,
  };
}

function revocationOf(options: AugmentOptions): AugmentSettings['revocation'] {
  const { revocation } = options;
  if (revocation === 'require' || revocation === 'soft' || revocation === 'none') return revocation;
  throw usage('--revocation is require, soft or none');
}

async function settingsOf(file: string, options: AugmentOptions): Promise<AugmentSettings> {
  const level = levelOf(options.level);
  const { detached, policy, fetch, allowHost } = options;
  return {
    level,
    digestAlgorithm: digestOf(options.hash),
    out: options.out ?? defaultOut(file, level),
    detached,
    revocation: revocationOf(options),
    algorithmPolicy: policy === 'none' ? undefined : selectProfile(bundledPolicies, policy),
    fetch: fetch ?? false,
    allowedHosts: allowHost,
    ...(await trustOf(options)),
  };
}

function refusalLines(refusal: Refusal, file: string): readonly string[] {
  const { indication, subIndication, message, findings, missing } = refusal;
  const verdict = [indication, subIndication && `(${subIndication})`].filter(Boolean).join(' ');
  return [
    `${file}: not augmented${verdict === '' ? '' : `: ${verdict}`}`,
    `  ${message}`,
    ...findings
      .filter(({ level }) => level === 'error' || level === 'unknown')
      .map((finding) => `  ${finding.level}: ${finding.message} [${finding.clause}]`),
    ...missing.map((one) => `  missing for ${one.subject}: ${one.reason}`),
  ];
}

/** What a person reads of the outcome. */
function linesOf(outcome: FileOutcome, file: string): readonly string[] {
  switch (outcome.kind) {
    case 'refused':
      return refusalLines(outcome, file);
    case 'nothing-to-do':
      return [`${file}: nothing is missing at that level`];
    case 'augmented':
      return [
        `${outcome.out}: level ${outcome.level} with ${outcome.tokens} new timestamps; everything earlier is as it was`,
      ];
  }
}

/** EN 319 102-1: failed is 1, open is 2; what no verdict is about is a matter of usage. */
function exitCodeOf(outcome: FileOutcome): number {
  if (outcome.kind !== 'refused') return 0;
  if (outcome.reason === 'unsupported') return 3;
  return outcome.indication === 'TOTAL-FAILED' || outcome.indication === 'FAILED' ? 1 : 2;
}

async function augment(file: string, options: AugmentOptions): Promise<void> {
  const { json = false } = options;
  const outcome = await augmentFile(file, await settingsOf(file, options), {
    clock: systemClock(),
    random: (length) => new Uint8Array(randomBytes(length)),
    events: terminalEvents({ json }),
    progress: (text) => {
      if (!json) process.stderr.write(`  ${text} …\n`);
    },
    signal: interruptSignal(),
  });
  if (json) process.stdout.write(`${JSON.stringify({ file, ...outcome })}\n`);
  else process.stderr.write(`${linesOf(outcome, file).map(printable).join('\n')}\n`);
  process.exitCode = exitCodeOf(outcome);
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [
  ...earlier,
  value,
];

/** Adds `augment`. */
export function registerAugment(program: Command): void {
  program
    .command('augment')
    .description('raise the signatures of a CAdES file (.p7m, .p7s) to a level that lasts')
    .argument('<file>', 'the file; it is only read')
    .option('--level <level>', 'T, LT or LTA; at LTA already: the next archive timestamp', 'LTA')
    .option('--tsa <url>', 'address of the TSA (default: that of the configuration)')
    .option('--detached <content>', 'what a detached signature is over')
    .option('-o, --out <file>', 'where the result goes (default: FILE with the level in its name)')
    .option('--hash <algorithm>', 'digest of the new timestamps', 'SHA-256')
    .option(
      '--trust <path>',
      'trust anchors of signers and TSUs: PEM or DER file or folder (repeatable)',
      collect,
      [],
    )
    .option(
      '--crls <path>',
      'CRLs and OCSP responses: file, folder, or URL of a CRL (repeatable)',
      collect,
      [],
    )
    .option('--policy <id>', 'algorithm profile, or none', bundledPolicies.defaultProfile)
    .option('--revocation <mode>', 'require, soft or none', 'require')
    .option('--tsa-policy <oid>', 'policy to ask the TSA for')
    .option('--fetch', 'ask the addresses in certificates for what is not at hand')
    .option(
      '--allow-host <host>',
      'with --fetch: a host that may be asked although its address is not public (repeatable)',
      collect,
      [],
    )
    .option('-c, --config <file>', 'configuration that names TSA and trust, without --tsa')
    .option('--json', 'one JSON object on standard output')
    .addHelpText(
      'after',
      '\nExit status: 0 done, 1 TOTAL-FAILED, 2 INDETERMINATE or validation data missing, 3 usage, unreadable or no CAdES.',
    )
    .action(augment);
}
