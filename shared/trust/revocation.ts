// Revocation status of one certificate of a path as of a time, from all the CRLs and OCSP responses at
// hand (RFC 5280 §6.1.3 (a)(3)).
import { oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { crlStatus } from './crl-status.ts';
import { ocspStatus } from './ocsp-status.ts';
import type { RevocationStatus } from './path-verdict.ts';
import type { KeyedCertificate, RevocationContext, StatusAnswer } from './revocation-context.ts';

/**
 * The answer that counts: a revocation for good wins; of the others, among them holds, the newest knows
 * best.
 */
function decisive(answers: readonly StatusAnswer[]): StatusAnswer | undefined {
  const final = answers.find(
    ({ status, reason }) => status === 'revoked' && reason !== 'certificateHold',
  );
  return final ?? answers.toSorted((a, b) => compareInstants(b.thisUpdate, a.thisUpdate))[0];
}

/** RFC 6960 §4.2.2.2.1: its CA asks that this responder's certificate be trusted for its lifetime. */
function isNotChecked(certificate: Certificate): boolean {
  return (
    certificate.extendedKeyUsage?.includes(oids.idKpOCSPSigning) === true &&
    certificate.extensions.some(({ oid }) => oid === oids.idPkixOcspNocheck)
  );
}

/** Extensions by which a CA says that it tells no status of the certificate: RFC 9608, EN 319 412-1 §5.2. */
const withoutStatus: readonly string[] = [oids.noRevAvail, oids.idEtsiExtValassuredSTCerts];

/**
 * Of no CA, and where the certificate does not point at revocation data all the same: then it says two things.
 * @see RFC 9608 §3, §4, EN 319 412-1 §5.2
 */
function hasNoStatus(certificate: Certificate): boolean {
  const { extensions, basicConstraints, cRLDistributionPoints, authorityInfoAccess } = certificate;
  return (
    extensions.some(({ oid }) => withoutStatus.includes(oid)) &&
    basicConstraints?.cA !== true &&
    (cRLDistributionPoints ?? []).length === 0 &&
    authorityInfoAccess?.some(({ accessMethod }) => accessMethod === oids.idAdOcsp) !== true
  );
}

/**
 * Status of `certificate`, issued by `issuer` in the path that asks. `good` may come with `revokedAt`: a
 * revocation that took effect after the instant.
 */
export function revocationStatus(
  certificate: Certificate,
  issuer: KeyedCertificate,
  context: RevocationContext,
): RevocationStatus {
  if (isNotChecked(certificate)) {
    return {
      certificate,
      status: 'good',
      findings: [
        {
          check: 'ocsp-no-check',
          clause: 'RFC 6960 §4.2.2.2.1',
          level: 'info',
          message: 'The CA asks that the status of its responder not be checked.',
          facts: { fingerprint: certificate.fingerprint },
        },
      ],
    };
  }
  const fromCrls = crlStatus(certificate, issuer, context);
  const fromOcsp = ocspStatus(certificate, issuer, context);
  const findings = [...fromCrls.findings, ...fromOcsp.findings];
  const answer = decisive([...fromCrls.answers, ...fromOcsp.answers]);
  if (answer) return { certificate, ...answer, findings };
  if (!hasNoStatus(certificate)) return { certificate, status: 'unknown', findings };
  return {
    certificate,
    status: 'good',
    findings: [
      ...findings,
      {
        check: 'no-revocation-available',
        clause: 'RFC 9608 §4, EN 319 412-1 §5.2',
        level: 'info',
        message: 'The CA tells no status of the certificate while it is in force.',
        facts: { fingerprint: certificate.fingerprint },
      },
    ],
  };
}
