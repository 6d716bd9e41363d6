// Providers as the failover sees them: a source of answers, what its tokens are verified with, what has been
// learned of it, and how it has done. A provider behind a URL and the local unit look alike.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { Price, Profile } from './config.ts';

/** What the tokens of one provider are verified with. */
export type TrustMaterial = {
  readonly anchors: readonly TrustAnchor[];
  /** Certificates known beside those that a token carries. */
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
};

export type Provider = TimestampSource & {
  readonly kind: 'http' | 'local';
  readonly tsaPolicies: readonly string[];
  readonly hashAlgorithms: readonly DigestAlgorithm[];
  readonly price: Price | undefined;
  /** After this long without an answer the next provider is asked. */
  readonly responseMs: number;
  /** Until then a late answer is waited for. */
  readonly lateMs: number;
  /** Anchors and CRLs as of `now`, refreshed where they are due. */
  readonly trust: (now: Temporal.Instant) => Promise<TrustMaterial>;
  readonly record: ProviderRecord;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Outcomes of one provider since the start, for events and status pages. */
export type ProviderFigures = {
  readonly asked: number;
  readonly granted: number;
  readonly late: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly lastSuccess: Temporal.Instant | undefined;
  readonly lastFailure:
    | { readonly at: Temporal.Instant; readonly kind: FailureKind; readonly reason: string }
    | undefined;
};

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

/** What is remembered of a provider while the process lives. */
export type ProviderRecord = {
  readonly asked: () => void;
  readonly granted: (at: Temporal.Instant, late: boolean) => void;
  readonly failed: (at: Temporal.Instant, kind: FailureKind, reason: string) => void;
  readonly figures: () => ProviderFigures;
  /** Keeps the certificates of a verified token, for tokens that come without (certReq FALSE). */
  readonly learn: (certificates: readonly Certificate[]) => void;
  readonly learned: () => readonly Certificate[];
  /** True at most once in 24 hours: whether a token may be bought now only to learn from it. */
  readonly takeProbe: (now: Temporal.Instant) => boolean;
};

/** A TSA has a handful of certificates in use; more means that something is wrong with it. */
const maxLearned = 64;
const probePeriod = { hours: 24 } as const;

/** An empty record. */
export function createProviderRecord(): ProviderRecord {
  let asked = 0;
  let granted = 0;
  let late = 0;
  let lastSuccess: Temporal.Instant | undefined;
  let lastFailure: ProviderFigures['lastFailure'];
  let nextProbe: Temporal.Instant | undefined;
  const failures = new Map<FailureKind, number>();
  const learned = new Map<string, Certificate>();
  return {
    asked: () => {
      asked++;
    },
    granted: (at, isLate) => {
      if (isLate) late++;
      else granted++;
      lastSuccess = at;
    },
    failed: (at, kind, reason) => {
      failures.set(kind, (failures.get(kind) ?? 0) + 1);
      lastFailure = { at, kind, reason };
    },
    figures: () => ({
      asked,
      granted,
      late,
      failures: Object.fromEntries(failures),
      lastSuccess,
      lastFailure,
    }),
    learn: (certificates) => {
      for (const certificate of certificates) {
        // The newest stay: a rollover must not be shut out by what came before it.
        learned.delete(certificate.fingerprint);
        learned.set(certificate.fingerprint, certificate);
        const oldest = learned.keys().next();
        if (learned.size > maxLearned && !oldest.done) learned.delete(oldest.value);
      }
    },
    learned: () => [...learned.values()],
    takeProbe: (now) => {
      if (nextProbe && Temporal.Instant.compare(now, nextProbe) < 0) return false;
      nextProbe = now.add(probePeriod);
      return true;
    },
  };
}

/**
 * The providers of a profile that may be asked, in order: those that list the imprint algorithm and,
 * where the request names one, the policy (design §5).
 */
export function eligibleProviders(
  profile: Profile,
  providers: ReadonlyMap<string, Provider>,
  request: { readonly algorithm: DigestAlgorithm; readonly reqPolicy: string | undefined },
): readonly Provider[] {
  return profile.providers.flatMap((name) => {
    const provider = providers.get(name);
    if (!provider?.hashAlgorithms.includes(request.algorithm)) return [];
    if (request.reqPolicy !== undefined && !provider.tsaPolicies.includes(request.reqPolicy))
      return [];
    return [provider];
  });
}
