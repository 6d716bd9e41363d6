// What the local authority consists of and what is due: types of its generations, and one pure decision. Making
// what is due is for local-authority.ts.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { addCalendar, earlier, isBefore } from '#shared/time.ts';
import type { LocalKeyKind, LocalProviderConfig } from '../config/config.ts';

/** One CA key and its self-signed certificate. Old ones stay: their anchors verify old tokens. */
export type CaGeneration = {
  /** 16 hexadecimal digits, part of the subject and of file names. */
  readonly id: string;
  readonly key: LocalKeyKind;
  readonly signatureDigest: DigestAlgorithm;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly notBefore: Temporal.Instant;
  readonly notAfter: Temporal.Instant;
};

/** The TSU in service. */
export type TsuGeneration = CaGeneration & { readonly caId: string };

export type AuthorityState = {
  readonly version: 1;
  /** Oldest first. */
  readonly cas: readonly CaGeneration[];
  readonly tsu: TsuGeneration | undefined;
};

/** What is due: decided before anything is done. */
export type AuthorityPlan =
  | { readonly kind: 'keep' }
  | {
      readonly kind: 'renew';
      readonly newCa: boolean;
      /** Of the TSU's new certificate; a new CA's is no earlier. */
      readonly tsuNotAfter: Temporal.Instant;
      readonly caNotAfter: Temporal.Instant;
    }
  /** What is left until the policy's end is less than `tsuRenewBeforeDays`, and nothing in service is usable. */
  | { readonly kind: 'refuse' };

/** Certificates count to their last second (RFC 5280 §4.1.2.5), a policy to the instant before its end. */
function lastSecond(end: Temporal.Instant): Temporal.Instant {
  return end.subtract({ seconds: 1 });
}

function certificateEnd(
  now: Temporal.Instant,
  lifeDays: number,
  end: Temporal.Instant | undefined,
): Temporal.Instant {
  const notAfter = addCalendar(now, { days: lifeDays });
  return end ? earlier(notAfter, lastSecond(end)) : notAfter;
}

/**
 * Decides what must be made at `now`. A TSU certificate is made for its whole life, or to the policy's `end`; a CA
 * that would end before it is replaced. Changed settings of key or digest replace both; a TSU whose certificate
 * outlives the policy is replaced by one that does not.
 */
export function planAuthority(
  state: AuthorityState,
  config: LocalProviderConfig,
  now: Temporal.Instant,
  end?: Temporal.Instant,
): AuthorityPlan {
  const { tsu } = state;
  const ca = state.cas.at(-1);
  const matches = (generation: CaGeneration): boolean =>
    generation.key === config.key && generation.signatureDigest === config.signatureDigest;
  const outlives = tsu && end && isBefore(lastSecond(end), tsu.notAfter);
  const fits = tsu && matches(tsu) && !outlives;
  const renewBefore = { days: -config.tsuRenewBeforeDays };
  if (fits && isBefore(now, addCalendar(tsu.notAfter, renewBefore))) return { kind: 'keep' };
  const tsuNotAfter = certificateEnd(now, config.tsuLifeDays, end);
  // Cut short by the policy's end, it would be due for renewal when it is made.
  const isCut = isBefore(tsuNotAfter, addCalendar(now, { days: config.tsuLifeDays }));
  if (isCut && !isBefore(now, addCalendar(tsuNotAfter, renewBefore)))
    return fits && !isBefore(tsu.notAfter, now) ? { kind: 'keep' } : { kind: 'refuse' };
  return {
    kind: 'renew',
    newCa: !ca || !matches(ca) || isBefore(ca.notAfter, tsuNotAfter),
    tsuNotAfter,
    caNotAfter: certificateEnd(now, config.caLifeDays, end),
  };
}
