// The catalogue from the stores alone: documents from the journal and their own octets, evidence from
// manifests and object lists (design §1.4). Written beside the old one and put in its place whole.
import { SourceError } from '#shared/errors.ts';
import type {
  Catalogue,
  DocumentIdentity,
  DocumentRow,
  NewDocument,
} from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { noFacts, type Facts } from '#shared/validation/facts.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import {
  freshCatalogueFile,
  removeCatalogueFile,
  replaceCatalogueFile,
} from './adapters/catalogue-file.ts';
import type { ArchiverConfig } from './config.ts';
import { loadChainIndex } from './evidence/chains.ts';
import { decides } from './evidence/check-stored.ts';
import { readObjectList } from './evidence/object-list.ts';
import type { EvidenceStore } from './evidence-store.ts';
import { digestStoreName, readStatement, statementKey } from './intake/digest-statement.ts';
import type { JournalEntry } from './journal-entries.ts';
import { journalSeen } from './night/restored.ts';
import { catalogueFile, openArchiver } from './main.ts';
import { applyAugmentedEntry } from './stages/apply-augmented.ts';
import { applyManifest, applyValidationEntry } from './stages/catalogue.ts';
import { type IntakeContent, readFacts } from './stages/document-facts.ts';
import { needsValidationData } from './stages/intake.ts';
import { readDocument, type DocumentReading } from './stages/read-document.ts';
import { applyRetentionEntry } from './stages/refresh-retention.ts';
import { resolveRetention } from './stages/retention.ts';
import { roleOfKey } from './stages/group-names.ts';

export type RebuildSources = {
  readonly config: ArchiverConfig;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly evidence: EvidenceStore;
  readonly horizonRules: HorizonRules;
  readonly signal: AbortSignal;
};

export type RebuildSummary = { readonly documents: number; readonly batches: number };

type IntakeEntry = Extract<JournalEntry, { readonly kind: 'intake' }>;

