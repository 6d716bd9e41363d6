// Control time: until when each certificate of a path can be shown to have held, sliding back from the
// instant of validation (EN 319 102-1 §5.6.2.2). Revocations, stale revocation data, ended validities and
// ended algorithms each set a limit.
import { describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import { compareInstants, earlier, isBefore } from '#shared/time.ts';
import { revocationModeBelow, type TrustAnchor } from '#shared/trust/anchors.ts';
import type { CertificatePurpose, RevocationMode } from '#shared/trust/path-query.ts';
import type { RevocationStatus } from '#shared/trust/path-verdict.ts';
import { effectiveRevocation } from '#shared/trust/revocation-context.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { harmlessReasons } from '#shared/tsp/verify-token.ts';
import { identityOf } from '#shared/validation/covered-objects.ts';
import {
  algorithmEnds,
  signatureAlgorithmCheck,
  type ValidationMaterial,
} from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';

export type PastQuestion = {
  readonly target: Certificate;
  readonly purpose: Extract<CertificatePurpose, 'signer' | 'tsu'>;
  readonly anchors: readonly TrustAnchor[];
  /** The instant of validation, where control time begins. */
  readonly at: Temporal.Instant;
  /** Since when what the certificate signed is known to exist; `at` where nothing proves it. */
  readonly existsSince: Temporal.Instant;
  /** Of a token: a harmless revocation of its TSU after this leaves it good (RFC 3161 §4). */
  readonly genTime?: Temporal.Instant | undefined;
  /** Certificates that come with the object itself. */
  readonly certificates: readonly Certificate[];
};

/** One reason why the certificate cannot be shown to have held after an instant. */
export type TimeLimit = {
  readonly cause:
    | 'anchor-ended'
    | 'expired'
    | 'revoked'
    | 'revocation-stale'
    | 'algorithm-ended'
    | 'algorithm-absent';
  /** The last instant that counts. */
  readonly until: Temporal.Instant;
  readonly certificate: Certificate;
  readonly facts: Readonly<Record<string, string>>;
};

/** Older sources than these many of one certificate are not tried: real documents carry a handful. */
const maxSources = 32;
const beginningOfTime = Temporal.Instant.fromEpochMilliseconds(0);

function justBefore(instant: Temporal.Instant): Temporal.Instant {
  return instant.subtract({ nanoseconds: 1 });
}

/** Revocation data that may be used: issued, and known to exist, by the control time. */
function knownBy(
  material: ValidationMaterial,
  control: Temporal.Instant,
  at: Temporal.Instant,
): Pick<ValidationMaterial, 'crls' | 'ocspResponses'> {
  const existed = (source: Parameters<typeof identityOf>[0]): boolean =>
    compareInstants(control, at) >= 0 ||
    compareInstants(material.proofs.since(identityOf(source))?.time ?? at, control) <= 0;
  return {
    crls: material.crls.filter(
      (crl) => compareInstants(crl.thisUpdate, control) <= 0 && existed(crl),
    ),
    ocspResponses: material.ocspResponses.filter(
      (response) =>
        response.basic !== undefined &&
        compareInstants(response.basic.producedAt, control) <= 0 &&
        existed(response),
    ),
  };
}

/** When the sources that speak of a certificate were issued, newest first, none after `instant`. */
function issueTimes(
  certificate: Certificate,
  { crls, ocspResponses }: Pick<ValidationMaterial, 'crls' | 'ocspResponses'>,
  instant: Temporal.Instant,
): readonly Temporal.Instant[] {
  const isIndirect = certificate.cRLDistributionPoints?.some((point) => point.cRLIssuer) ?? false;
  const times = [
    ...crls
      .filter((crl) => isIndirect || namesMatch(crl.issuer, certificate.issuer))
      .map(({ thisUpdate }) => thisUpdate),
    ...ocspResponses.flatMap(
      ({ basic }) =>
        basic?.responses
          .filter(({ certId }) => certId.serialNumber === certificate.serialNumber)
          .map(({ thisUpdate }) => thisUpdate) ?? [],
    ),
  ];
  return times
    .filter((time) => compareInstants(time, instant) <= 0)
    .toSorted((a, b) => compareInstants(b, a))
    .slice(0, maxSources);
}

/** What the newest usable source says, asked as of `instant` or, where all are stale, as of its issue. */
function statusBy(
  certificate: Certificate,
  question: PastQuestion,
  material: ValidationMaterial,
  instant: Temporal.Instant,
  control: Temporal.Instant,
): RevocationStatus | undefined {
  const known = knownBy(material, control, question.at);
  for (const time of [instant, ...issueTimes(certificate, known, instant)]) {
    const { revocation } = verifyCertificatePath({
      target: certificate,
      intermediates: [...question.certificates, ...material.certificates],
      anchors: question.anchors,
      ...known,
      at: time,
      purpose: 'any',
      revocationMode: material.revocationMode,
      ...signatureAlgorithmCheck(material.algorithmPolicy),
    });
    const own = revocation.find((one) => one.certificate.fingerprint === certificate.fingerprint);
    if (own && own.status !== 'unknown') return own;
  }
  return undefined;
}

/** §5.6.2.2.4 step 2 b and c: a revocation, or the issue of the newest source where that is stale. */
function revocationLimit(
  status: RevocationStatus,
  question: PastQuestion,
  control: Temporal.Instant,
): TimeLimit | undefined {
  const { certificate, revokedAt, reason, invalidityDate, thisUpdate, nextUpdate } = status;
  if (status.status === 'revoked' && revokedAt) {
    const { target, genTime } = question;
    const harmless =
      genTime !== undefined &&
      certificate === target &&
      isBefore(genTime, revokedAt) &&
      harmlessReasons.includes(reason ?? '');
    if (harmless) return undefined;
    const from = effectiveRevocation({
      revokedAt,
      ...(reason && { reason }),
      ...(invalidityDate && { invalidityDate }),
    });
    return {
      cause: 'revoked',
      until: justBefore(from),
      certificate,
      facts: {
        revokedAt: revokedAt.toString(),
        ...(reason && { reason }),
        ...(isBefore(from, revokedAt) && { invalidityDate: from.toString() }),
      },
    };
  }
  const isFresh =
    !thisUpdate || (nextUpdate !== undefined && compareInstants(nextUpdate, control) >= 0);
  if (isFresh) return undefined;
  // The letter asks for data issued after the proof. Of the signer it is asked, since a revocation takes
  // its time to be known; of authorities and TSUs data that was current at the proof is enough, as
  // RFC 4998 §5.3 has it: their lists are rare, and they are collected before a token is covered.
  const isSigner = question.purpose === 'signer' && certificate === question.target;
  return {
    cause: 'revocation-stale',
    until: isSigner ? thisUpdate : (nextUpdate ?? thisUpdate),
    certificate,
    facts: {
      thisUpdate: thisUpdate.toString(),
      ...(nextUpdate && { nextUpdate: nextUpdate.toString() }),
    },
  };
}

/** §5.6.2.2.4 step 4: how long the algorithms of the issuer's signature on the certificate counted. */
function algorithmLimit(
  certificate: Certificate,
  issuer: Certificate,
  { algorithmPolicy }: ValidationMaterial,
): TimeLimit | undefined {
  if (!algorithmPolicy) return undefined;
  const described = describeSignatureAlgorithm(certificate.signatureAlgorithm, issuer.publicKey);
  const limits = algorithmEnds(algorithmPolicy, described).flatMap(
    ({ algorithm, answer }): TimeLimit[] => {
      const facts = { algorithm, policy: algorithmPolicy.id };
      if (answer.kind === 'absent')
        return [{ cause: 'algorithm-absent', until: beginningOfTime, certificate, facts }];
      const { endExclusive } = answer;
      return endExclusive
        ? [
            {
              cause: 'algorithm-ended',
              until: justBefore(endExclusive),
              certificate,
              facts: { ...facts, endExclusive: endExclusive.toString() },
            },
          ]
        : [];
    },
  );
  return earliest(limits);
}

/** The one that ends first. */
export function earliest(limits: readonly TimeLimit[]): TimeLimit | undefined {
  return limits.toSorted((a, b) => compareInstants(a.until, b.until))[0];
}

/** TS 119 612 §5.5.4: between two periods of a list, or before the first, its service was not trusted. */
function lapseBefore(
  { periods = [] }: TrustAnchor,
  existsSince: Temporal.Instant,
): Temporal.Instant | undefined {
  const last = periods.findLast(({ since }) => compareInstants(since, existsSince) <= 0);
  if (!last) return periods.length > 0 ? beginningOfTime : undefined;
  return last.until && compareInstants(last.until, existsSince) <= 0
    ? justBefore(last.until)
    : undefined;
}

/** Everything that limits a path, and the certificates of which nothing usable speaks. */
export type Slide = {
  readonly limits: readonly TimeLimit[];
  readonly unknown: readonly Certificate[];
  /** Whether what is unknown leaves the question open. */
  readonly revocationMode: RevocationMode;
};

/**
 * From the certificate below the anchor down to the target, control time only ever moving back. The end
 * of a validity and stale data limit what is asked and what is proved, but not which revocation data may
 * be used: nothing speaks against its issuer, whereas a revoked one may have dated it back.
 */
export function slide(
  path: readonly Certificate[],
  question: PastQuestion,
  material: ValidationMaterial,
): Slide {
  const limits: TimeLimit[] = [];
  const unknown: Certificate[] = [];
  let control = question.at;
  let inForce = question.at;
  const limit = (one: TimeLimit | undefined): void => {
    if (!one || compareInstants(one.until, question.at) >= 0) return;
    limits.push(one);
    if (one.cause === 'expired' || one.cause === 'revocation-stale')
      inForce = earlier(inForce, one.until);
    else control = earlier(control, one.until);
  };
  const top = path.at(-1);
  const anchor = question.anchors.find(
    ({ certificate }) => certificate.fingerprint === top?.fingerprint,
  );
  const revocationMode = revocationModeBelow(anchor, material.revocationMode);
  if (anchor?.sunset)
    limit({
      cause: 'anchor-ended',
      until: anchor.sunset,
      certificate: anchor.certificate,
      facts: {},
    });
  const lapse = anchor && lapseBefore(anchor, question.existsSince);
  if (lapse)
    limit({ cause: 'anchor-ended', until: lapse, certificate: anchor.certificate, facts: {} });
  for (let index = path.length - 2; index >= 0; index--) {
    const [certificate, issuer] = path.slice(index, index + 2);
    if (!certificate || !issuer) continue;
    limit({ cause: 'expired', until: certificate.notAfter, certificate, facts: {} });
    limit(algorithmLimit(certificate, issuer, material));
    if (revocationMode === 'none') continue;
    const status = statusBy(certificate, question, material, earlier(control, inForce), control);
    if (status) limit(revocationLimit(status, question, control));
    else unknown.push(certificate);
  }
  return { limits, unknown, revocationMode };
}
