// Status of a certificate from CRLs (RFC 5280 §6.3): every distribution point, complete lists with their
// deltas, until all reasons are covered or a revocation is found.
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { entriesOf } from '#shared/x509/crl.ts';
import type { CertificateList, RevokedCertificate } from '#shared/x509/crl.ts';
import { allReasons } from '#shared/x509/distribution-point.ts';
import type { DistributionPoint, ReasonFlag } from '#shared/x509/distribution-point.ts';
import { directoryNames } from '#shared/x509/general-name.ts';
import { namesMatch } from '#shared/x509/name.ts';
import { crlScope, deltaFits, impliedDistributionPoint } from './crl-scope.ts';
import { unusableCrl } from './crl-checks.ts';
import type { Finding } from './finding.ts';
import { coversInstant, effectiveRevocation } from './revocation-context.ts';
import type {
  KeyedCertificate,
  RevocationContext,
  StatusAnswer,
  StatusSearch,
} from './revocation-context.ts';

function crlFinding(crl: CertificateList, check: string, clause: string, what: string): Finding {
  return {
    check,
    clause,
    level: 'info',
    message: `The CRL of ${crl.issuer.text}, issued ${crl.thisUpdate.toString()}, ${what}.`,
    facts: { crl: crl.fingerprint, issuer: crl.issuer.text, thisUpdate: crl.thisUpdate.toString() },
  };
}

/** The certificate's entry: same serial number, and the issuer that an indirect CRL names for it. */
function findEntry(crl: CertificateList, certificate: Certificate): RevokedCertificate | undefined {
  return entriesOf(crl, certificate.serialNumber).findLast(({ certificateIssuer }) => {
    const issuers = certificateIssuer ? directoryNames(certificateIssuer) : [crl.issuer];
    return issuers.some((issuer) => namesMatch(issuer, certificate.issuer));
  });
}

/** A complete CRL and the delta that is applied to it. */
type CrlPair = { readonly complete: CertificateList; readonly delta?: CertificateList };

/** §6.3.3 (i) to (k): the delta speaks first. */
function findInPair(pair: CrlPair, certificate: Certificate): RevokedCertificate | undefined {
  const fromDelta = pair.delta && findEntry(pair.delta, certificate);
  if (fromDelta?.reason === 'removeFromCRL') return undefined;
  const fromComplete = findEntry(pair.complete, certificate);
  return fromDelta ?? (fromComplete?.reason === 'removeFromCRL' ? undefined : fromComplete);
}

function coverage(
  { complete, delta }: CrlPair,
  certificate: Certificate,
  at: Temporal.Instant,
): boolean {
  return [complete, delta].some(
    (crl) =>
      crl &&
      coversInstant(
        {
          thisUpdate: crl.thisUpdate,
          ...(crl.nextUpdate && { nextUpdate: crl.nextUpdate }),
          ...(crl.expiredCertsOnCRL && { keepsExpiredSince: crl.expiredCertsOnCRL }),
        },
        certificate,
        at,
      ),
  );
}

/** What a pair says: an answer, or nothing where it is silent and covers, or why it does not count. */
function judgePair(
  pair: CrlPair,
  certificate: Certificate,
  at: Temporal.Instant,
): StatusAnswer | 'not-listed' | 'does-not-cover' {
  const entry = findInPair(pair, certificate);
  const source = pair.delta && findEntry(pair.delta, certificate) ? pair.delta : pair.complete;
  const covers = coverage(pair, certificate, at);
  if (!entry) return covers ? 'not-listed' : 'does-not-cover';
  const revocation = {
    revokedAt: entry.revocationDate,
    ...(entry.reason && { reason: entry.reason }),
    ...(entry.invalidityDate && { invalidityDate: entry.invalidityDate }),
  };
  const isRevoked = compareInstants(effectiveRevocation(revocation), at) <= 0;
  // A hold may have been lifted since an old list; any other revocation is for good (§5.3.1).
  if (!covers && (!isRevoked || entry.reason === 'certificateHold')) return 'does-not-cover';
  return {
    status: isRevoked ? 'revoked' : 'good',
    source,
    thisUpdate: source.thisUpdate,
    ...(source.nextUpdate && { nextUpdate: source.nextUpdate }),
    ...revocation,
  };
}

