// Providers as the failover sees them: a source of answers, what its tokens are verified with, what has been
// learned of it, and how it has done. A provider behind a URL and the local unit look alike.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { isAccredited, type Accreditation } from './accreditation.ts';
import type { Price, Profile } from '../config/config.ts';
import type { ProviderRecord, RateLimit } from './provider-record.ts';
import type { OwnAnswer, StandingVerdicts } from '../local/standing-verdict.ts';

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
  /** Empty: accredited by nobody, as far as is known here. */
  readonly accreditations: readonly Accreditation[];
  /** Requests that it takes, where that is known in advance. */
  readonly rate?: RateLimit | undefined;
  /** End of the certificate by which we say who we are, where we have one. */
  readonly identityEnds?: Temporal.Instant | undefined;
  /** After this long without an answer the next provider is asked. */
  readonly responseMs: number;
  /** Until then a late answer is waited for. */
  readonly lateMs: number;
  /** Anchors and CRLs as of `now`, refreshed where they are due. */
  readonly trust: (now: Temporal.Instant) => Promise<TrustMaterial>;
  readonly record: ProviderRecord;
  /** Of a local unit: answers a query that admission let through, and says what it has made. */
  readonly own?: {
    /** @throws the system's error: nothing could be signed */
    readonly answer: (request: TimeStampReq) => Promise<OwnAnswer>;
    readonly verdicts: StandingVerdicts;
  };
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

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

/** Those whose accreditation lasts, where the profile asks for one: a token of another would be refused. */
export function accreditedProviders(
  { accredited }: Profile,
  providers: readonly Provider[],
  now: Temporal.Instant,
): readonly Provider[] {
  if (accredited.length === 0) return providers;
  return providers.filter(({ accreditations }) => isAccredited(accreditations, accredited, now));
}
