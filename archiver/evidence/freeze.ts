// The last look for validation data before a token is covered: once a later timestamp covers the
// evidence form it is frozen (design §3 "Tokens"; traps.md: collect first, stamp second).
import { InvariantError } from '#shared/errors.ts';
import { equalBytes } from '#shared/bytes.ts';
import { newestArchiveTimeStamp } from '#shared/ers/continuation.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import { loadInFlight } from './in-flight.ts';
import { readable } from './link-check.ts';
import { loadTakenOverRecord } from './taken-over.ts';
import {
  evidenceFormOf,
  imprintOf,
  judgeToken,
  verificationFor,
  type JudgedToken,
} from './tokens.ts';
import type { BatchId, EvidenceContext } from './types.ts';

/** What came from the TSA, or with another product's record; `undefined` where it is damaged. */
async function receivedToken(
  { store, chains, run }: EvidenceContext,
  id: BatchId,
): Promise<Uint8Array | undefined> {
  const answer = await readable(async () => {
    if (chains.manifest(id).kind === 'taken-over')
      return newestArchiveTimeStamp(await loadTakenOverRecord(store, id, run)).token.raw;
    const { octets } = await readSmall(store, batchKey(id, 'received'), { signal: run.signal });
    return parseTimeStampResp(octets).token;
  });
  return answer.kind === 'read' ? answer.value : undefined;
}

/**
 * The evidence form of a batch's own token, built from the token as received with what is known now.
 * `undefined`: that is damaged, or is not valid as of now; `whole`: some status could not be had.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: the form does not verify
 */
async function formFromReceived(
  context: EvidenceContext,
  id: BatchId,
  { whole }: { readonly whole: boolean },
): Promise<Uint8Array | undefined> {
  const { chains, tsa, run } = context;
  const manifest = chains.manifest(id);
  const received = await receivedToken(context, id);
  if (!received) return undefined;
  const judge = (octets: Uint8Array): Promise<JudgedToken> =>
    judgeToken(
      octets,
      { imprint: imprintOf(manifest) },
      verificationFor(tsa.verification, manifest.kind),
      { at: run.runAt, signal: run.signal },
    );
  const read = await readable(() => judge(received));
  if (read.kind === 'unreadable') return undefined;
  const { verdict, validationData } = read.value;
  if (verdict.status !== 'valid' || (whole && validationData.missing.length > 0)) return undefined;
  const form = evidenceFormOf(read.value);
  const again = await judge(form);
  if (again.verdict.status !== 'valid')
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `batch ${id}: evidence form does not verify`,
    );
  return form;
}

/**
 * Brings the evidence form of an uncovered token up to what is known now, built again from the token
 * as received. Left as it is where the status of some certificate could not be had: older data is
 * better than none; and where the answer is damaged, which fixity reports.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: the new form does not verify; nothing was written
 * @throws ConflictError ERR_CONFLICT_CHANGED: someone else wrote it
 */
export async function refreshEvidenceForm(
  context: EvidenceContext,
  id: BatchId,
  current: JudgedToken,
): Promise<void> {
  if (current.verdict.status !== 'valid') return;
  const { store, chains, run } = context;
  const form = await formFromReceived(context, id, { whole: true });
  if (!form) return;
  const stored = await readSmall(store, batchKey(id, 'token'), { signal: run.signal });
  if (equalBytes(form, stored.octets)) return;
  await store.write(batchKey(id, 'token'), form, {
    signal: run.signal,
    condition: { kind: 'match', etag: stored.etag },
  });
  chains.noteToken(id, form);
}

/**
 * Makes a damaged evidence form again from the token as received and the revocation data at hand, as long as
 * no later timestamp covers it, not even one that is asked for: then another octet would break the link, and
 * only a copy of the very same octets heals. Gives whether it was made.
 */
export async function remakeToken(context: EvidenceContext, id: BatchId): Promise<boolean> {
  const { store, chains, run } = context;
  const inFlight = await loadInFlight(store, run.signal);
  const hashed = [id, ...chains.manifest(id).previous.map(({ batchId }) => batchId)];
  if (chains.isCovered(id) || hashed.some((each) => inFlight.has(each))) return false;
  const form = await formFromReceived(context, id, { whole: false });
  if (!form) return false;
  await store.write(batchKey(id, 'token'), form, { signal: run.signal });
  chains.noteToken(id, form);
  return true;
}
