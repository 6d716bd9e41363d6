// Status of a certificate from OCSP responses (RFC 6960): which single response speaks of it, and what it
// says as of the instant. Whether it may be used is for ocsp-checks.ts.
import { equalBytes } from '#shared/bytes.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { BasicOcspResponse, CertId, OcspResponse, SingleResponse } from '#shared/x509/ocsp.ts';
import type { Finding } from './finding.ts';
import { revocationOf } from './ocsp-checks.ts';
import type { OcspCheck, OcspUse } from './ocsp-checks.ts';
import { effectiveRevocation } from './revocation-context.ts';
import type {
  KeyedCertificate,
  RevocationContext,
  StatusAnswer,
  StatusSearch,
} from './revocation-context.ts';

function ocspFinding(
  { responderId, producedAt }: BasicOcspResponse,
  rule: Pick<OcspCheck, 'name' | 'clause'>,
  what: string,
): Finding {
  const responder = responderId.kind === 'byName' ? responderId.name.text : 'identified by its key';
  return {
    check: rule.name,
    clause: rule.clause,
    level: 'info',
    message: `The OCSP response produced ${producedAt.toString()} ${what}.`,
    facts: { responder, producedAt: producedAt.toString() },
  };
}

/** RFC 6960 §4.1.1: hashes of the issuer's name and key under the algorithm that the response names. */
function speaksOf(certId: CertId, certificate: Certificate, issuer: Certificate): boolean {
  if (certId.serialNumber !== certificate.serialNumber) return false;
  const algorithm = digestAlgorithmOfOid(certId.hashAlgorithm.oid);
  return (
    algorithm !== undefined &&
    equalBytes(certId.issuerNameHash, digest(algorithm, certificate.issuer.raw)) &&
    equalBytes(certId.issuerKeyHash, digest(algorithm, issuer.keyOctets))
  );
}

function firstOffence(use: OcspUse): Finding | undefined {
  for (const check of use.context.checks.ocsp) {
    const what = check.check(use);
    if (what !== undefined) return ocspFinding(use.response, check, what);
  }
  return undefined;
}

/** What a single response says, once it may be used; nothing where the responder does not know. */
function answerOf(
  source: OcspResponse,
  single: SingleResponse,
  at: Temporal.Instant,
): StatusAnswer | undefined {
  if (single.certStatus.kind === 'unknown') return undefined;
  const revocation = revocationOf(single);
  const isRevoked =
    revocation !== undefined && compareInstants(effectiveRevocation(revocation), at) <= 0;
  return {
    status: isRevoked ? 'revoked' : 'good',
    source,
    thisUpdate: single.thisUpdate,
    ...(single.nextUpdate && { nextUpdate: single.nextUpdate }),
    ...revocation,
  };
}

const unknownToResponder = { name: 'ocsp-status-known', clause: 'RFC 6960 §2.2' };

/**
 * What OCSP responses say of a certificate as of the context's instant, every usable answer of them.
 * @see RFC 6960 §3.2
 */
export function ocspStatus(
  certificate: Certificate,
  issuer: KeyedCertificate,
  context: RevocationContext,
): StatusSearch {
  const answers: StatusAnswer[] = [];
  const findings: Finding[] = [];
  for (const source of context.ocspResponses) {
    const { basic: response } = source;
    // A response may speak of one certificate more than once; each word of it is heard.
    for (const single of response?.responses ?? []) {
      if (!response || !speaksOf(single.certId, certificate, issuer.certificate)) continue;
      const offence = firstOffence({ response, single, certificate, issuer, context });
      const answer = offence ? undefined : answerOf(source, single, context.at);
      if (offence) findings.push(offence);
      else if (answer) answers.push(answer);
      else
        findings.push(ocspFinding(response, unknownToResponder, 'does not know the certificate'));
    }
  }
  return { answers, findings };
}

/**
 * Whether a response answers the request with this nonce; a responder may leave the nonce out, which a
 * requester that must not accept an old answer refuses.
 * @see RFC 8954 §2.1
 */
export function nonceMatches(response: BasicOcspResponse, nonce: Uint8Array): boolean {
  return response.nonce !== undefined && equalBytes(response.nonce, nonce);
}
