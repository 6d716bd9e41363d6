// A circuit breaker: a provider that failed so often in a row is left alone for a while, then tried again with one real
// stamp. Pure but for the instants that it is given.
import { compareInstants, earlier } from '#shared/time.ts';

export type BreakerConfig = {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** How long it stays open the first time; twice as long after each trial that failed. */
  readonly openSeconds: number;
  readonly maxOpenSeconds: number;
};

export const defaultBreaker: BreakerConfig = { failures: 5, openSeconds: 30, maxOpenSeconds: 600 };

/** closed: asked as usual · open: left alone · half-open: one trial is due. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export type Breaker = {
  readonly state: (now: Temporal.Instant) => BreakerState;
  /** Takes the trial that is due; `false` where there is none, or another request has it. */
  readonly takeTrial: (now: Temporal.Instant) => boolean;
  /** Where the trial came to no end that says anything, as under a used-up budget, another is due after the first time. */
  readonly dropTrial: (now: Temporal.Instant) => void;
  /** @returns whether it closed by this */
  readonly succeeded: () => boolean;
  /** @returns until when it is open, where it opened by this */
  readonly failed: (now: Temporal.Instant) => Temporal.Instant | undefined;
};

export function createBreaker(config: BreakerConfig): Breaker {
  let failures = 0;
  let openUntil: Temporal.Instant | undefined;
  let openSeconds = config.openSeconds;
  let trialRuns = false;

  const state = (now: Temporal.Instant): BreakerState =>
    !openUntil ? 'closed' : compareInstants(now, openUntil) < 0 ? 'open' : 'half-open';

  const open = (now: Temporal.Instant): Temporal.Instant => {
    const latest = now.add({ seconds: config.maxOpenSeconds });
    openUntil = earlier(now.add({ seconds: openSeconds }), latest);
    openSeconds = Math.min(2 * openSeconds, config.maxOpenSeconds);
    return openUntil;
  };

  return {
    state,
    takeTrial: (now) => {
      if (state(now) !== 'half-open' || trialRuns) return false;
      trialRuns = true;
      return true;
    },
    dropTrial: (now) => {
      if (!trialRuns) return;
      trialRuns = false;
      openUntil = now.add({ seconds: config.openSeconds });
    },
    succeeded: () => {
      const closes = openUntil !== undefined;
      failures = 0;
      openUntil = undefined;
      openSeconds = config.openSeconds;
      trialRuns = false;
      return closes;
    },
    failed: (now) => {
      failures++;
      const current = state(now);
      trialRuns = false;
      // Requests that were under way when it opened say nothing new.
      if (current === 'open') return undefined;
      if (current === 'half-open') return open(now);
      return failures >= config.failures ? open(now) : undefined;
    },
  };
}
