// Facts, rules and one instant to a plan: what to stamp, what to renew, what it costs, what cannot
// be helped. Pure: the same question with a later instant is the forecast, and a night whose plan
// is empty is proved to have nothing to do.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  acceptableAt,
  askProfile,
  type AlgorithmProfile,
} from '#shared/policy/algorithm-policy.ts';
import { instantAfter } from '#shared/policy/retention-rule.ts';
import type { BatchDemand, BatchRow } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { AnchorNumber } from '../evidence/types.ts';

export type PlanRules = {
  readonly profile: AlgorithmProfile;
  /** Tree hash of new batches, and the one to go to when it ends. */
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  readonly leadTime: Temporal.Duration;
  readonly timeZone: string;
  readonly maxLeaves: number;
  /** So many small batches that are renewed in one night become one. */
  readonly joinBatches: number;
  /** Of one token. */
  readonly price: { readonly amount: number; readonly currency: string } | undefined;
  /** There is a second TSA; its price is in the same currency. Absent: each document has one record. */
  readonly second?: { readonly price?: { readonly amount: number } | undefined } | undefined;
  readonly ceiling: { readonly tokens: number; readonly cost?: number | undefined };
};

export type PlanInput = {
  readonly runAt: Temporal.Instant;
  readonly rules: PlanRules;
  /** Batches with horizons under the policy in force. */
  readonly batches: readonly BatchRow[];
  /** By batch id: who still depends on it. */
  readonly demand: ReadonlyMap<string, BatchDemand>;
  /** Groups that wait for their first token or for a token over a new member. */
  readonly waitingGroups: number;
  /** Groups that only the other TSA has stamped, by the number of the one that has not. */
  readonly lackingAnchor?: ReadonlyMap<AnchorNumber, number> | undefined;
  /** Documents that get an archive timestamp of their own, how many tokens that takes, and when the next ones will. */
  readonly augmentations?:
    | {
        readonly documents: number;
        readonly tokens: number;
        readonly nextDue?: Temporal.Instant | undefined;
      }
    | undefined;
};

export type PlanAction =
  | {
      /** New versions with an archive timestamp in each. */
      readonly kind: 'augment';
      readonly anchor: AnchorNumber;
      readonly digestAlgorithm: DigestAlgorithm;
      readonly documents: number;
    }
  | {
      readonly kind: 'hash-tree-renewal';
      readonly anchor: AnchorNumber;
      readonly toAlgorithm: DigestAlgorithm;
      readonly batchIds: readonly string[];
      readonly documents: number;
    }
  | {
      readonly kind: 'timestamp-renewal';
      readonly anchor: AnchorNumber;
      readonly digestAlgorithm: DigestAlgorithm;
      readonly batchIds: readonly string[];
    }
  | {
      /** Small batches under one hash: their groups begin a chain of a batch that is theirs together. */
      readonly kind: 'join';
      readonly anchor: AnchorNumber;
      readonly digestAlgorithm: DigestAlgorithm;
      readonly batchIds: readonly string[];
      readonly documents: number;
    }
  | {
      /** Groups that the other TSA has stamped: one was away that night, or joined later. */
      readonly kind: 'anchor';
      readonly anchor: AnchorNumber;
      readonly digestAlgorithm: DigestAlgorithm;
      readonly groups: number;
    }
  | {
      /** By every TSA that is configured. */
      readonly kind: 'protect';
      readonly digestAlgorithm: DigestAlgorithm;
      readonly groups: number;
    };

/** What the plan cannot help, or wants an operator to know. */
export type PlanFinding = {
  readonly kind:
    | 'overdue'
    | 'no-acceptable-hash'
    | 'renewal-does-not-help'
    | 'broken-batch'
    | 'above-ceiling'
    | 'no-such-tsa';
  readonly message: string;
  readonly batchId?: string | undefined;
};

export type Plan = {
  /** In the order in which they are carried out: what ends first comes first. */
  readonly actions: readonly PlanAction[];
  readonly tokens: number;
  readonly cost: number | undefined;
  readonly findings: readonly PlanFinding[];
  /** The tree hash of what is stamped anew, and why; absent: none of those configured is acceptable. */
  readonly newDigest: { readonly algorithm: DigestAlgorithm; readonly reason: string } | undefined;
  /** False: above the ceiling; nothing may be bought before an operator says so. */
  readonly allowed: boolean;
  /** The first instant after `runAt` at which a batch or an augmented document falls due; absent: none ever does. */
  readonly nextDue: Temporal.Instant | undefined;
};

