// A record of another product that was damaged in the evidence store, put back from beside its document: the
// octets that the manifest names by their digest.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { SourceError } from '#shared/errors.ts';
import { defaultEvidenceRecordLimits } from '#shared/ers/evidence-record.ts';
import { batchKey } from '../evidence/batch-objects.ts';
import type { BatchManifest } from '../evidence/types.ts';
import { readDocument } from './read-document.ts';

export type RecordSources = {
  readonly evidence: ObjectStore;
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly signal: AbortSignal;
};

/** Whether it was put back. */
export async function remakeRecord(
  { evidence, catalogue, stores, signal }: RecordSources,
  { id, receivedSha256 }: BatchManifest,
): Promise<boolean> {
  for (const main of await catalogue.groupMembers(id, 0))
    for await (const row of catalogue.attachedDocuments(main.id)) {
      const store = row.sha256 === receivedSha256 ? stores.get(row.store) : undefined;
      if (!store) continue;
      try {
        const { head, digests } = await readDocument(store, row.key, {
          versionId: row.versionId === '' ? undefined : row.versionId,
          algorithms: ['SHA-256'],
          keep: defaultEvidenceRecordLimits.maxOctets,
          signal,
        });
        if (digests['SHA-256'] !== receivedSha256) continue;
        await evidence.write(batchKey(id, 'takenOver'), head, { signal });
        return true;
      } catch (error) {
        if (!(error instanceof SourceError) || error.code !== 'ERR_SOURCE_NOT_FOUND') throw error;
      }
    }
  return false;
}
