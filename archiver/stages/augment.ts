// Raises the documents that are due for embedded augmentation (augment-due.ts): one new version each, and what the
// journal and the catalogue say of it. What cannot be raised is a finding, and is stamped like any other document.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConflictError, InvariantError, SourceError, TokiwaError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow, NewDocument } from '#shared/ports/catalogue.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import { augmentStored, type StoredOutcome } from '../augmentation/augment-stored.ts';
import { intendedVersions, openPending, pendingId } from '../augmentation/pending.ts';
import { contentOf } from '../augmentation/stored-document.ts';
import type { ArchiverConfig } from '../config.ts';
import type { EvidenceContext } from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import { applyAugmentedEntry, type AugmentedEntry } from './apply-augmented.ts';
import { documentsToAugment, ruleOf } from './augment-due.ts';
import type { IntakeContent } from './document-facts.ts';
import { takeIn } from './intake.ts';
import { readDocument } from './read-document.ts';
import { identityOf } from './scan.ts';

export type AugmentDependencies = {
  readonly config: ArchiverConfig;
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly context: EvidenceContext;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  readonly material: GivenMaterial;
  readonly statusSource: StatusSource;
  readonly horizonRules: HorizonRules;
};

export type AugmentSummary = {
  readonly augmented: number;
  readonly tokens: number;
  readonly findings: readonly FindingLine[];
};

class Augmenting {
  readonly #deps: AugmentDependencies;
  readonly findings = new FindingList();
  augmented = 0;
  tokens = 0;

  constructor(deps: AugmentDependencies) {
    this.#deps = deps;
  }

  summary(): AugmentSummary {
    const { augmented, tokens, findings } = this;
    return { augmented, tokens, findings: findings.lines() };
  }

