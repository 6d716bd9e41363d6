// Corpus `dss`, entries of XML signatures: references found and intact, as the judge of the manifest has
// them. Only claims are compared: what is not carried out has none.
import type { Facts, ReferenceFacts } from '#shared/validation/facts.ts';
import type { DssEntry, DssReference } from './_dss-manifest.ts';

/** The judge tells kinds by more than we compare; entries of a manifest are no references of the signature. */
function kindOf(type: string): string {
  return type === 'MANIFEST_ENTRY' || type === 'manifest-entry'
    ? 'manifest-entry'
    : 'xml-reference';
}

function keyOf({ kind, digest }: ReferenceFacts): string {
  return `${kindOf(kind)} ${digest}`;
}

type Keyed = { readonly key: string; readonly line: string };

function keyed(kind: string, digest: string, found: boolean, intact: boolean): Keyed {
  const key = `${kind} ${digest}`;
  return {
    key,
    line: `${key} ${found ? 'found' : 'not found'} ${intact ? 'intact' : 'not intact'}`,
  };
}

/** Above some hundreds the manifest only counts them. */
function listed(
  references: readonly (DssReference | string)[],
): readonly DssReference[] | undefined {
  return references.some((one) => typeof one === 'string')
    ? undefined
    : references.filter((one) => typeof one !== 'string');
}

/** Lines of both sides, of the references that both have and we make a claim about. */
export function xmlReferences(
  entry: DssEntry,
  facts: Facts,
): { readonly expected: readonly string[]; readonly got: readonly string[] } {
  const judged: Keyed[] = [];
  for (const { references } of entry.signatures) {
    const list = listed(references);
    if (!list) return { expected: [], got: [] };
    for (const { type, digest, found, intact } of list)
      if (digest !== null) judged.push(keyed(kindOf(type), digest, found, intact));
  }
  const all = facts.signatures.flatMap(({ references }) => references);
  const unclaimed = new Set(all.filter(({ intact }) => intact === undefined).map(keyOf));
  const claimed = all.map(({ kind, digest, found, intact }) =>
    keyed(kindOf(kind), digest, found ?? false, intact ?? false),
  );
  return {
    expected: judged.filter(({ key }) => !unclaimed.has(key)).map(({ line }) => line),
    got: claimed.filter(({ key }) => !unclaimed.has(key)).map(({ line }) => line),
  };
}
