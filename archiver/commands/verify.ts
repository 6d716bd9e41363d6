// `tokiwa verify`: files of the known kinds judged as of a time. With --evidence, an RFC 4998 record
// over the files, ours or not; with --token, a timestamp over one; alone, what a file says of itself.
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { toHex } from '#shared/bytes.ts';
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError, TokiwaError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { defaultInspectLimit, inspect } from '#shared/validation/inspect.ts';
import { judgeSignatures } from '#shared/validation/judge-signatures.ts';
import {
  configuredStatusSource,
  loadConfiguredCrls,
} from '../adapters/configured-status-source.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { judgeRecord } from '../evidence/judge-record.ts';
import type { TokenVerification } from '../evidence/types.ts';
import { parseInstant } from './archive.ts';
import { interruptSignal } from './context.ts';

type Options = {
  readonly evidence?: string;
  readonly token?: string;
  readonly at?: string;
  readonly trust: readonly string[];
  readonly crls: readonly string[];
  readonly policy?: string;
  readonly revocation: string;
  readonly json?: boolean;
};

type Status = 'valid' | 'invalid' | 'indeterminate';

/** One line of output: the indication of EN 319 102-1, and why. */
type Result = {
  readonly file: string;
  readonly kind: string;
  readonly status: Status;
  readonly subIndication?: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
};

const indications: Readonly<Record<Status, string>> = {
  valid: 'TOTAL-PASSED',
  invalid: 'TOTAL-FAILED',
  indeterminate: 'INDETERMINATE',
};

const maxEvidenceBytes = 64 * 1024 * 1024;

