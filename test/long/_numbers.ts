// Chance that can be had again.

/** Minimal standard generator (Park and Miller): the same seed gives the same moments. */
export function numbers(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
