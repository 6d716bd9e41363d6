// Differences from the `dss` manifest in which our reading is the right one, or where the judge gave no
// reading at all. Each rule looks at the facts, never at a file's name, and names its paragraph in
// docs/standards.md.
import type { Facts } from '#shared/validation/facts.ts';
import type { DssEntry } from './_dss-manifest.ts';

type Difference = { readonly what: string; readonly expected: string; readonly got: string };

type Rule = {
  readonly reason: string;
  readonly applies: (entry: DssEntry, facts: Facts, difference: Difference) => boolean;
};

const rules: readonly Rule[] = [
  {
    reason: 'the judge threw and gave no reading',
    applies: (entry) => entry.oracleError !== null,
  },
];

/** Why the difference counts as passed, `undefined` where nothing explains it. */
export function explainDifference(
  entry: DssEntry,
  facts: Facts,
  difference: Difference,
): string | undefined {
  return rules.find(({ applies }) => applies(entry, facts, difference))?.reason;
}
