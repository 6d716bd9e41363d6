// RFC 6283 §3.1.1: data objects that are XML are hashed in canonical form. Trees and digests here are of octets as
// stored, so that a record in XML serves only those documents of which both are the same.
import { equalBytes } from '#shared/bytes.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createCanonicalizer } from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { readDocument } from './read-document.ts';

/** Formats of documents that a verifier of RFC 6283 takes for XML. */
const xmlFormats: readonly string[] = ['XML', 'XAdES', 'ER-XML'];

/** By the method that the archive's own chains name. */
function isCanonical(octets: Uint8Array): boolean {
  try {
    const document = parseXml(octets);
    const method = { edition: 'exclusive', comments: false } as const;
    return equalBytes(createCanonicalizer(document)(document, method), octets);
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}

/**
 * Whether a document is hashed as it is stored; one of more than `keep` octets is not parsed, and is not.
 * @throws SourceError, ConflictError as the store does
 */
export async function isHashedAsStored(
  store: ObjectStore,
  { key, versionId, facts }: Pick<DocumentRow, 'key' | 'versionId' | 'facts'>,
  { keep, signal }: { readonly keep: number; readonly signal: AbortSignal },
): Promise<boolean> {
  if (!xmlFormats.includes(facts.format)) return true;
  const version = versionId === '' ? undefined : versionId;
  const options = { versionId: version, algorithms: [], keep, signal };
  const { head, size } = await readDocument(store, key, options);
  return head.length === size && isCanonical(head);
}
