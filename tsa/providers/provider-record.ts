// What is remembered of a provider while the process lives: how it has done, how long it takes, its certificates.
import { compareInstants, earlier } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { createHistogram, type Histogram, type HistogramValue } from '../status/histogram.ts';
import { createBreaker, defaultBreaker, type Breaker, type BreakerConfig } from './breaker.ts';

/** Why a provider's answer was of no use. */
export type FailureKind =
  /** No connection, or a transport error. */
  | 'unreachable'
  | 'timeout'
  /** An HTTP answer that holds no TimeStampResp. */
  | 'not-an-answer'
  /** A TimeStampResp with a status other than granted. */
  | 'rejected'
  /** A token that failed its verification. */
  | 'invalid-token'
  /** Not asked: a budget or a limit is used up. */
  | 'limited'
  /** A fault of ours while judging. */
  | 'internal';

/** Outcomes of one provider since the start, for events and status pages. */
export type ProviderFigures = {
  readonly asked: number;
  readonly granted: number;
  readonly late: number;
  /** Requests that were sent to it because another one was slow. */
  readonly hedged: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly lastSuccess: Temporal.Instant | undefined;
  readonly lastFailure:
    | { readonly at: Temporal.Instant; readonly kind: FailureKind; readonly reason: string }
    | undefined;
  /** Milliseconds within which half, and 95 in 100, of the latest good answers came. */
  readonly medianMs: number | undefined;
  readonly p95Ms: number | undefined;
  /** Times by outcome: `granted`, `late` or a kind of failure. */
  readonly latencies: Readonly<Record<string, HistogramValue>>;
  /** End of the shortest-lived certificate of the newest token's path. */
  readonly chainEnds: Temporal.Instant | undefined;
  /** How far its clock was ahead of ours by the newest good token, in seconds; the way it took is in it. */
  readonly clockOffsetSeconds: number | undefined;
};

/** Requests that a provider takes in any stretch of so many seconds. */
export type RateLimit = { readonly requests: number; readonly withinSeconds: number };

/** The CRLs of one source, and when they were had from it. */
export type KeptCrls = {
  readonly lists: readonly CertificateList[];
  readonly at: Temporal.Instant;
};

export type ProviderRecord = {
  readonly asked: () => void;
  readonly hedged: () => void;
  readonly granted: (at: Temporal.Instant, late: boolean, milliseconds: number) => void;
  /** How long a turn took, by what came of it: `granted`, `late` or the kind of failure. */
  readonly took: (outcome: string, milliseconds: number) => void;
  readonly failed: (at: Temporal.Instant, kind: FailureKind, reason: string) => void;
  readonly figures: () => ProviderFigures;
  readonly breaker: Breaker;
  /** Compares its clock with ours. */
  readonly sawTime: (genTime: Temporal.Instant, now: Temporal.Instant) => void;
  /**
   * Keeps the certificates of a verified token, TSU first, for tokens that come without (certReq FALSE).
   * @returns whether its TSU is another than all before, and not the first
   */
  readonly learn: (path: readonly Certificate[]) => boolean;
  readonly learned: () => readonly Certificate[];
  readonly keepCrls: (source: string, crls: KeptCrls) => void;
  /** By source. */
  readonly crls: () => ReadonlyMap<string, KeptCrls>;
  /** It sent certificates to a query that asked for none. */
  readonly sentUnasked: (now: Temporal.Instant) => void;
  /** It signs with a certificate that it does not show to those who ask for one either. */
  readonly hidSigner: (now: Temporal.Instant) => void;
  /**
   * Whether an answer without certificates would be of use. What it did within 24 hours counts: its tokens for such
   * queries are bought for nothing. A signer that is hidden is so until a new one is learned.
   */
  readonly servesBare: (now: Temporal.Instant) => boolean;
  /**
   * Has a token bought to learn its certificates, where one may be, or waits for the one that is under way: one in 24
   * hours that teaches nothing, a few that each teach a TSU.
   */
  readonly probeOnce: (now: Temporal.Instant, probe: () => Promise<void>) => Promise<void>;
};

/** A TSA has a handful of certificates in use; more means that something is wrong with it. */
const maxLearned = 64;
const probePeriod = { hours: 24 } as const;
/** A TSA with more units, or one that rolls over more often, is not learned in a day. */
const maxProbes = 8;
const latenciesKept = 200;
/** Fewer say nothing about one in twenty. */
const latenciesForP95 = 20;

function createLatencies() {
  const latest: number[] = [];
  const at = (share: number, least: number): number | undefined => {
    if (latest.length < least) return undefined;
    const sorted = latest.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  };
  return {
    add: (milliseconds: number): void => {
      latest.push(milliseconds);
      if (latest.length > latenciesKept) latest.shift();
    },
    median: () => at(0.5, 1),
    p95: () => at(0.95, latenciesForP95),
  };
}