async function readIfThere(
  sources: RebuildSources,
  document: DocumentIdentity,
): Promise<DocumentReading | undefined> {
  if (document.store === digestStoreName) return readStated(sources, document);
  const store = sources.stores.get(document.store);
  try {
    return (
      store &&
      (await readDocument(store, document.key, {
        versionId: document.versionId === '' ? undefined : document.versionId,
        algorithms: ['SHA-256', sources.config.digestAlgorithm],
        keep: sources.config.inspectLimitBytes,
        signal: sources.signal,
      }))
    );
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** As if it had been read: what is stated of it is all that there is. */
async function readStated(
  { evidence, signal }: RebuildSources,
  { key }: DocumentIdentity,
): Promise<DocumentReading | undefined> {
  const found = await readStatement(evidence.objects, statementKey(key), signal);
  if (!found) return undefined;
  const { statement, etag, at } = found;
  const entry = { key, size: 0, etag, lastModified: at };
  return { entry, size: 0, digests: statement.digests, head: new Uint8Array() };
}

async function factsOf(
  sources: RebuildSources,
  target: Catalogue,
  entry: IntakeEntry,
  reading: DocumentReading | undefined,
): Promise<{ readonly facts: Facts; readonly main: DocumentRow | undefined }> {
  const { document } = entry;
  const role = roleOfKey(document.key, sources.config.detachedSuffixes);
  let main: DocumentRow | undefined;
  if (role.kind === 'attached')
    for await (const row of target.documents({ store: document.store, key: role.to })) main = row;
  // Other octets than those taken in say nothing of the document that was.
  if (reading?.digests['SHA-256'] !== document.sha256) return { facts: noFacts('plain'), main };
  if (document.store === digestStoreName) return { facts: noFacts('plain'), main };
  const holder = sources.stores.get(document.store);
  if (!holder) return { facts: noFacts('plain'), main };
  const { digestAlgorithm, inspectLimitBytes } = sources.config;
  const { facts } = await readFacts(
    holder,
    document,
    { ...reading, digestAlgorithm, inspectLimitBytes },
    main && contentOfMain(sources, main),
    sources.signal,
  );
  return { facts, main };
}

/** What a detached signature is over. */
function contentOfMain(
  { stores, signal }: RebuildSources,
  { store, key, versionId, sha256, digests }: DocumentRow,
): IntakeContent {
  return {
    name: key,
    digests: { ...digests, 'SHA-256': sha256 },
    read: async (algorithms) => {
      const content = stores.get(store);
      if (!content) return {};
      const version = versionId === '' ? undefined : versionId;
      return (await readDocument(content, key, { versionId: version, algorithms, keep: 0, signal }))
        .digests;
    },
  };
}

/**
 * A run that ended between journal and catalogue takes the document in again, and it is the later
 * intake that the catalogue has.
 */
async function takeInAgain(
  { config }: RebuildSources,
  target: Catalogue,
  known: DocumentRow,
  { at, verdict, sidecar, tag }: IntakeEntry,
): Promise<void> {
  const { journal, hold } = known.retention;
  const instant = Temporal.Instant.from(at);
  await target.updateDocument(known.id, {
    firstSeen: instant,
    stateSince: instant,
    lastRead: instant,
    intake: verdict,
    validationPending: needsValidationData(verdict),
    retention: resolveRetention(config, { ...known, journal, sidecar, tag, hold }),
  });
}

async function addFromJournal(
  sources: RebuildSources,
  target: Catalogue,
  entry: IntakeEntry,
): Promise<void> {
  const { document, sidecar, tag } = entry;
  const { store, key, versionId, sha256 } = document;
  const known = await target.findContent(store, key, versionId, sha256);
  if (known) {
    await takeInAgain(sources, target, known, entry);
    return;
  }
  const reading = await readIfThere(sources, document);
  const { facts, main } = await factsOf(sources, target, entry, reading);
  const at = Temporal.Instant.from(entry.at);
  const lastModified = reading?.entry.lastModified ?? at;
  const row: NewDocument = {
    ...document,
    size: entry.size,
    digests: reading?.digests ?? {},
    etag: reading?.entry.etag ?? '',
    lastModified,
    firstSeen: at,
    facts,
    intake: entry.verdict,
    retention: resolveRetention(sources.config, {
      key: document.key,
      facts,
      lastModified,
      sidecar,
      tag,
      hold: false,
    }),
    state: 'waiting',
    stateSince: at,
    stateReason: undefined,
    attachedTo: main?.id,
    regroup: false,
    validationPending: needsValidationData(entry.verdict),
    lastRead: at,
  };
  const id = await target.addDocument(row);
  await target.putCertificates(id, facts);
  for (const suffix of sources.config.detachedSuffixes) {
    for await (const attached of target.documents({
      store: document.store,
      key: `${document.key}${suffix}`,
    })) {
      if (attached.attachedTo === undefined)
        await target.updateDocument(attached.id, { attachedTo: id });
    }
  }
}

async function applyEntry(
  sources: RebuildSources,
  target: Catalogue,
  entry: JournalEntry,
): Promise<void> {
  const find = (document: DocumentIdentity): Promise<DocumentRow | undefined> =>
    target.findContent(document.store, document.key, document.versionId, document.sha256);
  switch (entry.kind) {
    case 'intake':
      await addFromJournal(sources, target, entry);
      return;
    case 'retention-set':
    case 'hold':
      await applyRetentionEntry(target, sources.config, entry);
      return;
    case 'statement': {
      const row = await find(entry.document);
      if (!row) return;
      const { journal, sidecar, tag, hold } = row.retention;
      const statements = { journal, sidecar, tag, hold, [entry.source]: entry.statement };
      await target.updateDocument(row.id, {
        retention: resolveRetention(sources.config, { ...row, ...statements }),
      });
      return;
    }
    case 'validation-data':
      await applyValidationEntry(target, entry);
      return;
    case 'deleted': {
      const row = await find(entry.document);
      if (row) await target.removeDocument(row.id);
      return;
    }
    case 'augmented':
      // Before the manifests: a version that its augmentation protects waits for none of them.
      await applyAugmentedEntry(target, entry);
      return;
    default:
      return;
  }
}

/** States come last: what the manifests made `protected` may be broken, changed or gone since. */
async function applyState(target: Catalogue, entry: JournalEntry): Promise<void> {
  if (entry.kind === 'evidence-damage') {
    if (!decides(entry)) return;
    const batch = await target.getBatch(entry.batchId);
    // A renewal since then verified it: it was healed.
    if (
      batch &&
      Temporal.Instant.compare(Temporal.Instant.from(entry.at), batch.leafTableRead) >= 0
    ) {
      await target.putBatch({ ...batch, state: 'broken', stateReason: entry.message });
    }
    return;
  }
  if (entry.kind === 'evidence-healed') {
    const batch = await target.getBatch(entry.batchId);
    if (batch?.state === 'broken')
      await target.putBatch({ ...batch, state: 'valid', stateReason: undefined });
    return;
  }
  if (entry.kind === 'augmented') {
    await applyAugmentedEntry(target, entry);
    return;
  }
  if (entry.kind !== 'state') return;
  const { store, key, versionId, sha256 } = entry.document;
  const row = await target.findContent(store, key, versionId, sha256);
  if (!row) return;
  await target.updateDocument(row.id, {
    state: entry.state,
    stateSince: Temporal.Instant.from(entry.at),
    stateReason: entry.reason,
  });
}

/** Fills an empty catalogue. Reads every document once. */
export async function rebuildInto(
  target: Catalogue,
  sources: RebuildSources,
): Promise<RebuildSummary> {
  const { evidence, horizonRules, signal } = sources;
  await target.setMeta('archive-id', evidence.archiveId);
  let sequence = 0;
  for await (const record of evidence.journal.readFrom(1, signal)) {
    signal.throwIfAborted();
    for (const entry of record.entries) await applyEntry(sources, target, entry);
    sequence = record.sequence;
  }
  await target.setMeta('journal', String(sequence));
  await target.setMeta(journalSeen, String(sequence));
  const chains = await loadChainIndex(evidence.objects, signal);
  const manifests = [...chains.manifests.values()].toSorted((a, b) => a.id.localeCompare(b.id));
  for (const manifest of manifests) {
    await applyManifest(target, manifest, {
      rules: horizonRules,
      objectList: (batchId) => readObjectList(evidence.objects, batchId, signal),
      signal,
    });
  }
  for await (const record of evidence.journal.readFrom(1, signal)) {
    for (const entry of record.entries) await applyState(target, entry);
  }
  const counts = await target.countByState();
  return {
    documents: Object.values(counts).reduce((sum, count) => sum + count, 0),
    batches: manifests.length,
  };
}

/** `tokiwa rebuild`: the catalogue file made anew; the old one stays until the new one is whole. */
export async function rebuildCatalogue(
  config: ArchiverConfig,
  options: { readonly clock: Clock; readonly events: EventSink; readonly signal: AbortSignal },
): Promise<RebuildSummary> {
  const file = catalogueFile(config);
  const fresh = freshCatalogueFile(file);
  try {
    const summary = await rebuildFile(config, fresh, options);
    await replaceCatalogueFile(file, fresh);
    return summary;
  } finally {
    await removeCatalogueFile(fresh);
  }
}

async function rebuildFile(
  config: ArchiverConfig,
  file: string,
  options: { readonly clock: Clock; readonly events: EventSink; readonly signal: AbortSignal },
): Promise<RebuildSummary> {
  await using archiver = await openArchiver(config, {
    ...options,
    create: false,
    catalogueFile: file,
  });
  const { horizonRules, lease } = await archiver.night(options.signal);
  await using _lease = await archiver.evidence.acquireLease({
    ...lease,
    run: 'rebuild',
    at: options.clock.now(),
    duration: Temporal.Duration.from({ minutes: 15 }),
    signal: options.signal,
  });
  return await rebuildInto(archiver.catalogue, {
    config,
    stores: archiver.stores,
    evidence: archiver.evidence,
    horizonRules,
    signal: options.signal,
  });
}
