// Status of a certificate from OCSP responses (RFC 6960): which single response speaks of it, whether the
// responder may speak for its issuer, and whether the answer covers the instant.
import { equalBytes } from '#shared/bytes.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { oidName, oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type {
  BasicOcspResponse,
  CertId,
  OcspResponse,
  ResponderId,
  SingleResponse,
} from '#shared/x509/ocsp.ts';
import type { Finding } from './finding.ts';
import {
  checkSignature,
  coversInstant,
  effectiveRevocation,
  signerInstant,
} from './revocation-context.ts';
import type {
  KeyedCertificate,
  RevocationContext,
  StatusAnswer,
  StatusSearch,
} from './revocation-context.ts';
import { verifySignedObject } from './work-budget.ts';

/** RFC 6960 §4.2.2.1: without nextUpdate newer information is always at hand, so it counts for a day. */
const untilNextUpdate: Temporal.DurationLike = { hours: 24 };

function ocspFinding(
  response: BasicOcspResponse,
  check: string,
  clause: string,
  what: string,
): Finding {
  const { responderId, producedAt } = response;
  const responder = responderId.kind === 'byName' ? responderId.name.text : 'identified by its key';
  return {
    check,
    clause,
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

function isResponder(certificate: Certificate, responderId: ResponderId): boolean {
  return responderId.kind === 'byName'
    ? namesMatch(certificate.subject, responderId.name)
    : equalBytes(digest('SHA-1', certificate.keyOctets), responderId.keyHash);
}

/** Why a delegated responder may not speak for this issuer. RFC 6960 §4.2.2.2. */
function checkDelegate(
  delegate: Certificate,
  issuer: KeyedCertificate,
  at: Temporal.Instant,
  context: RevocationContext,
): string | undefined {
  // Issued directly by the CA that issued the certificate in question, with that CA's same key.
  if (!namesMatch(delegate.issuer, issuer.certificate.subject)) return 'is signed by a stranger';
  if (!verifySignedObject(delegate, issuer.publicKey, context.budget).ok)
    return 'is signed by one whom the issuer did not appoint';
  return context.verifyOther(delegate, 'ocsp', at);
}

/** Why nobody who may speak signed this response, or `undefined`. */
function unverifiedResponse(
  response: BasicOcspResponse,
  issuer: KeyedCertificate,
  thisUpdate: Temporal.Instant,
  context: RevocationContext,
): string | undefined {
  const at = signerInstant(context.at, thisUpdate);
  let why: string | undefined = 'has no known signer';
  if (isResponder(issuer.certificate, response.responderId)) {
    why = checkSignature(response, issuer.publicKey, at, context);
    if (why === undefined) return undefined;
  }
  for (const delegate of [...response.certificates, ...context.candidates]) {
    if (!isResponder(delegate, response.responderId)) continue;
    why =
      checkSignature(response, delegate.publicKey, at, context) ??
      checkDelegate(delegate, issuer, at, context);
    if (why === undefined) return undefined;
  }
  return why;
}

const processedExtensions: ReadonlySet<string> = new Set([
  oids.idPkixOcspNonce,
  oids.idPkixOcspArchiveCutoff,
  oids.idIsismttAtCertHash,
  oids.invalidityDate,
  oids.idPkixOcspCrl,
  oids.idPkixOcspExtendedRevoke,
]);

/** A problem of the response as such, before anybody's signature is looked at. */
function checkStructure(response: BasicOcspResponse, single: SingleResponse): string | undefined {
  const [problem] = [...response.extensionProblems, ...single.extensionProblems];
  if (problem) return `has a malformed ${problem.message}`;
  const unknown = [...response.extensions, ...single.extensions].find(
    ({ oid, critical }) => critical && !processedExtensions.has(oid),
  );
  return unknown && `has the critical extension ${oidName(unknown.oid)}`;
}

/** Common PKI: the responder's own copy has this digest; another one was issued by somebody else. */
function checkCertHash({ certHash }: SingleResponse, certificate: Certificate): string | undefined {
  const algorithm = certHash && digestAlgorithmOfOid(certHash.algorithm.oid);
  if (!certHash || !algorithm) return undefined;
  return equalBytes(certHash.digest, digest(algorithm, certificate.raw))
    ? undefined
    : 'speaks of another certificate under the same serial number';
}

function judge(
  response: OcspResponse,
  single: SingleResponse,
  certificate: Certificate,
  at: Temporal.Instant,
): StatusAnswer | string {
  const { certStatus, thisUpdate, archiveCutoff } = single;
  if (certStatus.kind === 'unknown') return 'does not know the certificate';
  const nextUpdate = single.nextUpdate ?? thisUpdate.add(untilNextUpdate);
  const covers = coversInstant(
    { thisUpdate, nextUpdate, ...(archiveCutoff && { keepsExpiredSince: archiveCutoff }) },
    certificate,
    at,
  );
  const answer = {
    source: response,
    thisUpdate,
    ...(single.nextUpdate && { nextUpdate: single.nextUpdate }),
  };
  if (certStatus.kind === 'good')
    return covers ? { status: 'good', ...answer } : 'does not cover the instant';
  const revocation = {
    revokedAt: certStatus.revocationTime,
    ...(certStatus.reason && { reason: certStatus.reason }),
    ...(single.invalidityDate && { invalidityDate: single.invalidityDate }),
  };
  const isRevoked = compareInstants(effectiveRevocation(revocation), at) <= 0;
  if (!covers && (!isRevoked || certStatus.reason === 'certificateHold'))
    return 'does not cover the instant';
  return { status: isRevoked ? 'revoked' : 'good', ...answer, ...revocation };
}

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
  for (const response of context.ocspResponses) {
    const { basic } = response;
    const single = basic?.responses.find(({ certId }) =>
      speaksOf(certId, certificate, issuer.certificate),
    );
    if (!basic || !single) continue;
    const add = (check: string, clause: string, what: string): void => {
      findings.push(ocspFinding(basic, check, clause, what));
    };
    const structure = checkStructure(basic, single);
    const other = checkCertHash(single, certificate);
    const judged = judge(response, single, certificate, context.at);
    if (structure !== undefined) add('ocsp-extensions', 'RFC 6960 §4.4', structure);
    else if (other !== undefined) add('ocsp-cert-hash', 'Common PKI part 4 §3.1.2', other);
    else if (typeof judged === 'string') add('ocsp-covers-instant', 'RFC 6960 §4.2.2.1', judged);
    else {
      const unverified = unverifiedResponse(basic, issuer, single.thisUpdate, context);
      if (unverified === undefined) answers.push(judged);
      else add('ocsp-responder', 'RFC 6960 §4.2.2.2', unverified);
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
