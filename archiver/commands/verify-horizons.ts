// A verdict with what `tokiwa verify` shows beside it: until when its evidence can be verified, now and under
// what is supposed, and how its signatures stand to the profiles of ISO 14533-1.
import { checkLongTermProfiles } from '#shared/cades/long-term-profile.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { forecastHorizon, type HorizonEvent } from '#shared/validation/horizon-forecast.ts';
import { horizonToken } from '#shared/validation/horizon-token.ts';
import type { LongTermInput } from '#shared/validation/judgement-scope.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import { laterHorizon, type ProofHorizon } from '#shared/validation/proof-horizon.ts';
import type { FileVerdict } from './verify-output.ts';
import { statementsOf } from './verify-statements.ts';

/** ISO 14533-1: every CAdES signature that is none of a signature, against both profiles. */
function profilesOf({ facts, reading }: LongTermVerdict): FileVerdict['profiles'] {
  const own = new Set(
    facts.signatures
      .filter(({ format, countersigns }) => format === 'CAdES' && countersigns === undefined)
      .map(({ id }) => id),
  );
  return reading.cmsSignatures
    .filter(({ id }) => own.has(id))
    .map(({ id, signedData, signerInfo }) => ({
      signature: id,
      checks: checkLongTermProfiles({ signedData, signerInfo }),
    }));
}

/** Horizons of the tokens that the evidence ends with, now and under what is supposed. */
export function withHorizons(
  file: string,
  verdict: LongTermVerdict,
  material: Pick<LongTermInput['material'], 'algorithmPolicy'>,
  events: readonly HorizonEvent[],
): FileVerdict {
  const profile =
    material.algorithmPolicy ?? selectProfile(bundledPolicies, bundledPolicies.defaultProfile);
  const rules = { profile, anchorEnds: new Map(), revocations: new Map() };
  const horizons = verdict.tokens.flatMap((token) => {
    const described = token.outermost && horizonToken(token.token, token.judgement);
    return described
      ? [{ token, forecast: forecastHorizon(described, token.treeHash, rules, events) }]
      : [];
  });
  const latest = (all: readonly ProofHorizon[]): ProofHorizon | undefined =>
    all.length > 0 ? all.reduce(laterHorizon) : undefined;
  return {
    ...verdict,
    file,
    profiles: profilesOf(verdict),
    statements: statementsOf(verdict.reading),
    horizons,
    horizon: latest(horizons.map(({ forecast }) => forecast.now)),
    supposed:
      events.length > 0 ? latest(horizons.map(({ forecast }) => forecast.supposed)) : undefined,
  };
}
