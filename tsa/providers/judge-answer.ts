// What one provider's answer is worth: a verified token to hand on, a reason to ask the next provider, or a reason
// to stop. Pure but for its arguments: the instant, the trust material and the policy are given.
import { FormatError, SourceError, UnsupportedError } from '#shared/errors.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { responseChecks } from '#shared/tsp/check-response.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, printableText, type TimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { isAccredited } from './accreditation.ts';
import type { Profile } from '../config/config.ts';
import type { FailureKind } from './provider-record.ts';
import type { Provider, TrustMaterial } from './providers.ts';
import type { FailureBit } from '../replies.ts';

/** A token that passed every check, with the answer that carried it, unchanged. */
export type GoodAnswer = {
  readonly kind: 'token';
  readonly response: Uint8Array;
  readonly serialNumber: bigint;
  readonly genTime: Temporal.Instant;
  /** TSU first. */
  readonly path: readonly Certificate[];
};

export type NextAnswer = {
  readonly kind: 'next';
  readonly failure: FailureKind;
  readonly reason: string;
  /** The bit that a provider's rejection carried, where it is one of those of RFC 3161. */
  readonly failureBit?: FailureBit | undefined;
  /** All that is wrong with the token is certificates that the query did not ask for (RFC 3161 §2.4.1). */
  readonly unasked?: boolean;
};

export type Judged =
  | GoodAnswer
  | NextAnswer
  /** The request itself is at fault: another provider would say the same. */
  | { readonly kind: 'end'; readonly failureBit: FailureBit; readonly reason: string }
  /** No certificate at hand fits the token's signer identifier (certReq FALSE). */
  | { readonly kind: 'unknown-signer'; readonly reason: string };

export type JudgeOptions = {
  /** As it was sent. */
  readonly request: TimeStampReq;
  readonly profile: Profile;
  readonly provider: Pick<
    Provider,
    'name' | 'tsaPolicies' | 'hashAlgorithms' | 'accreditations' | 'conceal'
  >;
  readonly trust: TrustMaterial;
  readonly now: Temporal.Instant;
  readonly algorithmPolicy: AlgorithmProfile | undefined;
};

const endingBits: readonly string[] = ['badRequest', 'badDataFormat'];
const movingBits = [
  'badAlg',
  'unacceptedPolicy',
  'unacceptedExtension',
  'timeNotAvailable',
  'addInfoNotAvailable',
  'systemFailure',
] as const satisfies readonly FailureBit[];

function judgeRejection(
  response: TimeStampResp,
  { name, conceal }: JudgeOptions['provider'],
): Judged {
  const { failInfo, statusString } = response;
  const status = response.statusName ?? `status ${response.status}`;
  const said = [...failInfo, ...statusString].join('; ');
  // Before it is cut: half of a secret is one, too.
  const text = printableText(conceal?.(said) ?? said, 300);
  const reason = `${name} answered ${status}${text === '' ? '' : `: ${text}`}`;
  // Only a rejection speaks of the request; `waiting` and the warnings speak of the provider.
  const ending = failInfo.find((bit) => endingBits.includes(bit));
  if (ending !== undefined && response.statusName === 'rejection') {
    const failureBit = ending === 'badRequest' ? 'badRequest' : 'badDataFormat';
    return { kind: 'end', failureBit, reason };
  }
  const failureBit = movingBits.find((bit) => failInfo.includes(bit));
  return { kind: 'next', failure: 'rejected', reason, failureBit };
}

/** Why a token is none of an accredited provider, where the profile asks for one. */
function accreditationOffence(
  { tstInfo: { genTime, policy } }: TimeStampToken,
  { profile: { accredited }, provider: { name, accreditations } }: JudgeOptions,
): string | undefined {
  if (accredited.length === 0 || isAccredited(accreditations, accredited, genTime, policy))
    return undefined;
  return `${name} gave a token under policy ${policy} at ${genTime.toString()}, when no accreditation under ${accredited.join(' or ')} covers it`;
}

