// Algorithm policies as frozen data (RFC 5698 in meaning): is this algorithm, with this key, for
// this use, acceptable, and until when? Which policies exist is data; profiles combine several.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { earlier, isBefore } from '#shared/time.ts';

/** `new`: creating with it. `verify`: accepting it without an older proof of existence. */
export type AlgorithmUse = 'new' | 'verify';

/** Signature schemes as the policies name them. */
export const signatureSchemes = [
  'RSASSA-PKCS1-v1_5',
  'RSASSA-PSS',
  'ECDSA',
  'PLAIN-ECDSA',
  'EdDSA',
  'DSA',
  'ML-DSA',
  'SLH-DSA',
] as const;
export type SignatureScheme = (typeof signatureSchemes)[number];

/** What is asked about. `keyBits`: RSA and DSA modulus length, curve size in bits. */
export type AlgorithmQuestion =
  | { readonly kind: 'digest'; readonly digest: DigestAlgorithm }
  | {
      readonly kind: 'signature';
      readonly scheme: SignatureScheme;
      readonly digest?: DigestAlgorithm | undefined;
      readonly keyBits: number;
      readonly curve?: string | undefined;
    };

/** The answer of one policy or profile; `endExclusive` absent: no end announced. */
export type AlgorithmAnswer =
  | {
      readonly kind: 'listed';
      /** Not acceptable before; absent: always was. */
      readonly startInclusive?: Temporal.Instant | undefined;
      readonly endExclusive: Temporal.Instant | undefined;
      readonly policy: string;
      readonly source: string;
      readonly confidence: string;
    }
  | { readonly kind: 'absent'; readonly policy: string };

export type EvaluationParameter = {
  readonly name: string;
  readonly min?: number;
  readonly max?: number;
};

/** One row: for these uses and parameters acceptable before `endExclusive` (a date, or null: no end). */
export type Evaluation = {
  readonly uses: readonly string[];
  readonly parameters?: readonly EvaluationParameter[];
  /** First day, where the policy begins to allow it only then. */
  readonly startInclusive?: string;
  readonly endExclusive: string | null;
  readonly confidence: string;
  readonly source: string;
  readonly status?: string;
};

export type PolicyAlgorithm = {
  readonly alg: string;
  readonly oid?: string;
  readonly xmlUri?: string;
  readonly hash?: string;
  readonly evaluations: readonly Evaluation[];
};

export type AlgorithmPolicy = {
  readonly id: string;
  readonly title: { readonly en: string; readonly ja: string };
  readonly publisher: string;
  readonly version: string;
  readonly policyIssueDate: string | null;
  /** When the publisher means to issue the next edition (RFC 5698 §3.1), where it says so. */
  readonly nextUpdate?: string;
  readonly confidence: string;
  /** What it was carried over from, by the names that its rows give as source. */
  readonly sources?: readonly string[];
  readonly hashAlgorithms: readonly PolicyAlgorithm[];
  readonly signatureAlgorithms: readonly PolicyAlgorithm[];
  readonly curves: readonly PolicyAlgorithm[];
};

/** An operator's own end of an algorithm, from the day on which it is known; the earliest end wins. */
export type AlgorithmOverride = {
  readonly algorithm: string;
  readonly endExclusive: Temporal.Instant;
  readonly minimumBits?: number | undefined;
  readonly source: string;
};

/** Several policies asked together. `fallback`: who answers for an algorithm that some do not list. */
export type AlgorithmProfile = {
  readonly id: string;
  readonly uses: AlgorithmUse;
  readonly policies: readonly AlgorithmPolicy[];
  readonly fallback?: string | undefined;
  readonly overrides: readonly AlgorithmOverride[];
};

/** Shape of the bundled data file, shared/policy/data/algorithm-policies.json. */
export type PolicyFile = {
  readonly asOf: string;
  readonly defaultProfile: string;
  readonly profiles: readonly {
    readonly id: string;
    readonly uses: string;
    readonly policies: readonly string[];
    readonly fallback?: string;
  }[];
  readonly policies: readonly AlgorithmPolicy[];
};

/**
 * The profile of that id, its policies joined in.
 * @throws ConfigError ERR_CONFIG_INVALID: no such profile, or one that names an unknown policy
 */
