// Whether a timestamp counts as one of an accredited provider (MHLW guideline, 6.12 C.2(1)): under which
// schemes, for which documents and by which edition is data; what an operator confirmed of a provider
// comes in as an argument. Nothing here is accredited by itself.

import { isBefore } from '#shared/time.ts';

/** Documents under a statutory retention period, and others. */
export type DocumentClass = 'statutory' | 'other';

/** Shape of the bundled data file, shared/policy/data/accreditation.json. */
export type AccreditationFile = {
  readonly asOf: string;
  readonly schemes: readonly {
    readonly id: string;
    readonly title: { readonly en: string; readonly ja: string };
    /** First day of the scheme itself. */
    readonly since: string;
    readonly source: string;
  }[];
  /** Which schemes an edition of the guideline accepts for which documents. */
  readonly acceptance: readonly {
    readonly guideline: string;
    readonly documentClass: string;
    readonly accepts: readonly { readonly scheme: string; readonly transitional?: boolean }[];
    readonly source: string;
  }[];
};

/**
 * Shape of the bundled data file, shared/policy/data/timestamp-services.json: services that were seen to be
 * accredited once. A starting point for an operator who reads the list in force; nothing counts by it.
 */
export type TimestampServiceFile = {
  readonly asOf: string;
  readonly services: readonly {
    readonly id: string;
    readonly operator: { readonly ja: string; readonly en: string };
    readonly service: { readonly ja: string; readonly en: string };
    readonly schemes: readonly string[];
    readonly firstAccredited: string | null;
    readonly status: string;
    readonly confidence: string;
    /** Policies that its tokens were seen with. */
    readonly tsaPolicies: readonly { readonly oid: string; readonly seenIn: string }[];
    readonly notes: readonly string[];
    readonly sources: readonly string[];
  }[];
};

/**
 * What an operator confirmed, and by which document, of one provider under one scheme. It counts for a
 * token whose path ends at one of the anchors, under one of the policies, within the period.
 */
export type AccreditationEntry = {
  readonly name: string;
  readonly scheme: string;
  /** First instant of the period. */
  readonly from: Temporal.Instant;
  /** First instant after it; absent while it lasts. */
  readonly until?: Temporal.Instant | undefined;
  /** SHA-256 fingerprints of trust anchors, lower-case hexadecimal. */
  readonly anchors: readonly string[];
  /** TSA policy identifiers; tokens under others do not count. */
  readonly tsaPolicies: readonly string[];
};

export type AccreditationRules = {
  readonly file: AccreditationFile;
  readonly guideline: string;
  readonly entries: readonly AccreditationEntry[];
};

/** What of a token is asked about. */
export type StampedBy = {
  readonly genTime: Temporal.Instant;
  readonly tsaPolicy: string;
  /** Fingerprint of the anchor that its path ends at. */
  readonly anchor: string | undefined;
};

/**
 * `accredited` when it stamped: by whom, under which scheme, whether that is only tolerated for now,
 * and whether the provider still is today. Else why it is not shown, the nearest reason first.
 */
export type AccreditationAnswer =
  | {
      readonly kind: 'accredited';
      readonly entry: AccreditationEntry;
      readonly transitional: boolean;
      readonly today: boolean;
    }
  | {
      readonly kind: 'not-shown';
      readonly reason: 'no-entry' | 'other-policy' | 'other-period' | 'scheme-not-accepted';
    };

function lasts({ from, until }: AccreditationEntry, at: Temporal.Instant): boolean {
  return !isBefore(at, from) && (until === undefined || isBefore(at, until));
}

/**
 * Whether the token counts for a document of this class under the edition in force, as of `today`.
 * A scheme without tolerance is preferred where several entries fit.
 * @see: guideline 5.2, 6.12 C.2(1); 6.0, 14.2
 */
export function askAccreditation(
  { file, guideline, entries }: AccreditationRules,
  { genTime, tsaPolicy, anchor }: StampedBy,
  documentClass: DocumentClass,
  today: Temporal.Instant,
): AccreditationAnswer {
  const ofProvider = entries.filter(
    ({ anchors }) => anchor !== undefined && anchors.includes(anchor),
  );
  if (ofProvider.length === 0) return { kind: 'not-shown', reason: 'no-entry' };
  const underPolicy = ofProvider.filter(({ tsaPolicies }) => tsaPolicies.includes(tsaPolicy));
  if (underPolicy.length === 0) return { kind: 'not-shown', reason: 'other-policy' };
  const inPeriod = underPolicy.filter((entry) => lasts(entry, genTime));
  if (inPeriod.length === 0) return { kind: 'not-shown', reason: 'other-period' };
  const accepted = file.acceptance
    .filter((row) => row.guideline === guideline && row.documentClass === documentClass)
    .flatMap(({ accepts }) => accepts)
    .toSorted((a, b) => Number(a.transitional ?? false) - Number(b.transitional ?? false));
  for (const { scheme, transitional = false } of accepted) {
    const entry = inPeriod.find((one) => one.scheme === scheme);
    if (!entry) continue;
    const isToday = underPolicy.some((one) => one.scheme === scheme && lasts(one, today));
    return { kind: 'accredited', entry, transitional, today: isToday };
  }
  return { kind: 'not-shown', reason: 'scheme-not-accepted' };
}
