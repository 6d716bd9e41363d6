// Which documents are to be raised now: by their rule, and by what the catalogue knows of their archive timestamps.
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import { embeddedHorizon } from '../augmentation/embedded-horizon.ts';
import type { ArchiverConfig, RetentionRule } from '../config.ts';
import { dueBefore } from './plan.ts';
import { ruleFor } from './retention.ts';

export type DueSources = {
  readonly catalogue: Catalogue;
  readonly config: ArchiverConfig;
  readonly horizonRules: HorizonRules;
};

/** The rule that a detached signature falls under is that of its document. */
export async function ruleOf(
  { catalogue, config }: Pick<DueSources, 'catalogue' | 'config'>,
  row: DocumentRow,
): Promise<RetentionRule | undefined> {
  const main =
    row.attachedTo === undefined ? undefined : await catalogue.getDocument(row.attachedTo);
  return ruleFor(config, (main ?? row).key);
}

/** Whether a document is to be raised now, by what the catalogue knows of it. */
function isDue(
  { facts, intake, state }: DocumentRow,
  rule: RetentionRule,
  { config, horizonRules }: Pick<DueSources, 'config' | 'horizonRules'>,
  runAt: Temporal.Instant,
): boolean {
  // What was lost when it came is not made better by a timestamp; what could not be decided may be now.
  if (facts.format !== 'CAdES' || !['valid', 'indeterminate'].includes(intake.status)) return false;
  if (facts.level !== 'LTA') return true;
  // A document that came at LTA has nothing of ours until it is stamped once.
  if (rule.renewal === 'augmentation' && state === 'waiting') return true;
  const horizon = embeddedHorizon(facts, horizonRules);
  return horizon?.at !== undefined && !isBefore(runAt, dueBefore(horizon.at, config));
}

/** Documents to be raised; none is looked at where no rule asks for it. */
export async function* documentsToAugment(
  deps: DueSources,
  runAt: Temporal.Instant,
): AsyncIterable<DocumentRow> {
  if (deps.config.rules.every(({ renewal }) => renewal === 'evidence-record')) return;
  for await (const row of deps.catalogue.documents({ states: ['waiting', 'protected'] })) {
    const rule = await ruleOf(deps, row);
    if (!rule || rule.renewal === 'evidence-record' || !isDue(row, rule, deps, runAt)) continue;
    if (await isNewest(deps.catalogue, row)) yield row;
  }
}

/** A version goes on from the newest one; those before keep the evidence that they have. */
async function isNewest(
  catalogue: Catalogue,
  { id, store, key, versionId }: DocumentRow,
): Promise<boolean> {
  if (versionId === '') return true;
  let newest = id;
  for await (const row of catalogue.documents({ store, key })) newest = Math.max(newest, row.id);
  return newest === id;
}

/** One archive timestamp a signature, and a signature timestamp where there is none yet. */
export function tokensFor({ facts }: Pick<DocumentRow, 'facts'>): number {
  const own = facts.signatures.filter(({ countersigns }) => countersigns === undefined);
  return own.reduce((sum, { level }) => sum + (level === 'B' ? 2 : 1), 0);
}
