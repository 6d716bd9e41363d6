// `tokiwa verify`: files of the known kinds judged as of a time, many at once, with the evidence that lies
// beside them; under another policy or event if asked. Wiring only: what holds is decided in
// shared/validation, what is printed in verify-output.ts.
import type { Command } from 'commander';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { readBoundedFile } from '#shared/io/bounded-file.ts';
import { ConfigError, FormatError, TokiwaError, UnsupportedError } from '#shared/errors.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { type AlgorithmProfile, selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { printable } from '#shared/printable.ts';
import { type TrustAnchor, anchorClasses } from '#shared/trust/anchors.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { detectFormat } from '#shared/validation/detect.ts';
import type { HorizonEvent } from '#shared/validation/horizon-forecast.ts';
import type { EvidenceBeside, LongTermInput } from '#shared/validation/judgement-scope.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import { type VerdictStatus, worstOf } from '#shared/validation/verdict.ts';
import { readLargeCades } from '../adapters/cades-file.ts';
import { loadConfiguredStatus } from '../adapters/configured-status-source.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { loadValidationData, type ValidationDataFiles } from '../adapters/validation-data-files.ts';
import { contentBeside, readEvidenceFile, readVerifiedFile } from '../adapters/verified-file.ts';
import { languageOf } from './language.ts';
import { parseInstant } from './archive.ts';
import { readPolicyFile } from '#shared/trust/policy-file.ts';
import { configOption, interruptSignal, withArchiver } from './context.ts';
import { withHorizons } from './verify-horizons.ts';
import { csvHeader, type FileVerdict, renderCsv, renderJson, renderText } from './verify-output.ts';

export type VerifyOptions = {
  readonly evidence: readonly string[];
  readonly token: readonly string[];
  readonly at?: string;
  readonly trust: readonly string[];
  readonly trustAs?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly class?: string;
  readonly config?: string;
  readonly testCertificates?: boolean;
  readonly crls: readonly string[];
  readonly policy: string;
  readonly revocation: string;
  readonly suppose: readonly string[];
  readonly lang?: string;
  readonly explain?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
};

const exitCodes: Readonly<Record<VerdictStatus, number>> = {
  valid: 0,
  invalid: 1,
  indeterminate: 2,
};

function usage(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_USAGE', message);
}

/** `SHA-256 ends 2031-01-01`, `RSA ends 2031-01-01`, `CN=Some CA compromised 2027-04-01`, `policy strict`. */
export function parseSupposition(text: string): HorizonEvent {
  const [, policy] = /^policy (\S+)$/.exec(text) ?? [];
  if (policy !== undefined)
    return { kind: 'policy-changes', profile: selectProfile(bundledPolicies, policy) };
  const [, what = '', event, when = ''] = /^(.+) (ends|compromised) (\S+)$/.exec(text) ?? [];
  if (event === undefined)
    throw usage(
      `${JSON.stringify(text)} is no supposition: write "SHA-256 ends 2031-01-01", "CN=Some CA compromised 2027-04-01" or "policy strict"`,
    );
  const at = parseInstant(when);
  return event === 'ends'
    ? { kind: 'algorithm-ends', algorithm: what, at }
    : { kind: 'certificate-compromised', certificate: what, at };
}

/** A response wraps its token (RFC 3161 §2.4.2); what is neither is left for the verdict to refuse. */
function tokenOf(octets: Uint8Array): Uint8Array {
  try {
    return parseTimeStampResp(octets).token ?? octets;
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError) return octets;
    throw error;
  }
}

/** Digest algorithms under which the evidence speaks of the file; none of evidence that does not parse. */
function algorithmsOf(octets: Uint8Array, kind: 'record' | 'token'): readonly DigestAlgorithm[] {
  try {
    if (kind === 'record')
      return parseRecord(octets).sequence.chains.map(({ digestAlgorithm }) => digestAlgorithm);
    const { algorithm } = parseTimeStampToken(octets).tstInfo.messageImprint;
    return algorithm ? [algorithm] : [];
  } catch (error) {
    if (error instanceof TokiwaError) return [];
    throw error;
  }
}

async function readBeside(files: readonly string[]): Promise<readonly EvidenceBeside[]> {
  return Promise.all(files.map(async (name) => ({ name, octets: await readEvidenceFile(name) })));
}

