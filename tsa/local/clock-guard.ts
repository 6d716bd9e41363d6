// Whether the wall clock can be believed: beside it runs a clock that nobody sets, and the two should drift apart by
// next to nothing. Pure: both readings are arguments.

/** The wall clock against the steady one. */
export type ClockGuard = {
  /**
   * How far the wall clock has jumped, in milliseconds, where it is not to be believed yet; `undefined`: go on.
   * @param steadyMs milliseconds of a clock that only ever runs forward
   */
  readonly check: (now: Temporal.Instant, steadyMs: number) => number | undefined;
};

/** A jump of more than this is a step; corrections by slewing stay far below. */
const stepMs = 1000;
/** After a step, the two have to run alike for so long before the new time counts. */
const settleMs = 60_000;
/** What slewing may do: 500 millionths, as NTP daemons keep to, and a little for the readings. */
const driftShare = 0.0005;

export function createClockGuard(): ClockGuard {
  /** Where the wall clock is expected, as its distance from the steady one: it follows as fast as slewing goes. */
  let expected: number | undefined;
  let checkedAt = 0;
  let trusted = true;
  let steppedAt = 0;
  let jump = 0;
  return {
    check: (now, steadyMs) => {
      const current = now.epochMilliseconds - steadyMs;
      const slewed = (steadyMs - checkedAt) * driftShare;
      checkedAt = steadyMs;
      expected ??= current;
      const apart = current - expected;
      if (Math.abs(apart) > stepMs + slewed) {
        trusted = false;
        steppedAt = steadyMs;
        jump = apart;
        expected = current;
      } else {
        // What is beyond that stays: steps too small to be one add up, and so does a clock that runs too fast or slow.
        expected += Math.max(-slewed, Math.min(apart, slewed));
        if (!trusted && steadyMs - steppedAt >= settleMs) trusted = true;
      }
      return trusted ? undefined : jump;
    },
  };
}
