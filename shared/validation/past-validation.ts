// Past certificate validation with validation time sliding (EN 319 102-1 §5.6.2.1, §5.6.2.2): up to which
// instant a certificate can be shown to have held. A proof of existence at or before it saves what the
// certificate signed (§5.6.2.4).
import { compareInstants, isBefore } from '#shared/time.ts';
import { certificateFacts, certificateLabel } from '#shared/trust/certificate-label.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import {
  earliest,
  type PastQuestion,
  slide,
  type Slide,
  type TimeLimit,
} from '#shared/validation/control-time.ts';
import type { ValidationMaterial } from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

export type PastVerdict = {
  readonly status: 'valid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  /** Target first, anchor last; empty where no path was found for any instant. */
  readonly path: readonly Certificate[];
  /** Until when the certificate can be shown to have held: control time, or the end of a validity. */
  readonly until?: Temporal.Instant | undefined;
  /** What set that instant or, not valid, what speaks against it most; absent: nothing before `at`. */
  readonly decidedBy?: TimeLimit | undefined;
  readonly findings: readonly Finding[];
};

const clause = 'EN 319 102-1 §5.6.2.2';
/** §5.6.2.1: a path that holds but for revocation, as of an instant at which all of it was in force. */
function pathInForce(question: PastQuestion, material: ValidationMaterial): readonly Certificate[] {
  const { target, purpose, anchors, at, existsSince } = question;
  // At its start a certificate's issuers are in force, if ever; later ones may have ended first.
  const instants = [at, target.notAfter, existsSince, target.notBefore];
  for (const instant of instants) {
    if (isBefore(at, instant)) continue;
    const verdict = verifyCertificatePath({
      target,
      intermediates: [...question.certificates, ...material.certificates],
      anchors,
      crls: [],
      ocspResponses: [],
      at: instant,
      purpose,
      revocationMode: 'none',
    });
    if (verdict.status === 'valid') return verdict.path;
  }
  return [];
}

/** Causes from what cannot be mended to what better data may mend. */
const byDefiniteness: readonly TimeLimit['cause'][] = [
  'revoked',
  'expired',
  'anchor-ended',
  'algorithm-absent',
  'algorithm-ended',
  'revocation-stale',
];

function mostDefinite(limits: readonly TimeLimit[]): TimeLimit | undefined {
  const rank = ({ cause }: TimeLimit): number => byDefiniteness.indexOf(cause);
  return limits.toSorted((a, b) => rank(a) - rank(b) || compareInstants(a.until, b.until))[0];
}

const sentences: Readonly<Record<TimeLimit['cause'], string>> = {
  'anchor-ended': 'is no longer trusted after',
  expired: 'was in force until',
  revoked: 'was not revoked until',
  'revocation-stale': 'is known not to have been revoked by',
  'algorithm-ended': 'is signed with an algorithm that was acceptable until',
  'algorithm-absent': 'is signed with an algorithm that the policy does not list:',
};

function limitFinding({ cause, until, certificate, facts }: TimeLimit): Finding {
  return {
    check: `control-time-${cause}`,
    clause,
    level: 'info',
    message: `${certificateLabel(certificate)} ${sentences[cause]} ${until.toString()}.`,
    facts: { ...certificateFacts(certificate), until: until.toString(), ...facts },
  };
}

/**
 * What is missing, by what a proof would have to be older than. An end of validity says whether the target
 * is known not to have been revoked until then. @see EN 319 102-1 §5.2.6.4, §5.3.4
 */
function withoutProof(
  { cause, certificate, until }: TimeLimit,
  target: Certificate,
  { limits, unknown }: Slide,
): SubIndication {
  const isKnownGood =
    !unknown.includes(target) &&
    !limits.some((one) => one.cause === 'revocation-stale' && isBefore(one.until, until));
  switch (cause) {
    case 'expired':
      return certificate === target && isKnownGood
        ? 'OUT_OF_BOUNDS_NOT_REVOKED'
        : 'OUT_OF_BOUNDS_NO_POE';
    case 'anchor-ended':
      return 'OUT_OF_BOUNDS_NO_POE';
    case 'revoked':
      return certificate === target ? 'REVOKED_NO_POE' : 'REVOKED_CA_NO_POE';
    case 'revocation-stale':
      return 'TRY_LATER';
    case 'algorithm-ended':
    case 'algorithm-absent':
      return 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE';
  }
}

/**
 * Whether what `target` signed, known to exist since `existsSince`, was made while the certificate held.
 * Unknown revocation status is indeterminate unless the mode says otherwise.
 * @see EN 319 102-1 §5.6.2.1, §5.6.2.2, §5.6.2.4
 */
export function validatePast(question: PastQuestion, material: ValidationMaterial): PastVerdict {
  const path = pathInForce(question, material);
  if (path.length === 0)
    return {
      status: 'indeterminate',
      subIndication: 'NO_CERTIFICATE_CHAIN_FOUND',
      path,
      findings: [
        {
          check: 'past-path',
          clause: 'EN 319 102-1 §5.6.2.1',
          level: 'error',
          message: `At no instant that counts does a path lead from ${certificateLabel(question.target)} to a trust anchor.`,
          facts: certificateFacts(question.target),
        },
      ],
    };
  const slid = slide(path, question, material);
  const { limits, unknown, revocationMode } = slid;
  const decidedBy = earliest(limits);
  const until = decidedBy?.until ?? question.at;
  const isUnknown = unknown.length > 0 && revocationMode === 'require';
  const findings = [
    ...limits.map(limitFinding),
    ...unknown.map((certificate): Finding => ({
      check: 'revocation-known-by-control-time',
      clause,
      level: isUnknown ? 'unknown' : 'warning',
      message: `No revocation data that existed by the control time speaks of ${certificateLabel(certificate)}.`,
      facts: certificateFacts(certificate),
    })),
  ];
  const result = { path, until, decidedBy, findings };
  const broken = mostDefinite(
    limits.filter((limit) => compareInstants(question.existsSince, limit.until) > 0),
  );
  if (broken)
    return {
      ...result,
      decidedBy: broken,
      status: 'indeterminate',
      subIndication: withoutProof(broken, question.target, slid),
    };
  return isUnknown
    ? { ...result, status: 'indeterminate', subIndication: decidedBy ? 'NO_POE' : 'TRY_LATER' }
    : { ...result, status: 'valid' };
}
