// "A provider ends on this day" as a what-if: which documents and tokens hang on it, what moves, what has to be
// renewed by when, and what that costs beside what would be bought on that day anyway. From the catalogue alone; nothing
// is written or bought.
import type { BatchDemand, BatchRow, Catalogue } from '#shared/ports/catalogue.ts';
import { earlier, isBefore } from '#shared/time.ts';
import { planRules } from '../night/plan-catalogue.ts';
import { countAugmentations } from '../stages/augment-due.ts';
import { dueBefore, planNight, type Plan, type PlanRules } from '../stages/plan.ts';
import { batchUnder, compareConfigurations, type Difference, type Side } from './difference.ts';
import { loadBatchIndex } from './document-context.ts';

/** One plan on the day by which renewals are due. */
export type Purchase = Pick<Plan, 'tokens' | 'cost' | 'actions'>;

export type ProviderEnd = {
  /** Fingerprints of the anchors that end. */
  readonly anchors: readonly string[];
  readonly at: string;
  /** The first instant at which they are trusted no longer. */
  readonly end: string;
  /** The night by which what hangs on them is renewed: the lead time before the end, or now. */
  readonly renewBy: string;
  /** Batches whose newest token leads to them: one token each. */
  readonly batches: number;
  /** Documents with evidence that hangs on them, and those of which nothing else would be left. */
  readonly documents: number;
  readonly withoutOther: number;
  /** Whether another anchor is configured for each TSA that is asked: else nobody could renew. */
  readonly successor: boolean;
  /** What is bought that night where the provider ends, and where it does not. */
  readonly withEnd: Purchase;
  readonly withoutEnd: Purchase;
  readonly extraTokens: number;
  readonly extraCost: number | undefined;
  readonly currency: string | undefined;
  readonly findings: Plan['findings'];
  /** Of each document: what moves. */
  readonly difference: Difference;
};

export type ProviderEndQuestion = {
  readonly anchors: ReadonlySet<string>;
  readonly end: Temporal.Instant;
  readonly at: Temporal.Instant;
  /** What a token of the successor costs; absent: what is configured. */
  readonly price?: number | undefined;
  readonly maxExamples: number;
  readonly signal: AbortSignal;
};

/** The side on which the provider has ended. */
function afterwards(side: Side, { anchors, end }: ProviderEndQuestion): Side {
  const anchorEnds = new Map(side.config.anchorEnds);
  for (const anchor of anchors) {
    const before = anchorEnds.get(anchor);
    anchorEnds.set(anchor, before ? earlier(before, end) : end);
  }
  return {
    ...side,
    config: { ...side.config, anchorEnds },
    horizonRules: { ...side.horizonRules, anchorEnds },
  };
}

/** Of the TSAs that end, by their numbers, the successor's price. */
function pricedAt(rules: PlanRules, ending: ReadonlySet<number>, price: number): PlanRules {
  const { price: first, second } = rules;
  return {
    ...rules,
    // ISO 4217: no currency.
    ...(ending.has(1) && { price: { amount: price, currency: first?.currency ?? 'XXX' } }),
    ...(second && ending.has(2) && { second: { price: { amount: price } } }),
  };
}

/** The renewals of one night; what waits for its first token costs the same on either side. */
async function planOn(
  side: Side,
  catalogue: Catalogue,
  facts: {
    readonly runAt: Temporal.Instant;
    readonly batches: readonly BatchRow[];
    readonly demand: ReadonlyMap<string, BatchDemand>;
    readonly rules: PlanRules;
  },
): Promise<Plan> {
  const { runAt, batches, demand, rules } = facts;
  const { config, horizonRules } = side;
  return planNight({
    runAt,
    rules,
    // That each leads to an anchor was seen when it was taken.
    batches: batches.map((batch) => batchUnder(batch, { horizonRules })),
    demand,
    waitingGroups: 0,
    augmentations: await countAugmentations({ catalogue, config, horizonRules }, runAt),
  });
}

function purchaseOf({ tokens, cost, actions }: Plan): Purchase {
  return { tokens, cost, actions };
}

/** What ends with the anchors. Memory grows with batches, never with documents. */
export async function endOfProvider(
  catalogue: Catalogue,
  from: Side,
  question: ProviderEndQuestion,
): Promise<ProviderEnd> {
  const { anchors, end, at, price, maxExamples, signal } = question;
  const to = afterwards(from, question);
  const batches = [...(await loadBatchIndex(catalogue)).values()];
  const hanging = new Set(
    batches
      .filter(({ newestToken }) => newestToken.chain.some((one) => anchors.has(one.fingerprint)))
      .map(({ batchId }) => batchId),
  );
  const sound = new Set(
    batches.filter(({ state }) => state !== 'broken').map(({ batchId }) => batchId),
  );
  let [documents, withoutOther] = [0, 0];
  for await (const page of catalogue.documentOutlines({ facts: false })) {
    signal.throwIfAborted();
    for (const { state, batchIds } of page) {
      if (state === 'superseded' || !batchIds.some((id) => hanging.has(id))) continue;
      documents++;
      if (!batchIds.some((id) => sound.has(id) && !hanging.has(id))) withoutOther++;
    }
  }
  const demand = new Map(
    (await Array.fromAsync(catalogue.batchDemand())).map((row) => [row.batchId, row]),
  );
  const due = dueBefore(end, from.config);
  const runAt = isBefore(due, at) ? at : due;
  const facts = { runAt, batches, demand };
  const ofTsas = [...(from.anchors ?? [])];
  const ending = new Set(
    ofTsas.flatMap(([tsa, own]) => ([...own].some((one) => anchors.has(one)) ? [tsa] : [])),
  );
  const rules = planRules(from.config);
  const successors = price === undefined ? rules : pricedAt(rules, ending, price);
  const withEnd = await planOn(to, catalogue, { ...facts, rules: successors });
  const withoutEnd = await planOn(from, catalogue, { ...facts, rules });
  const isHeldUp = ofTsas.some(([, own]) => [...own].every((anchor) => anchors.has(anchor)));
  const extraCost = withEnd.cost === undefined ? undefined : withEnd.cost - (withoutEnd.cost ?? 0);
  return {
    anchors: [...anchors],
    at: at.toString(),
    end: end.toString(),
    renewBy: runAt.toString(),
    batches: batches.filter(
      ({ batchId, state, kind }) =>
        hanging.has(batchId) && state !== 'retired' && kind !== 'timestamp-renewal',
    ).length,
    documents,
    withoutOther,
    successor: !isHeldUp,
    withEnd: purchaseOf(withEnd),
    withoutEnd: purchaseOf(withoutEnd),
    extraTokens: withEnd.tokens - withoutEnd.tokens,
    extraCost,
    currency: from.config.tsa.price?.currency,
    findings: withEnd.findings,
    difference: await compareConfigurations(catalogue, { from, to }, { at, maxExamples, signal }),
  };
}