export function selectProfile(
  file: PolicyFile,
  id: string,
  overrides: readonly AlgorithmOverride[] = [],
): AlgorithmProfile {
  const profile = file.profiles.find((candidate) => candidate.id === id);
  if (!profile) {
    const known = file.profiles.map((candidate) => candidate.id).join(', ');
    throw new ConfigError('ERR_CONFIG_INVALID', `no algorithm profile ${id}; there are: ${known}`);
  }
  const policies = profile.policies.map((policyId) => {
    const policy = file.policies.find((candidate) => candidate.id === policyId);
    if (!policy)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `profile ${id} names an unknown policy ${policyId}`,
      );
    return policy;
  });
  return {
    id,
    uses: profile.uses === 'verify' ? 'verify' : 'new',
    policies,
    fallback: profile.fallback,
    overrides,
  };
}

/** What a profile consists of, for logs and reports: its policies with their editions, then the operator's own ends. */
export function editionsOf({ policies, overrides }: AlgorithmProfile): readonly string[] {
  return [
    ...policies.map(({ id, version }) => `${id} (${version})`),
    ...overrides.map(({ algorithm, minimumBits, endExclusive, source }) => {
      const keys = minimumBits === undefined ? '' : ` below ${minimumBits} bits`;
      return `override: ${algorithm}${keys} ends ${endExclusive.toString().slice(0, 10)} (${source})`;
    }),
  ];
}

const dayStarts = new Map<string, Temporal.Instant>();

/** Each token asks for the days of the same few rows, and a calendar costs more than the rest of the answer. */
function dayStart(date: string): Temporal.Instant {
  const known = dayStarts.get(date);
  if (known) return known;
  const start = Temporal.PlainDate.from(date).toZonedDateTime('UTC').toInstant();
  dayStarts.set(date, start);
  return start;
}

function parameterValue(name: string, question: AlgorithmQuestion): number | undefined {
  if (question.kind === 'digest') return undefined;
  if (name === 'moduluslength' || name === 'plength') return question.keyBits;
  if (name !== 'qlength') return undefined;
  // A curve's order is as long as its field, which is the size that the key is known by.
  if (question.scheme !== 'DSA') return question.keyBits;
  // FIPS 186-4 §4.2 pairs p of 2,048 bits and more with q of 224 or 256; what is asked does not say.
  return question.keyBits >= 2048 ? 256 : 160;
}

function fits(evaluation: Evaluation, question: AlgorithmQuestion, use: AlgorithmUse): boolean {
  if (!evaluation.uses.includes(use)) return false;
  const { parameters = [] } = evaluation;
  // Of a DSA key p is known: where a row bounds it, that decides, and its q goes with it.
  const byModulus =
    question.kind === 'signature' &&
    question.scheme === 'DSA' &&
    parameters.some(({ name }) => name === 'plength');
  return parameters.every((parameter) => {
    if (byModulus && parameter.name === 'qlength') return true;
    const value = parameterValue(parameter.name, question);
    if (value === undefined) return false;
    return value >= (parameter.min ?? 0) && value <= (parameter.max ?? Infinity);
  });
}

function highestMinimum(evaluation: Evaluation): number {
  return Math.max(0, ...(evaluation.parameters ?? []).map((parameter) => parameter.min ?? 0));
}

/** Of the rows that fit: those with the highest minimum; of those the earliest end. */
function choose(rows: readonly Evaluation[]): Evaluation | undefined {
  const top = Math.max(...rows.map(highestMinimum));
  return rows
    .filter((row) => highestMinimum(row) === top)
    .toSorted((a, b) => (a.endExclusive ?? '9999').localeCompare(b.endExclusive ?? '9999'))[0];
}

function listed(policy: AlgorithmPolicy, row: Evaluation): AlgorithmAnswer {
  return {
    kind: 'listed',
    ...(row.startInclusive !== undefined && { startInclusive: dayStart(row.startInclusive) }),
    endExclusive: row.endExclusive === null ? undefined : dayStart(row.endExclusive),
    policy: policy.id,
    source: row.source,
    confidence: row.confidence,
  };
}

