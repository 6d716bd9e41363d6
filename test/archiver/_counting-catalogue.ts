// A catalogue that counts what is asked of it: its calls, and the rows that its listings give.
import type { Catalogue } from '#shared/ports/catalogue.ts';

export type Counted = { calls: number; rows: number };

function isListing(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function* counting(listing: AsyncIterable<unknown>, counted: Counted) {
  for await (const row of listing) {
    counted.rows++;
    yield row;
  }
}

/** The same catalogue; `counted` grows with every call. */
export function countingCatalogue(inner: Catalogue): {
  readonly catalogue: Catalogue;
  readonly counted: Counted;
} {
  const counted: Counted = { calls: 0, rows: 0 };
  const catalogue = new Proxy(inner, {
    get: (target, name) => {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== 'function') return found;
      return (...args: readonly unknown[]): unknown => {
        counted.calls++;
        const given: unknown = Reflect.apply(found, target, args);
        return isListing(given) ? counting(given, counted) : given;
      };
    },
  });
  return { catalogue, counted };
}
