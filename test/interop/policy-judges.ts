// Algorithm policies before EU DSS: each bundled one, exported as DSSC and signed, is valid against the schema
// of RFC 5698 and says the same to both; of EU DSS's own policy both say the same, for every algorithm, a
// set of key sizes and each year from 2000 to 2060. The signatures before the JDK's own verifier.
import { execFile } from 'node:child_process';
import { sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { isDigestAlgorithm, nodeDigestName } from '#shared/crypto/digest.ts';
import {
  type AlgorithmPolicy,
  type AlgorithmQuestion,
  type SignatureScheme,
  acceptableAt,
  askPolicy,
} from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { parseDssc } from '#shared/policy/dssc.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';
import { signEnveloped } from '#shared/xmldsig/sign-enveloped.ts';
import { issueRoot } from '../_authority.ts';
import { testKey } from '../_keys.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { judgeLibraries } from './_judge-libraries.ts';

const run = promisify(execFile);
const maxBuffer = 1 << 28;

type Row = {
  readonly digest: string | null;
  readonly scheme?: string;
  readonly name?: string;
  readonly size?: number;
  /** Two characters a year from 2000: on its first instant, and on 1 July. */
  readonly years: string;
};

type Answer = { readonly file: string; readonly error?: string; readonly rows?: readonly Row[] };

const schemes: Readonly<Record<string, SignatureScheme>> = {
  RSA: 'RSASSA-PKCS1-v1_5',
  RSASSA_PSS: 'RSASSA-PSS',
  ECDSA: 'ECDSA',
  PLAIN_ECDSA: 'PLAIN-ECDSA',
  DSA: 'DSA',
  EDDSA: 'EdDSA',
};

function digestName(name: string): string {
  return name.replaceAll('_', '-').replace(/^(SHA|RIPEMD)(\d+)$/, '$1-$2');
}

/**
 * The same question in our words; `undefined`: an algorithm that we have no word for, or a `RAW` one: a value
 * whose digest is not told, which EU DSS never accepts and nobody asks us about.
 */
function questionOf({ digest, scheme, name: whole, size }: Row): AlgorithmQuestion | undefined {
  if (whole?.includes('RAW')) return undefined;
  const name = digest === null ? undefined : digestName(digest);
  if (name !== undefined && !isDigestAlgorithm(name)) return undefined;
  if (scheme === undefined) return name && { kind: 'digest', digest: name };
  const ours = schemes[scheme];
  return ours && { kind: 'signature', scheme: ours, digest: name, keyBits: size ?? 0 };
}

const years = Array.from({ length: 61 }, (_, index) => 2000 + index);

/** Our answers in the judge's notation. A signature is as good as its digest, which is asked apart here. */
function answersOf(policy: AlgorithmPolicy, question: AlgorithmQuestion): string {
  const answers = [askPolicy(policy, question, 'verify')];
  if (question.kind === 'signature' && question.digest)
    answers.push(askPolicy(policy, { kind: 'digest', digest: question.digest }, 'verify'));
  return years
    .flatMap((year) => [`${year}-01-01T00:00:00Z`, `${year}-07-01T00:00:00Z`])
    .map((at) => Temporal.Instant.from(at))
    .map((at) => (answers.every((answer) => acceptableAt(answer, at)) ? '1' : '0'))
    .join('');
}

/** The middle of each year: there, whether an end is its day's first instant or its last is the same. */
function midYears(answers: string): string {
  return answers.replace(/.(.)/g, '$1');
}

function labelOf({ digest, scheme, name, size }: Row): string {
  return scheme === undefined ? String(digest) : `${String(name)} of ${String(size)} bits`;
}

function compare(
  name: string,
  policy: AlgorithmPolicy,
  rows: readonly Row[],
  notation: (answers: string) => string,
): ConformanceResult {
  let compared = 0;
  const differences: string[] = [];
  for (const row of rows) {
    const question = questionOf(row);
    if (!question) continue;
    compared++;
    if (notation(answersOf(policy, question)) !== notation(row.years))
      differences.push(labelOf(row));
  }
  return {
    case: name,
    passed: compared > 0 && differences.length === 0,
    expected: 'the same answers',
    got:
      differences.length === 0
        ? `${compared} algorithms by ${years.length} years`
        : `different: ${differences.slice(0, 20).join('; ')}`,
  };
}

/** One key a policy, in turn: what policies can be signed with. */
const signers = (['P-256', 'P-384', 'P-521', 'RSA-3072'] as const).map((key) =>
  issueRoot({ key: testKey(key) }),
);

function signed(policy: AlgorithmPolicy, index: number): Uint8Array {
  const issued = signers[index % signers.length];
  if (!issued) throw new Error('no signer');
  const { certificate, key } = issued;
  return signEnveloped(buildDssc(policy, bundledPolicies.asOf), {
    certificate,
    sign: (octets, algorithm) =>
      sign(nodeDigestName(algorithm), octets, {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      }),
  });
}

/** The signed files and, of each, one with a changed date: what the JDK and we make of their signatures. */
async function judgeSignatures(
  folder: string,
  files: readonly string[],
): Promise<ConformanceResult[]> {
  const changed = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8');
      const name = path.join(folder, `changed-${path.basename(file)}`);
      await writeFile(name, text.replace(/<PolicyIssueDate>./, '<PolicyIssueDate>1'));
      return name;
    }),
  );
  const all = [...files, ...changed];
  const { stdout } = await run('java', [
    path.join(import.meta.dirname, 'XmlSignatures.java'),
    ...all,
  ]);
  const answers = stdout.trim().split('\n');
  return Promise.all(
    all.map(async (file, index) => {
      const [answer = '', certificate = ''] = (answers[index] ?? 'no answer').split(' ');
      const verdict = verifyEnveloped(parseXml(await readFile(file)));
      const ours = verdict.kind === 'signed' ? 'valid' : 'invalid';
      const isOurs =
        verdict.kind !== 'signed' ||
        Buffer.from(verdict.signer.raw).toString('base64') === certificate;
      const expected = index < files.length ? 'valid' : 'invalid';
      return {
        case: `${path.basename(file)}: its signature, by javax.xml.crypto`,
        passed: answer === expected && ours === expected && isOurs,
        expected: `${expected} to both`,
        got: `${answer} there, ${ours} here`,
      };
    }),
  );
}