/** The signature rows that speak of this scheme: with this digest, or with none named. */
function signatureRows(
  policy: AlgorithmPolicy,
  scheme: string,
  digest: string | undefined,
): PolicyAlgorithm[] {
  const schemes = policy.signatureAlgorithms.filter((row) => row.alg === scheme);
  const exact = schemes.filter((row) => row.hash !== undefined && row.hash === digest);
  return exact.length > 0 ? exact : schemes.filter((row) => row.hash === undefined);
}

/**
 * One policy's answer. An algorithm that it does not list is not acceptable under it.
 * @see RFC 5698 §2
 */
export function askPolicy(
  policy: AlgorithmPolicy,
  question: AlgorithmQuestion,
  use: AlgorithmUse,
): AlgorithmAnswer {
  const candidates =
    question.kind === 'digest'
      ? policy.hashAlgorithms.filter((row) => row.alg === question.digest)
      : signatureRows(policy, question.scheme, question.digest);
  const rows = candidates
    .flatMap((row) => row.evaluations)
    .filter((row) => fits(row, question, use));
  const row = rows.length > 0 ? choose(rows) : undefined;
  return row ? listed(policy, row) : { kind: 'absent', policy: policy.id };
}

function overrideApplies(override: AlgorithmOverride, question: AlgorithmQuestion): boolean {
  if (question.kind === 'digest') return override.algorithm === question.digest;
  const scheme =
    override.algorithm === question.scheme ||
    (override.algorithm === 'RSA' && question.scheme.startsWith('RSASSA'));
  const weak = override.minimumBits === undefined || question.keyBits < override.minimumBits;
  return (scheme && weak) || override.algorithm === question.digest;
}

function laterStart(
  a: Temporal.Instant | undefined,
  b: Temporal.Instant | undefined,
): Temporal.Instant | undefined {
  return a && b && isBefore(a, b) ? b : (a ?? b);
}

/** Acceptable to both: from the later start to the earlier end. */
function earlierAnswer(a: AlgorithmAnswer | undefined, b: AlgorithmAnswer): AlgorithmAnswer {
  if (!a) return b;
  if (a.kind === 'absent') return a;
  if (b.kind === 'absent') return b;
  const isFirst =
    b.endExclusive === undefined ||
    (a.endExclusive !== undefined && !isBefore(b.endExclusive, a.endExclusive));
  const startInclusive = laterStart(a.startInclusive, b.startInclusive);
  return { ...(isFirst ? a : b), ...(startInclusive && { startInclusive }) };
}

/**
 * The profile's answer: the earliest end over its policies and overrides. A policy that lists
 * nothing of the asked kind does not speak of it; absent from one that does means not acceptable,
 * unless the fallback policy lists it.
 */
export function askProfile(
  profile: AlgorithmProfile,
  question: AlgorithmQuestion,
  use: AlgorithmUse = profile.uses,
): AlgorithmAnswer {
  let answer: AlgorithmAnswer | undefined;
  for (const policy of profile.policies) {
    const rows = question.kind === 'digest' ? policy.hashAlgorithms : policy.signatureAlgorithms;
    if (rows.length === 0) continue;
    const own = askPolicy(policy, question, use);
    if (own.kind === 'absent' && profile.fallback !== undefined && profile.fallback !== policy.id)
      continue;
    answer = earlierAnswer(answer, own);
  }
  answer ??= { kind: 'absent', policy: profile.id };
  for (const override of profile.overrides) {
    if (answer.kind === 'absent' || !overrideApplies(override, question)) continue;
    const end: Temporal.Instant =
      answer.endExclusive === undefined
        ? override.endExclusive
        : earlier(answer.endExclusive, override.endExclusive);
    if (end !== answer.endExclusive) {
      answer = {
        ...answer,
        endExclusive: end,
        policy: 'override',
        source: override.source,
        confidence: 'operator',
      };
    }
  }
  return answer;
}

/** Whether an answer allows the algorithm at this instant. */
export function acceptableAt(answer: AlgorithmAnswer, at: Temporal.Instant): boolean {
  if (answer.kind === 'absent') return false;
  if (answer.startInclusive && isBefore(at, answer.startInclusive)) return false;
  return answer.endExclusive === undefined || Temporal.Instant.compare(at, answer.endExclusive) < 0;
}
