// The one question about certification paths: is there a path from this certificate to an anchor that
// holds as of a time, revocation included; and if not, why not the best of them. Building, validating
// and revocation stand in their own files and meet here.
import type { Certificate } from '#shared/x509/certificate.ts';
import { revocationModeBelow } from './anchors.ts';
import { certificateFacts, certificateLabel } from './certificate-label.ts';
import type { Finding } from './finding.ts';
import { bestEffortChain, buildPaths } from './path-build.ts';
import type { CandidatePath } from './path-build.ts';
import { allPathChecks } from './path-check-lists.ts';
import type { PathCheckLists } from './path-check-lists.ts';
import { validatePath } from './path-validate.ts';
import type { PathQuery } from './path-query.ts';
import type { PathVerdict, RevocationStatus } from './path-verdict.ts';
import { revocationStatus } from './revocation.ts';
import type { KeyedCertificate, RevocationContext } from './revocation-context.ts';
import type { SubIndication } from './sub-indication.ts';
import { createWorkBudget, isSpent } from './work-budget.ts';
import type { WorkBudget } from './work-budget.ts';

/** How far verifying CRL issuers and responders may lead from one to the next. */
const maxDepth = 4;

/** What stays the same while one question leads to others. */
type Scope = {
  readonly budget: WorkBudget;
  readonly checks: PathCheckLists;
  /** Certificates whose status is being worked out: asking for one of them again is a circle. */
  readonly asking: readonly string[];
  /** Certificates of the path that asks, above the one it asks about: their status is its own matter. */
  readonly settled: ReadonlySet<string>;
};

function revocationFinding(status: RevocationStatus, query: PathQuery): Finding | undefined {
  const { certificate, revokedAt, reason } = status;
  const clause = 'RFC 5280 §6.1.3 (a)(3)';
  const facts = {
    ...certificateFacts(certificate),
    ...(revokedAt && { revokedAt: revokedAt.toString() }),
    ...(reason && { reason }),
  };
  const label = certificateLabel(certificate);
  const because = reason ? ` for ${reason}` : '';
  if (status.status === 'revoked') {
    return {
      check: 'revoked',
      clause,
      level: 'error',
      message: `${label} was revoked${because} at ${revokedAt?.toString() ?? 'an unknown time'}.`,
      facts,
    };
  }
  if (status.status === 'unknown') {
    return {
      check: 'revocation-unknown',
      clause,
      level: query.revocationMode === 'require' ? 'unknown' : 'warning',
      message: `No CRL or OCSP response tells whether ${label} was revoked.`,
      facts,
    };
  }
  return revokedAt
    ? {
        check: 'revoked-later',
        clause,
        level: 'info',
        message: `${label} was revoked${because} later, at ${revokedAt.toString()}.`,
        facts,
      }
    : undefined;
}

function revocationContext(query: PathQuery, path: CandidatePath, scope: Scope): RevocationContext {
  return {
    at: query.at,
    crls: query.crls,
    ocspResponses: query.ocspResponses,
    candidates: [...query.intermediates, path.anchor.certificate],
    enforceProfile: query.certificateProfile === 'enforce',
    ...(query.checkSignatureAlgorithm && {
      checkSignatureAlgorithm: query.checkSignatureAlgorithm,
    }),
    checks: scope.checks,
    budget: scope.budget,
    verifyOther: (certificate, purpose, at) => {
      if (certificate.fingerprint === path.anchor.certificate.fingerprint) return undefined;
      // A CRL issuer may be covered by its own list alone (PKITS 4.14.30): that list may speak of it,
      // as its path is being verified already. A longer circle proves nothing.
      if (purpose === 'crl' && scope.asking.at(-1) === certificate.fingerprint) return undefined;
      if (scope.asking.includes(certificate.fingerprint) || scope.asking.length >= maxDepth)
        return 'its status leads back to the same question';
      const verdict = verifyWithin(
        {
          target: certificate,
          intermediates: query.intermediates,
          anchors: [path.anchor],
          crls: query.crls,
          ocspResponses: query.ocspResponses,
          at,
          purpose,
          revocationMode: query.revocationMode,
          certificateProfile: query.certificateProfile ?? 'report',
          ...(query.checkSignatureAlgorithm && {
            checkSignatureAlgorithm: query.checkSignatureAlgorithm,
          }),
        },
        scope,
      );
      if (verdict.status === 'valid') return undefined;
      return verdict.findings.find(({ level }) => level !== 'info')?.message ?? 'no path';
    },
  };
}

/** Status of each certificate below the anchor, in the order of the path. */
function checkRevocation(
  query: PathQuery,
  path: CandidatePath,
  workingKeys: readonly Uint8Array[],
  scope: Scope,
): readonly RevocationStatus[] {
  const keyed = path.certificates.map((certificate, index): KeyedCertificate => ({
    certificate,
    publicKey: workingKeys[index] ?? certificate.publicKey,
  }));
  return keyed.slice(0, -1).flatMap(({ certificate }, index) => {
    const issuer = keyed[index + 1];
    if (!issuer || scope.settled.has(certificate.fingerprint)) return [];
    const asking = [...scope.asking, certificate.fingerprint];
    const above = path.certificates.slice(index + 1).map(({ fingerprint }) => fingerprint);
    const settled = new Set([...scope.settled, ...above]);
    const context = revocationContext(query, path, { ...scope, asking, settled });
    return [revocationStatus(certificate, issuer, context)];
  });
}