/** Newest first: the later list knows more, revocations dated back included. */
function newestFirst(crls: readonly CertificateList[]): CertificateList[] {
  return crls.toSorted((a, b) => compareInstants(b.thisUpdate, a.thisUpdate));
}

type Search = {
  readonly certificate: Certificate;
  readonly issuer: KeyedCertificate;
  readonly context: RevocationContext;
  readonly findings: Finding[];
  /** Lists found unusable for this certificate, not to be looked at again at the next point. */
  readonly rejected: Set<CertificateList>;
};

/** Whether the list as such may be used; the reason against it is kept once. */
function isUsable(crl: CertificateList, search: Search): boolean {
  if (search.rejected.has(crl)) return false;
  const { context, issuer, findings, rejected } = search;
  const unusable = unusableCrl(crl, { issuer, context });
  if (!unusable) return true;
  findings.push(crlFinding(crl, unusable.check.name, unusable.check.clause, unusable.what));
  rejected.add(crl);
  return false;
}

function findDelta(
  complete: CertificateList,
  deltas: readonly CertificateList[],
  search: Search,
): CertificateList | undefined {
  return deltas.find((delta) => deltaFits(delta, complete) && isUsable(delta, search));
}

/**
 * What CRLs say of a certificate as of the context's instant. Its issuer is the one of the path that
 * asks. No answer means that the status is unknown; the findings say why.
 * @see RFC 5280 §6.3.3
 */
export function crlStatus(
  certificate: Certificate,
  issuer: KeyedCertificate,
  context: RevocationContext,
): StatusSearch {
  const search: Search = { certificate, issuer, context, findings: [], rejected: new Set() };
  const isDelta = (crl: CertificateList): boolean => crl.deltaCRLIndicator !== undefined;
  const complete = newestFirst(context.crls.filter((crl) => !isDelta(crl)));
  const deltas = newestFirst(context.crls.filter(isDelta));
  const points: readonly DistributionPoint[] = [
    ...(certificate.cRLDistributionPoints ?? []),
    impliedDistributionPoint(certificate),
  ];
  let covered: ReadonlySet<ReasonFlag> = new Set();
  let good: StatusAnswer | undefined;
  for (const point of points) {
    for (const crl of complete) {
      const scope = crlScope(crl, certificate, point);
      if (typeof scope === 'string') continue;
      // §6.3.3 (e): a list that adds no reason is not needed.
      if (scope.isSubsetOf(covered) || !isUsable(crl, search)) continue;
      const delta = findDelta(crl, deltas, search);
      const pair: CrlPair = delta ? { complete: crl, delta } : { complete: crl };
      const judged = judgePair(pair, certificate, context.at);
      if (judged === 'does-not-cover') {
        search.findings.push(
          crlFinding(
            crl,
            'crl-covers-instant',
            'RFC 5280 §6.3.3 (a)',
            'does not cover the instant',
          ),
        );
        continue;
      }
      if (judged !== 'not-listed' && judged.status === 'revoked')
        return { answers: [judged], findings: search.findings };
      const newest = delta ?? crl;
      good ??=
        judged === 'not-listed'
          ? {
              status: 'good',
              source: newest,
              thisUpdate: newest.thisUpdate,
              ...(newest.nextUpdate && { nextUpdate: newest.nextUpdate }),
            }
          : judged;
      covered = covered.union(scope);
      if (allReasons.isSubsetOf(covered)) return { answers: [good], findings: search.findings };
    }
  }
  if (good) {
    const missing = [...allReasons.difference(covered)].join(', ');
    search.findings.push({
      check: 'crl-covers-reasons',
      clause: 'RFC 5280 §6.3.3 (l)',
      level: 'info',
      message: `No CRL covers these reasons of revocation: ${missing}.`,
      facts: { missing },
    });
  }
  return { answers: [], findings: search.findings };
}
