// The evidence of a document that its augmentation alone protects, as reports know evidence: made from its facts,
// since no batch stands for it.
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { BatchRow, DocumentRow } from '#shared/ports/catalogue.ts';
import { embeddedHorizon } from '../augmentation/embedded-horizon.ts';

/** In the place of a batch's id. */
export const embeddedEvidence = 'embedded';

/** `undefined` where batches stand for the document, or nothing does. */
export function embeddedBatch(
  document: DocumentRow,
  batches: readonly BatchRow[],
  { profile }: { readonly profile: AlgorithmProfile },
): BatchRow | undefined {
  const { facts, state, stateSince, lastRead } = document;
  if (state !== 'protected' || batches.length > 0 || facts.format !== 'CAdES') return undefined;
  const rules = { profile, anchorEnds: new Map(), revocations: new Map() };
  const horizon = embeddedHorizon(facts, rules);
  if (!horizon) return undefined;
  const { at, element, token } = horizon;
  return {
    batchId: embeddedEvidence,
    kind: 'initial',
    anchor: 1,
    madeUp: false,
    digestAlgorithm: token.imprintAlgorithm,
    groupCount: 1,
    genTime: stateSince,
    newestBatchId: embeddedEvidence,
    newestToken: token,
    tokenCount: facts.timestamps.filter(({ type }) => type === 'archive').length,
    horizon: at,
    horizonElement: element,
    state: 'valid',
    stateReason: undefined,
    fruitlessSince: undefined,
    leafTableRead: lastRead,
  };
}
