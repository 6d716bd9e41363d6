// Tokens of the local TSU before OpenSSL, EU DSS and, as evidence records of one token, Bouncy Castle:
// each kind of key, each digest of signatures, each imprint algorithm. A changed byte has to be refused
// by us and by whoever can read the token: OpenSSL's ts has no Ed25519 and no ML-DSA, EU DSS no ML-DSA.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { parsePemCertificates, type Certificate } from '#shared/x509/certificate.ts';
import { signatureDigests } from '#tsa/adapters/signing-key.ts';
import { stampFile } from '#tsa/adapters/stamp-file.ts';
import { defaultHashAlgorithms, localTsaConfig, type LocalKeyKind } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { damageToken } from './_damage.ts';
import { ask, dssAccepts, judgeRecords, type DssAnswer } from './_judges.ts';

const run = promisify(execFile);
const document = Buffer.from('A document that the local unit stamps.\n');

type Stamped = {
  readonly name: string;
  readonly algorithm: DigestAlgorithm;
  readonly response: Uint8Array;
  readonly token: Uint8Array;
  readonly anchors: readonly Certificate[];
  readonly anchorsFile: string;
  readonly readers: readonly Reader[];
};

type Case = Stamped & { readonly good: boolean; readonly document: Uint8Array };

type Unit = {
  readonly key: LocalKeyKind;
  readonly signatureDigest: (typeof signatureDigests)[number];
  /** Imprint algorithms; the kinds of key that are asked about in breadth take all of them. */
  readonly imprints: readonly (typeof defaultHashAlgorithms)[number][];
  /** Who reads such tokens beside Bouncy Castle. */
  readonly readers: readonly Reader[];
};

type Reader = 'openssl' | 'dss';

const inBreadth = (['P-256', 'RSA-3072'] as const).flatMap((key) =>
  signatureDigests.map((signatureDigest): Unit => ({
    key,
    signatureDigest,
    imprints: defaultHashAlgorithms,
    readers: ['openssl', 'dss'],
  })),
);

/** Kinds of key whose imprints are those of the others: one token each. */
const further: readonly (readonly [key: LocalKeyKind, ...readers: readonly Reader[]])[] = [
  ['P-384', 'openssl', 'dss'],
  ['RSA-4096', 'openssl', 'dss'],
  ['Ed25519', 'dss'],
  ['ML-DSA-44'],
  ['ML-DSA-65'],
  ['ML-DSA-87'],
];

const units: readonly Unit[] = [
  ...inBreadth,
  ...further.map(([key, ...readers]): Unit => ({
    key,
    signatureDigest: 'SHA-512',
    imprints: ['SHA-256'],
    readers,
  })),
];

/** One token an imprint algorithm, asked over HTTP from a unit that is made for it. */
async function stampsOf(unit: Unit, folder: string, file: string): Promise<readonly Stamped[]> {
  const stateDir = path.join(folder, `${unit.key}-${unit.signatureDigest}`);
  const { signal } = new AbortController();
  const clock = { now: () => Temporal.Now.instant() };
  await using tsa = await startTsa({
    config: localTsaConfig({
      stateDir,
      port: 0,
      local: { key: unit.key, signatureDigest: unit.signatureDigest },
    }),
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    events: () => undefined,
    signal,
  });
  const anchorsFile = `${stateDir}.pem`;
  await writeFile(anchorsFile, tsa.anchorsPem);
  const anchors = parsePemCertificates(tsa.anchorsPem);
  const stamped: Stamped[] = [];
  for (const algorithm of unit.imprints) {
    const { response, token } = await stampFile({
      file,
      url: tsa.url,
      algorithm,
      anchors,
      now: clock.now(),
      signal,
    });
    const name = `${unit.key} signing with ${unit.signatureDigest}, imprint ${algorithm}`;
    const { readers } = unit;
    stamped.push({ name, algorithm, response, token: token.raw, anchors, anchorsFile, readers });
  }
  return stamped;
}

/** The stamp as it is, over another document, and with a byte changed in each protected part. */
function casesOf(stamped: Stamped): readonly Case[] {
  const token = parseTimeStampToken(stamped.token);
  const inResponse = damageToken(stamped.response, token);
  return [
    { ...stamped, good: true, document },
    {
      ...stamped,
      name: `${stamped.name}, document changed`,
      good: false,
      document: Buffer.from('A document that the local unit stamped.\n'),
    },
    ...damageToken(stamped.token, token).map(({ part, octets }, index) => ({
      ...stamped,
      name: `${stamped.name}, ${part} changed`,
      good: false,
      document,
      token: octets,
      response: inResponse[index]?.octets ?? stamped.response,
    })),
  ];
}