const leastPauseHours = 7 * 24;

/**
 * After a renewal that moved no horizon the same batch is left alone for half of the time that is left,
 * a week at least: a TSA that gets a new certificate late is still noticed, for a handful of tokens.
 */
function retryAt({ fruitlessSince, horizon }: BatchRow): Temporal.Instant | undefined {
  const half = fruitlessSince && horizon && horizon.since(fruitlessSince).total('hours') / 2;
  return fruitlessSince?.add({ hours: Math.max(leastPauseHours, Math.floor(half ?? 0)) });
}

function subtractDays(instant: Temporal.Instant, duration: Temporal.Duration): Temporal.Instant {
  return instant.subtract({ hours: 24 * duration.total('days') });
}

/** When evidence that ends then is renewed, if anybody needs it longer. */
export function dueBefore(
  horizon: Temporal.Instant,
  { leadTime }: Pick<PlanRules, 'leadTime'>,
): Temporal.Instant {
  return subtractDays(horizon, leadTime);
}

/** When a batch falls due; absent: never, because nothing ends it or nobody needs it longer. */
function dueAt(
  batch: BatchRow,
  demand: BatchDemand | undefined,
  rules: Pick<PlanRules, 'leadTime' | 'timeZone'>,
): Temporal.Instant | undefined {
  if (batch.horizon === undefined || demand === undefined || demand.documents === 0)
    return undefined;
  if (!demand.openEnded && demand.latestLastDay !== undefined) {
    // R-25: what is covered through its retention is not renewed.
    const end = instantAfter(Temporal.PlainDate.from(demand.latestLastDay), rules.timeZone);
    if (!isBefore(batch.horizon, end)) return undefined;
  }
  return dueBefore(batch.horizon, rules);
}

/** The first hash that is still acceptable a lead time from now; absent: none of those configured. */
function chooseDigest(rules: PlanRules, at: Temporal.Instant): DigestAlgorithm | undefined {
  const until = at.add({ hours: 24 * rules.leadTime.total('days') });
  return rules.digestAlgorithms.find((digest) =>
    acceptableAt(askProfile(rules.profile, { kind: 'digest', digest }, 'new'), until),
  );
}

/** Why new evidence has this hash, for the log (R-31). */
function digestReason(
  { profile, digestAlgorithms, leadTime }: PlanRules,
  digest: DigestAlgorithm,
): string {
  const passedOver = digestAlgorithms.slice(0, digestAlgorithms.indexOf(digest));
  const answer = askProfile(profile, { kind: 'digest', digest }, 'new');
  const end = answer.kind === 'listed' ? answer.endExclusive : undefined;
  const accepted = `${profile.id} accepts it ${end === undefined ? 'without an end' : `until ${end.toString()}`}`;
  return passedOver.length === 0
    ? `configured; ${accepted}`
    : `${accepted}; not ${passedOver.join(', ')} for ${leadTime.total('days')} days more`;
}

/** Whether a chain's hash has to be left: a renewal with the same one would end as soon. */
function hashIsEnding(batch: BatchRow, rules: PlanRules, at: Temporal.Instant): boolean {
  const until = at.add({ hours: 24 * rules.leadTime.total('days') });
  return !acceptableAt(
    askProfile(rules.profile, { kind: 'digest', digest: batch.digestAlgorithm }),
    until,
  );
}

/** Batches of one TSA. */
type Due = {
  readonly rehash: BatchRow[];
  readonly renew: Map<DigestAlgorithm, BatchRow[]>;
  readonly findings: PlanFinding[];
};

