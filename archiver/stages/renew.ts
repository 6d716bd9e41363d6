// Carries out a plan: each action asks the evidence room for a tree and a token, and what is
// committed there is taken into the catalogue. What an action leaves out is a finding; it never
// holds up the others.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import type { BatchState, Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { isBefore } from '#shared/time.ts';
import { remedyFor } from '../evidence/check-stored.ts';
import { anchorByEach } from '../evidence/dual-anchor.ts';
import { hasPending } from '../evidence/in-flight.ts';
import { anchor } from '../evidence/stamp.ts';
import { inShares } from '../evidence/in-order.ts';
import { renewHashTree } from '../evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../evidence/renew-timestamps.ts';
import type {
  AnchorNumber,
  BatchManifest,
  Damage,
  EvidenceContext,
  LeftOutBatch,
  LeftOutGroup,
  StampOutcome,
} from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import { groupsWithoutAnchor, waitingGroups, type GroupSources } from './groups.ts';
import { groupsToJoin, groupsToRenew } from './groups-to-renew.ts';
import type { PlanAction } from './plan.ts';

export type RenewDependencies = {
  /** The first TSA's; the second's where there is one. */
  readonly context: EvidenceContext;
  readonly second?: EvidenceContext | undefined;
  /** Hash-tree renewals of this run so far, added to: what they read is not read again. */
  readonly renewedTonight: Set<string>;
  readonly catalogue: Catalogue;
  /** Document stores by name, and the evidence store. */
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  readonly maxLeaves: number;
  readonly blind: boolean;
  /** Hash-tree renewals have their groups for records in XML, too. */
  readonly xmlRecords: boolean;
  /** Makes damaged objects again from what they were made of; false: some could not be. */
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
  readonly #findings = new FindingList();
  readonly #committed: BatchManifest[] = [];
  #refusedTokens = 0;

  constructor(deps: RenewDependencies) {
    this.#deps = deps;
  }

  result(): ActionResult {
    return {
      committed: this.#committed,
      refusedTokens: this.#refusedTokens,
      findings: this.#findings.lines(),
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

  #contextOf(number: AnchorNumber): EvidenceContext {
    const { context, second } = this.#deps;
    const found = number === 1 ? context : second;
    if (found) return found;
    throw new InvariantError('ERR_INVARIANT_STATE', `no TSA number ${number} is configured`);
  }

  get #sources(): GroupSources {
    const { context, catalogue, stores } = this.#deps;
    return {
      catalogue,
      stores,
      signal: context.run.signal,
      onFinding: (finding) => {
        this.#findings.push(finding);
      },
    };
  }

  async protect(digestAlgorithm: DigestAlgorithm, groups: number): Promise<void> {
    const { context, second, maxLeaves, blind } = this.#deps;
    const { store, run } = context;
    const waiting = () => waitingGroups(digestAlgorithm, maxLeaves, this.#sources);
    const behindFirst = second !== undefined && (await hasPending(store, 1, run));
    for (let left = groups; left > 0; left -= maxLeaves) {
      const before = this.#committed.length;
      const what = `protecting ${Math.min(left, maxLeaves)} documents`;
      const outcomes = await anchorByEach(second ? [context, second] : [context], {
        digestAlgorithm,
        blind,
        groups: waiting(),
      });
      for (const [i, outcome] of outcomes.entries())
        await this.#settle(i === 0 ? what : `${what} by the second TSA`, outcome);
      // Without a token the same groups would be taken again.
      if (this.#committed.length === before) break;
    }
    // What waits for an uncertain answer of the first TSA need not wait for the second.
    if (second && behindFirst)
      await this.#settle(
        'protecting documents by the second TSA',
        await anchor(second, { digestAlgorithm, blind, groups: waiting() }),
      );
  }

  async anchor(
    number: AnchorNumber,
    digestAlgorithm: DigestAlgorithm,
    groups: number,
  ): Promise<void> {
    const { maxLeaves, blind } = this.#deps;
    for (let left = groups; left > 0; left -= maxLeaves) {
      const before = this.#committed.length;
      const outcome = await anchor(this.#contextOf(number), {
        digestAlgorithm,
        blind,
        madeUp: true,
        groups: groupsWithoutAnchor(number, digestAlgorithm, maxLeaves, this.#sources),
      });
      await this.#settle(
        `anchoring ${Math.min(left, maxLeaves)} documents by TSA number ${number}`,
        outcome,
      );
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

  async renewTimestamps(
    number: AnchorNumber,
    algorithm: DigestAlgorithm,
    batchIds: readonly string[],
  ): Promise<void> {
    const result = await renewTimestamps(this.#contextOf(number), {
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
    if (await this.#deps.healBatch(batchId)) {
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
      message: `not renewed: ${reason}; ${remedyFor(damage)}`,
    });
  }

  async #setBatch(batchId: string, state: BatchState, reason: string): Promise<void> {
    const batch = await this.#deps.catalogue.getBatch(batchId);
    if (batch) await this.#deps.catalogue.putBatch({ ...batch, state, stateReason: reason });
  }

  async renewHashTree(
    number: AnchorNumber,
    toAlgorithm: DigestAlgorithm,
    batchIds: readonly string[],
  ): Promise<void> {
    const { renewedTonight, maxLeaves, xmlRecords: xmlGroups } = this.#deps;
    const renewUnknown = await this.#lastNights(batchIds);
    const broken = new Map<string, readonly LeftOutGroup['findings'][number][]>();
    const due = groupsToRenew(batchIds, {
      ...this.#deps,
      toAlgorithm,
      onWanted: (finding) => {
        this.#findings.push(finding);
      },
    });
    for await (const groups of inShares(due, maxLeaves)) {
      const { stamped } = await renewHashTree(this.#contextOf(number), {
        toAlgorithm,
        groups,
        xmlGroups,
        renewUnknown,
        onLeftOut: async (left) => {
          if (left.kind === 'batch-broken') broken.set(left.position.batchId, left.findings);
          else await this.#leaveOutGroup(left);
        },
      });
      await this.#settle(`hash-tree renewal of ${batchIds.length} batches`, stamped);
      if (stamped.kind === 'committed') renewedTonight.add(stamped.manifest.id);
      // Without a token tonight there is none for the rest, either: it stays due.
      else if (stamped.kind !== 'empty') break;
    }
    for (const [batchId, findings] of broken)
      await this.#breakBatch(batchId, [{ part: 'token', batchId, findings }]);
  }

  /** Under the hash that they have, from the digests that their lists name. */
  async join(
    number: AnchorNumber,
    digestAlgorithm: DigestAlgorithm,
    batchIds: readonly string[],
  ): Promise<void> {
    const { maxLeaves, xmlRecords: xmlGroups } = this.#deps;
    const renewUnknown = await this.#lastNights(batchIds);
    const left = new Map<string, LeftOutGroup>();
    for await (const groups of inShares(groupsToJoin(batchIds, this.#deps), maxLeaves)) {
      const { stamped } = await renewHashTree(this.#contextOf(number), {
        toAlgorithm: digestAlgorithm,
        groups,
        xmlGroups,
        renewUnknown,
        onLeftOut: (one) => Promise.resolve(void left.set(one.position.batchId, one)),
      });
      await this.#settle(`joining ${batchIds.length} batches`, stamped);
      if (stamped.kind !== 'committed' && stamped.kind !== 'empty') break;
    }
    for (const [batchId, { kind, findings }] of left) {
      if (kind === 'batch-retry') await this.#leaveOut({ kind: 'retry', batchId, findings });
      // A group that is not what its leaf holds: its line is damaged, and no document was read.
      else {
        const part = kind === 'batch-broken' ? 'token' : 'object-list';
        await this.#breakBatch(batchId, [{ part, batchId, findings }]);
      }
    }
  }

  async #leaveOutGroup(left: LeftOutGroup): Promise<void> {
    const { catalogue, journal, context } = this.#deps;
    const message = left.findings.map((finding) => finding.message).join('; ');
    const { batchId, index } = left.position;
    for (const document of await catalogue.groupMembers(batchId, index)) {
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
        batchId,
        message,
        cause: left.findings.find(({ facts }) => facts['code'] !== undefined)?.facts['code'],
      });
    }
  }
}

/** What is done with batches; augmentation is `augment.ts`'s. */
export type BatchAction = Exclude<PlanAction, { readonly kind: 'augment' }>;

/** One action of the plan. @throws SourceError, InvariantError: the run stops; what was committed stays */
export async function carryOut(
  action: BatchAction,
  deps: RenewDependencies,
): Promise<ActionResult> {
  const renewer = new Renewer(deps);
  switch (action.kind) {
    case 'anchor':
      await renewer.anchor(action.anchor, action.digestAlgorithm, action.groups);
      break;
    case 'protect':
      await renewer.protect(action.digestAlgorithm, action.groups);
      break;
    case 'timestamp-renewal':
      await renewer.renewTimestamps(action.anchor, action.digestAlgorithm, action.batchIds);
      break;
    case 'join':
      await renewer.join(action.anchor, action.digestAlgorithm, action.batchIds);
      break;
    case 'hash-tree-renewal':
      await renewer.renewHashTree(action.anchor, action.toAlgorithm, action.batchIds);
      break;
  }
  return renewer.result();
}
