// Statements of digests taken in as documents without octets: a row and a journal entry each, as for documents that a
// scan finds. Where a statement got more digests, so does its row.
import { TokiwaError, InvariantError } from '#shared/errors.ts';
import type { DocumentRow, NewDocument } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { noFacts } from '#shared/validation/facts.ts';
import {
  digestStoreName,
  readStatement,
  statementKey,
  statementsPrefix,
  type DigestStatement,
} from '../intake/digest-statement.ts';
import { FindingList } from '../reports/finding-list.ts';
import { roleOfKey } from './group-names.ts';
import { resolveRetention } from './retention.ts';
import { identityOf, type ScanDependencies, type ScanSummary } from './scan.ts';

/** Rows per journal object and transaction. */
const chunkSize = 200;

type Found = {
  readonly statement: DigestStatement;
  readonly etag: string;
  readonly at: Temporal.Instant;
};

class DigestScan {
  readonly #deps: ScanDependencies;
  readonly #store: ObjectStore;
  readonly findings = new FindingList();
  scanned = 0;
  added = 0;
  #pending: { readonly document: NewDocument; readonly name: string }[] = [];

  constructor(deps: ScanDependencies, store: ObjectStore) {
    this.#deps = deps;
    this.#store = store;
  }

  /** Reads a statement unless it is the one that was read before. */
  async see(name: string, etag?: string): Promise<void> {
    const { catalogue, signal } = this.#deps;
    signal.throwIfAborted();
    this.scanned++;
    if (etag !== undefined && (await catalogue.getCache(name)) === etag) return;
    let found: Found | undefined;
    try {
      found = await readStatement(this.#store, name, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof TokiwaError)) throw error;
      if (error instanceof InvariantError) throw error;
      const message = `a statement of digests could not be read: ${error.message}`;
      const { code: cause } = error;
      this.findings.push({ kind: 'unreadable', level: 'error', key: name, message, cause });
      return;
    }
    if (!found) return;
    await this.#takeIn(name, found);
    if (this.#pending.length >= chunkSize) await this.flush();
  }

  async #takeIn(name: string, found: Found): Promise<void> {
    const { catalogue } = this.#deps;
    const { key, digests } = found.statement;
    const known = await this.#row(key);
    if (!known) {
      this.#pending.push({ document: this.#documentOf(found), name });
      return;
    }
    if (known.sha256 !== digests['SHA-256']) {
      const message = `what is stated of it is not what was taken in: SHA-256 ${digests['SHA-256']}, was ${known.sha256}`;
      this.findings.push({ kind: 'changed', level: 'error', key, message });
      return;
    }
    await catalogue.updateDocument(known.id, { digests, etag: found.etag });
    await catalogue.setCache(name, found.etag);
  }

  async #row(key: string): Promise<DocumentRow | undefined> {
    const store = digestStoreName;
    for await (const row of this.#deps.catalogue.documents({ store, key })) return row;
    return undefined;
  }

  #documentOf({ statement, etag, at }: Found): NewDocument {
    const { config, runAt } = this.#deps;
    const { key, digests } = statement;
    const facts = noFacts('plain');
    return {
      store: digestStoreName,
      key,
      versionId: '',
      sha256: digests['SHA-256'],
      // Of the document nothing else is known.
      size: 0,
      digests,
      etag,
      lastModified: at,
      firstSeen: runAt,
      facts,
      intake: { status: 'not-judged', at: runAt.toString(), signatures: [] },
      retention: resolveRetention(config, { key, facts, lastModified: at, hold: false }),
      state: 'waiting',
      stateSince: runAt,
      stateReason: undefined,
      attachedTo: undefined,
      regroup: false,
      validationPending: false,
      lastRead: runAt,
    };
  }

  async flush(): Promise<void> {
    const { catalogue, journal, runAt } = this.#deps;
    const pending = this.#pending.splice(0);
    await journal(
      pending.map(({ document }) => ({
        kind: 'intake',
        document: identityOf(document),
        size: document.size,
        at: runAt.toString(),
        verdict: document.intake,
      })),
    );
    await catalogue.transaction(async () => {
      for (const { document, name } of pending) {
        const id = await catalogue.addDocument(document);
        await this.#join(id, document.key);
        await catalogue.setCache(name, document.etag);
      }
    });
    this.added += pending.length;
  }

  /** A detached signature's digest is one group with its document's, whichever came first. */
  async #join(id: number, key: string): Promise<void> {
    const { catalogue, config } = this.#deps;
    const role = roleOfKey(key, config.detachedSuffixes);
    const main = role.kind === 'attached' ? await this.#row(role.to) : undefined;
    if (main) {
      await catalogue.updateDocument(id, { attachedTo: main.id });
      if (main.state === 'protected') await catalogue.updateDocument(main.id, { regroup: true });
    }
    for (const suffix of config.detachedSuffixes) {
      const attached = await this.#row(`${key}${suffix}`);
      if (attached && attached.attachedTo === undefined)
        await catalogue.updateDocument(attached.id, { attachedTo: id });
    }
  }
}

/** Takes in what was stated: all of it, or under these keys. @throws SourceError: the store cannot be reached */
export async function takeInDigests(
  deps: ScanDependencies,
  store: ObjectStore,
  keys?: readonly string[],
): Promise<ScanSummary> {
  const scan = new DigestScan(deps, store);
  if (keys) for (const key of new Set(keys)) await scan.see(statementKey(key));
  else
    for await (const { key: name, etag } of store.list({
      prefix: statementsPrefix,
      signal: deps.signal,
    }))
      await scan.see(name, etag);
  await scan.flush();
  const { scanned, added, findings } = scan;
  return { scanned, added, findings: findings.lines() };
}
