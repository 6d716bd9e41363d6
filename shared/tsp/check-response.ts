// What a client makes of a TimeStampResp before it looks at the token (RFC 3161 §2.4.2): pure checks.
import type { Finding } from '#shared/trust/finding.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import type { TimeStampResp } from './response.ts';

export type ResponseCheck = {
  readonly name: string;
  readonly clause: string;
  readonly level: Finding['level'];
  /** What is wrong, in one sentence; `undefined` where nothing is. */
  readonly run: (response: TimeStampResp) => string | undefined;
};

function isGranted({ statusName }: TimeStampResp): boolean {
  return statusName === 'granted' || statusName === 'grantedWithMods';
}

/** The demands on an answer, in order. */
export const responseChecks: readonly ResponseCheck[] = [
  {
    name: 'response-encoding',
    clause: 'RFC 3161 §3',
    level: 'warning',
    // The frame is not signed; the checks on the token say what counts.
    run: ({ raw, token }) => {
      const frame = raw.length - (token?.length ?? 0);
      const offence = findDerOffence(raw);
      return offence && offence.offset < frame
        ? `The answer is not in DER: ${offence.what} at octet ${offence.offset}.`
        : undefined;
    },
  },
  {
    name: 'response-status',
    clause: 'RFC 3161 §2.4.2',
    level: 'error',
    // Whatever else is set, a token that comes with a refusal is none: it may be a warning in disguise.
    run: (response) =>
      isGranted(response)
        ? undefined
        : `The TSA answered ${response.statusName ?? `with the undefined status ${response.status}`}.`,
  },
  {
    name: 'response-fail-info',
    clause: 'RFC 3161 §2.4.2',
    level: 'error',
    // failInfo says why a request was rejected; with a grant the answer contradicts itself.
    run: (response) =>
      isGranted(response) && response.failInfo.length > 0
        ? `The TSA granted, and named a failure: ${response.failInfo.join(', ')}.`
        : undefined,
  },
  {
    name: 'response-token',
    clause: 'RFC 3161 §2.4.2',
    level: 'error',
    run: (response) =>
      isGranted(response) && !response.token ? 'The TSA granted without a token.' : undefined,
  },
];

/** Findings on an answer; without an error among them, the token may be looked at. */
export function checkTimeStampResp(
  response: TimeStampResp,
  checks: readonly ResponseCheck[] = responseChecks,
): readonly Finding[] {
  return checks.flatMap(({ name, clause, level, run }) => {
    const message = run(response);
    if (message === undefined) return [];
    const facts = {
      status: `${response.status}`,
      ...(response.failInfo.length > 0 && { failInfo: response.failInfo.join(', ') }),
    };
    return [{ check: name, clause, level, message, facts }];
  });
}
