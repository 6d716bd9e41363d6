// Corpus `tsp`: RFC 3161 requests, responses and tokens, real and generated. Reads gen.json, real.json
// and requests.json of a folder; compares verdict, reason, status, failInfo and statusString.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { verifySigner } from '#shared/cms/verify-signer.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import { checkTimeStampResp } from '#shared/tsp/check-response.ts';
import { parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, type TimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { parsePemCertificates, type Certificate } from '#shared/x509/certificate.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';
import { conformanceProfile } from './_tsp-policy.ts';
import { checksOfReason, choices } from './_tsp-reasons.ts';

export type Item = {
  readonly id: string;
  readonly kind: 'response' | 'token';
  readonly file: string;
  readonly request?: string;
  readonly data?: string;
  readonly hash?: { readonly oid: string; readonly hex: string };
  readonly trust: string | null;
  readonly untrusted?: string;
  readonly signer?: string;
  readonly at: string;
  readonly now?: string;
  readonly expect: 'accept' | 'reject';
  readonly reason: string;
  readonly firm: boolean;
  readonly level?: string;
  readonly status?: number;
  readonly failInfo?: readonly string[];
  readonly statusString?: readonly string[];
};

export type Manifest = { readonly policy?: string; readonly items: readonly Item[] };

export type RequestItem = {
  readonly id: string;
  readonly file: string;
  readonly expect: 'forward' | 'reject';
  readonly reason: string;
  readonly firm: boolean;
  readonly failInfo?: string;
};

/** What we say: the checks that refuse, and the answer's status as it would be reported. */
type Outcome = {
  readonly refusedBy: readonly string[];
  readonly warnings: readonly string[];
  readonly response?: TimeStampResp | undefined;
};

/** Seconds that genTime may lie ahead of our clock. */
const toleranceSeconds = 300;

function outcomeOf(findings: readonly Finding[], response?: TimeStampResp): Outcome {
  const names = (levels: readonly string[]): string[] => [
    ...new Set(findings.filter(({ level }) => levels.includes(level)).map(({ check }) => check)),
  ];
  return { refusedBy: names(['error', 'unknown']), warnings: names(['warning']), response };
}

async function readPem(folder: string, name: string | null | undefined): Promise<Certificate[]> {
  return name == null ? [] : [...parsePemCertificates(await readFile(join(folder, name), 'utf8'))];
}

async function imprintOf(
  folder: string,
  item: Item,
  token: TimeStampToken,
): Promise<Parameters<typeof verifyToken>[1]['imprint']> {
  const { messageImprint } = token.tstInfo;
  if (item.hash) {
    const algorithm = digestAlgorithmOfOid(item.hash.oid);
    const octets = fromHex(item.hash.hex);
    return algorithm && octets ? { algorithm, digest: octets } : undefined;
  }
  if (item.data === undefined || !messageImprint.algorithm) return undefined;
  const data = await readFile(join(folder, item.data));
  return {
    algorithm: messageImprint.algorithm,
    digest: digest(messageImprint.algorithm, data),
  };
}

/** An item without a known anchor is judged by its signature alone, as the manifest says of it. */
function judgeSignature(octets: Uint8Array, certificates: readonly Certificate[]): Finding[] {
  const signedData = parseSignedData(octets);
  const intact = signedData.signerInfos.map((signerInfo) => {
    const verdict = verifySigner({ signedData, signerInfo, candidates: certificates });
    return verdict.signatureIntact && verdict.messageDigestIntact;
  });
  return intact.length > 0 && intact.every((one) => one)
    ? []
    : [
        {
          check: 'signature',
          clause: 'RFC 5652 §5.6',
          level: 'error',
          message: 'The signature does not hold.',
          facts: {},
        },
      ];
}

async function judgeToken(
  folder: string,
  item: Item,
  octets: Uint8Array,
  tsaPolicy: string | undefined,
): Promise<readonly Finding[]> {
  const certificates = [
    ...(await readPem(folder, item.untrusted)),
    ...(await readPem(folder, item.signer)),
  ];
  if (item.trust === null) return judgeSignature(octets, certificates);
  const token = parseTimeStampToken(octets);
  const anchors = (await readPem(folder, item.trust)).map((certificate) => ({ certificate }));
  return verifyToken(token, {
    imprint: await imprintOf(folder, item, token),
    request:
      item.request === undefined
        ? undefined
        : parseTimeStampReq(await readFile(join(folder, item.request))),
    anchors,
    certificates,
    at: Temporal.Instant.from(item.at),
    clock:
      item.now === undefined
        ? undefined
        : { now: Temporal.Instant.from(item.now), toleranceSeconds, stored: true },
    allowed: { tsaPolicies: tsaPolicy === undefined ? undefined : [tsaPolicy] },
    // An item without a clock lies in an archive: whether its algorithms still count is not asked.
    algorithmPolicy: item.now === undefined ? undefined : conformanceProfile,
    revocationMode: 'none',
  }).findings;
}

async function judge(folder: string, item: Item, tsaPolicy: string | undefined): Promise<Outcome> {
  const octets = await readFile(join(folder, item.file));
  let response: TimeStampResp | undefined;
  let stage = item.kind === 'response' ? 'response-format' : 'token-format';
  try {
    const findings: Finding[] = [];
    let token: Uint8Array | undefined = octets;
    if (item.kind === 'response') {
      response = parseTimeStampResp(octets);
      stage = 'token-format';
      findings.push(...checkTimeStampResp(response));
      token = findings.some(({ level }) => level === 'error') ? undefined : response.token;
    }
    if (token) findings.push(...(await judgeToken(folder, item, token, tsaPolicy)));
    return outcomeOf(findings, response);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    return { refusedBy: [stage], warnings: [], response };
  }
}

/** Whether what the client has to report of the answer is as in the manifest. */
function reportedDifferences(item: Item, response: TimeStampResp | undefined): string[] {
  const differences: string[] = [];
  const compare = (name: string, expected: unknown, got: unknown): void => {
    if (expected !== undefined && JSON.stringify(expected) !== JSON.stringify(got))
      differences.push(`${name} ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`);
  };
  compare('status', item.status, response?.status);
  compare('failInfo', item.failInfo, response?.failInfo);
  compare('statusString', item.statusString, response?.statusString);
  return differences;
}

function compareOutcome(item: Item, outcome: Outcome): ConformanceResult {
  const accepted = outcome.refusedBy.length === 0;
  const checks = checksOfReason.find(([pattern]) => pattern.test(item.reason))?.[1];
  const differences = reportedDifferences(item, outcome.response);
  const got = [
    accepted ? 'accept' : `reject: ${outcome.refusedBy.join(', ')}`,
    ...differences,
  ].join('; ');
  const expected =
    item.expect === 'accept'
      ? 'accept'
      : `reject: ${item.reason} (${checks?.join(' or ') ?? 'any'})`;
  const asExpected = accepted === (item.expect === 'accept');
  const forTheReason =
    item.expect === 'accept' || !checks || checks.some((name) => outcome.refusedBy.includes(name));
  const result = { case: item.id, expected, got };
  if (differences.length > 0) return { ...result, passed: false };
  if (asExpected && (forTheReason || !item.firm)) return { ...result, passed: true };
  const choice = item.firm
    ? undefined
    : choices.find(
        ({ reason, check }) =>
          reason?.test(item.reason) === true ||
          (outcome.refusedBy.length > 0 && outcome.refusedBy.every((name) => name === check)),
      );
  return choice
    ? { ...result, passed: true, note: `docs/standards.md, Timestamp tokens: ${choice.choice}` }
    : { ...result, passed: false };
}

function compareRequest(item: RequestItem, octets: Uint8Array, offered: string): ConformanceResult {
  const admission = admitTimeStampReq(octets, {
    digestAlgorithms: ['SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256', 'SHA3-384', 'SHA3-512'],
    tsaPolicies: [offered],
  });
  const [finding] = admission.kind === 'rejected' ? admission.findings : [];
  const got = finding ? `reject: ${finding.failInfo} (${finding.check})` : 'forward';
  const right = finding
    ? item.expect === 'reject' && finding.failInfo === item.failInfo
    : item.expect === 'forward';
  const choice =
    right || item.firm ? undefined : choices.find(({ reason }) => reason?.test(item.reason));
  return {
    case: `request ${item.id}`,
    passed: right || choice !== undefined,
    expected: item.expect === 'reject' ? `reject: ${item.failInfo ?? ''}` : 'forward',
    got,
    note: choice && `docs/standards.md, Timestamp tokens: ${choice.choice}`,
  };
}

async function readManifest<T>(folder: string, name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, name), 'utf8')) as T;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Runs every item of every manifest of the folder, of which there has to be one at least. */
export async function run(folder: string): Promise<ConformanceReport> {
  const results: ConformanceResult[] = [];
  for (const name of ['gen.json', 'real.json']) {
    const manifest = await readManifest<Manifest>(folder, name);
    for (const item of manifest?.items ?? [])
      results.push(compareOutcome(item, await judge(folder, item, manifest?.policy)));
  }
  type Requests = { readonly offeredPolicy: string; readonly items: readonly RequestItem[] };
  const requests = await readManifest<Requests>(folder, 'requests.json');
  for (const item of requests?.items ?? []) {
    const octets = await readFile(join(folder, item.file));
    results.push(compareRequest(item, octets, requests?.offeredPolicy ?? ''));
  }
  if (results.length === 0) throw new Error(`no manifest of the corpus tsp in ${folder}`);
  return { results };
}
