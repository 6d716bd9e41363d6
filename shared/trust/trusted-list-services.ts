// What a trusted list says of a service as of a time, and the anchors that follow, each with the periods in which
// its status made it trusted. ETSI TS 119 612 §5.5.4 to §5.6; EN 319 102-1 leaves to the list what is qualified.
import { compareInstants, isBefore } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { AnchorClass, TrustAnchor, TrustPeriod } from './anchors.ts';
import { serviceTypes, trustedStatuses } from './trusted-list-names.ts';
import type { ServiceStatus, TrustedList, TrustService } from './trusted-list.ts';

/** A status with its end: the start of the one that followed. */
export type StatusPeriod = ServiceStatus & { readonly end: Temporal.Instant | undefined };

/** The statuses of a service, oldest first, each until the next begins. */
export function statusPeriods({ statuses }: TrustService): readonly StatusPeriod[] {
  const ordered = statuses.toSorted((a, b) => compareInstants(a.startingTime, b.startingTime));
  return ordered.map((status, index) => ({ ...status, end: ordered[index + 1]?.startingTime }));
}

/** The status in force at this instant; `undefined`: before the first one that is known. */
export function statusAt(service: TrustService, at: Temporal.Instant): StatusPeriod | undefined {
  return statusPeriods(service).findLast(({ startingTime }) => !isBefore(at, startingTime));
}

/** Periods without a gap in which the service was of the type and trusted. */
function trustedPeriods(service: TrustService, serviceType: string): readonly TrustPeriod[] {
  const periods: { since: Temporal.Instant; until: Temporal.Instant | undefined }[] = [];
  for (const period of statusPeriods(service)) {
    if (period.serviceType !== serviceType || !trustedStatuses.has(period.status)) continue;
    const last = periods.at(-1);
    if (last?.until?.equals(period.startingTime)) last.until = period.end;
    else periods.push({ since: period.startingTime, until: period.end });
  }
  return periods;
}

const roles = {
  tsu: { serviceType: serviceTypes.qualifiedTimestamping, anchorClass: undefined },
  signer: { serviceType: serviceTypes.qualifiedCertificates, anchorClass: 'accredited' },
} as const satisfies Record<
  string,
  { readonly serviceType: string; readonly anchorClass: AnchorClass | undefined }
>;

/** TSUs of qualified timestamping services, or signers under qualified certificates. */
export type ListedRole = keyof typeof roles;

/** Overlapping periods of several entries are one. */
function merged(periods: readonly TrustPeriod[]): readonly TrustPeriod[] {
  const result: { since: Temporal.Instant; until?: Temporal.Instant | undefined }[] = [];
  for (const { since, until } of periods.toSorted((a, b) => compareInstants(a.since, b.since))) {
    const last = result.at(-1);
    if (!last || (last.until && isBefore(last.until, since))) result.push({ since, until });
    else if (last.until && (!until || isBefore(last.until, until))) last.until = until;
  }
  return result;
}

/**
 * Anchors of a role, one for each certificate: trusted in the periods in which any service that it stands for
 * was, and at no other time.
 */
export function listedAnchors({ services }: TrustedList, role: ListedRole): readonly TrustAnchor[] {
  const { serviceType, anchorClass } = roles[role];
  const found = new Map<string, { certificate: Certificate; periods: TrustPeriod[] }>();
  for (const service of services) {
    const periods = trustedPeriods(service, serviceType);
    if (periods.length === 0) continue;
    for (const certificate of service.certificates) {
      const known = found.get(certificate.fingerprint) ?? { certificate, periods: [] };
      known.periods.push(...periods);
      found.set(certificate.fingerprint, known);
    }
  }
  return [...found.values()].map(({ certificate, periods: all }) => {
    const periods = merged(all);
    const sunset = periods.at(-1)?.until;
    return {
      certificate,
      periods,
      ...(sunset && { sunset }),
      ...(anchorClass && { class: anchorClass }),
    };
  });
}
