// When somebody's time is over, and waiting that ends with it. An AbortSignal says the same, but making and joining some
// of them costs as much as a signature.

export type Deadline = {
  readonly passed: () => boolean;
  /** Calls when it passes, where it has not yet; the result takes that back. */
  readonly whenPassed: (call: () => void) => () => void;
  /** Nobody will ask any more but those who wait now. */
  readonly settle: () => void;
};

/** So many milliseconds from now; it keeps no process alive. */
export function deadlineIn(milliseconds: number): Deadline {
  const waiting = new Set<() => void>();
  let passed = false;
  const timer = setTimeout(() => {
    passed = true;
    for (const call of waiting) call();
    waiting.clear();
  }, milliseconds).unref();
  return {
    passed: () => passed,
    whenPassed: (call) => {
      waiting.add(call);
      return () => {
        waiting.delete(call);
      };
    },
    settle: () => {
      if (waiting.size === 0) clearTimeout(timer);
    },
  };
}

/** The promise's value, or `undefined` when `milliseconds` are over or the deadline comes first. */
export function within<T>(
  promise: Promise<T>,
  milliseconds: number,
  deadline: Deadline,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clear();
      resolve(undefined);
    };
    const timer = setTimeout(stop, deadline.passed() ? 0 : milliseconds);
    const forget = deadline.whenPassed(stop);
    const clear = (): void => {
      clearTimeout(timer);
      forget();
    };
    promise.then(clear, clear);
    promise.then(resolve, reject);
  });
}