function sortDue(
  input: PlanInput,
  anchor: AnchorNumber,
  newDigest: DigestAlgorithm | undefined,
): Due {
  const due: Due = { rehash: [], renew: new Map(), findings: [] };
  // In the order of their making, which is the same for both TSAs.
  const batches = input.batches
    .filter((batch) => batch.anchor === anchor)
    .toSorted((a, b) => Temporal.Instant.compare(a.genTime, b.genTime));
  for (const batch of batches) {
    if (batch.kind === 'timestamp-renewal' || batch.state === 'retired') continue;
    const at = dueAt(batch, input.demand.get(batch.batchId), input.rules);
    if (batch.state === 'broken') {
      due.findings.push({
        kind: 'broken-batch',
        batchId: batch.batchId,
        message: `batch ${batch.batchId} is broken and is not renewed: ${batch.stateReason ?? 'see its findings'}`,
      });
      continue;
    }
    if (at === undefined || isBefore(input.runAt, at)) continue;
    if (anchor === 2 && !input.rules.second) {
      due.findings.push({
        kind: 'no-such-tsa',
        batchId: batch.batchId,
        message: `batch ${batch.batchId} was stamped by a second TSA, and none is configured: it is not renewed and ends at ${batch.horizon?.toString() ?? '?'}`,
      });
      continue;
    }
    if (batch.horizon && isBefore(batch.horizon, input.runAt)) {
      due.findings.push({
        kind: 'overdue',
        batchId: batch.batchId,
        message: `the proof of batch ${batch.batchId} ended at ${batch.horizon.toString()} (${batch.horizonElement.kind} ${batch.horizonElement.name})`,
      });
    }
    const again = retryAt(batch);
    if (again && isBefore(input.runAt, again)) {
      due.findings.push({
        kind: 'renewal-does-not-help',
        batchId: batch.batchId,
        message: `a renewal of batch ${batch.batchId} moves nothing: ${batch.horizonElement.kind} ${batch.horizonElement.name} ends it at ${batch.horizon?.toString() ?? '?'}`,
      });
      continue;
    }
    if (!hashIsEnding(batch, input.rules, input.runAt)) {
      due.renew.set(batch.digestAlgorithm, [
        ...(due.renew.get(batch.digestAlgorithm) ?? []),
        batch,
      ]);
    } else if (newDigest === undefined || newDigest === batch.digestAlgorithm) {
      due.findings.push({
        kind: 'no-acceptable-hash',
        batchId: batch.batchId,
        message: `the hash ${batch.digestAlgorithm} of batch ${batch.batchId} ends and no configured one follows it`,
      });
    } else {
      due.rehash.push(batch);
    }
  }
  return due;
}

function earliestHorizon(batches: readonly BatchRow[]): string {
  return batches.map((batch) => batch.horizon?.toString() ?? '9999').toSorted()[0] ?? '9999';
}

/** Tokens of either TSA. */
type Tokens = { readonly first: number; readonly second: number };

type Step = { readonly order: string; readonly action: PlanAction; readonly tokens: Tokens };

function tokensOf(anchor: AnchorNumber, count: number): Tokens {
  return anchor === 1 ? { first: count, second: 0 } : { first: 0, second: count };
}

/**
 * Batches that are joined, and those that are renewed as they are. A batch is small where as many of its size as are
 * joined would fit into one.
 */
function sortBySize(
  batches: readonly BatchRow[],
  { joinBatches, maxLeaves }: PlanRules,
): { readonly joined: readonly BatchRow[]; readonly kept: readonly BatchRow[] } {
  const small = batches.filter(({ groupCount }) => groupCount * joinBatches <= maxLeaves);
  if (small.length < joinBatches) return { joined: [], kept: batches };
  const joined = new Set(small);
  return { joined: small, kept: batches.filter((batch) => !joined.has(batch)) };
}

function idsOf(batches: readonly BatchRow[]): readonly string[] {
  return batches.map(({ batchId }) => batchId);
}

/** Renewals of one TSA's chains. */
function renewalSteps(
  due: Due,
  anchor: AnchorNumber,
  newDigest: DigestAlgorithm | undefined,
  { demand, rules }: PlanInput,
): readonly Step[] {
  const steps: Step[] = [];
  for (const [digestAlgorithm, batches] of due.renew) {
    const { joined, kept } = sortBySize(batches, rules);
    const documents = joined.reduce((sum, { groupCount }) => sum + groupCount, 0);
    if (joined.length > 0)
      steps.push({
        order: earliestHorizon(joined),
        action: { kind: 'join', anchor, digestAlgorithm, batchIds: idsOf(joined), documents },
        tokens: tokensOf(anchor, Math.ceil(documents / rules.maxLeaves)),
      });
    if (kept.length > 0)
      steps.push({
        order: earliestHorizon(kept),
        action: { kind: 'timestamp-renewal', anchor, digestAlgorithm, batchIds: idsOf(kept) },
        tokens: tokensOf(anchor, 1),
      });
  }
  if (due.rehash.length > 0 && newDigest) {
    const documents = due.rehash.reduce(
      (sum, batch) => sum + (demand.get(batch.batchId)?.documents ?? 0),
      0,
    );
    steps.push({
      order: earliestHorizon(due.rehash),
      action: {
        kind: 'hash-tree-renewal',
        anchor,
        toAlgorithm: newDigest,
        batchIds: idsOf(due.rehash),
        documents,
      },
      tokens: tokensOf(anchor, Math.max(1, Math.ceil(documents / rules.maxLeaves))),
    });
  }
  return steps;
}

