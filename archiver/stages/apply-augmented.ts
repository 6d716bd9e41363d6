// What the catalogue makes of an augmentation that was journalled: the nightly run and `rebuild` share it.
import type { Catalogue, DocumentIdentity } from '#shared/ports/catalogue.ts';
import type { JournalEntry } from '../journal-entries.ts';

export type AugmentedEntry = Extract<JournalEntry, { readonly kind: 'augmented' }>;

/**
 * What an augmentation made of the catalogue, as journalled; applied again it changes nothing. The older
 * version leaves its batches: all that it was is in the newer one.
 */
export async function applyAugmentedEntry(
  catalogue: Catalogue,
  { previous, document, protectedBy, at }: AugmentedEntry,
): Promise<void> {
  const find = ({ store, key, versionId, sha256 }: DocumentIdentity) =>
    catalogue.findContent(store, key, versionId, sha256);
  const [old, fresh] = [await find(previous), await find(document)];
  const stateSince = Temporal.Instant.from(at);
  if (old) {
    const batchIds = (await catalogue.memberships(old.id)).map(({ batchId }) => batchId);
    await catalogue.retireMemberships([old.id], batchIds);
    await catalogue.updateDocument(old.id, {
      state: 'superseded',
      stateSince,
      stateReason: 'its content stands whole in a newer version of it',
      validationPending: false,
      regroup: false,
    });
  }
  if (!fresh) return;
  await catalogue.updateDocument(fresh.id, {
    validationPending: false,
    ...(protectedBy === 'augmentation' &&
      fresh.state === 'waiting' && { state: 'protected', stateSince, stateReason: undefined }),
  });
}
