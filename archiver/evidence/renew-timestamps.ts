// Timestamp renewal (RFC 4998 §5.2): one small tree over the due batches, one token for them all. Each
// batch is verified first; broken evidence is handed back as findings and never covered.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { createAssembler } from './assemble.ts';
import { newBatchId } from './batch-objects.ts';
import { refreshEvidenceForm } from './freeze.ts';
import { inFlightFinding, loadInFlight } from './in-flight.ts';
import { createLeafTableBuilder } from './leaf-table-builder.ts';
import { storeLeafTable } from './prepare.ts';
import { stamp } from './stamp.ts';
import { damageOf, readable } from './link-check.ts';
import { timestampRenewalOf, type RenewedGroup } from './renewed-groups.ts';
import type {
  BatchId,
  EvidenceContext,
  LeftOutBatch,
  PreparedBatch,
  PreviousBatch,
  TimestampRenewalOutcome,
} from './types.ts';
import { createChainVerifier, type ChainVerifier } from './verify-chain.ts';
import { readToken } from './token-object.ts';

export type TimestampRenewal = {
  /** Batches of documents or of records taken over, of one tree hash algorithm, each at most once. */
  readonly batchIds: readonly BatchId[];
  /** Theirs: a chain has one hash algorithm (RFC 4998 §5.2). */
  readonly digestAlgorithm: DigestAlgorithm;
  /** Whether a batch's lead time has passed, so that it is renewed although revocation is unknown. */
  readonly renewUnknown?: (id: BatchId) => boolean;
};

/**
 * Verifies, refreshes and covers the batches given, with one token. What was left out comes back with
 * its findings; with nothing left to cover, no token is asked for.
 * @throws InvariantError ERR_INVARIANT_STATE: a batch that is none of documents, or of another algorithm
 */
export async function renewTimestamps(
  context: EvidenceContext,
  renewal: TimestampRenewal,
): Promise<TimestampRenewalOutcome> {
  const { store, chains, tsa, run } = context;
  const verifier = createChainVerifier(store, chains, {
    verification: tsa.verification,
    at: run.runAt,
    signal: run.signal,
  });
  const inFlight = await loadInFlight(store, run.signal);
  const covered: BatchId[] = [];
  const leftOut: LeftOutBatch[] = [];
  const findings: Finding[] = [];
  for (const batchId of new Set(renewal.batchIds)) {
    run.signal.throwIfAborted();
    requireRenewable(context, batchId, renewal.digestAlgorithm);
    const by = inFlight.get(batchId);
    if (by !== undefined) {
      leftOut.push({ kind: 'retry', batchId, findings: [inFlightFinding(batchId, by)] });
      continue;
    }
    const verdict = await verifier.verify(batchId);
    if (verdict.kind === 'broken') {
      leftOut.push({ kind: 'broken', batchId, damage: verdict.damage });
    } else if (verdict.kind === 'unknown' && !renewal.renewUnknown?.(batchId)) {
      leftOut.push({ kind: 'retry', batchId, findings: verdict.findings });
    } else {
      if (verdict.kind === 'unknown') findings.push(...verdict.findings);
      covered.push(batchId);
    }
  }
  if (covered.length === 0) return { stamped: { kind: 'empty' }, covered, leftOut };
  await refreshNewest(context, verifier, covered, { inFlight, refreshed: new Set() });
  const groups = await groupsOver(context, covered, leftOut);
  if (groups.length === 0) return { stamped: { kind: 'empty' }, covered: [], leftOut };
  const prepared = await prepareRenewal(context, groups, renewal.digestAlgorithm, findings);
  const stamped = await stamp(context, prepared);
  const ids = groups.map(({ previous }) => previous.batchId);
  return { stamped, covered: stamped.kind === 'committed' ? ids : [], leftOut };
}

type CoveredBatch = RenewedGroup & { readonly previous: PreviousBatch };

/** A batch of which the group cannot be made (a record of another product that is past the bounds) holds up no other. */
async function groupsOver(
  { store, chains, run }: EvidenceContext,
  ids: readonly BatchId[],
  leftOut: LeftOutBatch[],
): Promise<readonly CoveredBatch[]> {
  const { signal } = run;
  const assembler = createAssembler(store, chains, { signal });
  const token = (id: BatchId): Promise<Uint8Array> => readToken(store, chains, id, run);
  const sources = { store, chains, assembler, token, signal };
  const groups: CoveredBatch[] = [];
  for (const batchId of ids) {
    const previous = { batchId, renewals: chains.renewalsOf(batchId).length };
    const made = await readable(() => timestampRenewalOf(sources, previous));
    if (made.kind === 'read') groups.push({ ...made.value, previous });
    else
      leftOut.push({
        kind: 'broken',
        batchId,
        damage: [damageOf('record', batchId, made.message)],
      });
  }
  return groups;
}

function requireRenewable(
  { chains }: EvidenceContext,
  id: BatchId,
  algorithm: DigestAlgorithm,
): void {
  const { kind, digestAlgorithm } = chains.manifest(id);
  if (kind === 'timestamp-renewal')
    throw new InvariantError('ERR_INVARIANT_STATE', `batch ${id} is itself a timestamp renewal`);
  if (digestAlgorithm !== algorithm)
    throw new InvariantError(
      'ERR_INVARIANT_STATE',
      `batch ${id} has ${digestAlgorithm}, not ${algorithm}`,
    );
}

/** What of the tokens is fixed: covered by a pending renewal, or hashed in this run already. */
export type RefreshState = {
  readonly inFlight: ReadonlyMap<BatchId, BatchId>;
  readonly refreshed: Set<BatchId>;
};

/** Each newest token once, unless some later timestamp covers it already. */
export async function refreshNewest(
  context: EvidenceContext,
  verifier: ChainVerifier,
  ids: readonly BatchId[],
  { inFlight, refreshed }: RefreshState,
): Promise<void> {
  const { chains } = context;
  const newest = new Map(ids.map((id) => [chains.renewalsOf(id).at(-1)?.batchId ?? id, id]));
  for (const [tokenId, id] of newest) {
    if (refreshed.has(tokenId)) continue;
    refreshed.add(tokenId);
    // A pending renewal hashed the token as it is now.
    const coveredByPending = chains
      .manifest(tokenId)
      .previous.some(({ batchId }) => inFlight.has(batchId));
    if (chains.isCovered(tokenId) || coveredByPending) continue;
    const judged = await verifier.newest(id);
    if (judged) await refreshEvidenceForm(context, tokenId, judged);
  }
}

async function prepareRenewal(
  { store, run }: EvidenceContext,
  groups: readonly CoveredBatch[],
  digestAlgorithm: DigestAlgorithm,
  findings: readonly Finding[],
): Promise<PreparedBatch> {
  const builder = createLeafTableBuilder({ digestAlgorithm, previous: false, blind: false });
  const previous = groups.map((group) => group.previous);
  for (const { members } of groups) builder.add(members);
  // Once more, as records in XML hash what they renew (RFC 6283 §4.2.1): one leaf more for a batch.
  for (const { inXml } of groups) builder.add(inXml);
  return storeLeafTable(
    store,
    {
      id: newBatchId(run.runAt, run.random),
      kind: 'timestamp-renewal',
      builder,
      previous: () => previous,
      findings: () => findings,
    },
    run,
  );
}
