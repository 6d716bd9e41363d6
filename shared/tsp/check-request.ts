// What a server admits of a query by the rules of RFC 3161 §2.4.1 and its own lists: pure checks, each
// with the failure bit of §2.4.2 that answers it. Quotas and clients are for the proxy.
import { toHex } from '#shared/bytes.ts';
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { FormatError } from '#shared/errors.ts';
import { oidName } from '#shared/oid.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { parseTimeStampReq, type TimeStampReq } from './request.ts';
import type { PKIFailureInfo } from './response.ts';

/** What the server offers; `tsaPolicies` absent: any policy is passed on. */
export type AdmissionRules = {
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  readonly tsaPolicies?: readonly string[] | undefined;
};

/** A reason to reject, with the bit that says so to the client. */
export type RequestFinding = Finding & { readonly failInfo: PKIFailureInfo };

export type RequestCheck = {
  readonly name: string;
  readonly clause: string;
  readonly failInfo: PKIFailureInfo;
  /** What is wrong, in one sentence; `undefined` where nothing is. */
  readonly run: (request: TimeStampReq, rules: AdmissionRules) => string | undefined;
};

/** More octets are no counter and no random number, but a burden on whoever has to echo them. */
const maxNonceOctets = 64;

/** The demands on a query, in the order in which their failures are told. */
export const requestChecks: readonly RequestCheck[] = [
  {
    name: 'request-encoding',
    clause: 'RFC 3161 §3',
    failInfo: 'badDataFormat',
    run: (request) => {
      const offence = findDerOffence(request.raw);
      if (offence) return `The query is not in DER: ${offence.what} at octet ${offence.offset}.`;
      return request.defaultEncoded
        ? 'The query is not in DER: a default value is written out.'
        : undefined;
    },
  },
  {
    name: 'request-version',
    clause: 'RFC 3161 §2.4.1',
    failInfo: 'badRequest',
    run: ({ version }) =>
      version === 1 ? undefined : `Version ${version} of TimeStampReq is not defined.`,
  },
  {
    name: 'request-imprint-algorithm',
    clause: 'RFC 3161 §2.4.2',
    failInfo: 'badAlg',
    run: ({ messageImprint: { algorithm, hashAlgorithm } }, rules) =>
      algorithm && rules.digestAlgorithms.includes(algorithm)
        ? undefined
        : `Imprints of ${oidName(hashAlgorithm.oid)} are not accepted.`,
  },
  {
    name: 'request-imprint-parameters',
    clause: 'RFC 5754 §2',
    failInfo: 'badAlg',
    // Absent and NULL mean the same; anything else means a digest that we do not know.
    run: ({ messageImprint: { hashAlgorithm } }) =>
      hashAlgorithm.parameters === undefined || toHex(hashAlgorithm.parameters) === '0500'
        ? undefined
        : 'The digest algorithm has parameters other than NULL.',
  },
  {
    name: 'request-imprint-length',
    clause: 'RFC 3161 §2.4.1',
    failInfo: 'badDataFormat',
    run: ({ messageImprint: { algorithm, hashedMessage } }) =>
      !algorithm || hashedMessage.length === digestLength(algorithm)
        ? undefined
        : `An imprint of ${algorithm} has ${digestLength(algorithm)} octets, not ${hashedMessage.length}.`,
  },
  {
    name: 'request-policy',
    clause: 'RFC 3161 §2.4.2',
    failInfo: 'unacceptedPolicy',
    run: ({ reqPolicy }, rules) =>
      reqPolicy === undefined || !rules.tsaPolicies || rules.tsaPolicies.includes(reqPolicy)
        ? undefined
        : `The policy ${reqPolicy} is not offered.`,
  },
  {
    name: 'request-nonce',
    clause: 'RFC 3161 §2.4.1',
    failInfo: 'badDataFormat',
    // It is a large random number, and such a number has no sign.
    run: ({ nonce }) => (nonce !== undefined && nonce < 0n ? 'The nonce is negative.' : undefined),
  },
  {
    name: 'request-nonce-length',
    clause: 'RFC 3161 §2.4.1',
    failInfo: 'badRequest',
    run: ({ nonce }) =>
      nonce !== undefined && nonce >= 1n << BigInt(maxNonceOctets * 8)
        ? `The nonce has more than ${maxNonceOctets} octets.`
        : undefined,
  },
  {
    name: 'request-extensions',
    clause: 'RFC 3161 §2.4.1',
    failInfo: 'unacceptedExtension',
    // A server issues no token for a query with an extension that it does not know, critical or not.
    run: ({ extensions }) =>
      extensions[0] ? `The extension ${oidName(extensions[0].oid)} is not supported.` : undefined,
  },
];

export type Admission =
  | { readonly kind: 'admitted'; readonly request: TimeStampReq }
  | {
      readonly kind: 'rejected';
      /** At least one; the first is what the client is told. */
      readonly findings: readonly [RequestFinding, ...RequestFinding[]];
    };

/** Findings on a parsed query; empty where it may be served. */
export function checkTimeStampReq(
  request: TimeStampReq,
  rules: AdmissionRules,
  checks: readonly RequestCheck[] = requestChecks,
): readonly RequestFinding[] {
  return checks.flatMap(({ name, clause, failInfo, run }) => {
    const message = run(request, rules);
    return message === undefined
      ? []
      : [{ check: name, clause, level: 'error' as const, message, facts: {}, failInfo }];
  });
}

/** Parses and checks the octets of a query; what does not parse is rejected with badDataFormat. Never throws for hostile input. */
export function admitTimeStampReq(octets: Uint8Array, rules: AdmissionRules): Admission {
  try {
    const request = parseTimeStampReq(octets);
    const [first, ...others] = checkTimeStampReq(request, rules);
    return first
      ? { kind: 'rejected', findings: [first, ...others] }
      : { kind: 'admitted', request };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const finding: RequestFinding = {
      check: 'request-format',
      clause: error.clause ?? 'RFC 3161 §2.4.1',
      level: 'error',
      message: `The query cannot be read: ${error.message}`,
      facts: error.offset === undefined ? {} : { offset: `${error.offset}` },
      failInfo: 'badDataFormat',
    };
    return { kind: 'rejected', findings: [finding] };
  }
}
