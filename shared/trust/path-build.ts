// Candidate paths from a target to the anchors (RFC 4158): depth first, the likeliest issuer first,
// every step with a verified signature, the whole within a budget. Whether a candidate is valid is for
// path-validate.ts.
import { equalBytes } from '#shared/bytes.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { nameKey, namesMatch } from '#shared/x509/name.ts';
import type { TrustAnchor } from './anchors.ts';
import { isSpent, verifySignedObject } from './work-budget.ts';
import type { WorkBudget } from './work-budget.ts';

/** A path and the anchor it ends at. */
export type CandidatePath = {
  /** Target first, the anchor's certificate last. */
  readonly certificates: readonly Certificate[];
  readonly anchor: TrustAnchor;
};

/** Longer chains do not occur; each level multiplies the candidates. */
const maxPathCertificates = 24;

type Candidate = { readonly certificate: Certificate; readonly anchor?: TrustAnchor };

type Material = {
  readonly bySubject: ReadonlyMap<string, readonly Candidate[]>;
  readonly at: Temporal.Instant;
  readonly budget: WorkBudget;
};

function indexBySubject(
  intermediates: readonly Certificate[],
  anchors: readonly TrustAnchor[],
): ReadonlyMap<string, readonly Candidate[]> {
  const candidates = new Map<string, Candidate>();
  for (const anchor of anchors) {
    const { certificate } = anchor;
    if (!candidates.has(certificate.fingerprint))
      candidates.set(certificate.fingerprint, { certificate, anchor });
  }
  for (const certificate of intermediates) {
    if (!candidates.has(certificate.fingerprint))
      candidates.set(certificate.fingerprint, { certificate });
  }
  return Map.groupBy(candidates.values(), ({ certificate }) => nameKey(certificate.subject));
}

/** Whether the key identifiers say that this is the issuer: yes, no or nothing (RFC 4158 §3.5.12). */
function identifierFit(certificate: Certificate, issuer: Certificate): number {
  const { keyIdentifier, authorityCertSerialNumber } = certificate.authorityKeyIdentifier ?? {};
  if (authorityCertSerialNumber !== undefined && authorityCertSerialNumber !== issuer.serialNumber)
    return -1;
  if (!keyIdentifier || !issuer.subjectKeyIdentifier) return 0;
  return equalBytes(keyIdentifier, issuer.subjectKeyIdentifier) ? 1 : -1;
}

/** Higher is tried first. What does not fit is tried last, not left out: its failure is the answer then. */
function likelihood(
  certificate: Certificate,
  { certificate: issuer, anchor }: Candidate,
  at: Temporal.Instant,
): number {
  const isCurrent =
    compareInstants(issuer.notBefore, at) <= 0 && compareInstants(at, issuer.notAfter) <= 0;
  const isCa = issuer.version < 3 || issuer.basicConstraints?.cA === true;
  const maySign = issuer.keyUsage?.has('keyCertSign') ?? true;
  return (
    (isCurrent ? 16 : 0) +
    (isCa && maySign ? 8 : 0) +
    (anchor ? 4 : 0) +
    identifierFit(certificate, issuer) * 2 +
    (issuer.extensionProblems.length === 0 ? 1 : 0)
  );
}

/** Same name and key: going through it again leads nowhere new (RFC 4158 §2.4.2). */
function repeats(path: readonly Certificate[], candidate: Certificate): boolean {
  return path.some(
    (certificate) =>
      certificate.fingerprint === candidate.fingerprint ||
      (equalBytes(certificate.publicKey, candidate.publicKey) &&
        namesMatch(certificate.subject, candidate.subject)),
  );
}

function issuersOf(certificate: Certificate, material: Material): readonly Candidate[] {
  const candidates = material.bySubject.get(nameKey(certificate.issuer)) ?? [];
  if (candidates.length < 2) return candidates;
  return candidates
    .map((candidate) => ({
      candidate,
      score: likelihood(certificate, candidate, material.at),
    }))
    .sort((a, b) => b.score - a.score)
    .map(({ candidate }) => candidate);
}

function* extend(path: readonly Certificate[], material: Material): Generator<CandidatePath> {
  const last = path.at(-1);
  if (!last || path.length >= maxPathCertificates) return;
  for (const candidate of issuersOf(last, material)) {
    const { certificate, anchor } = candidate;
    if (isSpent(material.budget)) return;
    material.budget.steps -= 1;
    // An anchor ends the path even where its name and key stand in it already: a self-signed
    // intermediate copy of the anchor must not hide it.
    if (!anchor && repeats(path, certificate)) continue;
    const result = verifySignedObject(last, certificate.publicKey, material.budget);
    // A wrong signature means another issuer of the same name. A key that cannot be used here may
    // inherit its parameters from above, so path validation decides.
    if (!result.ok && result.reason === 'signature-wrong') continue;
    const longer = [...path, certificate];
    if (anchor) {
      material.budget.paths -= 1;
      yield { certificates: longer, anchor };
    } else {
      yield* extend(longer, material);
    }
  }
}

/**
 * Paths in the order in which they are worth trying; each is only worked out when asked for. A target
 * that is itself an anchor is a path of one.
 */
export function* buildPaths(
  target: Certificate,
  material: {
    readonly intermediates: readonly Certificate[];
    readonly anchors: readonly TrustAnchor[];
    readonly at: Temporal.Instant;
  },
  budget: WorkBudget,
): Generator<CandidatePath> {
  const { intermediates, anchors, at } = material;
  const self = anchors.find(({ certificate }) => certificate.fingerprint === target.fingerprint);
  if (self) {
    budget.paths -= 1;
    yield { certificates: [target], anchor: self };
  }
  yield* extend([target], { bySubject: indexBySubject(intermediates, anchors), at, budget });
}

/** The longest chain of issuers that was found, for reports on a target without a path to an anchor. */
export function bestEffortChain(
  target: Certificate,
  intermediates: readonly Certificate[],
  at: Temporal.Instant,
  budget: WorkBudget,
): readonly Certificate[] {
  const material: Material = { bySubject: indexBySubject(intermediates, []), at, budget };
  const chain: Certificate[] = [target];
  for (let last: Certificate | undefined = target; last && chain.length < maxPathCertificates;) {
    const current: Certificate = last;
    last = issuersOf(current, material).find(
      ({ certificate }) =>
        !repeats(chain, certificate) &&
        verifySignedObject(current, certificate.publicKey, budget).ok,
    )?.certificate;
    if (last) chain.push(last);
  }
  return chain;
}
