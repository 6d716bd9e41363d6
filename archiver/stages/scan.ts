// Lists every store, takes in what is new, finds what changed or went missing, and journals what
// intake found before the catalogue moves. Flat in memory: a chunk of rows at a time.
import { ConflictError, InvariantError, SourceError, TokiwaError } from '#shared/errors.ts';
import type {
  Catalogue,
  DocumentIdentity,
  DocumentRow,
  IntakeVerdict,
  NewDocument,
  RetentionStatement,
} from '#shared/ports/catalogue.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { ArchiverConfig } from '../config.ts';
import { isLost } from '../intake-order.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import type { IntakeContent } from './document-facts.ts';
import { roleOfKey } from './group-names.ts';
import { needsValidationData, takeIn, type IntakeResult, type IntakeRules } from './intake.ts';
import { readDocument } from './read-document.ts';
import { parseSidecar, resolveRetention, statementOfTags, unknownPresets } from './retention.ts';

export type ScanDependencies = {
  readonly config: ArchiverConfig;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly catalogue: Catalogue;
  /** Durable when it fulfils. */
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  readonly intake: IntakeRules;
  readonly runAt: Temporal.Instant;
  readonly events: EventSink;
  readonly signal: AbortSignal;
};

/** Something that a listing left out, and why. */
export type SkippedObject = { readonly key: string; readonly reason: string };

export type ScanSummary = {
  readonly scanned: number;
  readonly added: number;
  readonly findings: readonly FindingLine[];
};

/** Rows per journal object and transaction. */
const chunkSize = 200;

/** So many objects in a row that cannot be had mean that the store cannot be reached. */
const maxFailures = 3;

/** Sidecars above this size say nothing about retention. */
const maxSidecarBytes = 64 * 1024;

type Pending = {
  readonly document: NewDocument;
  readonly attachedToKey: string | undefined;
  readonly entry: JournalEntry;
};

class StoreScan {
  readonly #deps: ScanDependencies;
  readonly #store: ObjectStore;
  readonly #scan: number;
  readonly findings = new FindingList();
  scanned = 0;
  added = 0;
  #pending: Pending[] = [];
  #seen: number[] = [];
  /** Objects in a row that the store could not give. */
  #failures = 0;

  constructor(deps: ScanDependencies, store: ObjectStore, scan: number) {
    this.#deps = deps;
    this.#store = store;
    this.#scan = scan;
  }

  async run(prefix: string): Promise<void> {
    const { signal, events } = this.#deps;
    for await (const entry of this.#store.list({ prefix, signal })) {
      signal.throwIfAborted();
      this.scanned++;
      await this.#see(entry);
      if (this.#pending.length >= chunkSize) await this.#flush();
      if (this.#seen.length >= chunkSize) await this.#markSeen();
      if (this.scanned % 100 === 0) {
        events({
          level: 'info',
          name: 'archiver.scan.progress',
          store: this.#store.name,
          scanned: this.scanned,
          added: this.added,
        });
      }
    }
    await this.#flush();
    await this.#markSeen();
    await this.#findMissing();
  }

  /** Only these; nothing is missed for it. */
  async takeIn(keys: readonly string[]): Promise<void> {
    const { signal } = this.#deps;
    for (const key of keys) {
      signal.throwIfAborted();
      try {
        await this.#see(await this.#store.head(key, { signal }));
      } catch (error) {
        this.#report(key, error);
      }
      if (this.#pending.length >= chunkSize) await this.#flush();
    }
    await this.#flush();
    await this.#markSeen();
  }

  async #markSeen(): Promise<void> {
    await this.#deps.catalogue.markSeen(this.#seen, this.#scan);
    this.#seen = [];
  }

  async #see(entry: ObjectEntry): Promise<void> {
    const role = roleOfKey(entry.key, this.#deps.config.detachedSuffixes);
    if (role.kind === 'retention-sidecar' || role.kind === 'metadata-sidecar') {
      try {
        await this.#seeSidecar(entry, role.kind, role.of);
      } catch (error) {
        this.#report(entry.key, error);
      }
      return;
    }
    const known = await this.#deps.catalogue.findStanding({
      store: this.#store.name,
      key: entry.key,
      versionId: entry.versionId ?? '',
    });
    try {
      if (!known) await this.#takeIn(entry, role.kind === 'attached' ? role.to : undefined);
      else if (known.etag === entry.etag && known.state !== 'missing') {
        this.#seen.push(known.id);
        if (known.state === 'changed') this.#findChanged(entry.key);
      } else await this.#compare(known.id, entry);
    } catch (error) {
      this.#report(entry.key, error);
      // Seen but not readable: not missing.
      if (known) this.#seen.push(known.id);
    }
  }

