// Takes what counts in the evidence store into the catalogue: one manifest with its object list at
// a time. The nightly run and `rebuild` share it, so that both end with the same rows.
import type {
  BatchRow,
  Catalogue,
  DocumentIdentity,
  DocumentRow,
  MembershipRow,
} from '#shared/ports/catalogue.ts';
import { proofHorizon, type HorizonRules } from '#shared/validation/proof-horizon.ts';
import { groupsOf } from '../evidence/manifest.ts';
import type { BatchManifest, ObjectListLine } from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';

function withHorizon(
  batch: Omit<BatchRow, 'horizon' | 'horizonElement'>,
  rules: HorizonRules,
): BatchRow {
  const { at, element } = proofHorizon(batch.newestToken, batch.digestAlgorithm, rules);
  return { ...batch, horizon: at, horizonElement: element };
}

function firstRow(manifest: BatchManifest, rules: HorizonRules): BatchRow {
  return withHorizon(
    {
      batchId: manifest.id,
      kind: manifest.kind,
      anchor: manifest.anchor ?? 1,
      madeUp: manifest.madeUp ?? false,
      digestAlgorithm: manifest.digestAlgorithm,
      groupCount: groupsOf(manifest),
      genTime: manifest.genTime,
      newestBatchId: manifest.id,
      newestToken: manifest.token,
      tokenCount: 1,
      state: 'valid',
      stateReason: undefined,
      fruitlessSince: undefined,
      leafTableRead: manifest.runAt,
    },
    rules,
  );
}

export type ApplyOptions = {
  readonly rules: HorizonRules;
  readonly objectList: (batchId: string) => AsyncIterable<ObjectListLine>;
  readonly signal: AbortSignal;
};

/** A renewal that moved a horizon by less than this moved nothing. */
const worthwhile = Temporal.Duration.from({ hours: 24 });

async function applyTimestampRenewal(
  catalogue: Catalogue,
  manifest: BatchManifest,
  rules: HorizonRules,
): Promise<void> {
  for (const { batchId, renewals } of manifest.previous) {
    const batch = await catalogue.getBatch(batchId);
    // A later renewal may already be in: manifests of one night come in any order.
    if (!batch || batch.tokenCount >= renewals + 2) continue;
    const renewed = withHorizon(
      {
        ...batch,
        newestBatchId: manifest.id,
        newestToken: manifest.token,
        tokenCount: renewals + 2,
        state: 'valid',
        stateReason: undefined,
        fruitlessSince: undefined,
        leafTableRead: manifest.runAt,
      },
      rules,
    );
    const moved =
      renewed.horizon === undefined ||
      batch.horizon === undefined ||
      Temporal.Instant.compare(renewed.horizon, batch.horizon.add(worthwhile)) > 0;
    await catalogue.putBatch(moved ? renewed : { ...renewed, fruitlessSince: manifest.runAt });
  }
}

/** Validation data collected later than the group was made is still to be stamped. */
function holdsValidationData({ members }: ObjectListLine, document: DocumentRow): boolean {
  const wanted = document.validationData?.digests['SHA-256'];
  return (
    wanted === undefined ||
    members.some(
      (member) => member.role === 'validation-data' && member.digests['SHA-256'] === wanted,
    )
  );
}

/**
 * Validation data that was collected or lost, as journalled. What is new waits for the next batch,
 * in which document, detached signatures and this object are one group.
 */
export async function applyValidationEntry(
  catalogue: Catalogue,
  { document, holders, object }: Extract<JournalEntry, { readonly kind: 'validation-data' }>,
): Promise<void> {
  const find = ({ store, key, versionId, sha256 }: DocumentIdentity) =>
    catalogue.findContent(store, key, versionId, sha256);
  for (const holder of holders) {
    const row = await find(holder);
    if (row) await catalogue.updateDocument(row.id, { validationPending: object === undefined });
  }
  const main = await find(document);
  if (!main) return;
  await catalogue.updateDocument(main.id, {
    validationData: object,
    validationMissing: undefined,
    regroup: object !== undefined || main.regroup,
  });
}

async function applyDocuments(
  catalogue: Catalogue,
  manifest: BatchManifest,
  options: ApplyOptions,
): Promise<void> {
  const earlier = manifest.previous.map((previous) => previous.batchId);
  let rows: MembershipRow[] = [];
  const flush = async (): Promise<void> => {
    await catalogue.retireMemberships(
      rows.map((row) => row.documentId),
      earlier,
    );
    await catalogue.addMemberships(rows);
    rows = [];
  };
  for await (const line of options.objectList(manifest.id)) {
    options.signal.throwIfAborted();
    for (const member of line.members) {
      const document = await catalogue.findContent(
        member.store,
        member.key,
        member.versionId ?? '',
        member.digests['SHA-256'],
      );
      if (!document) continue;
      rows.push({
        documentId: document.id,
        batchId: manifest.id,
        groupIndex: line.index,
        active: true,
      });
      // Another product's record does not stand in for the token that the document waits for.
      if (document.state === 'waiting' && manifest.kind !== 'taken-over') {
        await catalogue.updateDocument(document.id, {
          state: 'protected',
          stateSince: manifest.runAt,
          stateReason: undefined,
        });
      }
      if (
        document.regroup &&
        manifest.kind !== 'taken-over' &&
        member.role === 'document' &&
        holdsValidationData(line, document)
      )
        await catalogue.updateDocument(document.id, { regroup: false });
    }
    if (rows.length >= 500) await flush();
  }
  await flush();
  for (const batchId of earlier) {
    if (await catalogue.hasActiveMembers(batchId)) continue;
    const batch = await catalogue.getBatch(batchId);
    if (batch && batch.state !== 'broken')
      await catalogue.putBatch({
        ...batch,
        state: 'retired',
        stateReason: `its documents moved to ${manifest.id}`,
      });
  }
}

/** Rows of one manifest; applying it again changes nothing. */
export async function applyManifest(
  catalogue: Catalogue,
  manifest: BatchManifest,
  options: ApplyOptions,
): Promise<void> {
  if (await catalogue.getBatch(manifest.id)) return;
  await catalogue.transaction(async () => {
    await catalogue.putBatch(firstRow(manifest, options.rules));
    if (manifest.kind === 'timestamp-renewal')
      await applyTimestampRenewal(catalogue, manifest, options.rules);
    else await applyDocuments(catalogue, manifest, options);
  });
}

/** Horizons under the rules in force now: a changed policy moves them, and the plan follows. */
export async function refreshHorizons(
  catalogue: Catalogue,
  rules: HorizonRules,
): Promise<readonly BatchRow[]> {
  const batches: BatchRow[] = [];
  for await (const batch of catalogue.batches()) {
    const fresh = withHorizon(batch, rules);
    const same =
      fresh.horizon?.epochNanoseconds === batch.horizon?.epochNanoseconds &&
      fresh.horizonElement.kind === batch.horizonElement.kind &&
      fresh.horizonElement.name === batch.horizonElement.name;
    if (!same) await catalogue.putBatch(fresh);
    batches.push(fresh);
  }
  return batches;
}