/** Certificates by fingerprint, the newest last. */
function createCertificateMemory() {
  const known = new Map<string, Certificate>();
  const tsus = new Set<string>();
  return {
    learn: (path: readonly Certificate[]) => {
      for (const certificate of path) {
        // The newest stay: a rollover must not be shut out by what came before it.
        known.delete(certificate.fingerprint);
        known.set(certificate.fingerprint, certificate);
        const oldest = known.keys().next();
        if (known.size > maxLearned && !oldest.done) known.delete(oldest.value);
      }
      const tsu = path[0]?.fingerprint ?? '';
      const isFirst = tsus.size === 0;
      const isNew = !isFirst && !tsus.has(tsu);
      if (tsus.size < maxLearned) tsus.add(tsu);
      return { isFirst, isNew };
    },
    all: () => [...known.values()],
  };
}

/** Tokens that are bought to learn from, within their ceiling. */
function createProbes() {
  let running: Promise<void> | undefined;
  let ends: Temporal.Instant | undefined;
  let left = 0;
  let hasTaught = true;
  let isAnswered = true;
  return {
    /** A good token came, by a TSU that is new or not. */
    answered: (isNew: boolean): void => {
      isAnswered = true;
      if (isNew) hasTaught = true;
    },
    /** Whether the last one brought a token: of one that failed nothing can be said but that it may be tried again. */
    wasAnswered: (): boolean => isAnswered,
    once: (now: Temporal.Instant, probe: () => Promise<void>): Promise<void> => {
      if (running) return running;
      if (!ends || compareInstants(now, ends) >= 0) {
        ends = now.add(probePeriod);
        left = maxProbes;
        hasTaught = true;
      }
      if (left === 0 || (isAnswered && !hasTaught)) return Promise.resolve();
      left--;
      hasTaught = false;
      isAnswered = false;
      running = probe().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

/** An empty record. */
export function createProviderRecord(
  options: {
    readonly breaker?: BreakerConfig;
  } = {},
): ProviderRecord {
  let asked = 0;
  let granted = 0;
  let late = 0;
  let hedged = 0;
  let lastSuccess: Temporal.Instant | undefined;
  let lastFailure: ProviderFigures['lastFailure'];
  let unaskedUntil: Temporal.Instant | undefined;
  let hiddenUntil: Temporal.Instant | undefined;
  let chainEnds: Temporal.Instant | undefined;
  let clockOffsetSeconds: number | undefined;
  const failures = new Map<FailureKind, number>();
  const latencies = createLatencies();
  const histograms = new Map<string, Histogram>();
  const certificates = createCertificateMemory();
  const probes = createProbes();
  const isOver = (until: Temporal.Instant | undefined, now: Temporal.Instant): boolean =>
    until === undefined || compareInstants(now, until) >= 0;
  const crls = new Map<string, KeptCrls>();
  return {
    asked: () => {
      asked++;
    },
    hedged: () => {
      hedged++;
    },
    granted: (at, isLate, milliseconds) => {
      if (isLate) late++;
      else granted++;
      latencies.add(milliseconds);
      lastSuccess = at;
    },
    failed: (at, kind, reason) => {
      failures.set(kind, (failures.get(kind) ?? 0) + 1);
      lastFailure = { at, kind, reason };
    },
    took: (outcome, milliseconds) => {
      const histogram = histograms.get(outcome) ?? createHistogram();
      histograms.set(outcome, histogram);
      histogram.observe(milliseconds / 1000);
    },
    figures: () => ({
      asked,
      granted,
      late,
      hedged,
      failures: Object.fromEntries(failures),
      lastSuccess,
      lastFailure,
      medianMs: latencies.median(),
      p95Ms: latencies.p95(),
      latencies: Object.fromEntries(
        [...histograms].map(([outcome, histogram]) => [outcome, histogram.value()]),
      ),
      chainEnds,
      clockOffsetSeconds,
    }),
    sawTime: (genTime, now) => {
      clockOffsetSeconds = (genTime.epochMilliseconds - now.epochMilliseconds) / 1000;
    },
    breaker: createBreaker(options.breaker ?? defaultBreaker),
    learn: (path) => {
      const ends = path.map(({ notAfter }) => notAfter);
      chainEnds = ends.length > 0 ? ends.reduce(earlier) : chainEnds;
      const { isFirst, isNew } = certificates.learn(path);
      if (isFirst || isNew) hiddenUntil = undefined;
      probes.answered(isFirst || isNew);
      return isNew;
    },
    learned: certificates.all,
    keepCrls: (source, kept) => {
      crls.set(source, kept);
    },
    crls: () => crls,
    sentUnasked: (now) => {
      unaskedUntil = now.add(probePeriod);
    },
    hidSigner: (now) => {
      if (probes.wasAnswered()) hiddenUntil = now.add(probePeriod);
    },
    servesBare: (now) => isOver(unaskedUntil, now) && isOver(hiddenUntil, now),
    probeOnce: probes.once,
  };
}
