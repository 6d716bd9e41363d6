// The plan as of an instant, from the catalogue as it stands.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { ArchiverConfig } from '../config.ts';
import type { AnchorNumber } from '../evidence/types.ts';
import { countAugmentations } from '../stages/augment-due.ts';
import { refreshHorizons } from '../stages/catalogue.ts';
import { countGroupsWithoutAnchor, countWaitingGroups } from '../stages/groups.ts';
import { planNight, type Plan, type PlanRules } from '../stages/plan.ts';
import type { NightDependencies } from './dependencies.ts';

/** What the planner needs of the configuration. */
export function planRules(config: ArchiverConfig): PlanRules {
  return {
    profile: config.profile,
    digestAlgorithms: [config.digestAlgorithm, config.nextDigestAlgorithm],
    leadTime: config.leadTime,
    timeZone: config.timeZone,
    maxLeaves: config.maxLeaves,
    joinBatches: config.joinBatches,
    price: config.tsa.price,
    second: config.secondTsa && { price: config.secondTsa.price },
    ceiling: config.ceiling,
  };
}

async function countLacking(catalogue: Catalogue): Promise<ReadonlyMap<AnchorNumber, number>> {
  const counts = new Map<AnchorNumber, number>();
  for (const anchor of [1, 2] as const)
    counts.set(anchor, await countGroupsWithoutAnchor(catalogue, anchor));
  return counts;
}

/** Horizons are worked out anew first, since policy and trust may have changed. */
export async function planFromCatalogue(
  deps: Pick<NightDependencies, 'catalogue' | 'config' | 'horizonRules'>,
  runAt: Temporal.Instant,
): Promise<Plan> {
  const { catalogue, config, horizonRules } = deps;
  const batches = await refreshHorizons(catalogue, horizonRules);
  const demand = new Map(
    (await Array.fromAsync(catalogue.batchDemand())).map((row) => [row.batchId, row]),
  );
  return planNight({
    runAt,
    rules: planRules(config),
    batches,
    demand,
    waitingGroups: await countWaitingGroups(catalogue),
    lackingAnchor: config.secondTsa && (await countLacking(catalogue)),
    augmentations: await countAugmentations(deps, runAt),
  });
}

/** What waits for a token, and nothing else: for a run between nights, which renews nothing. Its own ceiling holds. */
export async function planProtection(
  { catalogue, config }: Pick<NightDependencies, 'catalogue' | 'config'>,
  runAt: Temporal.Instant,
): Promise<Plan> {
  return planNight({
    runAt,
    rules: planRules(config),
    batches: [],
    demand: new Map(),
    waitingGroups: await countWaitingGroups(catalogue),
  });
}
