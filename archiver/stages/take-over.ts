// Evidence records of other products beside documents: each is verified when it comes in and, where it
// holds, goes on as a batch of this archive. What does not hold is told every night and never renewed.
import { InvariantError, TokiwaError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { defaultEvidenceRecordLimits } from '#shared/ers/evidence-record.ts';
import { digestsAskedFor, takeOver, type TakeOverOutcome } from '../evidence/take-over.ts';
import type { BatchManifest, EvidenceContext, GroupMember, MemberRole } from '../evidence/types.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import { isHashedAsStored } from './hashed-as-stored.ts';
import { readDocument } from './read-document.ts';

export type TakeOverDependencies = {
  /** Of the first TSA, which renews what is taken over. */
  readonly context: EvidenceContext;
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** Documents in XML of up to so many octets are looked at. */
  readonly inspectLimitBytes: number;
  /** Takes a batch that counts into the catalogue. */
  readonly accept: (manifest: BatchManifest) => Promise<void>;
};

/** Rows of records that were not taken over, as JSON: looked at again. Lost: every record is. */
const undecidedCache = 'records-not-taken-over';

/** What holds no record of this kind is not looked at a second time. */
function holdsRecord({ facts }: DocumentRow): boolean {
  return facts.format === 'ER-ASN1' || facts.format === 'ER-XML';
}

function stands({ state }: DocumentRow): boolean {
  return state === 'waiting' || state === 'protected';
}

class TakingOver {
  readonly #deps: TakeOverDependencies;
  readonly findings = new FindingList();
  readonly undecided: number[] = [];

  constructor(deps: TakeOverDependencies) {
    this.#deps = deps;
  }

  /** New ones, those beside new documents, and those that are not taken over yet. */
  async *#candidates(): AsyncIterable<DocumentRow> {
    const { catalogue } = this.#deps;
    const known = await catalogue.getCache(undecidedCache);
    if (known === undefined) {
      yield* catalogue.documents({ attached: true });
      return;
    }
    yield* catalogue.documents({ states: ['waiting'], attached: true });
    for await (const { id } of catalogue.documents({ states: ['waiting'], attached: false }))
      yield* catalogue.attachedDocuments(id);
    for (const id of JSON.parse(known) as readonly number[]) {
      const row = await catalogue.getDocument(id);
      if (row) yield row;
    }
  }

  async run(): Promise<void> {
    const { context, catalogue } = this.#deps;
    const seen = new Set<number>();
    for await (const row of this.#candidates()) {
      context.run.signal.throwIfAborted();
      if (seen.has(row.id) || !holdsRecord(row) || !stands(row)) continue;
      seen.add(row.id);
      const main =
        row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
      if (main && stands(main) && !(await this.#isTakenOver(main, row)))
        await this.#consider(main, row);
    }
    await catalogue.setCache(undecidedCache, JSON.stringify(this.undecided));
  }

  async #isTakenOver(main: DocumentRow, { sha256 }: DocumentRow): Promise<boolean> {
    const { context, catalogue } = this.#deps;
    const places = await catalogue.memberships(main.id);
    return places.some(({ batchId }) => {
      const manifest = context.chains.manifests.get(batchId);
      return manifest?.kind === 'taken-over' && manifest.receivedSha256 === sha256;
    });
  }

  async #consider(main: DocumentRow, row: DocumentRow): Promise<void> {
    const { key } = row;
    const outcome = await this.#try(main, row);
    if (outcome.kind === 'taken-over') {
      const { genTime, batchId } = outcome;
      const message = `it is taken over: its newest timestamp is of ${genTime}, and renewals go on from there`;
      this.findings.push({ kind: 'taken-over', level: 'info', key, batchId, message });
      return;
    }
    this.undecided.push(row.id);
    this.findings.push(
      outcome.kind === 'refused'
        ? {
            kind: 'record-not-valid',
            level: 'error',
            key,
            message: `it does not hold for ${JSON.stringify(main.key)} and is not renewed: ${outcome.reason}`,
          }
        : {
            kind: 'record-undecided',
            level: 'warning',
            key,
            message: `it is not taken over yet: ${outcome.reason}`,
          },
    );
  }

  async #try(main: DocumentRow, row: DocumentRow): Promise<Considered> {
    try {
      const { context, accept } = this.#deps;
      const found = await this.#read(main, row);
      if ('reason' in found) return found;
      const outcome = await takeOver(context, found);
      if (outcome.kind !== 'taken-over') return { kind: outcome.kind, reason: reasonOf(outcome) };
      await accept(outcome.manifest);
      const { id, token } = outcome.manifest;
      return { kind: 'taken-over', batchId: id, genTime: token.genTime };
    } catch (error) {
      const { signal } = this.#deps.context.run;
      if (signal.aborted || !(error instanceof TokiwaError)) throw error;
      // A stranger's token that does not stand being kept is no broken promise of ours, and stops no night.
      if (error.code === 'ERR_INVARIANT_READ_BACK')
        return { kind: 'refused', reason: error.message };
      if (error instanceof InvariantError) throw error;
      return { kind: 'undecided', reason: error.message };
    }
  }

  async #isHashedAsStored(row: DocumentRow): Promise<boolean> {
    const { context, stores, inspectLimitBytes: keep } = this.#deps;
    const store = stores.get(row.store);
    return store ? isHashedAsStored(store, row, { keep, signal: context.run.signal }) : false;
  }

  /** The record, and everything beside it that it may be about, read now and as it was taken in. */
  async #read(
    main: DocumentRow,
    row: DocumentRow,
  ): Promise<
    | {
        readonly octets: Uint8Array;
        readonly document: GroupMember;
        readonly attached: readonly GroupMember[];
      }
    | Extract<Considered, { readonly reason: string }>
  > {
    const { context, catalogue, stores } = this.#deps;
    const { signal } = context.run;
    const changed = ({ key }: DocumentRow): Extract<Considered, { readonly reason: string }> => ({
      kind: 'undecided',
      reason: `${JSON.stringify(key)} is not what was taken in`,
    });
    const store = stores.get(row.store);
    if (!store) return changed(row);
    const record = await readDocument(store, row.key, {
      versionId: row.versionId === '' ? undefined : row.versionId,
      algorithms: ['SHA-256'],
      keep: defaultEvidenceRecordLimits.maxOctets,
      signal,
    });
    if (record.digests['SHA-256'] !== row.sha256 || record.head.length !== record.size)
      return changed(row);
    const algorithms = digestsAskedFor(record.head);
    const memberOf = async (
      each: DocumentRow,
      role: MemberRole,
    ): Promise<GroupMember | undefined> => {
      const own = stores.get(each.store);
      if (!own) return undefined;
      const versionId = each.versionId === '' ? undefined : each.versionId;
      const reading = await readDocument(own, each.key, {
        versionId,
        algorithms: ['SHA-256', ...algorithms],
        keep: 0,
        signal,
      });
      if (reading.digests['SHA-256'] !== each.sha256) return undefined;
      const { sha256, size, digests: known } = each;
      const digests = { ...known, ...reading.digests, 'SHA-256': sha256 };
      return { store: each.store, key: each.key, versionId, size, role, digests };
    };
    const document = await memberOf(main, 'document');
    if (!document) return changed(main);
    const inXml = row.facts.format === 'ER-XML';
    if (inXml && !(await this.#isHashedAsStored(main))) return notCanonical(main);
    const attached: GroupMember[] = [];
    for await (const each of catalogue.attachedDocuments(main.id)) {
      if (each.id === row.id || holdsRecord(each) || !stands(each)) continue;
      const member = await memberOf(each, 'detached-signature');
      if (member && (!inXml || (await this.#isHashedAsStored(each)))) attached.push(member);
    }
    return { octets: record.head, document, attached };
  }
}

type Considered =
  | { readonly kind: 'taken-over'; readonly batchId: string; readonly genTime: string }
  | { readonly kind: 'refused' | 'undecided'; readonly reason: string };

function notCanonical({ key }: DocumentRow): Extract<Considered, { readonly reason: string }> {
  return {
    kind: 'undecided',
    reason: `${JSON.stringify(key)} is XML and not in canonical form, in which RFC 6283 §3.1.1 hashes it: the record is kept with its document, and not renewed`,
  };
}

function reasonOf({ findings }: Extract<TakeOverOutcome, { readonly findings: unknown }>): string {
  const deciding = findings.filter(({ level }) => level === 'error' || level === 'unknown');
  return [...new Set(deciding.map(({ message }) => message))].slice(0, 3).join(' ');
}

/** Looks at every record that is new or not taken over yet. Buys nothing; running it again changes nothing. */
export async function takeOverRecords(
  deps: TakeOverDependencies,
): Promise<{ readonly findings: readonly FindingLine[] }> {
  const taking = new TakingOver(deps);
  await taking.run();
  return { findings: taking.findings.lines() };
}