function weAccept({ token, algorithm, anchors, document: data }: Case): boolean {
  try {
    return (
      verifyToken(parseTimeStampToken(token), {
        imprint: { algorithm, digest: digest(algorithm, data) },
        anchors: anchors.map((certificate) => ({ certificate })),
        revocationMode: 'soft',
      }).status === 'valid'
    );
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}

async function opensslAccepts(one: Case, folder: string): Promise<boolean> {
  const [data, response] = [path.join(folder, 'data'), path.join(folder, 'response.tsr')];
  await writeFile(data, one.document);
  await writeFile(response, one.response);
  const options = ['-data', data, '-in', response, '-CAfile', one.anchorsFile];
  try {
    const { stdout } = await run('openssl', ['ts', '-verify', ...options]);
    return stdout.includes('Verification: OK');
  } catch (error) {
    // A number is its exit status: a verdict. Anything else is an OpenSSL that could not be run.
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return false;
    throw error;
  }
}

async function askDss(
  oracle: string,
  cases: readonly Case[],
  folder: string,
): Promise<readonly DssAnswer[]> {
  const lines = await Promise.all(
    cases.map(async (one, index) => {
      const [file, data] = [path.join(folder, `${index}.tst`), path.join(folder, `${index}.bin`)];
      await Promise.all([writeFile(file, one.token), writeFile(data, one.document)]);
      return JSON.stringify({ file, detached: [{ file: data }] });
    }),
  );
  const trust = path.join(folder, 'trust');
  await mkdir(trust, { recursive: true });
  for (const { anchorsFile } of cases)
    await copyFile(anchorsFile, path.join(trust, path.basename(anchorsFile)));
  const options = ['--list', '-', '--trust', trust];
  const answers = await ask(path.join(oracle, 'dss', 'validate'), options, lines);
  if (answers.length !== cases.length) throw new Error(`EU DSS answered ${answers.length} times`);
  return answers as readonly DssAnswer[];
}

function dssAcceptsToken({ error, timestamps }: DssAnswer): boolean {
  return (
    error === null &&
    timestamps.length === 1 &&
    timestamps.every((one) => one.imprintFound && one.imprintIntact && one.signatureIntact)
  );
}

/** RFC 4998 §4.1: without a tree the token covers the one document. */
function recordAround({ algorithm, token }: Stamped): Uint8Array {
  const stamp = buildArchiveTimeStamp({ digestAlgorithm: algorithm, timeStamp: token });
  return buildEvidenceRecord({
    digestAlgorithms: [algorithm],
    sequence: buildArchiveTimeStampSequence([buildArchiveTimeStampChain([stamp])]),
  });
}

/** Bouncy Castle is asked about records; of tokens that nobody else reads, about those with a changed byte too. */
function recordCases(stamped: readonly Stamped[]): readonly Case[] {
  return stamped.flatMap((one) =>
    casesOf(one).filter(
      ({ good, token }) => good || (one.readers.length === 0 && token !== one.token),
    ),
  );
}

async function judgeAsRecords(
  oracle: string,
  stamped: readonly Stamped[],
): Promise<readonly ConformanceResult[]> {
  const cases = recordCases(stamped);
  const records = cases.map((one) => ({ record: recordAround(one), documents: [document] }));
  const judgements = await judgeRecords(oracle, records);
  return judgements.map(({ strict, dss }, index) => {
    const { name = '', good = true, readers = [] } = cases[index] ?? {};
    const verdicts = [
      strict.ok && strict.bc.ok,
      ...(readers.includes('dss') ? [dssAccepts(dss)] : []),
    ];
    return {
      case: `${name}, as an evidence record`,
      passed: verdicts.every((accepted) => accepted === good),
      expected: good ? 'accepted by all who read such tokens' : 'refused by all who do',
      got: `strict walk: ${strict.ok}; Bouncy Castle: ${strict.bc.ok}; EU DSS: ${dssAccepts(dss)} (${dss.indication})`,
      note: [...strict.errors, strict.bc.error ?? ''].join('; '),
    };
  });
}

/** Every kind of token of the local unit, and each of them damaged, before every judge that reads tokens. */
export async function judgeTokens(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-tokens-'));
  try {
    const file = path.join(folder, 'document.txt');
    await writeFile(file, document);
    const stamped: Stamped[] = [];
    for (const unit of units) stamped.push(...(await stampsOf(unit, folder, file)));
    const cases = stamped.flatMap(casesOf);
    const dss = await askDss(oracle, cases, folder);
    const results: ConformanceResult[] = [];
    for (const [index, one] of cases.entries()) {
      const answer = dss[index];
      const verdicts: readonly (readonly [judge: string, accepted: boolean])[] = [
        ['ours', weAccept(one)],
        ...(one.readers.includes('openssl')
          ? [['openssl ts', await opensslAccepts(one, folder)] as const]
          : []),
        ...(one.readers.includes('dss')
          ? [['EU DSS', answer !== undefined && dssAcceptsToken(answer)] as const]
          : []),
      ];
      results.push({
        case: one.name,
        passed: verdicts.every(([, accepted]) => accepted === one.good),
        expected: one.good ? 'accepted by all' : 'refused by all',
        got: verdicts.map(([judge, accepted]) => `${judge}: ${accepted}`).join('; '),
      });
    }
    return { results: [...results, ...(await judgeAsRecords(oracle, stamped))] };
  } finally {
    await rm(folder, { recursive: true });
  }
}