/** A bundled profile by its id, or one that is a DSSC file alone. */
function profileOf(policy: string): AlgorithmProfile {
  if (!/\.xml$/i.test(policy)) return selectProfile(bundledPolicies, policy);
  const reading = readPolicyFile(readBoundedFile(policy));
  return { id: reading.policy.id, uses: 'verify', policies: [reading.policy], overrides: [] };
}

/** `hpki=roots/`: anchors of document signers with the class of the service behind them. */
async function loadClassed(values: readonly string[]): Promise<readonly TrustAnchor[]> {
  const anchors: TrustAnchor[] = [];
  for (const value of values) {
    const [name, ...rest] = value.split('=');
    const anchorClass = anchorClasses.find((known) => known === name);
    if (!anchorClass || rest.length === 0)
      throw usage(`--trust-as is CLASS=PATH; classes: ${anchorClasses.join(', ')}`);
    for (const certificate of await loadCertificates([rest.join('=')]))
      anchors.push({ certificate, class: anchorClass });
  }
  return anchors;
}

async function loadMaterial(
  options: VerifyOptions,
  kept: ValidationDataFiles,
  signal: AbortSignal,
): Promise<LongTermInput['material']> {
  const { revocation, policy } = options;
  if (revocation !== 'require' && revocation !== 'soft' && revocation !== 'none')
    throw usage('--revocation is require, soft or none');
  const certificates = options.trust.length === 0 ? [] : await loadCertificates(options.trust);
  const anchors = certificates.map((certificate) => ({ certificate }));
  const classed = await loadClassed(options.trustAs ?? []);
  await using sender = openHttpSender();
  const events = terminalEvents({ json: options.json ?? false });
  const status = await loadConfiguredStatus({ sources: kept.others, sender, events }, signal);
  return {
    signerAnchors: [...anchors, ...classed],
    tsuAnchors: anchors,
    certificates: [
      ...certificates,
      ...classed.map(({ certificate }) => certificate),
      ...kept.certificates,
    ],
    testCertificates: options.testCertificates ?? false,
    crls: [...status.crls, ...kept.crls],
    ocspResponses: [...status.ocspResponses, ...kept.ocspResponses],
    revocationMode: revocation,
    algorithmPolicy: policy === 'none' ? undefined : profileOf(policy),
  };
}

