// Batches whose newest token leads to no anchor of its TSA any more: trust was withdrawn. Found the next
// night, not when their renewal is due, so that no report counts on them and the other TSA's record is
// what stands (design §3, "Dual anchoring").
import type { BatchRow, Catalogue } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { ChainVerifier } from '../evidence/verify-chain.ts';
import type { TokenVerification } from '../evidence/types.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';

export type DistrustDependencies = {
  readonly catalogue: Catalogue;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  /** Trust in the TSA that keeps a batch's chain; `undefined` where it is not configured. */
  readonly verificationOf: (batch: BatchRow) => TokenVerification | undefined;
  readonly verifierOf: (batch: BatchRow) => ChainVerifier | undefined;
  readonly runAt: Temporal.Instant;
};

/** A cheap look at every batch: only one whose path holds no configured anchor is verified. */
function holdsAnchor({ newestToken }: BatchRow, { anchors }: TokenVerification): boolean {
  const trusted = new Set(anchors.map(({ certificate }) => certificate.fingerprint));
  return newestToken.chain.some(({ fingerprint }) => trusted.has(fingerprint));
}

/** Marks them broken until trust is given again; what the other TSA stamped is not touched. */
export async function findDistrusted(deps: DistrustDependencies): Promise<readonly FindingLine[]> {
  const { catalogue, journal, runAt } = deps;
  const findings = new FindingList();
  for await (const batch of catalogue.batches()) {
    const { batchId, kind, state, horizon } = batch;
    if (kind === 'timestamp-renewal' || state === 'broken' || state === 'retired') continue;
    const verification = deps.verificationOf(batch);
    if (!verification || (horizon && isBefore(horizon, runAt))) continue;
    if (holdsAnchor(batch, verification)) continue;
    const verdict = await deps.verifierOf(batch)?.verify(batchId);
    if (verdict?.kind !== 'broken') continue;
    const reason = verdict.damage.flatMap((part) => part.findings)[0]?.message ?? 'it is not valid';
    const message = `its newest token leads to no configured anchor: ${reason}`;
    const at = runAt.toString();
    await journal([{ kind: 'evidence-damage', batchId, part: 'token', message, at }]);
    await catalogue.putBatch({ ...batch, state: 'broken', stateReason: message });
    findings.push({ kind: 'broken-evidence', level: 'error', batchId, message });
  }
  return findings.lines();
}