/**
 * The plan of one night.
 * From each TSA one token per tree hash for all timestamp renewals, one for all hash-tree renewals, one per
 * `maxLeaves` groups that are new or whose small batches are joined (design §3).
 */
export function planNight(input: PlanInput): Plan {
  const { rules, runAt, demand } = input;
  const newDigest = chooseDigest(rules, runAt);
  const findings: PlanFinding[] = [];
  const renewals: Step[] = [];
  for (const anchor of [1, 2] as const) {
    const due = sortDue(input, anchor, newDigest);
    findings.push(...due.findings);
    renewals.push(...renewalSteps(due, anchor, newDigest, input));
  }
  renewals.sort((a, b) => a.order.localeCompare(b.order));
  const steps = [...renewals];
  const { augmentations } = input;
  // Before new documents are stamped: the new versions are among them.
  if (newDigest && augmentations && augmentations.documents > 0)
    steps.push({
      order: '',
      action: {
        kind: 'augment',
        anchor: 1,
        digestAlgorithm: newDigest,
        documents: augmentations.documents,
      },
      tokens: tokensOf(1, augmentations.tokens),
    });
  if (newDigest && rules.second)
    for (const [anchor, groups] of input.lackingAnchor ?? [])
      if (groups > 0)
        steps.push({
          order: '',
          action: { kind: 'anchor', anchor, digestAlgorithm: newDigest, groups },
          tokens: tokensOf(anchor, Math.ceil(groups / rules.maxLeaves)),
        });
  if (input.waitingGroups > 0) {
    if (newDigest) {
      const batches = Math.ceil(input.waitingGroups / rules.maxLeaves);
      steps.push({
        order: '',
        action: { kind: 'protect', digestAlgorithm: newDigest, groups: input.waitingGroups },
        tokens: { first: batches, second: rules.second ? batches : 0 },
      });
    } else {
      findings.push({
        kind: 'no-acceptable-hash',
        message: `no configured hash (${rules.digestAlgorithms.join(', ')}) is acceptable for new evidence`,
      });
    }
  }
  const first = steps.reduce((sum, step) => sum + step.tokens.first, 0);
  const second = steps.reduce((sum, step) => sum + step.tokens.second, 0);
  const tokens = first + second;
  const prices = [rules.price, rules.second?.price];
  const cost = prices.every((price) => price === undefined)
    ? undefined
    : first * (rules.price?.amount ?? 0) + second * (rules.second?.price?.amount ?? 0);
  const allowed =
    tokens <= rules.ceiling.tokens &&
    (cost === undefined || rules.ceiling.cost === undefined || cost <= rules.ceiling.cost);
  if (!allowed) {
    findings.push({
      kind: 'above-ceiling',
      message: `the plan asks for ${tokens} tokens${cost === undefined ? '' : ` (${cost} ${rules.price?.currency ?? ''})`}, the ceiling is ${rules.ceiling.tokens}${rules.ceiling.cost === undefined ? '' : ` (${rules.ceiling.cost})`}: nothing was bought; run again with --allow-tokens ${tokens} or raise ceiling.tokens`,
    });
  }
  const next = input.batches
    .filter(
      (batch) =>
        batch.kind !== 'timestamp-renewal' &&
        (batch.anchor === 1 || rules.second !== undefined) &&
        (batch.state === 'valid' || batch.state === 'unknown'),
    )
    .flatMap((batch) => {
      const at = dueAt(batch, demand.get(batch.batchId), rules);
      // What was renewed in vain is looked at again after the pause.
      const again = retryAt(batch);
      const from = at && again && isBefore(at, again) ? again : at;
      return from && isBefore(runAt, from) ? [from] : [];
    })
    .concat(augmentations?.nextDue ?? [])
    .toSorted((a, b) => Temporal.Instant.compare(a, b))[0];
  return {
    actions: steps.map((step) => step.action),
    tokens,
    cost,
    findings,
    newDigest: newDigest && { algorithm: newDigest, reason: digestReason(rules, newDigest) },
    allowed,
    nextDue: next,
  };
}
