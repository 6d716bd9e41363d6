// Which documents are to be raised now: by their rule, and by what the catalogue knows of their archive timestamps.
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import { earlier, isBefore } from '#shared/time.ts';
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

/** From when a document is to be raised, by what the catalogue knows of it; `undefined`: never. */
function dueSince(
  { facts, intake, state }: DocumentRow,
  rule: RetentionRule,
  { config, horizonRules }: Pick<DueSources, 'config' | 'horizonRules'>,
  runAt: Temporal.Instant,
): Temporal.Instant | undefined {
  // What was lost when it came is not made better by a timestamp; what could not be decided may be now.
  if (facts.format !== 'CAdES' || !['valid', 'indeterminate'].includes(intake.status))
    return undefined;
  if (facts.level !== 'LTA') return runAt;
  // A document that came at LTA has nothing of ours until it is stamped once.
  if (rule.renewal === 'augmentation' && state === 'waiting') return runAt;
  const horizon = embeddedHorizon(facts, horizonRules);
  return horizon?.at && dueBefore(horizon.at, config);
}

type Due = { readonly row: DocumentRow; readonly since: Temporal.Instant };

/** Documents that are to be raised now or some day; none is looked at where no rule asks for it. */
async function* augmentedDocuments(deps: DueSources, runAt: Temporal.Instant): AsyncIterable<Due> {
  if (deps.config.rules.every(({ renewal }) => renewal === 'evidence-record')) return;
  for await (const row of deps.catalogue.documents({ states: ['waiting', 'protected'] })) {
    const rule = await ruleOf(deps, row);
    if (!rule || rule.renewal === 'evidence-record') continue;
    const since = dueSince(row, rule, deps, runAt);
    if (since && (await isNewest(deps.catalogue, row))) yield { row, since };
  }
}

/** Documents to be raised now. */
export async function* documentsToAugment(
  deps: DueSources,
  runAt: Temporal.Instant,
): AsyncIterable<DocumentRow> {
  for await (const { row, since } of augmentedDocuments(deps, runAt))
    if (!isBefore(runAt, since)) yield row;
}

/** What is to be raised now, and when the next document will be. */
export async function countAugmentations(
  deps: DueSources,
  runAt: Temporal.Instant,
): Promise<{
  readonly documents: number;
  readonly tokens: number;
  readonly nextDue: Temporal.Instant | undefined;
}> {
  let documents = 0;
  let tokens = 0;
  let nextDue: Temporal.Instant | undefined;
  for await (const { row, since } of augmentedDocuments(deps, runAt)) {
    if (isBefore(runAt, since)) nextDue = nextDue ? earlier(nextDue, since) : since;
    else {
      documents += 1;
      tokens += tokensFor(row);
    }
  }
  return { documents, tokens, nextDue };
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
function tokensFor({ facts }: Pick<DocumentRow, 'facts'>): number {
  const own = facts.signatures.filter(({ countersigns }) => countersigns === undefined);
  return own.reduce((sum, { level }) => sum + (level === 'B' ? 2 : 1), 0);
}
