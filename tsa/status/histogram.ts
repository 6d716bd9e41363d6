// Times counted by how long they were, as Prometheus wants them: cumulative buckets, a sum and a count.

/** Upper ends of the buckets, in seconds. */
export const bucketSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

export type HistogramValue = {
  /** So many were no longer than each of `bucketSeconds`. */
  readonly buckets: readonly number[];
  readonly sumSeconds: number;
  readonly count: number;
};

export type Histogram = {
  readonly observe: (seconds: number) => void;
  readonly value: () => HistogramValue;
};

export function createHistogram(): Histogram {
  const buckets: number[] = bucketSeconds.map(() => 0);
  let sumSeconds = 0;
  let count = 0;
  return {
    observe: (seconds) => {
      // From the longest down: most are short, and stand in all of them.
      for (let i = bucketSeconds.length - 1; i >= 0 && seconds <= (bucketSeconds[i] ?? 0); i--)
        buckets[i] = (buckets[i] ?? 0) + 1;
      sumSeconds += seconds;
      count++;
    },
    value: () => ({ buckets: [...buckets], sumSeconds, count }),
  };
}
