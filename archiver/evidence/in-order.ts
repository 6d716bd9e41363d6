// Sequences that are worked on ahead of their turn, or in shares of a bounded size.

/**
 * `begin` of each value, at most `ahead` of them begun and not yet taken; results in the order of the values.
 * One is begun after the other was: only what it leaves running in its result overlaps.
 */
export async function* inOrder<T, R>(
  values: AsyncIterable<T>,
  ahead: number,
  begin: (value: T) => Promise<R>,
): AsyncIterable<R> {
  const begun: R[] = [];
  for await (const value of values) {
    begun.push(await begin(value));
    if (begun.length < ahead) continue;
    yield* begun.splice(0, 1);
  }
  yield* begun;
}

/**
 * The same values in shares of at most `size`, none of them empty. Each share is drawn to its end before the
 * next is asked for; a share that was not ends where it was left.
 */
export async function* inShares<T>(
  values: AsyncIterable<T>,
  size: number,
): AsyncIterable<AsyncIterable<T>> {
  const iterator = values[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    const share = async function* (): AsyncIterable<T> {
      for (let taken = 0; taken < size && !next.done; taken++) {
        const { value } = next;
        next = await iterator.next();
        yield value;
      }
    };
    while (!next.done) yield share();
  } finally {
    await iterator.return?.();
  }
}
