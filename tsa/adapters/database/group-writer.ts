// Writes that wait at the same time go to the database together: one statement and one commit for all of them.

export type GroupWriter<T, R> = {
  readonly add: (item: T) => Promise<R>;
  /** Resolves when nothing waits. */
  readonly idle: () => Promise<void>;
};

type Waiting<T, R> = {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
};

/** @param write gives one result an item, in order, or fails for all of them */
export function createGroupWriter<T, R>(
  write: (items: readonly T[]) => Promise<readonly R[]>,
  largest: number,
): GroupWriter<T, R> {
  const waiting: Waiting<T, R>[] = [];
  let flushing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting.splice(0, largest);
      try {
        const results = await write(group.map(({ item }) => item));
        for (const [i, { resolve }] of group.entries()) resolve(results[i] as R);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    flushing = undefined;
  };

  return {
    add: (item) => {
      const { promise, resolve, reject } = Promise.withResolvers<R>();
      waiting.push({ item, resolve, reject });
      // A turn later, so that those of the same turn share a write.
      flushing ??= Promise.resolve().then(flush);
      return promise;
    },
    idle: async () => {
      await flushing;
    },
  };
}
