// Corpus `dss`: how two lists without order are compared, for every part of the plug-in.

export type Comparison = {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  /** Where every difference is one that has a reason in the facts. */
  readonly explained?: string | undefined;
};

/** Our line and, where the facts have a reason to read otherwise, the line that follows from it. */
export type ReadLine = {
  readonly line: string;
  readonly otherwise?: { readonly line: string; readonly reason: string } | undefined;
};

function joined(lines: readonly string[]): string {
  return lines.toSorted().join('; ') || 'none';
}

export function compareLists(
  what: string,
  expected: readonly string[],
  got: readonly string[],
): Comparison {
  return { what, expected: joined(expected), got: joined(got) };
}

/** The same with reasons: each line that is not expected has to be so in its other reading. */
export function compareReadLines(
  what: string,
  expected: readonly string[],
  got: readonly ReadLine[],
): Comparison {
  const open = [...expected];
  const take = (line: string | undefined): boolean => {
    const at = line === undefined ? -1 : open.indexOf(line);
    if (at >= 0) open.splice(at, 1);
    return at >= 0;
  };
  const differing = got.filter(({ line }) => !take(line));
  const reasons = differing.map(({ otherwise }) =>
    take(otherwise?.line) ? otherwise?.reason : undefined,
  );
  const isExplained = open.length === 0 && reasons.every((reason) => reason !== undefined);
  return {
    ...compareLists(
      what,
      expected,
      got.map(({ line }) => line),
    ),
    ...(isExplained && reasons.length > 0 && { explained: [...new Set(reasons)].join('; ') }),
  };
}