function judgeToken(response: TimeStampResp, octets: Uint8Array, options: JudgeOptions): Judged {
  const { profile, provider, request, trust, now } = options;
  const token = parseTimeStampToken(octets);
  const tsaPolicies = provider.tsaPolicies.filter(
    (one) => profile.tsaPolicies.length === 0 || profile.tsaPolicies.includes(one),
  );
  const verdict = verifyToken(token, {
    request,
    anchors: trust.anchors,
    certificates: trust.certificates,
    crls: trust.crls,
    ocspResponses: [],
    at: now,
    clock: { now, toleranceSeconds: profile.clockToleranceSeconds },
    allowed: {
      digestAlgorithms: profile.hashAlgorithms,
      ...(provider.tsaPolicies.length === 0 && profile.tsaPolicies.length === 0
        ? {}
        : { tsaPolicies: provider.tsaPolicies.length === 0 ? profile.tsaPolicies : tsaPolicies }),
    },
    revocationMode: profile.revocation,
    requireAccuracy: profile.accuracyRequired,
    minimumRemaining: { seconds: profile.minimumRemainingDays * 86_400 },
    algorithmPolicy: options.algorithmPolicy,
  });
  const unaccredited = accreditationOffence(token, options);
  if (verdict.status === 'valid' && unaccredited !== undefined)
    return { kind: 'next', failure: 'invalid-token', reason: unaccredited };
  const { serialNumber, genTime } = token.tstInfo;
  if (verdict.status === 'valid')
    return { kind: 'token', response: response.raw, serialNumber, genTime, path: verdict.path };
  const failed = verdict.findings.filter(
    (finding) => finding.level === 'error' || finding.level === 'unknown',
  );
  const unasked = !request.certReq && failed.every(({ check }) => check === 'cert-req');
  const reasons = failed.map((finding) => `${finding.message} (${finding.clause})`).join('; ');
  const reason = `${provider.name} gave a token that is ${verdict.status}: ${reasons}`;
  return verdict.subIndication === 'NO_SIGNING_CERTIFICATE_FOUND'
    ? { kind: 'unknown-signer', reason }
    : { kind: 'next', failure: 'invalid-token', reason, unasked };
}

/** Demands on an answer beside its token; those that only warn are of its frame, which nobody signed. */
const contradictions = responseChecks.filter(({ level }) => level === 'error');

/** Judges the octets of a TimeStampResp. Never throws on what a provider sent. */
export function judgeAnswer(octets: Uint8Array, options: JudgeOptions): Judged {
  try {
    const response = parseTimeStampResp(octets);
    const granted = response.statusName === 'granted' || response.statusName === 'grantedWithMods';
    if (!granted) return judgeRejection(response, options.provider);
    for (const { run, clause } of contradictions) {
      const offence = run(response);
      if (offence === undefined) continue;
      const reason = `${options.provider.name}: ${offence} (${clause})`;
      return { kind: 'next', failure: 'not-an-answer', reason };
    }
    if (response.token) return judgeToken(response, response.token, options);
    const reason = `${options.provider.name} answered ${response.statusName} without a token`;
    return { kind: 'next', failure: 'not-an-answer', reason };
  } catch (error) {
    if (!(error instanceof FormatError) && !(error instanceof UnsupportedError)) throw error;
    const reason = `${options.provider.name} gave an answer that cannot be read: ${error.message}`;
    return { kind: 'next', failure: 'not-an-answer', reason };
  }
}

/** What a failed exchange stands for. */
export function judgeFailure(error: unknown, providerName: string): NextAnswer {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return { kind: 'next', failure: 'timeout', reason: `${providerName} gave no answer at all` };
  if (!(error instanceof SourceError)) {
    const reason = `${providerName} could not be asked`;
    return { kind: 'next', failure: 'internal', reason };
  }
  const failure =
    error.code === 'ERR_SOURCE_TIMEOUT'
      ? 'timeout'
      : error.code === 'ERR_SOURCE_ANSWER' || error.code === 'ERR_SOURCE_REFUSED'
        ? 'not-an-answer'
        : 'unreachable';
  return { kind: 'next', failure, reason: `${providerName}: ${printableText(error.message)}` };
}
