// A verification is an ordered list of named checks; this is the shape of one and how a list becomes
// a verdict. What is checked stands in the lists (signer-checks.ts, shared/tsp/token-checks.ts).
import type { SignatureResult } from '#shared/crypto/signature.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';

/** What a check found; the name and clause of the check are added by `runChecks`. */
export type Problem = {
  readonly level: Finding['level'];
  /** One English sentence. */
  readonly message: string;
  readonly facts?: Readonly<Record<string, string>> | undefined;
  /** What an error or unknown means for the verdict. */
  readonly subIndication?: SubIndication | undefined;
};

/** One demand: its name says what it demands, its clause where that stands. */
export type Check<Context> = {
  readonly name: string;
  readonly clause: string;
  readonly run: (context: Context) => readonly Problem[];
};

/** Status, sub-indication and findings, in the order of the checks. */
export type ChecksResult = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
};

/** Sub-indications with which EN 319 102-1 §5.1.3 table 6 fails; all others leave the question open. */
const failing: ReadonlySet<SubIndication> = new Set([
  'FORMAT_FAILURE',
  'HASH_FAILURE',
  'SIG_CRYPTO_FAILURE',
  'REVOKED',
  'EXPIRED',
  'NOT_YET_VALID',
]);

/** An error with a failing sub-indication. */
export function fail(
  subIndication: SubIndication,
  message: string,
  facts?: Readonly<Record<string, string>>,
): readonly Problem[] {
  return [{ level: 'error', subIndication, message, facts }];
}

/** Something worth saying that decides nothing. */
export function warn(
  message: string,
  facts?: Readonly<Record<string, string>>,
): readonly Problem[] {
  return [{ level: 'warning', message, facts }];
}

/** No problem. */
export const pass: readonly Problem[] = [];

/** What a signature value that did not verify means; `unsupported` names what nobody here can verify. */
export function signatureProblems(
  result: SignatureResult | undefined,
  algorithm: string,
  unsupported: string,
): readonly Problem[] {
  if (!result || result.ok) return pass;
  const facts = { algorithm, reason: result.reason, detail: result.detail };
  switch (result.reason) {
    case 'signature-wrong':
      return fail('SIG_CRYPTO_FAILURE', 'The signature value is wrong.', facts);
    case 'key-unusable':
      return fail('SIG_CRYPTO_FAILURE', 'The key does not go with the signature.', facts);
    case 'algorithm-unsupported':
      return [
        {
          level: 'unknown',
          subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
          message: `The ${unsupported} is not supported.`,
          facts,
        },
      ];
  }
}

/**
 * Runs every check, in order; all of them, so that a verdict names each thing that is wrong. The
 * first failing sub-indication decides, else the first that leaves the question open.
 */
export function runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
): ChecksResult {
  const findings: Finding[] = [];
  let failed: SubIndication | undefined;
  let open: SubIndication | undefined;
  let deciding = false;
  for (const { name, clause, run } of checks) {
    for (const problem of run(context)) {
      const { level, message, facts = {}, subIndication } = problem;
      findings.push({ check: name, clause, level, message, facts });
      if (level !== 'error' && level !== 'unknown') continue;
      deciding = true;
      if (level === 'error' && subIndication && failing.has(subIndication))
        failed ??= subIndication;
      else open ??= subIndication;
    }
  }
  if (!deciding) return { status: 'valid', findings };
  return failed
    ? { status: 'invalid', subIndication: failed, findings }
    : { status: 'indeterminate', subIndication: open ?? 'SIG_CONSTRAINTS_FAILURE', findings };
}