/** Sub-indication by the check that failed; the target's own dates have names of their own. */
function subIndicationOf(finding: Finding, target: Certificate): SubIndication {
  const ofTarget = finding.facts['fingerprint'] === target.fingerprint;
  switch (finding.check) {
    case 'expired':
      return ofTarget ? 'EXPIRED' : 'CERTIFICATE_CHAIN_GENERAL_FAILURE';
    case 'not-yet-valid':
      return ofTarget ? 'NOT_YET_VALID' : 'CERTIFICATE_CHAIN_GENERAL_FAILURE';
    case 'revoked':
      if (finding.facts['reason'] === 'certificateHold') return 'TRY_LATER';
      return ofTarget ? 'REVOKED' : 'REVOKED_CA_NO_POE';
    case 'revocation-unknown':
      return 'TRY_LATER';
    case 'signature-algorithm-acceptable':
      return 'CRYPTO_CONSTRAINTS_FAILURE';
    case 'certificate-signature':
    case 'extensions-well-formed':
    case 'name-chaining':
      return 'CERTIFICATE_CHAIN_GENERAL_FAILURE';
    default:
      return 'CHAIN_CONSTRAINTS_FAILURE';
  }
}

/** Those that EN 319 102-1 table 5 lists under TOTAL-FAILED; all others leave the question open. */
const failing: ReadonlySet<SubIndication> = new Set(['REVOKED', 'EXPIRED', 'NOT_YET_VALID']);

function conclude(
  target: Certificate,
  verdict: Omit<PathVerdict, 'status' | 'subIndication'>,
): PathVerdict {
  const { findings } = verdict;
  const decisive =
    findings.find(({ level }) => level === 'error') ??
    findings.find(({ level }) => level === 'unknown');
  if (!decisive) return { status: 'valid', ...verdict };
  const subIndication = subIndicationOf(decisive, target);
  const status = failing.has(subIndication) ? 'invalid' : 'indeterminate';
  return { status, subIndication, ...verdict };
}

function tryPath(question: PathQuery, path: CandidatePath, scope: Scope): PathVerdict {
  const revocationMode = revocationModeBelow(path.anchor, question.revocationMode);
  const query = { ...question, revocationMode };
  const validation = validatePath(path, query, scope.budget, scope.checks);
  const isSound = !validation.findings.some(({ level }) => level === 'error');
  const revocation =
    isSound && revocationMode !== 'none'
      ? checkRevocation(query, path, validation.workingKeys, scope)
      : [];
  const revocationFindings = revocation.flatMap((status) => {
    const finding = revocationFinding(status, query);
    return [...(finding ? [finding] : []), ...status.findings];
  });
  return conclude(query.target, {
    path: path.certificates,
    findings: [...validation.findings, ...revocationFindings],
    revocation,
    certificatePolicies: validation.certificatePolicies,
  });
}

function severity({ findings }: PathVerdict): number {
  let sum = 0;
  for (const { level } of findings) sum += level === 'error' ? 1000 : level === 'unknown' ? 1 : 0;
  return sum;
}

/** No candidate reached an anchor: as much of a chain as there is, for the report. */
function withoutPath(query: PathQuery, scope: Scope): PathVerdict {
  const { target, intermediates, at } = query;
  const gaveUp = isSpent(scope.budget);
  const path = bestEffortChain(target, intermediates, at, scope.budget);
  const last = path.at(-1) ?? target;
  return {
    status: 'indeterminate',
    subIndication: 'NO_CERTIFICATE_CHAIN_FOUND',
    path,
    findings: [
      {
        check: gaveUp ? 'path-work-limit' : 'path-to-anchor',
        clause: 'RFC 5280 §6.1',
        level: 'error',
        message: gaveUp
          ? `The search for a path from ${certificateLabel(target)} was given up: too many candidates.`
          : `No path leads from ${certificateLabel(target)} to a trust anchor; ` +
            `${last.issuer.text || 'an unnamed issuer'} is not at hand.`,
        facts: { ...certificateFacts(target), missingIssuer: last.issuer.text },
      },
    ],
    revocation: [],
  };
}

function verifyWithin(query: PathQuery, scope: Scope): PathVerdict {
  let best: PathVerdict | undefined;
  for (const path of buildPaths(query.target, query, scope.budget)) {
    const verdict = tryPath(query, path, scope);
    if (verdict.status === 'valid') return verdict;
    if (!best || severity(verdict) < severity(best)) best = verdict;
  }
  return best ?? withoutPath(query, scope);
}

/**
 * Verifies a certificate as of `query.at`: the first path that holds, or the best attempt with everything
 * that speaks against it. Bounded in the paths it looks at and the signatures it verifies, whatever the
 * material. `checks` is there for tests that leave one out.
 * @see RFC 5280 §6, EN 319 102-1 §5.2.6
 */
export function verifyCertificatePath(
  query: PathQuery,
  checks: PathCheckLists = allPathChecks,
): PathVerdict {
  return verifyWithin(query, {
    budget: createWorkBudget(),
    checks,
    asking: [],
    settled: new Set(),
  });
}