/** CMS with content that is too large to be held is judged all the same: what is left, and its digests. */
async function readLargeSignature(
  file: string,
  { bytes, size }: Pick<LongTermInput, 'bytes' | 'size'>,
  signal: AbortSignal,
): Promise<Pick<LongTermInput, 'bytes' | 'size' | 'detached'> | undefined> {
  if (bytes.length === size || detectFormat(bytes) !== 'cms') return undefined;
  try {
    const { stored, content } = await readLargeCades(file, size, signal);
    const { raw } = stored.signedData;
    return content && { bytes: raw, size: raw.length, detached: [content] };
  } catch (error) {
    // What it is instead, the verdict says.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * Judges the files one after the other and hands each verdict on as it is known.
 * @throws ConfigError: an option or a file that cannot be used
 */
export async function* verifyFiles(
  files: readonly string[],
  options: VerifyOptions,
  now: Temporal.Instant,
  signal: AbortSignal,
): AsyncGenerator<FileVerdict> {
  const at = options.at === undefined ? now : parseInstant(options.at);
  const events = options.suppose.map(parseSupposition);
  const kept = await loadValidationData(options.crls);
  const material = await loadMaterial(options, kept, signal);
  const evidenceRecords = await readBeside(options.evidence);
  const tokens = (await readBeside(options.token)).map(({ name, octets }) => ({
    name,
    octets: tokenOf(octets),
  }));
  const algorithms = [
    ...evidenceRecords.flatMap(({ octets }) => algorithmsOf(octets, 'record')),
    ...tokens.flatMap(({ octets }) => algorithmsOf(octets, 'token')),
  ];
  for (const file of files) {
    signal.throwIfAborted();
    const read = await readVerifiedFile(file, [...new Set(algorithms)], signal);
    const large = await readLargeSignature(file, read, signal);
    const detached = large?.detached ?? (await contentBeside(file, signal));
    const input = {
      ...read,
      ...large,
      name: file,
      detached,
      validationData: kept.files,
      evidenceRecords,
      tokens,
      at,
      material,
    };
    yield withHorizons(file, validateLongTerm(input), material, events);
  }
}

/** What the archive holds of a period, in the same forms as files. */
async function verifyArchive(options: VerifyOptions): Promise<void> {
  const { from, to, class: documentClass } = options;
  if (from === undefined || to === undefined) throw usage('give files, or --from and --to');
  const { periodOf, verifyPeriod } = await import('./verify-period.ts');
  const language = languageOf(options.lang);
  const explain = options.explain ?? false;
  const statuses: FileVerdict['tree'][] = [];
  let unreadable = 0;
  await withArchiver(
    options.config,
    { create: false, json: options.json },
    async ({ archiver, signal }) => {
      const period = periodOf(from, to, archiver.config.timeZone);
      const at = options.at === undefined ? Temporal.Now.instant() : parseInstant(options.at);
      if (options.csv) process.stdout.write(csvHeader);
      for await (const { verdict, accredited } of verifyPeriod(
        archiver,
        { period, documentClass, at, signal },
        (key, error) => {
          unreadable++;
          process.stderr.write(`${printable(`${JSON.stringify(key)}: ${error.message}`)}\n`);
        },
      )) {
        statuses.push(verdict.tree);
        if (options.json) process.stdout.write(renderJson(verdict));
        else if (options.csv) process.stdout.write(renderCsv(verdict, accredited));
        else process.stdout.write(renderText(verdict, { language, explain }));
      }
    },
  );
  const worst = worstOf(statuses)?.status ?? 'valid';
  process.exitCode = unreadable > 0 ? 3 : exitCodes[worst];
}

async function verify(files: readonly string[], options: VerifyOptions): Promise<void> {
  if (options.json && options.csv) throw usage('--json or --csv, not both');
  if (files.length === 0) {
    await verifyArchive(options);
    return;
  }
  if (options.from !== undefined || options.to !== undefined)
    throw usage('--from and --to are for the archive, without files');
  const language = languageOf(options.lang);
  const explain = options.explain ?? false;
  const verdicts: FileVerdict['tree'][] = [];
  if (options.csv) process.stdout.write(csvHeader);
  for await (const verdict of verifyFiles(
    files,
    options,
    Temporal.Now.instant(),
    interruptSignal(),
  )) {
    verdicts.push(verdict.tree);
    if (options.json) process.stdout.write(renderJson(verdict));
    else if (options.csv) process.stdout.write(renderCsv(verdict));
    else process.stdout.write(renderText(verdict, { language, explain }));
  }
  process.exitCode = exitCodes[worstOf(verdicts)?.status ?? 'indeterminate'];
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [
  ...earlier,
  value,
];

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'judge files: their signatures, timestamps and evidence records, and those given beside them',
    )
    .argument(
      '[file...]',
      'the files; a detached signature finds FILE beside FILE.p7s. None: the archive, by --from and --to',
    )
    .option('--from <day>', 'of the archive: timestamps from this day or instant on')
    .option('--to <day>', 'through this day, or until before this instant')
    .option('--class <rule>', 'of the archive: documents of this retention rule alone')
    .option(...configOption)
    .option(
      '--evidence <file>',
      'an evidence record (RFC 4998) over each file (repeatable)',
      collect,
      [],
    )
    .option(
      '--token <file>',
      'a timestamp token or response (RFC 3161) over each file (repeatable)',
      collect,
      [],
    )
    .option('--at <time>', 'as of this time instead of now')
    .option('--trust <path>', 'trust anchors: PEM or DER file or folder (repeatable)', collect, [])
    .option(
      '--trust-as <class=path>',
      `anchors of document signers of a class: ${anchorClasses.join(', ')} (repeatable)`,
      collect,
      [],
    )
    .option('--test-certificates', 'let HPKI and JPKI test certificates sign documents')
    .option(
      '--crls <path>',
      'CRLs, OCSP responses and what `evidence --validation-data` wrote: file, folder, or URL of a CRL (repeatable)',
      collect,
      [],
    )
    .option(
      '--policy <id>',
      'algorithm profile, a DSSC file (.xml), or none',
      bundledPolicies.defaultProfile,
    )
    .option('--revocation <mode>', 'require, soft or none', 'require')
    .option(
      '--suppose <event>',
      'ask the proof horizon under an event: "SHA-256 ends 2031-01-01", "CN=Some CA compromised 2027-04-01", "policy strict" (repeatable)',
      collect,
      [],
    )
    .option('--explain', 'every verdict with its reasons, as a tree')
    .option('--lang <language>', 'ja or en (default: from the environment)')
    .option('--json', 'one JSON object a line')
    .option('--csv', 'one table of timestamps with a Japanese header')
    .addHelpText(
      'after',
      '\nExit status: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 2 INDETERMINATE, 3 usage or unreadable.',
    )
    .action(verify);
}
