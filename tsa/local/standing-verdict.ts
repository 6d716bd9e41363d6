// The verdict on a token of our own unit stands for its like: what a token is judged by beside its signature (path,
// revocation, policies, algorithms) is the same for every token that one key signs under one profile, and is judged in
// full again each minute. The signature itself is verified as each token is made.
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { Profile } from '../config/config.ts';
import type { Judged } from '../providers/judge-answer.ts';

/** What the unit knows of a token that it has just made from the query that it answers. */
export type OwnToken = {
  readonly serialNumber: bigint;
  readonly genTime: Temporal.Instant;
  /** Key and certificate that signed it. */
  readonly signer: object;
  /** What else its verdict hangs on: policy, imprint algorithm, whether certificates came along. */
  readonly terms: string;
};

/** An answer of our own unit; without a token where it refuses. */
export type OwnAnswer = { readonly response: Uint8Array; readonly token?: OwnToken };

type Standing = {
  readonly path: readonly Certificate[];
  /** When it was judged, in milliseconds of the epoch. */
  readonly sinceMs: number;
  readonly algorithmPolicy: AlgorithmProfile | undefined;
};

const standsForMs = 60_000;

export type StandingVerdicts = {
  /** The verdict on a token: one that stands, or that of `judge`, which stands from then on if it is good. */
  readonly of: (
    own: OwnToken,
    asked: {
      readonly response: Uint8Array;
      readonly profile: Profile;
      readonly algorithmPolicy: AlgorithmProfile | undefined;
      readonly now: Temporal.Instant;
    },
    judge: () => Promise<Judged>,
  ) => Promise<Judged>;
};

export function createStandingVerdicts(): StandingVerdicts {
  const bySigner = new WeakMap<object, WeakMap<Profile, Map<string, Standing>>>();

  const verdictsOf = (signer: object, profile: Profile): Map<string, Standing> => {
    const byProfile = bySigner.get(signer) ?? new WeakMap<Profile, Map<string, Standing>>();
    bySigner.set(signer, byProfile);
    const verdicts = byProfile.get(profile) ?? new Map<string, Standing>();
    byProfile.set(profile, verdicts);
    return verdicts;
  };

  return {
    of: async (own, { response, profile, algorithmPolicy, now }, judge) => {
      const verdicts = verdictsOf(own.signer, profile);
      const known = verdicts.get(own.terms);
      const { serialNumber, genTime } = own;
      const nowMs = now.epochMilliseconds;
      if (
        known?.algorithmPolicy === algorithmPolicy &&
        known !== undefined &&
        nowMs >= known.sinceMs &&
        nowMs < known.sinceMs + standsForMs
      )
        return { kind: 'token', response, serialNumber, genTime, path: known.path };
      const judged = await judge();
      verdicts.delete(own.terms);
      if (judged.kind === 'token')
        verdicts.set(own.terms, {
          path: judged.path,
          sinceMs: nowMs,
          algorithmPolicy,
        });
      return judged;
    },
  };
}
