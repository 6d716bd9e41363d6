// What is proved of a container's entries by a proof over their manifest (EN 319 162-1 §4.4.4.2): the manifest lists
// them with their digests, so an entry that was changed is as bad as a changed manifest.
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { ReferenceFacts } from '#shared/validation/facts.ts';

type Judged = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
};

function findingOf(name: string, wrong: number, missing: number): Finding {
  return {
    check: 'manifest-entries',
    clause: 'EN 319 162-1 §4.4.4.2',
    level: wrong > 0 ? 'error' : 'unknown',
    message:
      wrong > 0
        ? `${name} is not what the manifest lists.`
        : `${name}, which the manifest lists, is not at hand.`,
    facts: { entry: name, wrong: `${wrong}`, missing: `${missing}` },
  };
}

/** A proof over a manifest with what its entries say: one that differs breaks it, one that is gone leaves it open. */
export function withManifestEntries<T extends Judged>(
  judged: T,
  entries: readonly ReferenceFacts[],
): T {
  const wrong = entries.filter(({ found, intact }) => found === true && intact !== true);
  const missing = entries.filter(({ found }) => found !== true);
  const [first] = [...wrong, ...missing];
  if (!first || judged.status === 'invalid') return judged;
  const finding = findingOf(first.uri ?? 'an entry', wrong.length, missing.length);
  const findings = [...judged.findings, finding];
  if (wrong.length > 0)
    return { ...judged, status: 'invalid', subIndication: 'HASH_FAILURE', findings };
  return judged.status === 'valid'
    ? { ...judged, status: 'indeterminate', subIndication: 'SIGNED_DATA_NOT_FOUND', findings }
    : { ...judged, findings };
}

/**
 * The same of a timestamp over a manifest, which may list signatures and timestamps that were added to since: nothing
 * is proved of what they are now, and what is wrong with them they say themselves.
 */
export function withCoveredEntries<T extends Judged>(
  judged: T,
  entries: readonly ReferenceFacts[],
): T {
  const isProof = ({ uri = '' }: ReferenceFacts): boolean => uri.startsWith('META-INF/');
  const changed = entries.filter((entry) => isProof(entry) && entry.intact !== true);
  const [first] = changed;
  const strict = withManifestEntries(
    judged,
    entries.filter((entry) => !isProof(entry)),
  );
  if (!first) return strict;
  const finding = findingOf(first.uri ?? 'an entry', changed.length, 0);
  return { ...strict, findings: [...strict.findings, { ...finding, level: 'warning' }] };
}
