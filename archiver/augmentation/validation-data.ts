// The validation data that a document still lacks: of every signer and every TSU, with the issuers of CRLs and
// the responders (EN 319 122-1 §6.3, EN 319 102-1 §5.6.2). What was issued after the signature is known to exist
// is preferred; until it is there, what is current now serves.
import { toHex } from '#shared/bytes.ts';
import { isBefore } from '#shared/time.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import { judgeChainStatus, type StatusMaterial } from '#shared/trust/chain-status.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { carriedBy } from './judge.ts';

/** A certificate that made a signature of the document. */
export type SignedBy = {
  readonly certificate: Certificate;
  readonly purpose: 'signer' | 'tsu';
  /** When what it signed is known to have existed. */
  readonly since: Temporal.Instant;
};

/** Signers first, then TSUs, each once: what was issued after its latest use tells of the earlier ones, too. */
export function signedBy(
  { signatures, tokens }: LongTermVerdict,
  at: Temporal.Instant,
): readonly SignedBy[] {
  const all = [
    ...[...signatures.values()].map(({ signer, proof }) => ({
      certificate: signer,
      purpose: 'signer' as const,
      since: proof?.time ?? at,
    })),
    ...tokens.map(({ judgement }) => ({
      certificate: judgement.signer,
      purpose: 'tsu' as const,
      // The next archive timestamp is what will show that the token existed: until then it has to hold.
      since: judgement.proof?.time ?? at,
    })),
  ];
  const found = new Map<string, SignedBy>();
  for (const { certificate, purpose, since } of all) {
    if (!certificate) continue;
    const key = `${purpose} ${certificate.fingerprint}`;
    const known = found.get(key);
    if (!known || isBefore(known.since, since)) found.set(key, { certificate, purpose, since });
  }
  return [...found.values()];
}

export function joined(parts: readonly StatusMaterial[]): StatusMaterial {
  return {
    certificates: parts.flatMap(({ certificates }) => certificates),
    crls: parts.flatMap(({ crls }) => crls),
    ocspResponses: parts.flatMap(({ ocspResponses }) => ocspResponses),
  };
}

function keyOf({ raw }: { readonly raw: Uint8Array }): string {
  return toHex(raw);
}

function distinct<T extends { readonly raw: Uint8Array }>(
  members: readonly T[],
  known: readonly T[],
): readonly T[] {
  const seen = new Set(known.map(keyOf));
  return members.filter((member) => {
    const key = keyOf(member);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What is not among `known`, each once. */
export function without(material: StatusMaterial, known: StatusMaterial): StatusMaterial {
  return {
    certificates: distinct(material.certificates, known.certificates),
    crls: distinct(material.crls, known.crls),
    ocspResponses: distinct(material.ocspResponses, known.ocspResponses),
  };
}

type Question = {
  readonly given: GivenMaterial;
  readonly at: Temporal.Instant;
};

/** Path and status as of now: for a certificate that is in force. */
function currentStatus(
  { certificate, purpose }: SignedBy,
  material: StatusMaterial,
  { given, at }: Question,
): StatusMaterial | undefined {
  const { path, status, revocation } = verifyCertificatePath({
    target: certificate,
    intermediates: material.certificates,
    anchors: purpose === 'tsu' ? given.tsuAnchors : given.signerAnchors,
    crls: material.crls,
    ocspResponses: material.ocspResponses,
    at,
    purpose,
    revocationMode: given.revocationMode,
  });
  if (status !== 'valid') return undefined;
  const sources = new Set(revocation.map(({ source }) => source));
  return {
    certificates: path.slice(1),
    crls: material.crls.filter((crl) => sources.has(crl)),
    ocspResponses: material.ocspResponses.filter((response) => sources.has(response)),
  };
}

/**
 * What of `material` one certificate still needs beside what the document carries; `undefined` where
 * nothing at hand tells its status.
 */
export function lackOf(
  by: SignedBy,
  carried: StatusMaterial,
  material: StatusMaterial,
  question: Question,
): StatusMaterial | undefined {
  const { certificate: signer, purpose, since: after } = by;
  const { given } = question;
  const anchors = purpose === 'tsu' ? given.tsuAnchors : given.signerAnchors;
  const statusWith = (known: StatusMaterial) =>
    judgeChainStatus({ signer, anchors, material: known, after, purpose });
  if (statusWith(carried).kind === 'complete') return joined([]);
  const all = joined([carried, material]);
  const later = statusWith(all);
  if (later.kind === 'complete') return without(later.kept, carried);
  const current = currentStatus(by, all, question);
  return current && without(current, carried);
}

/**
 * The material with what a source can add for each certificate that nothing at hand tells of, or of
 * which only what was issued before its signature.
 */
export async function gather(
  verdict: LongTermVerdict,
  question: Question & { readonly statusSource: StatusSource; readonly signal: AbortSignal },
): Promise<StatusMaterial & { readonly reasons: ReadonlyMap<string, string> }> {
  const { given, at, statusSource, signal } = question;
  const carried = carriedBy(verdict.reading);
  const fetched: StatusMaterial[] = [];
  const reasons = new Map<string, string>();
  for (const by of signedBy(verdict, at)) {
    const { certificate: signer, purpose, since: after } = by;
    const anchors = purpose === 'tsu' ? given.tsuAnchors : given.signerAnchors;
    const material = joined([carried, given, ...fetched]);
    const status = judgeChainStatus({ signer, anchors, material, after, purpose });
    if (status.kind === 'complete') continue;
    const fresh = await statusSource.certificatesAndCrlsFor(status.path, { at, after, signal });
    fetched.push(fresh);
    if (fresh.missing.length === 0) continue;
    const current = await statusSource.certificatesAndCrlsFor(status.path, { at, signal });
    fetched.push(current);
    for (const { fingerprint, reason } of current.missing) reasons.set(fingerprint, reason);
  }
  return { ...without(joined(fetched), joined([carried, given])), reasons };
}
