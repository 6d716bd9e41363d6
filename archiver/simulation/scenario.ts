// What happens in the simulated decades, as dated data: providers that come and go, algorithms that
// are declared weak, nights without any TSA, planted damage. The code that lives through it is the
// real one; only the clock is not.
import type { AlgorithmOverride, AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { addCalendar } from '#shared/time.ts';

/** A provider behind the proxy: a TSU of its own with its own CA. */
export type SimulatedProvider = {
  readonly name: string;
  readonly key: 'P-256' | 'RSA-3072';
  /** Digest of its signatures from the start. */
  readonly signatureDigest: 'SHA-256' | 'SHA-512';
};

/** One dated event. */
export type ScenarioEvent = { readonly at: Temporal.Instant; readonly text: string } & (
  | { readonly kind: 'providers'; readonly providers: readonly SimulatedProvider[] }
  /** The provider is gone although the proxy still lists it. */
  | { readonly kind: 'provider-gone'; readonly name: string }
  | { readonly kind: 'no-tsa'; readonly nights: number }
  | { readonly kind: 'policy'; readonly override: AlgorithmOverride }
  | { readonly kind: 'new-document' }
  | { readonly kind: 'alter-document' }
  | { readonly kind: 'lose-leaf-table' }
);

export type Scenario = {
  readonly start: Temporal.Instant;
  readonly end: Temporal.Instant;
  readonly profile: AlgorithmProfile;
  readonly events: readonly ScenarioEvent[];
  readonly tsuLifeDays: number;
  readonly caLifeDays: number;
};

/** Sunsets here are invented for the simulation; the bundled CRYPTREC dates hold beside them. */
function simulationProfile(): AlgorithmProfile {
  const medical = selectProfile(bundledPolicies, 'jp-medical');
  const policies = medical.policies.filter((policy) => policy.hashAlgorithms.length > 0);
  return { ...medical, id: 'simulation', uses: 'verify', policies };
}

const first: SimulatedProvider = { name: 'first', key: 'P-256', signatureDigest: 'SHA-256' };
const second: SimulatedProvider = { name: 'second', key: 'RSA-3072', signatureDigest: 'SHA-512' };
const third: SimulatedProvider = { name: 'third', key: 'P-256', signatureDigest: 'SHA-512' };

/** The decades of `tokiwa simulate`: events fall at fractions of the span, so that short ones have them too. */
export function decades(start: Temporal.Instant, years: number): Scenario {
  const end = addCalendar(start, { years });
  const at = (fraction: number): Temporal.Instant =>
    addCalendar(start, { days: Math.round(years * 365.25 * fraction) });
  const endOf = (instant: Temporal.Instant): string =>
    instant.toZonedDateTimeISO('UTC').toPlainDate().toString();
  const hashEnd = at(0.4);
  const rsaEnd = at(0.6);
  const events: readonly ScenarioEvent[] = [
    {
      at: start,
      kind: 'providers',
      providers: [first, second],
      text: 'two providers: first (P-256), then second (RSA-3072)',
    },
    { at: at(0.12), kind: 'new-document', text: 'a document is added' },
    {
      at: at(0.15),
      kind: 'provider-gone',
      name: first.name,
      text: 'the first provider disappears',
    },
    { at: at(0.22), kind: 'new-document', text: 'a document is added' },
    { at: at(0.22), kind: 'no-tsa', nights: 5, text: 'five nights without any TSA' },
    {
      at: at(0.34),
      kind: 'policy',
      override: { algorithm: 'SHA-256', endExclusive: hashEnd, source: 'simulation' },
      text: `SHA-256 is declared weak from ${endOf(hashEnd)}`,
    },
    { at: at(0.44), kind: 'alter-document', text: 'an octet of one document is altered' },
    { at: at(0.48), kind: 'lose-leaf-table', text: 'a leaf table is lost' },
    {
      at: at(0.55),
      kind: 'policy',
      override: { algorithm: 'RSA', endExclusive: rsaEnd, source: 'simulation' },
      text: `RSA is declared weak from ${endOf(rsaEnd)}`,
    },
    {
      at: at(0.555),
      kind: 'providers',
      providers: [third],
      text: 'a third provider (P-256, SHA-512)',
    },
    { at: at(0.75), kind: 'new-document', text: 'a document is added' },
  ];
  // Certificates expire and are replaced several times within the span.
  const tsuLifeDays = Math.max(200, Math.round((years * 365.25) / 8));
  return {
    start,
    end,
    profile: simulationProfile(),
    events,
    tsuLifeDays,
    caLifeDays: tsuLifeDays * 2,
  };
}
