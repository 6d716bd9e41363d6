// Which document an object belongs to, by the naming rule `report.pdf` + `report.pdf.p7s`, and
// which objects are sidecars that describe a document and are none themselves.

/** What an object's key makes of it. */
export type KeyRole =
  | { readonly kind: 'document' }
  /** Possibly belongs to the document of this key. */
  | { readonly kind: 'attached'; readonly to: string }
  | { readonly kind: 'retention-sidecar'; readonly of: string }
  | { readonly kind: 'metadata-sidecar'; readonly of: string };

const retentionSuffix = '.retention.json';
const metadataSuffix = '.meta.json';

export function roleOfKey(key: string, detachedSuffixes: readonly string[]): KeyRole {
  if (key.endsWith(retentionSuffix))
    return { kind: 'retention-sidecar', of: key.slice(0, -retentionSuffix.length) };
  if (key.endsWith(metadataSuffix))
    return { kind: 'metadata-sidecar', of: key.slice(0, -metadataSuffix.length) };
  const suffix = detachedSuffixes.find(
    (candidate) => key.endsWith(candidate) && key.length > candidate.length,
  );
  return suffix === undefined
    ? { kind: 'document' }
    : { kind: 'attached', to: key.slice(0, -suffix.length) };
}