  get #run() {
    return this.#deps.context.run;
  }

  /** Versions that were written, or were about to be, when an earlier night was interrupted. */
  async recover(): Promise<void> {
    const { context, catalogue, stores } = this.#deps;
    const { signal } = this.#run;
    for await (const { previous, sha256 } of intendedVersions(context.store, signal)) {
      const pending = openPending(context.store, pendingId(previous), signal);
      const row = await catalogue.findContent(
        previous.store,
        previous.key,
        previous.versionId,
        previous.sha256,
      );
      const store = stores.get(previous.store);
      const stands = store && (await this.#digestOf(store, previous.key));
      if (row && store && stands === sha256) await this.#finish(row, store);
      // Not written yet: tonight goes on with what was bought.
      else if (row && stands === previous.sha256) continue;
      await pending.clear();
    }
  }

  async #digestOf(store: ObjectStore, key: string): Promise<string | undefined> {
    const { signal } = this.#run;
    try {
      const reading = await readDocument(store, key, { algorithms: ['SHA-256'], keep: 0, signal });
      return reading.digests['SHA-256'];
    } catch (error) {
      if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async run(digestAlgorithm: DigestAlgorithm): Promise<void> {
    for await (const row of documentsToAugment(this.#deps, this.#run.runAt)) {
      this.#run.signal.throwIfAborted();
      try {
        if (!(await this.#augment(row, digestAlgorithm))) return;
      } catch (error) {
        if (this.#run.signal.aborted || !(error instanceof TokiwaError)) throw error;
        if (error instanceof InvariantError) throw error;
        const message =
          error instanceof ConflictError
            ? 'it changed while it was augmented; the next run looks at it again'
            : `it could not be augmented: ${error.message}`;
        this.findings.push({ kind: 'not-augmented', level: 'warning', key: row.key, message });
      }
    }
  }

  /** False: the ceiling of tokens is reached. */
  async #augment(row: DocumentRow, digestAlgorithm: DigestAlgorithm): Promise<boolean> {
    const { stores, context, config, material, statusSource, catalogue } = this.#deps;
    const store = stores.get(row.store);
    if (!store) return true;
    const main =
      row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
    const outcome = await augmentStored({
      store,
      evidence: context.store,
      document: {
        identity: identityOf(row),
        etag: row.etag,
        size: row.size,
        ...(main && {
          detached: (algorithms) => contentOf(store, main, algorithms, this.#run.signal),
        }),
      },
      digestAlgorithm,
      limitBytes: config.inspectLimitBytes,
      material,
      statusSource,
      tsa: context.tsa,
      run: this.#run,
    });
    this.tokens += outcome.bought;
    if (outcome.kind === 'written') {
      await this.#finish(row, store, outcome.sha256);
      await openPending(context.store, pendingId(row), this.#run.signal).clear();
      return true;
    }
    this.findings.push(findingOf(row, outcome));
    return outcome.kind !== 'ceiling';
  }

  /** The new version as any document is taken in; then the journal, then the catalogue. */
  async #finish(previous: DocumentRow, store: ObjectStore, sha256?: string): Promise<void> {
    const { catalogue, config, journal, material } = this.#deps;
    const { runAt, signal } = this.#run;
    const head = await store.head(previous.key, { signal });
    const result = await takeIn(
      store,
      head,
      {
        runAt,
        digestAlgorithm: config.digestAlgorithm,
        inspectLimitBytes: config.inspectLimitBytes,
        material,
      },
      await this.#contentOf(previous, store),
      signal,
    );
    if (sha256 !== undefined && result.sha256 !== sha256)
      throw new ConflictError(
        'ERR_CONFLICT_CHANGED',
        `${JSON.stringify(previous.key)} is not what was written to it`,
      );
    const rule = await ruleOf(this.#deps, previous);
    const document: NewDocument = {
      ...newVersionOf(previous, head, runAt),
      sha256: result.sha256,
      size: result.size,
      digests: result.digests,
      facts: result.facts,
      intake: result.verdict,
    };
    const { sidecar, tag } = previous.retention;
    const entry: AugmentedEntry = {
      kind: 'augmented',
      previous: identityOf(previous),
      document: identityOf(document),
      protectedBy: rule?.renewal === 'augmentation' ? 'augmentation' : 'evidence-record',
      at: runAt.toString(),
    };
    await journal([
      {
        kind: 'intake',
        document: identityOf(document),
        size: document.size,
        at: runAt.toString(),
        verdict: result.verdict,
        sidecar,
        tag,
      },
      entry,
    ]);
    await catalogue.transaction(async () => {
      const { store: name, key, versionId } = document;
      const known = await catalogue.findContent(name, key, versionId, document.sha256);
      if (!known) {
        const id = await catalogue.addDocument(document);
        await catalogue.putCertificates(id, document.facts);
      }
      await applyAugmentedEntry(catalogue, entry);
    });
    this.augmented += 1;
  }

  async #contentOf(row: DocumentRow, store: ObjectStore): Promise<IntakeContent | undefined> {
    const { catalogue } = this.#deps;
    const main =
      row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
    if (!main) return undefined;
    return {
      name: main.key,
      digests: { ...main.digests, 'SHA-256': main.sha256 },
      read: async (algorithms) =>
        (
          await readDocument(store, main.key, {
            versionId: main.versionId === '' ? undefined : main.versionId,
            algorithms,
            keep: 0,
            signal: this.#run.signal,
          })
        ).digests,
    };
  }
}

/** What a new version has from the one before, and from its store. */
function newVersionOf(
  previous: DocumentRow,
  { versionId = '', etag, lastModified }: ObjectEntry,
  runAt: Temporal.Instant,
): Omit<NewDocument, 'sha256' | 'size' | 'digests' | 'facts' | 'intake'> {
  const { store, key, retention, attachedTo } = previous;
  return {
    store,
    key,
    versionId,
    etag,
    lastModified,
    firstSeen: runAt,
    retention,
    state: 'waiting',
    stateSince: runAt,
    stateReason: undefined,
    attachedTo,
    regroup: false,
    validationPending: false,
    lastRead: runAt,
  };
}

function findingOf(
  { key }: DocumentRow,
  outcome: Exclude<StoredOutcome, { readonly kind: 'written' }>,
): FindingLine {
  switch (outcome.kind) {
    case 'ceiling':
      return {
        kind: 'ceiling',
        level: 'error',
        key,
        message: 'augmenting documents: the ceiling of tokens was reached; the others wait',
      };
    case 'no-token':
      return {
        kind: 'no-token',
        level: 'error',
        key,
        message: `augmenting it: no token tonight: ${outcome.error.message}`,
      };
    case 'not-written':
      return {
        kind: 'not-augmented',
        level: 'error',
        key,
        message: `the new version was not written: ${outcome.error.message}`,
      };
    case 'refused': {
      const { reason: cause, message, indication, subIndication, missing } = outcome.refusal;
      const verdict = [indication, subIndication].filter(Boolean).join(' ');
      const reasons = missing.map(({ reason }) => reason).join('; ');
      return {
        kind: 'not-augmented',
        // Ours to look into; all others are the document's.
        level: cause === 'does-not-hold' ? 'error' : 'warning',
        key,
        message: `it is stamped, not augmented: ${verdict === '' ? '' : `${verdict}: `}${message}${reasons === '' ? '' : ` (${reasons})`}`,
      };
    }
  }
}

/** What an interrupted night left: before the scan, so that what was written is known by it. */
export async function recoverAugmentations(deps: AugmentDependencies): Promise<AugmentSummary> {
  const augmenting = new Augmenting(deps);
  await augmenting.recover();
  return augmenting.summary();
}

/**
 * One new version for each document that is due.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: a version does not hold; what the stores throw
 */
export async function augmentDocuments(
  deps: AugmentDependencies,
  digestAlgorithm: DigestAlgorithm,
): Promise<AugmentSummary> {
  const augmenting = new Augmenting(deps);
  await augmenting.run(digestAlgorithm);
  return augmenting.summary();
}
