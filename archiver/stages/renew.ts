// Carries out a plan: each action asks the evidence room for a tree and a token, and what is
// committed there is taken into the catalogue. What an action leaves out is a finding; it never
// holds up the others.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { BatchState, Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { isBefore } from '#shared/time.ts';
import { anchor } from '../evidence/stamp.ts';
import { readObjectList } from '../evidence/object-list.ts';
import { renewHashTree } from '../evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../evidence/renew-timestamps.ts';
import type {
  BatchManifest,
  Damage,
  EvidenceContext,
  LeftOutBatch,
  LeftOutGroup,
  RenewalGroup,
  StampOutcome,
} from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';
import type { FindingLine } from '../reports/report.ts';
import { waitingGroups } from './groups.ts';
import type { PlanAction } from './plan.ts';

export type RenewDependencies = {
  readonly context: EvidenceContext;
  readonly catalogue: Catalogue;
  /** Document stores by name, and the evidence store. */
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  readonly maxLeaves: number;
  readonly blind: boolean;
  /** Makes a damaged leaf table again from its sources; false: it could not be. */
  readonly healBatch: (batchId: string) => Promise<boolean>;
  /** Reads a committed batch back and takes it into the catalogue. */
  readonly accept: (manifest: BatchManifest) => Promise<void>;
};

/** What one action came to. */
export type ActionResult = {
  readonly committed: readonly BatchManifest[];
  /** Bought and of no use. */
  readonly refusedTokens: number;
  readonly findings: readonly FindingLine[];
};

/** So long before its horizon a batch is renewed although revocation is unknown. */
const lastNights = Temporal.Duration.from({ hours: 24 * 14 });

function outcomeFinding(what: string, outcome: StampOutcome): FindingLine | undefined {
  switch (outcome.kind) {
    case 'committed':
    case 'empty':
      return undefined;
    case 'ceiling':
      return {
        kind: 'ceiling',
        level: 'error',
        message: `${what}: the ceiling of tokens was reached; nothing was bought`,
      };
    case 'refused':
      return {
        kind: 'no-token',
        level: 'error',
        message: `${what}: no token tonight: ${outcome.error.message}`,
      };
    case 'refused-token':
      return {
        kind: 'bad-token',
        level: 'error',
        message: `${what}: the TSA’s answer is no acceptable evidence: ${outcome.findings.map((finding) => finding.message).join('; ')}`,
      };
    case 'pending':
      return {
        kind: 'no-token',
        level: 'error',
        batchId: outcome.pending.id,
        message: `${what}: asked, and no certain answer: ${outcome.pending.reason}; the same request is sent again at the next run`,
      };
  }
}

function damageText(damage: readonly Damage[]): string {
  return damage
    .map(
      (part) =>
        `${part.part}${part.index === undefined ? '' : ` ${part.index}`}: ${part.findings.map((finding) => finding.message).join('; ')}`,
    )
    .join(' · ');
}

class Renewer {
  readonly #deps: RenewDependencies;
  readonly #findings: FindingLine[] = [];
  readonly #committed: BatchManifest[] = [];
  #refusedTokens = 0;

  constructor(deps: RenewDependencies) {
    this.#deps = deps;
  }

  result(): ActionResult {
    return {
      committed: this.#committed,
      refusedTokens: this.#refusedTokens,
      findings: this.#findings,
    };
  }

