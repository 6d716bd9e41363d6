// What a run finds, bounded: the first of each kind by name, all others as numbers by batch and cause. A store that is
// away makes one finding of each of its documents, and neither a night's memory nor its record may grow with the
// archive (design §1.8). Where each document stands is in the catalogue, and in the report's lines.
import type { FindingLine } from './report.ts';

/** So many of one kind and level are named. */
export const maxNamed = 100;

/** So many pairs of batch and cause are told apart beyond them; what comes then is one number. */
export const maxCounted = 50;

type Rest = Pick<FindingLine, 'kind' | 'level' | 'batchId' | 'cause'> & { readonly count: number };

type Sort = { named: number; readonly rest: Map<string, Rest> };

/** How many findings a line stands for. */
export function countOf({ count = 1 }: Pick<FindingLine, 'count'>): number {
  return count;
}

/** How many findings these lines stand for. */
export function countFindings(lines: readonly FindingLine[]): number {
  return lines.reduce((sum, line) => sum + countOf(line), 0);
}

function restLine({ count, ...rest }: Rest): FindingLine {
  const cause = rest.cause === undefined ? '' : ` (${rest.cause})`;
  return {
    ...rest,
    count,
    message: `${count} more like the ones that are named${cause}: the report says of every document where it stands, and the next run names others when these are mended`,
  };
}

/** Lines with as many fewer of each kind as `named` has of it, by name. */
export function withoutCounted(
  lines: readonly FindingLine[],
  named: readonly FindingLine[],
): readonly FindingLine[] {
  const known = new Map<string, number>();
  for (const { kind } of named) known.set(kind, (known.get(kind) ?? 0) + 1);
  return lines.flatMap((line) => {
    const { kind, count } = line;
    if (count === undefined) return [line];
    const here = Math.min(count, known.get(kind) ?? 0);
    known.set(kind, (known.get(kind) ?? 0) - here);
    return here === count ? [] : [restLine({ ...line, count: count - here })];
  });
}

export class FindingList {
  /** In the order in which they were found. */
  readonly #named: FindingLine[] = [];
  /** By kind and level: how many are named, and what of it is counted. */
  readonly #sorts = new Map<string, Sort>();

  /** Lines of another list that stand for many are counted as what they stand for. */
  push(...lines: readonly FindingLine[]): void {
    for (const line of lines) {
      const sort = this.#sortOf(line);
      if (line.count === undefined && sort.named < maxNamed) {
        sort.named++;
        this.#named.push(line);
      } else count(sort.rest, line);
    }
  }

  #sortOf({ kind, level }: FindingLine): Sort {
    const name = `${level} ${kind}`;
    const known = this.#sorts.get(name);
    if (known) return known;
    const sort: Sort = { named: 0, rest: new Map() };
    this.#sorts.set(name, sort);
    return sort;
  }

  hasErrors(): boolean {
    return this.lines().some(({ level }) => level === 'error');
  }

  /** Whether one that is named says just this. */
  says(message: string): boolean {
    return this.#named.some((line) => line.message === message);
  }

  lines(): readonly FindingLine[] {
    const rest = [...this.#sorts.values()].flatMap((sort) => [...sort.rest.values()]);
    return [...this.#named, ...rest.map(restLine)];
  }
}

function count(rest: Map<string, Rest>, line: FindingLine): void {
  const { kind, level, batchId, cause } = line;
  const name = JSON.stringify([batchId, cause]);
  const isOwn = rest.has(name) || rest.size < maxCounted;
  const before = rest.get(isOwn ? name : '');
  rest.set(isOwn ? name : '', {
    ...{ kind, level },
    ...(isOwn && { batchId, cause }),
    count: (before?.count ?? 0) + countOf(line),
  });
}
