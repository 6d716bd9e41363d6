// When somebody's time is over, and waiting that ends with it. An AbortSignal says the same, but making and joining some
// of them costs as much as a signature.

export type Deadline = {
  /** By a clock that nobody sets; 0 and below: over. */
  readonly remainingMs: () => number;
};

/** So many milliseconds from now. */
export function deadlineIn(milliseconds: number): Deadline {
  const ends = performance.now() + milliseconds;
  return { remainingMs: () => ends - performance.now() };
}

/** The promise's value, or `undefined` when `milliseconds` are over or the deadline comes first. */
export function within<T>(
  promise: Promise<T>,
  milliseconds: number,
  deadline: Deadline,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        resolve(undefined);
      },
      Math.max(0, Math.min(milliseconds, deadline.remainingMs())),
    );
    const clear = (): void => {
      clearTimeout(timer);
    };
    promise.then(clear, clear);
    promise.then(resolve, reject);
  });
}