  async #settle(what: string, outcome: StampOutcome): Promise<void> {
    if (outcome.kind === 'committed') {
      await this.#deps.accept(outcome.manifest);
      this.#committed.push(outcome.manifest);
      return;
    }
    if (outcome.kind === 'refused-token') this.#refusedTokens++;
    const finding = outcomeFinding(what, outcome);
    if (finding) this.#findings.push(finding);
  }

  async protect(algorithm: DigestAlgorithm, groups: number): Promise<void> {
    const { context, catalogue, stores, maxLeaves, blind } = this.#deps;
    for (let left = groups; left > 0; left -= maxLeaves) {
      const before = this.#committed.length;
      const outcome = await anchor(context, {
        digestAlgorithm: algorithm,
        blind,
        groups: waitingGroups(algorithm, maxLeaves, {
          catalogue,
          stores,
          signal: context.run.signal,
          onFinding: (finding) => this.#findings.push(finding),
        }),
      });
      await this.#settle(`protecting ${Math.min(left, maxLeaves)} documents`, outcome);
      // Without a token the same groups would be taken again.
      if (this.#committed.length === before) return;
    }
  }

  /**
   * Which batches can wait no longer for revocation data: from this close to their horizon they are
   * renewed with the finding kept (design, invariant 2), since a renewal after it proves nothing.
   */
  async #lastNights(batchIds: readonly string[]): Promise<(batchId: string) => boolean> {
    const { runAt } = this.#deps.context.run;
    const pressing = new Set<string>();
    for (const batchId of batchIds) {
      const horizon = (await this.#deps.catalogue.getBatch(batchId))?.horizon;
      if (horizon && !isBefore(runAt, horizon.subtract(lastNights))) pressing.add(batchId);
    }
    return (batchId) => pressing.has(batchId);
  }

  async renewTimestamps(algorithm: DigestAlgorithm, batchIds: readonly string[]): Promise<void> {
    const { context } = this.#deps;
    const result = await renewTimestamps(context, {
      batchIds,
      digestAlgorithm: algorithm,
      renewUnknown: await this.#lastNights(batchIds),
    });
    for (const left of result.leftOut) await this.#leaveOut(left);
    await this.#settle(`timestamp renewal of ${batchIds.length} batches`, result.stamped);
  }

  async #leaveOut(left: LeftOutBatch): Promise<void> {
    if (left.kind === 'retry') {
      await this.#setBatch(
        left.batchId,
        'unknown',
        left.findings.map((finding) => finding.message).join('; '),
      );
      this.#findings.push({
        kind: 'revocation-unknown',
        level: 'warning',
        batchId: left.batchId,
        message: `not renewed tonight, tried again until its lead time has passed: ${left.findings.map((finding) => finding.message).join('; ')}`,
      });
      return;
    }
    await this.#breakBatch(left.batchId, left.damage);
  }

  async #breakBatch(batchId: string, damage: readonly Damage[]): Promise<void> {
    const reason = damageText(damage);
    if (
      damage.every((part) => part.part === 'leaf-table') &&
      (await this.#deps.healBatch(batchId))
    ) {
      this.#findings.push({
        kind: 'healed',
        level: 'warning',
        batchId,
        message: `${reason}; made again from its sources; the batch is renewed at the next run`,
      });
      return;
    }
    const at = this.#deps.context.run.runAt.toString();
    await this.#deps.journal(
      damage.map((part) => ({
        kind: 'evidence-damage',
        batchId,
        part: part.part,
        message: damageText([part]),
        at,
      })),
    );
    await this.#setBatch(batchId, 'broken', reason);
    this.#findings.push({
      kind: 'broken-evidence',
      level: 'error',
      batchId,
      message: `not renewed: ${reason}`,
    });
  }

  async #setBatch(batchId: string, state: BatchState, reason: string): Promise<void> {
    const batch = await this.#deps.catalogue.getBatch(batchId);
    if (batch) await this.#deps.catalogue.putBatch({ ...batch, state, stateReason: reason });
  }

  async renewHashTree(toAlgorithm: DigestAlgorithm, batchIds: readonly string[]): Promise<void> {
    const { context } = this.#deps;
    const broken = new Map<string, readonly LeftOutGroup['findings'][number][]>();
    const result = await renewHashTree(context, {
      toAlgorithm,
      groups: this.#groupsOf(batchIds),
      renewUnknown: await this.#lastNights(batchIds),
      onLeftOut: async (left) => {
        if (left.kind === 'batch-broken') broken.set(left.position.batchId, left.findings);
        else await this.#leaveOutGroup(left);
      },
    });
    for (const [batchId, findings] of broken)
      await this.#breakBatch(batchId, [{ part: 'token', batchId, findings }]);
    await this.#settle(`hash-tree renewal of ${batchIds.length} batches`, result.stamped);
  }

  async #leaveOutGroup(left: LeftOutGroup): Promise<void> {
    const { catalogue, journal, context } = this.#deps;
    const message = left.findings.map((finding) => finding.message).join('; ');
    for await (const document of catalogue.documents({ batchId: left.position.batchId })) {
      const places = await catalogue.memberships(document.id);
      const here = places.some(
        (place) =>
          place.batchId === left.position.batchId && place.groupIndex === left.position.index,
      );
      if (!here) continue;
      if (left.kind === 'broken' && document.state === 'protected') {
        const { store, key, versionId, sha256 } = document;
        const at = context.run.runAt;
        await journal([
          {
            kind: 'state',
            document: { store, key, versionId, sha256 },
            state: 'broken',
            reason: message,
            at: at.toString(),
          },
        ]);
        await catalogue.updateDocument(document.id, {
          state: 'broken',
          stateSince: at,
          stateReason: message,
        });
      }
      this.#findings.push({
        kind: left.kind,
        level: 'error',
        key: document.key,
        batchId: left.position.batchId,
        message,
      });
    }
  }

  /** The live documents of these batches as groups that can each be read once. */
  async *#groupsOf(batchIds: readonly string[]): AsyncIterable<RenewalGroup> {
    const { context, stores, catalogue } = this.#deps;
    for (const batchId of batchIds) {
      for await (const line of readObjectList(context.store, batchId, context.run.signal)) {
        const [main] = line.members;
        const row =
          main &&
          (await catalogue.findContent(
            main.store,
            main.key,
            main.versionId ?? '',
            main.digests['SHA-256'],
          ));
        // Broken, changed and missing documents stay out of every new tree (design §1.2).
        if (row?.state !== 'protected') continue;
        const place = (await catalogue.memberships(row.id)).find(
          (membership) => membership.batchId === batchId && membership.groupIndex === line.index,
        );
        if (!place?.active) continue;
        yield {
          position: { batchId, index: line.index },
          members: line.members.map((member) => ({
            store: member.store,
            key: member.key,
            versionId: member.versionId,
            size: member.size,
            role: member.role,
            open: async ({ signal }) => {
              const store = stores.get(member.store);
              if (!store) throw new Error(`no store ${member.store}`);
              return (await store.read(member.key, { signal, versionId: member.versionId })).body;
            },
          })),
        };
      }
    }
  }
}

/** One action of the plan. @throws SourceError, InvariantError: the run stops; what was committed stays */
export async function carryOut(action: PlanAction, deps: RenewDependencies): Promise<ActionResult> {
  const renewer = new Renewer(deps);
  switch (action.kind) {
    case 'protect':
      await renewer.protect(action.digestAlgorithm, action.groups);
      break;
    case 'timestamp-renewal':
      await renewer.renewTimestamps(action.digestAlgorithm, action.batchIds);
      break;
    case 'hash-tree-renewal':
      await renewer.renewHashTree(action.toAlgorithm, action.batchIds);
      break;
  }
  return renewer.result();
}
