// Whether an OCSP response may be used for a certificate, as an ordered list of checks (RFC 6960 §3.2,
// §4.2.2): its extensions, whether it covers the instant, and whether its signer may speak.
import { equalBytes } from '#shared/bytes.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { oidName, oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { BasicOcspResponse, ResponderId, SingleResponse } from '#shared/x509/ocsp.ts';
import {
  checkSignature,
  coversInstant,
  effectiveRevocation,
  signerInstant,
} from './revocation-context.ts';
import type { KeyedCertificate, Revocation, RevocationContext } from './revocation-context.ts';
import { verifySignedObject } from './work-budget.ts';

/** A response that speaks of a certificate, and who asks. */
export type OcspUse = {
  readonly response: BasicOcspResponse;
  readonly single: SingleResponse;
  readonly certificate: Certificate;
  readonly issuer: KeyedCertificate;
  readonly context: RevocationContext;
};

export type OcspCheck = {
  readonly name: string;
  readonly clause: string;
  /** What is wrong, as the end of a sentence that begins with the response; `undefined` if nothing. */
  readonly check: (use: OcspUse) => string | undefined;
};

/** RFC 6960 §4.2.2.1: without nextUpdate newer information is always at hand, so it counts for a day. */
const untilNextUpdate: Temporal.DurationLike = { hours: 24 };

const processedExtensions: ReadonlySet<string> = new Set([
  oids.idPkixOcspNonce,
  oids.idPkixOcspArchiveCutoff,
  oids.idIsismttAtCertHash,
  oids.invalidityDate,
  oids.idPkixOcspCrl,
  oids.idPkixOcspExtendedRevoke,
]);

/** The revocation that a single response tells of, if it does. */
export function revocationOf({
  certStatus,
  invalidityDate,
}: SingleResponse): Revocation | undefined {
  if (certStatus.kind !== 'revoked') return undefined;
  return {
    revokedAt: certStatus.revocationTime,
    ...(certStatus.reason && { reason: certStatus.reason }),
    ...(invalidityDate && { invalidityDate }),
  };
}

/** An old answer still tells of a revocation, which is for good, but for a hold. RFC 5280 §5.3.1. */
function checkCoverage({ single, certificate, context }: OcspUse): string | undefined {
  const { thisUpdate, archiveCutoff } = single;
  const nextUpdate = single.nextUpdate ?? thisUpdate.add(untilNextUpdate);
  const covers = coversInstant(
    { thisUpdate, nextUpdate, ...(archiveCutoff && { keepsExpiredSince: archiveCutoff }) },
    certificate,
    context.at,
  );
  const revocation = revocationOf(single);
  const isFinal =
    revocation !== undefined &&
    revocation.reason !== 'certificateHold' &&
    compareInstants(effectiveRevocation(revocation), context.at) <= 0;
  return covers || isFinal ? undefined : 'does not cover the instant';
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
function checkResponder({ response, single, issuer, context }: OcspUse): string | undefined {
  const at = signerInstant(context.at, single.thisUpdate);
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

/** In this order: what costs no signature first. */
export const ocspChecks: readonly OcspCheck[] = [
  {
    name: 'ocsp-extensions-well-formed',
    clause: 'RFC 6960 §4.4',
    check: ({ response, single }) => {
      const [problem] = [...response.extensionProblems, ...single.extensionProblems];
      return problem && `has a malformed ${problem.message}`;
    },
  },
  {
    name: 'ocsp-critical-extensions',
    clause: 'RFC 6960 §4.4',
    check: ({ response, single }) => {
      const unknown = [...response.extensions, ...single.extensions].find(
        ({ oid, critical }) => critical && !processedExtensions.has(oid),
      );
      return unknown && `has the critical extension ${oidName(unknown.oid)}`;
    },
  },
  {
    name: 'ocsp-cert-hash',
    clause: 'Common PKI part 4 §3.1.2',
    // The responder's own copy has this digest; another one was issued by somebody else.
    check: ({ single: { certHash }, certificate }) => {
      const algorithm = certHash && digestAlgorithmOfOid(certHash.algorithm.oid);
      if (!certHash || !algorithm) return undefined;
      return equalBytes(certHash.digest, digest(algorithm, certificate.raw))
        ? undefined
        : 'speaks of another certificate under the same serial number';
    },
  },
  {
    name: 'ocsp-covers-instant',
    clause: 'RFC 6960 §4.2.2.1, §4.4.4',
    check: checkCoverage,
  },
  {
    name: 'ocsp-responder',
    clause: 'RFC 6960 §4.2.2.2',
    check: checkResponder,
  },
];