async function readBounded(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > maxEvidenceBytes)
      throw new ConfigError('ERR_CONFIG_USAGE', `${file} is larger than ${maxEvidenceBytes} bytes`);
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (error instanceof TokiwaError) throw error;
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Digests of a file of any size in one pass. */
async function digestFile(
  file: string,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<ReadonlyMap<DigestAlgorithm, Uint8Array>> {
  const running = algorithms.map((algorithm) => createDigest(algorithm));
  try {
    for await (const chunk of createReadStream(file, { signal }))
      for (const digest of running) digest.update(chunk as Uint8Array);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  return new Map(running.map((digest) => [digest.algorithm, digest.finish()]));
}

async function verificationOf(
  options: Options,
  signal: AbortSignal,
): Promise<TokenVerification & AsyncDisposable> {
  const events = terminalEvents({ json: options.json ?? false });
  const sender = openHttpSender();
  const anchors = options.trust.length === 0 ? [] : await loadCertificates(options.trust);
  if (
    options.revocation !== 'require' &&
    options.revocation !== 'soft' &&
    options.revocation !== 'none'
  ) {
    throw new ConfigError('ERR_CONFIG_USAGE', '--revocation is require, soft or none');
  }
  signal.throwIfAborted();
  return {
    anchors: anchors.map((certificate) => ({ certificate })),
    certificates: anchors,
    statusSource: configuredStatusSource({ sources: options.crls, sender, events }, anchors),
    revocationMode: options.revocation,
    algorithmPolicy:
      options.policy === undefined ? undefined : selectProfile(bundledPolicies, options.policy),
    clockToleranceSeconds: 300,
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

async function verifyRecord(
  files: readonly string[],
  evidence: string,
  at: Temporal.Instant,
  verification: TokenVerification,
  signal: AbortSignal,
): Promise<Result> {
  const record = await readBounded(evidence);
  const parsed = parseEvidenceRecord(record);
  const algorithms = [
    ...new Set(
      parsed.sequence.chains.flatMap((chain) =>
        chain.archiveTimeStamps.map((step) => step.effectiveDigestAlgorithm),
      ),
    ),
  ];
  const dataObjects = await Promise.all(
    files.map(async (name) => {
      const digests = await digestFile(name, algorithms, signal);
      return { name, digest: (algorithm: DigestAlgorithm) => digests.get(algorithm) };
    }),
  );
  const verdict = await judgeRecord({
    record,
    dataObjects,
    exactGroup: false,
    verification,
    at,
    signal,
  });
  return {
    file: evidence,
    kind: 'evidence record (RFC 4998)',
    status: verdict.status,
    subIndication: verdict.subIndication,
    details: {
      initialTime: verdict.initialTime?.toString(),
      lastTime: verdict.lastTime?.toString(),
      chains: verdict.chains.map((chain) => ({
        digestAlgorithm: chain.digestAlgorithm,
        archiveTimeStamps: chain.archiveTimeStamps.map(
          ({ genTime, imprintIntact, coversPrevious, tokenVerdict }) => ({
            genTime: genTime.toString(),
            imprintIntact,
            coversPrevious,
            token: tokenVerdict.status,
            tsu: tokenVerdict.signer?.subject.text,
          }),
        ),
      })),
      dataObjects: verdict.dataObjects,
      orphanDigests: verdict.orphanDigests.map((value) => toHex(value)),
    },
    findings: verdict.findings,
  };
}

function tokenOf(octets: Uint8Array): Uint8Array {
  // A response wraps its token (RFC 3161 §2.4.2); a token is a ContentInfo, whose first element is no SEQUENCE.
  try {
    return parseTimeStampResp(octets).token ?? octets;
  } catch (error) {
    if (error instanceof TokiwaError) return octets;
    throw error;
  }
}

async function verifyTokenOver(
  file: string,
  tokenFile: string,
  at: Temporal.Instant | undefined,
  verification: TokenVerification,
  signal: AbortSignal,
): Promise<Result> {
  const token = parseTimeStampToken(tokenOf(await readBounded(tokenFile)));
  const { algorithm } = token.tstInfo.messageImprint;
  const digest = algorithm && (await digestFile(file, [algorithm], signal)).get(algorithm);
  const { crls } = await verification.statusSource.certificatesAndCrlsFor(
    [...token.signedData.certificates, ...verification.certificates],
    { at: at ?? token.tstInfo.genTime, signal },
  );
  const verdict = verifyToken(token, {
    imprint: algorithm && digest && { algorithm, digest },
    anchors: verification.anchors,
    certificates: verification.certificates,
    crls,
    at,
    algorithmPolicy: verification.algorithmPolicy,
    revocationMode: verification.revocationMode,
  });
  return {
    file: tokenFile,
    kind: 'timestamp token (RFC 3161)',
    status: verdict.status,
    subIndication: verdict.subIndication,
    details: {
      genTime: verdict.genTime.toString(),
      imprintAlgorithm: algorithm,
      tsu: verdict.signer?.subject.text,
      notAfter: verdict.notAfter?.toString(),
      tsaPolicy: token.tstInfo.policy,
      accreditation: 'timestamped, accreditation not shown',
    },
    findings: verdict.findings,
  };
}

async function verifyFile(
  file: string,
  at: Temporal.Instant,
  options: Options,
  verification: TokenVerification,
  signal: AbortSignal,
): Promise<Result> {
  const bytes = await readBounded(file);
  const facts = inspect({ bytes, size: bytes.length });
  const events = terminalEvents({ json: options.json ?? false });
  await using sender = openHttpSender();
  const crls = await loadConfiguredCrls({ sources: options.crls, sender, events }, signal);
  const signatures =
    bytes.length > defaultInspectLimit || facts.signatures.length === 0
      ? []
      : judgeSignatures({ bytes, facts, trust: { anchors: verification.anchors, crls }, at });
  const worst = signatures.some(({ status }) => status === 'invalid')
    ? 'invalid'
    : signatures.length > 0 && signatures.every(({ status }) => status === 'valid')
      ? 'valid'
      : 'indeterminate';
  return {
    file,
    kind: facts.format,
    status: worst,
    subIndication: signatures.find(({ subIndication }) => subIndication !== undefined)
      ?.subIndication,
    details: {
      level: facts.level,
      signatures: facts.signatures,
      timestamps: facts.timestamps,
      evidenceRecords: facts.evidenceRecords,
      problems: facts.problems,
    },
    findings: signatures.flatMap(({ findings }) => findings),
  };
}

function print(result: Result, json: boolean): void {
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ...result, indication: indications[result.status] })}\n`,
    );
    return;
  }
  process.stdout.write(
    `${indications[result.status]}${result.subIndication === undefined ? '' : ` (${result.subIndication})`} ${result.file}: ${result.kind}\n`,
  );
  for (const finding of result.findings)
    process.stdout.write(`  ${finding.level}: ${finding.message} [${finding.clause}]\n`);
}

const worstFirst: readonly Status[] = ['invalid', 'indeterminate', 'valid'];
const exitCodes: Readonly<Record<Status, number>> = { valid: 0, invalid: 1, indeterminate: 2 };

async function verify(files: readonly string[], options: Options): Promise<void> {
  const signal = interruptSignal();
  const at = options.at === undefined ? undefined : parseInstant(options.at);
  const now = at ?? Temporal.Now.instant();
  await using verification = await verificationOf(options, signal);
  const results: Result[] = [];
  if (options.evidence !== undefined)
    results.push(await verifyRecord(files, options.evidence, now, verification, signal));
  else if (options.token !== undefined) {
    const [file, ...rest] = files;
    if (file === undefined || rest.length > 0)
      throw new ConfigError('ERR_CONFIG_USAGE', '--token is about exactly one file');
    results.push(await verifyTokenOver(file, options.token, at, verification, signal));
  } else
    for (const file of files)
      results.push(await verifyFile(file, now, options, verification, signal));
  for (const result of results) print(result, options.json ?? false);
  const worst =
    worstFirst.find((status) => results.some((result) => result.status === status)) ??
    'indeterminate';
  process.exitCode = exitCodes[worst];
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [
  ...earlier,
  value,
];

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'judge files: their signatures, a timestamp (--token) or an evidence record (--evidence) over them',
    )
    .argument('<file...>', 'the files; with --evidence the data objects of the record')
    .option('--evidence <file>', 'an evidence record (RFC 4998) over the files')
    .option('--token <file>', 'a timestamp token or response (RFC 3161) over the file')
    .option('--at <time>', 'as of this time instead of now')
    .option('--trust <path>', 'trust anchors: PEM or DER file or folder (repeatable)', collect, [])
    .option('--crls <path>', 'CRLs: file, folder or URL (repeatable)', collect, [])
    .option('--policy <id>', 'algorithm profile, such as jp-medical')
    .option('--revocation <mode>', 'require, soft or none', 'soft')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nExit status: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 2 INDETERMINATE, 3 usage or unreadable.',
    )
    .action(verify);
}
