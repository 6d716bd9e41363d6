// The proof horizon asked under another policy or event ("SHA-256 ends in 2031", "this CA was compromised on
// a day"): the same pure function with other rules. Says which element decides, and what would move it.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { isBefore } from '#shared/time.ts';
import { type AlgorithmOverride, type AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import {
  type HorizonElement,
  horizonEnds,
  type HorizonRules,
  type HorizonToken,
  type ProofHorizon,
} from '#shared/validation/proof-horizon.ts';

/** What is supposed to happen. */
export type HorizonEvent =
  | {
      readonly kind: 'algorithm-ends';
      /** A digest, a signature scheme, or RSA for both of its schemes. */
      readonly algorithm: string;
      readonly at: Temporal.Instant;
      /** Only keys below this size end. */
      readonly minimumBits?: number | undefined;
    }
  | {
      readonly kind: 'certificate-compromised';
      /** Whole fingerprint, or a text that the subject contains. */
      readonly certificate: string;
      readonly at: Temporal.Instant;
    }
  | { readonly kind: 'policy-changes'; readonly profile: AlgorithmProfile };

/** What moves a horizon: a fresh token, a new tree with a stronger hash as well, or nothing that we can do. */
export type HorizonRemedy = 'timestamp-renewal' | 'hash-tree-renewal' | 'none-needed';

export type HorizonForecast = {
  /** Under the rules in force. */
  readonly now: ProofHorizon;
  /** Under the rules with the events. */
  readonly supposed: ProofHorizon;
  readonly remedy: HorizonRemedy;
  /** The next end after it: where the horizon would stand if what ends first were replaced by something that lasts. */
  readonly next: ProofHorizon;
};

const endless: ProofHorizon = { at: undefined, element: { kind: 'no-end', name: '' } };

function applyEvent(rules: HorizonRules, token: HorizonToken, event: HorizonEvent): HorizonRules {
  switch (event.kind) {
    case 'policy-changes': {
      const overrides = [...event.profile.overrides, ...rules.profile.overrides];
      return { ...rules, profile: { ...event.profile, overrides } };
    }
    case 'algorithm-ends': {
      const override: AlgorithmOverride = {
        algorithm: event.algorithm,
        endExclusive: event.at,
        minimumBits: event.minimumBits,
        source: 'supposed',
      };
      const overrides = [...rules.profile.overrides, override];
      return { ...rules, profile: { ...rules.profile, overrides } };
    }
    case 'certificate-compromised': {
      const revocations = new Map(rules.revocations);
      for (const { fingerprint, subject } of token.chain) {
        if (fingerprint !== event.certificate && !subject.includes(event.certificate)) continue;
        const known = revocations.get(fingerprint);
        if (!known || Temporal.Instant.compare(event.at, known) < 0)
          revocations.set(fingerprint, event.at);
      }
      return { ...rules, revocations };
    }
  }
}

function remedyFor({ kind }: HorizonElement): HorizonRemedy {
  if (kind === 'no-end') return 'none-needed';
  return kind === 'tree-hash' ? 'hash-tree-renewal' : 'timestamp-renewal';
}

/**
 * Plays events forward over one piece of evidence. An event never moves a horizon later, save a policy
 * that is more generous than the one in force.
 */
export function forecastHorizon(
  token: HorizonToken,
  treeHash: DigestAlgorithm | undefined,
  rules: HorizonRules,
  events: readonly HorizonEvent[],
): HorizonForecast {
  const supposedRules = events.reduce((before, event) => applyEvent(before, token, event), rules);
  const ends = horizonEnds(token, treeHash, supposedRules);
  const supposed: ProofHorizon = ends[0] ?? endless;
  return {
    now: horizonEnds(token, treeHash, rules)[0] ?? endless,
    supposed,
    remedy: remedyFor(supposed.element),
    next: ends.find(({ at }) => supposed.at && isBefore(supposed.at, at)) ?? endless,
  };
}