/** `oracle` is the folder that holds `dss`. */
export async function judgePolicies(oracle: string): Promise<ConformanceReport> {
  const source = path.join(import.meta.dirname, 'DssPolicies.java');
  const java = ['-cp', await judgeLibraries(oracle), source];
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-policies-'));
  try {
    const own = path.join(folder, 'dss-crypto-suite.xml');
    await run('java', [...java, '--copy', own]);
    const exported = await Promise.all(
      bundledPolicies.policies.map(async (policy, index) => {
        const file = path.join(folder, `${policy.id}.xml`);
        await writeFile(file, signed(policy, index));
        return file;
      }),
    );
    const { stdout } = await run('java', [...java, own, ...exported], { maxBuffer });
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Answer);
    const { policy: imported } = parseDssc(await readFile(own), 'dss');
    const [ofDss, ...ofOurs] = answers;
    const carriedOver = bundledPolicies.policies.find(({ id }) => id === 'etsi-ts-119312-v1.5.1');
    if (!ofDss?.rows || !carriedOver) throw new Error('EU DSS says nothing of its own policy');
    return {
      results: [
        // To the day: the bundled data has its ends as EU DSS takes them, on the first instant.
        compare("EU DSS's policy as bundled here", carriedOver, ofDss.rows, (all) => all),
        compare("EU DSS's policy read from its file", imported, ofDss.rows, midYears),
        ...bundledPolicies.policies.flatMap((policy, index) => {
          const answer = ofOurs[index];
          const isValid = answer?.rows !== undefined;
          return [
            {
              case: `${policy.id} exported, against the schema of RFC 5698`,
              passed: isValid,
              expected: 'valid',
              got: isValid ? 'valid' : (answer?.error ?? 'no answer'),
            },
            // Policies with ends of their own for each use, or digests that they are silent on, mean to
            // EU DSS what no DSSC file says.
            ...(answer?.rows && policy === carriedOver
              ? [compare(`${policy.id} exported, read by EU DSS`, policy, answer.rows, midYears)]
              : []),
          ];
        }),
        ...(await judgeSignatures(folder, exported)),
      ],
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
