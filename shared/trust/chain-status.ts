// Whether revocation data issued after a proof of existence is at hand for every certificate of a
// signer's path, and which of it decides: what has to be kept so that the signature can be verified
// when nobody answers any more (EN 319 102-1 §5.6.2). Collecting it is left to the archiver.
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { TrustAnchor } from './anchors.ts';
import type { PathVerdict } from './path-verdict.ts';
import { verifyCertificatePath } from './verify-path.ts';

/** Certificates and revocation data, in any order; more than needed is fine. */
export type StatusMaterial = {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
};

export type ChainStatusQuery = {
  readonly signer: Certificate;
  readonly anchors: readonly TrustAnchor[];
  readonly material: StatusMaterial;
  /** When the signature is known to have existed: what was issued before says nothing of it. */
  readonly after: Temporal.Instant;
  /** What it signs with its certificate; absent: documents. */
  readonly purpose?: 'signer' | 'tsu' | undefined;
};

export type ChainStatus =
  | {
      readonly kind: 'complete';
      /** What decided, the signer itself aside: the path with its anchor, and what tells its status. */
      readonly kept: StatusMaterial;
      /** Why the path did not hold at that instant, if it did not: revoked or expired by then. */
      readonly offence?: string | undefined;
    }
  | {
      readonly kind: 'missing';
      /** As much of the path as was found, signer first: whom to ask about. */
      readonly path: readonly Certificate[];
      readonly missing: readonly { readonly certificate: Certificate; readonly reason: string }[];
    };

/** What was issued later than the instant, so that a revocation up to then is on it. */
export function issuedAfter(material: StatusMaterial, after: Temporal.Instant): StatusMaterial {
  return {
    certificates: material.certificates,
    crls: material.crls.filter(({ thisUpdate }) => compareInstants(thisUpdate, after) > 0),
    ocspResponses: material.ocspResponses.filter(({ basic }) =>
      basic?.responses.every(({ thisUpdate }) => compareInstants(thisUpdate, after) > 0),
    ),
  };
}

function verdictOf(query: ChainStatusQuery, material: StatusMaterial): PathVerdict {
  return verifyCertificatePath({
    target: query.signer,
    intermediates: material.certificates,
    // Collected is what can be had, whatever may be done without.
    anchors: query.anchors.map((anchor) => ({ ...anchor, revocationMode: undefined })),
    crls: material.crls,
    ocspResponses: material.ocspResponses,
    at: query.after,
    purpose: query.purpose ?? 'signer',
    revocationMode: 'require',
  });
}

/** Whether the path as such holds and the status of each certificate in it is known. */
function isKnown({ status, path, revocation }: PathVerdict): boolean {
  if (status === 'valid') return true;
  return (
    revocation.length > 0 &&
    revocation.length === path.length - 1 &&
    revocation.every((one) => one.status !== 'unknown')
  );
}

/** Findings after which no later data makes the path hold as of that instant. */
const lost: ReadonlySet<string> = new Set(['revoked', 'expired']);

function whatIsMissing(verdict: PathVerdict, query: ChainStatusQuery): ChainStatus {
  const { path, revocation, findings } = verdict;
  const unknown = revocation.filter(({ status }) => status === 'unknown');
  const after = query.after.toString({ smallestUnit: 'second' });
  if (unknown.length > 0)
    return {
      kind: 'missing',
      path,
      missing: unknown.map(({ certificate, findings: tried }) => ({
        certificate,
        reason: tried.at(-1)?.message ?? `no CRL or OCSP response issued after ${after} is at hand`,
      })),
    };
  const why = findings.find(({ level }) => level === 'error' || level === 'unknown');
  const named = path.find(({ fingerprint }) => fingerprint === why?.facts['fingerprint']);
  return {
    kind: 'missing',
    path,
    missing: [
      { certificate: named ?? query.signer, reason: why?.message ?? 'its path does not hold' },
    ],
  };
}

/**
 * Status of a signer's path as of `after`, from material issued later. `complete` stands on what is
 * kept alone: it is judged again without the rest. A revocation is a known status, too.
 */
export function judgeChainStatus(query: ChainStatusQuery): ChainStatus {
  const material = issuedAfter(query.material, query.after);
  const verdict = verdictOf(query, material);
  const offence = verdict.findings.find(({ check }) => lost.has(check))?.message;
  if (!isKnown(verdict)) {
    if (offence === undefined || verdict.revocation.length > 0)
      return whatIsMissing(verdict, query);
    // No status brings back what had expired: the path is all there will ever be.
    const kept = { certificates: verdict.path.slice(1), crls: [], ocspResponses: [] };
    return { kind: 'complete', kept, offence };
  }
  const sources = new Set(verdict.revocation.map(({ source }) => source));
  const decisive: StatusMaterial = {
    certificates: verdict.path.slice(1),
    crls: material.crls.filter((crl) => sources.has(crl)),
    ocspResponses: material.ocspResponses.filter((response) => sources.has(response)),
  };
  // Issuers of indirect CRLs and appointed responders have paths of their own, of which the verdict
  // does not tell: then all that may have counted is kept.
  const kept = isKnown(verdictOf(query, decisive)) ? decisive : material;
  return { kind: 'complete', kept, offence };
}
