// What the local authority consists of and what is due: types of its generations, and one pure decision. Making
// what is due is for local-authority.ts.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { addCalendar, isBefore } from '#shared/time.ts';
import type { LocalKeyKind, LocalProviderConfig } from './config.ts';

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
export type AuthorityPlan = { readonly newCa: boolean; readonly newTsu: boolean };

/**
 * Decides what must be made at `now`. A TSU certificate is always made for its whole life, so a CA that would
 * end before it is replaced; changed settings of key or digest replace both.
 */
export function planAuthority(
  state: AuthorityState,
  config: LocalProviderConfig,
  now: Temporal.Instant,
): AuthorityPlan {
  const { tsu } = state;
  const ca = state.cas.at(-1);
  const matches = (generation: CaGeneration): boolean =>
    generation.key === config.key && generation.signatureDigest === config.signatureDigest;
  const newTsu =
    !tsu ||
    !matches(tsu) ||
    !isBefore(now, addCalendar(tsu.notAfter, { days: -config.tsuRenewBeforeDays }));
  if (!newTsu) return { newCa: false, newTsu: false };
  const tsuEnd = addCalendar(now, { days: config.tsuLifeDays });
  return { newCa: !ca || !matches(ca) || isBefore(ca.notAfter, tsuEnd), newTsu: true };
}
