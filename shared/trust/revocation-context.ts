// What revocation checking stands on: the question's material, the place of the certificate in its path,
// and a way to verify the certificates of CRL issuers and responders without a circle.
import { describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList, CrlReason } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { Finding } from './finding.ts';
import type { PathCheckLists } from './path-check-lists.ts';
import type { PathInputs } from './path-query.ts';
import { verifySignedObject } from './work-budget.ts';
import type { SignedObject, WorkBudget } from './work-budget.ts';

/** A certificate with the key that path validation found for it (§6.1.4 (d) to (f)). */
export type KeyedCertificate = {
  readonly certificate: Certificate;
  readonly publicKey: Uint8Array;
};

export type RevocationContext = {
  readonly at: Temporal.Instant;
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  /** Certificates among which issuers of CRLs and responders are looked for. */
  readonly candidates: readonly Certificate[];
  /** Whether departures from the profile of RFC 5280 §5 make a CRL unusable. */
  readonly enforceProfile: boolean;
  /**
   * Verifies a path for the certificate of a CRL issuer or responder to the same anchor
   * (RFC 5280 §6.3.3 (f)); gives why it does not hold, or `undefined`.
   */
  readonly verifyOther: (
    certificate: Certificate,
    purpose: 'crl' | 'ocsp',
    at: Temporal.Instant,
  ) => string | undefined;
  readonly checkSignatureAlgorithm?: PathInputs['checkSignatureAlgorithm'];
  readonly checks: Pick<PathCheckLists, 'crl' | 'ocsp'>;
  readonly budget: WorkBudget;
};

/** Why a signature with this key does not count, or `undefined`: it must verify and be acceptable. */
export function checkSignature(
  signed: SignedObject,
  publicKey: Uint8Array,
  at: Temporal.Instant,
  context: RevocationContext,
): string | undefined {
  const result = verifySignedObject(signed, publicKey, context.budget);
  if (!result.ok) return `has a signature that does not verify: ${result.detail}`;
  return context.checkSignatureAlgorithm?.(
    describeSignatureAlgorithm(signed.signatureAlgorithm, publicKey),
    at,
  );
}

/** What one kind of source says of one certificate as of `at`. */
export type StatusAnswer = {
  readonly status: 'good' | 'revoked';
  readonly source: CertificateList | OcspResponse;
  readonly thisUpdate: Temporal.Instant;
  readonly nextUpdate?: Temporal.Instant;
  /** Also with status `good`, where the revocation came after `at`. */
  readonly revokedAt?: Temporal.Instant;
  readonly reason?: CrlReason;
  readonly invalidityDate?: Temporal.Instant;
};

export type StatusSearch = {
  readonly answers: readonly StatusAnswer[];
  /** Why the other material did not count. */
  readonly findings: readonly Finding[];
};

export type Revocation = {
  readonly revokedAt: Temporal.Instant;
  readonly reason?: CrlReason;
  readonly invalidityDate?: Temporal.Instant;
};

const compromises: ReadonlySet<CrlReason | undefined> = new Set([
  'keyCompromise',
  'cACompromise',
  'aACompromise',
] satisfies CrlReason[]);

/**
 * Since when the certificate does not hold: the revocation date, or the earlier date since when its key
 * may have been in other hands (RFC 5280 §5.3.2), which only a compromise makes count.
 */
export function effectiveRevocation(revocation: Revocation): Temporal.Instant {
  const { revokedAt, reason, invalidityDate } = revocation;
  if (!invalidityDate || !compromises.has(reason)) return revokedAt;
  return compareInstants(invalidityDate, revokedAt) < 0 ? invalidityDate : revokedAt;
}

/**
 * Whether a source that does not list the certificate as revoked can say that it was good at `at`: it
 * must be current then, or have been issued later while it still kept track of the certificate.
 */
export function coversInstant(
  source: {
    readonly thisUpdate: Temporal.Instant;
    readonly nextUpdate?: Temporal.Instant;
    /** Since when the source keeps certificates that expired. */
    readonly keepsExpiredSince?: Temporal.Instant;
  },
  certificate: Certificate,
  at: Temporal.Instant,
): boolean {
  const { thisUpdate, nextUpdate, keepsExpiredSince } = source;
  if (compareInstants(thisUpdate, at) <= 0)
    return nextUpdate !== undefined && compareInstants(at, nextUpdate) <= 0;
  const { notAfter } = certificate;
  if (compareInstants(thisUpdate, notAfter) <= 0) return true;
  // RFC 5280 §3.3: entries may go once the certificate has expired; silence then means nothing.
  return keepsExpiredSince !== undefined && compareInstants(keepsExpiredSince, notAfter) <= 0;
}

/** The later of the question's instant and the source's: when its signer must have been valid. */
export function signerInstant(
  at: Temporal.Instant,
  thisUpdate: Temporal.Instant,
): Temporal.Instant {
  return compareInstants(at, thisUpdate) < 0 ? thisUpdate : at;
}
