// Finishes what an interrupted run left: the normal path entered in the middle. Nothing that was
// bought is lost, nothing is bought twice (design §1, invariant 3).
import { FormatError, InvariantError } from '#shared/errors.ts';
import { isUncertain, type StoredRequest } from './ask.ts';
import { batchKey, listedButGone, type BatchObjectName } from './batch-objects.ts';
import { listBatches } from './manifest.ts';
import { loadRequest, type StampRequest } from './request-file.ts';
import { finishBatch } from './stamp.ts';
import { storeSuperseded } from './superseded.ts';
import type {
  AnchorNumber,
  BatchId,
  BatchManifest,
  EvidenceContext,
  PendingBatch,
  RecoveryOutcome,
  StampOutcome,
} from './types.ts';

/** How long the proxy's journal answers a repeat with the same token. */
const journalMemory = Temporal.Duration.from({ hours: 7 * 24 });

const leftToNight = 'the next night goes on with it, which reads the chains that it renews';

/**
 * Takes every batch without a manifest to its end: committed, superseded, or still pending. To be
 * called at the start of a run, before anything is planned; buys nothing, whatever it asks again.
 * `other`: the context of the second TSA, whose requests go to it alone.
 * @throws what the store throws
 */
export async function recoverPending(
  context: EvidenceContext,
  other?: EvidenceContext,
): Promise<RecoveryOutcome> {
  const { store, run } = context;
  const contextOf = (anchor: AnchorNumber = 1): EvidenceContext | undefined =>
    [context, other].find((each) => each && (each.anchor ?? 1) === anchor);
  const committed: BatchManifest[] = [];
  const pending: PendingBatch[] = [];
  const superseded: { batchId: BatchId; reason: string }[] = [];

  const supersede = async (batchId: BatchId, reason: string): Promise<void> => {
    await storeSuperseded(store, batchId, reason, run);
    superseded.push({ batchId, reason });
  };

  // The list is taken first: finishing a batch adds objects under the prefix that is listed.
  const open: { id: BatchId; objects: ReadonlySet<BatchObjectName> }[] = [];
  for await (const batch of listBatches(store, run.signal, run.since))
    if (!batch.objects.has('manifest') && !batch.objects.has('superseded')) open.push(batch);

  for (const { id, objects } of open) {
    run.signal.throwIfAborted();
    const stored = objects.has('request') ? await requestOf(context, id) : undefined;
    if (!stored && objects.has('request')) throw listedButGone(store, batchKey(id, 'request'));
    if (!stored || 'damage' in stored) {
      await supersede(id, stored ? stored.damage : 'no token was asked for');
      continue;
    }
    const forgotten = stored.request.batch.runAt.add(journalMemory);
    const isOld = Temporal.Instant.compare(run.runAt, forgotten) >= 0;
    const settled = objects.has('received') ? undefined : settledReason(stored.request, isOld);
    if (settled !== undefined) {
      await supersede(id, settled);
      continue;
    }
    const asking = contextOf(stored.request.batch.anchor);
    if (!asking) {
      const reason = `no TSA number ${stored.request.batch.anchor ?? 1} is configured`;
      if (isOld) await supersede(id, reason);
      else pending.push({ id, kind: stored.request.batch.kind, state: 'asked', reason });
      continue;
    }
    const { kind } = stored.request.batch;
    if (run.since !== undefined && kind !== 'initial') {
      pending.push({ id, kind, state: 'asked', reason: leftToNight });
      continue;
    }
    const outcome = await finishOrGiveUp(asking, stored);
    if (outcome.kind === 'not-as-written') {
      await supersede(id, outcome.message);
      continue;
    }
    if (outcome.kind === 'committed') committed.push(outcome.manifest);
    else if (outcome.kind === 'pending') {
      // Documents must not wait for ever behind a token that nobody can judge.
      if (isOld) await supersede(id, `no valid token for seven days: ${outcome.pending.reason}`);
      else pending.push(outcome.pending);
    } else superseded.push({ batchId: id, reason: reasonFor(outcome) });
  }
  return { committed, pending, superseded };
}

/**
 * A batch that does not hold when it is read back stopped the run that made it. Where it does not hold now,
 * either, it is given up, so that its groups go into a new one: after a second look, since its token is paid
 * for, and a store may have given an old answer.
 */
async function finishOrGiveUp(
  context: EvidenceContext,
  stored: StoredRequest,
  looks = 2,
): Promise<StampOutcome | { readonly kind: 'not-as-written'; readonly message: string }> {
  try {
    return await finishBatch(context, stored);
  } catch (error) {
    if (!(error instanceof InvariantError) || error.code !== 'ERR_INVARIANT_READ_BACK') throw error;
    if (looks > 1) return finishOrGiveUp(context, stored, looks - 1);
    return { kind: 'not-as-written', message: error.message };
  }
}

/** A request that cannot be read cannot be repeated: its groups wait for the next batch. */
async function requestOf(
  { store, run }: EvidenceContext,
  id: BatchId,
): Promise<StoredRequest | { readonly damage: string } | undefined> {
  try {
    return await loadRequest(store, id, run.signal);
  } catch (error) {
    if (error instanceof FormatError) return { damage: error.message };
    throw error;
  }
}

/** Why a batch without an answer need not be asked for again, if so. */
function settledReason({ attempts }: StampRequest, isOld: boolean): string | undefined {
  // No attempt written down: the run ended while it asked, so the octets may have bought a token.
  if (attempts.length > 0 && !isUncertain(attempts)) return 'no token was made';
  return isOld
    ? 'the answer can no longer be had: the journal of the TSA has forgotten the request'
    : undefined;
}

function reasonFor(outcome: StampOutcome): string {
  if (outcome.kind === 'refused') return outcome.error.message;
  return outcome.kind === 'refused-token' ? 'the token was refused' : outcome.kind;
}