  #report(key: string, error: unknown): void {
    if (this.#deps.signal.aborted || !(error instanceof TokiwaError)) throw error;
    if (error instanceof InvariantError) throw error;
    const isStore =
      error instanceof SourceError &&
      error.code !== 'ERR_SOURCE_NOT_FOUND' &&
      error.code !== 'ERR_SOURCE_REFUSED';
    this.#failures = isStore ? this.#failures + 1 : 0;
    // One object that its disk cannot give is a finding; several in a row are the store.
    if (this.#failures >= maxFailures) throw error;
    const message =
      error instanceof ConflictError
        ? 'it changed while it was read; it is taken in at the next run'
        : `it could not be read: ${error.message}`;
    const { code: cause } = error;
    this.findings.push({ kind: 'unreadable', level: 'error', key, message, cause });
    this.#deps.events({ level: 'warn', name: 'archiver.scan.unreadable', code: error.code });
  }

  async #takeIn(entry: ObjectEntry, attachedToKey: string | undefined): Promise<void> {
    const { config, intake, runAt, signal } = this.#deps;
    const content = attachedToKey === undefined ? undefined : await this.#contentOf(attachedToKey);
    const result = await takeIn(this.#store, entry, intake, content, signal);
    const statements = await this.#statements(entry.key);
    this.#findUnknownPresets(entry.key, [statements.sidecar, statements.tag]);
    this.#findRecordsInside(entry.key, result.verdict);
    const retention = resolveRetention(config, {
      key: entry.key,
      facts: result.facts,
      lastModified: entry.lastModified,
      ...statements,
      hold: false,
    });
    const document: NewDocument = {
      store: this.#store.name,
      key: entry.key,
      versionId: result.entry.versionId ?? entry.versionId ?? '',
      sha256: result.sha256,
      size: result.size,
      digests: result.digests,
      etag: result.entry.etag,
      lastModified: entry.lastModified,
      firstSeen: runAt,
      facts: result.facts,
      intake: result.verdict,
      retention,
      state: 'waiting',
      stateSince: runAt,
      stateReason: undefined,
      attachedTo: undefined,
      regroup: false,
      validationPending: needsValidationData(result.verdict),
      lastRead: runAt,
    };
    this.#pending.push({
      document,
      attachedToKey: content && attachedToKey,
      entry: intakeEntry(document, result, statements, runAt),
    });
  }

  /** The document that a detached signature may be about, from this chunk or the catalogue. */
  async #contentOf(key: string): Promise<IntakeContent | undefined> {
    const row =
      this.#pending.find((pending) => pending.document.key === key)?.document ??
      (await this.#deps.catalogue.findDocument({ store: this.#store.name, key, versionId: '' })) ??
      (await this.#newest(key));
    if (!row) return undefined;
    return {
      name: key,
      digests: { ...row.digests, 'SHA-256': row.sha256 },
      read: async (algorithms) => {
        const reading = await readDocument(this.#store, key, {
          versionId: row.versionId === '' ? undefined : row.versionId,
          algorithms,
          keep: 0,
          signal: this.#deps.signal,
        });
        return reading.digests;
      },
    };
  }

  async #newest(key: string): Promise<DocumentRow | undefined> {
    let newest: DocumentRow | undefined;
    for await (const row of this.#deps.catalogue.documents({ store: this.#store.name, key }))
      newest = row;
    return newest;
  }

  async #readSmall(key: string): Promise<string | undefined> {
    try {
      const reading = await readDocument(this.#store, key, {
        algorithms: [],
        keep: maxSidecarBytes,
        signal: this.#deps.signal,
      });
      return reading.size > maxSidecarBytes ? undefined : new TextDecoder().decode(reading.head);
    } catch (error) {
      if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #statements(
    key: string,
  ): Promise<{ sidecar: RetentionStatement | undefined; tag: RetentionStatement | undefined }> {
    const text = await this.#readSmall(`${key}.retention.json`);
    const head = await this.#store.head(key, { signal: this.#deps.signal });
    return {
      sidecar: text === undefined ? undefined : parseSidecar(text),
      tag: statementOfTags({ ...head.metadata, ...head.tags }),
    };
  }

  /**
   * Said once: nothing that comes later makes it hold, nor brings back what it is over. What else is undecided is
   * looked at when its data is collected.
   */
  #findRecordsInside(key: string, { records = [] }: IntakeVerdict): void {
    for (const record of records)
      if (record.subIndication === 'SIGNED_DATA_NOT_FOUND')
        this.findings.push({
          kind: 'record-undecided',
          level: 'warning',
          key,
          message: `what the evidence record inside of it is over is not there: ${record.reason ?? record.subIndication}; the document is stamped as it is`,
        });
    for (const record of records.filter(isLost))
      this.findings.push({
        kind: 'record-not-valid',
        level: 'error',
        key,
        message: `the evidence record inside of it does not hold: ${record.reason ?? record.subIndication ?? record.status}; the document is stamped as it is`,
      });
  }

  #findUnknownPresets(key: string, statements: readonly (RetentionStatement | undefined)[]): void {
    const unknown = unknownPresets(this.#deps.config, statements);
    if (unknown.length === 0) return;
    this.findings.push({
      kind: 'retention-unknown',
      level: 'error',
      key,
      message: `its sidecar or tags name no known retention rule (${unknown.join(', ')}): it is kept and renewed without end`,
    });
  }

  /** A sidecar that is new or changed re-plans its document the same night. */
  async #seeSidecar(
    entry: ObjectEntry,
    kind: 'retention-sidecar' | 'metadata-sidecar',
    of: string,
  ): Promise<void> {
    const { catalogue, config, journal } = this.#deps;
    const cacheName = `sidecar:${this.#store.name}:${entry.key}`;
    if ((await catalogue.getCache(cacheName)) === entry.etag) return;
    const row = await this.#newest(of);
    if (row) {
      const { sidecar, tag } = await this.#statements(of);
      const source = kind === 'retention-sidecar' ? 'sidecar' : 'tag';
      const statement = source === 'sidecar' ? sidecar : tag;
      this.#findUnknownPresets(of, [statement]);
      if (JSON.stringify(statement) !== JSON.stringify(row.retention[source])) {
        const { journal: set, hold } = row.retention;
        const retention = resolveRetention(config, {
          key: row.key,
          facts: row.facts,
          lastModified: row.lastModified,
          journal: set,
          sidecar,
          tag,
          hold,
        });
        await journal([{ kind: 'statement', document: identityOf(row), source, statement }]);
        await catalogue.updateDocument(row.id, { retention });
      }
    }
    await catalogue.setCache(cacheName, entry.etag);
  }

  /** The change marker moved, or a missing object is there again: only its octets say what happened. */
  async #compare(id: number, entry: ObjectEntry): Promise<void> {
    const { catalogue, runAt, signal } = this.#deps;
    const known = await catalogue.getDocument(id);
    if (!known) return;
    const reading = await readDocument(this.#store, entry.key, {
      versionId: entry.versionId,
      algorithms: ['SHA-256'],
      keep: 0,
      signal,
    });
    this.#seen.push(known.id);
    const { etag } = reading.entry;
    if (reading.digests['SHA-256'] === known.sha256) {
      const back = known.state === 'missing' || known.state === 'changed';
      if (back) {
        const state = (await catalogue.memberships(known.id)).length > 0 ? 'protected' : 'waiting';
        await this.#moveState(known, state, 'its content is there again');
      }
      await catalogue.updateDocument(known.id, {
        etag,
        lastModified: entry.lastModified,
        lastRead: runAt,
      });
      return;
    }
    if (known.state !== 'changed') {
      const reason = `a later write: SHA-256 is now ${reading.digests['SHA-256'] ?? ''}, was ${known.sha256}`;
      await this.#moveState(known, 'changed', reason);
    }
    this.#findChanged(known.key);
    await catalogue.updateDocument(known.id, { etag });
  }

  /** Told every night until it is restored or accepted. */
  #findChanged(key: string): void {
    this.findings.push({
      kind: 'changed',
      level: 'error',
      key,
      message:
        'it was written over since it was taken in and is not stamped; restore it, or take it in with `tokiwa accept` and --as-new',
    });
  }

  async #moveState(known: DocumentRow, state: DocumentRow['state'], reason: string): Promise<void> {
    const { catalogue, journal, runAt } = this.#deps;
    await journal([
      { kind: 'state', document: identityOf(known), state, reason, at: runAt.toString() },
    ]);
    await catalogue.updateDocument(known.id, { state, stateSince: runAt, stateReason: reason });
  }

  async #flush(): Promise<void> {
    const { catalogue, journal, config } = this.#deps;
    const pending = this.#pending;
    if (pending.length === 0) return;
    await journal(pending.map((item) => item.entry));
    await catalogue.transaction(async () => {
      for (const { document, attachedToKey } of pending) {
        const main = attachedToKey === undefined ? undefined : await this.#newest(attachedToKey);
        const id = await catalogue.addDocument({ ...document, attachedTo: main?.id });
        await catalogue.putCertificates(id, document.facts);
        this.#seen.push(id);
        // A signature that came after its document's stamp: stamp again as one group.
        if (main && main.state === 'protected')
          await catalogue.updateDocument(main.id, { regroup: true });
        if (!main) await this.#adopt(id, document.key, config.detachedSuffixes);
      }
    });
    this.added += pending.length;
    this.#pending = [];
  }

  /** Signatures that were there before their document. */
  async #adopt(id: number, key: string, suffixes: readonly string[]): Promise<void> {
    const { catalogue } = this.#deps;
    for (const suffix of suffixes) {
      const attached = await this.#newest(`${key}${suffix}`);
      if (attached && attached.attachedTo === undefined)
        await catalogue.updateDocument(attached.id, { attachedTo: id });
    }
  }

  /**
   * Asked once more by name: a folder that cannot be read hides what is below it, and a store with
   * versions lists only the newest.
   */
  async #isGone(row: DocumentRow): Promise<boolean> {
    const { signal } = this.#deps;
    try {
      const versionId = row.versionId === '' ? undefined : row.versionId;
      const head = await this.#store.head(row.key, { signal, versionId });
      if (row.state === 'missing') await this.#compare(row.id, head);
      return false;
    } catch (error) {
      if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return true;
      this.#report(row.key, error);
      return false;
    }
  }

  /** What was written over stays on record under its key when the later content is taken in as new. */
  async #isStanding(row: DocumentRow): Promise<boolean> {
    if (row.state !== 'changed') return true;
    return (await this.#deps.catalogue.findStanding(row))?.id === row.id;
  }

  async #findMissing(): Promise<void> {
    const { catalogue } = this.#deps;
    for await (const row of catalogue.unseenDocuments(this.#store.name, this.#scan)) {
      if (row.state === 'superseded' || !(await this.#isStanding(row))) continue;
      if (!(await this.#isGone(row))) continue;
      if (row.state !== 'missing') await this.#moveState(row, 'missing', 'it is no longer listed');
      this.findings.push({
        kind: 'missing',
        level: 'error',
        key: row.key,
        message: 'it is gone from its store',
      });
    }
  }
}

/** What listings leave out is named by its finding; nothing is unprotected unseen. */
const skippedReasons: Readonly<Record<string, string>> = {
  'symbolic-link': 'a symbolic link is not followed: what it leads to is not protected through it',
  'special-file': 'it is neither a file nor a folder: it is not protected',
  'not-readable': 'it cannot be read: nothing below it is listed or protected',
};

export function skippedFinding({ key, reason }: SkippedObject): FindingLine {
  const message = skippedReasons[reason] ?? reason;
  return reason === 'not-readable'
    ? { kind: 'unreadable', level: 'error', key, message }
    : { kind: 'not-listed', level: 'warning', key, message };
}

/** The identity of a row. */
export function identityOf(row: DocumentIdentity): DocumentIdentity {
  return { store: row.store, key: row.key, versionId: row.versionId, sha256: row.sha256 };
}

function intakeEntry(
  document: NewDocument,
  result: IntakeResult,
  statements: {
    readonly sidecar: RetentionStatement | undefined;
    readonly tag: RetentionStatement | undefined;
  },
  runAt: Temporal.Instant,
): JournalEntry {
  return {
    kind: 'intake',
    document: identityOf(document),
    size: document.size,
    at: runAt.toString(),
    verdict: result.verdict,
    ...statements,
  };
}

/** Takes in what was just stored, without a listing. @throws SourceError: a store cannot be reached */
export async function takeInObjects(
  deps: ScanDependencies,
  places: readonly { readonly store: string; readonly key: string }[],
): Promise<ScanSummary> {
  const scan = Number((await deps.catalogue.getMeta('scan')) ?? '0');
  let added = 0;
  const findings = new FindingList();
  for (const [name, store] of deps.stores) {
    const keys = places.filter((place) => place.store === name).map(({ key }) => key);
    if (keys.length === 0) continue;
    const one = new StoreScan(deps, store, scan);
    await one.takeIn([...new Set(keys)]);
    added += one.added;
    findings.push(...one.findings.lines());
  }
  return { scanned: places.length, added, findings: findings.lines() };
}

/**
 * Scans every store of the configuration. One that cannot be reached is a finding; what was taken in
 * of it before stays, what is missing of it is not asked, and the others go on.
 */
export async function scanStores(deps: ScanDependencies): Promise<ScanSummary> {
  const { catalogue, config, stores } = deps;
  const scan = Number((await catalogue.getMeta('scan')) ?? '0') + 1;
  let scanned = 0;
  let added = 0;
  const findings = new FindingList();
  for (const settings of config.stores) {
    const store = stores.get(settings.name);
    if (!store) continue;
    const one = new StoreScan(deps, store, scan);
    try {
      await one.run(settings.prefix);
    } catch (error) {
      if (deps.signal.aborted || !(error instanceof SourceError)) throw error;
      findings.push({
        kind: 'store-unreachable',
        level: 'error',
        message: `store ${settings.name} could not be scanned to its end: ${error.message}`,
      });
    }
    scanned += one.scanned;
    added += one.added;
    findings.push(...one.findings.lines());
  }
  await catalogue.setMeta('scan', String(scan));
  return { scanned, added, findings: findings.lines() };
}
