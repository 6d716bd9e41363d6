// The world of the revocation tests: one CA with a TSU, a signer of CRLs and a responder, and a query
// about the TSU with whatever revocation data a row brings.
import type { PathQuery } from '#shared/trust/path-query.ts';
import type { PathCheckLists } from '#shared/trust/path-check-lists.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import {
  anchorOf,
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueRoot,
  issueTsu,
} from '../../_authority.ts';
import type { Issued } from '../../_authority.ts';

export const at = Temporal.Instant.from('2025-06-01T00:00:00Z');
export const before = '2025-05-30T00:00:00Z';
export const after = '2025-07-01T00:00:00Z';

export const root = issueRoot();
export const ca = issueCa(root, { subject: 'CN=Issuing CA' });
export const tsu = issueTsu(ca, { notAfter: '2030-01-01T00:00:00Z' });
export const responder = issueOcspResponder(ca);

/** Says that the CA itself is good, so that a row is about the TSU alone. */
export const rootCrl = issueCrl({ issuer: root, thisUpdate: before });

export type Material = {
  readonly crls?: readonly CertificateList[];
  readonly ocspResponses?: readonly OcspResponse[];
  readonly intermediates?: readonly Issued[];
  readonly target?: Issued;
  readonly query?: Partial<PathQuery>;
  readonly checks?: PathCheckLists;
};

/** The verdict on the TSU, revocation required. */
export function verdictOf(material: Material) {
  const query: PathQuery = {
    target: (material.target ?? tsu).certificate,
    intermediates: [ca, ...(material.intermediates ?? [])].map(({ certificate }) => certificate),
    anchors: [anchorOf(root)],
    crls: [rootCrl, ...(material.crls ?? [])],
    ocspResponses: material.ocspResponses ?? [],
    at,
    purpose: 'tsu',
    revocationMode: 'require',
    ...material.query,
  };
  return verifyCertificatePath(query, material.checks);
}

/** Status of the target in one word, `revoked-later` where a later revocation is known. */
export function statusOf(material: Material): string {
  const [status] = verdictOf(material).revocation;
  if (status?.status === 'good' && status.revokedAt) return 'revoked-later';
  return status?.status ?? 'not looked at';
}

/** Names of the rules that kept material from counting. */
export function rulesOf(material: Material): readonly string[] {
  const [status] = verdictOf(material).revocation;
  return (status?.findings ?? []).map(({ check }) => check);
}
