// The last look for validation data before a token is covered: once a later timestamp covers the
// evidence form it is frozen (design §3 "Tokens"; traps.md: collect first, stamp second).
import { InvariantError } from '#shared/errors.ts';
import { equalBytes } from '#shared/bytes.ts';
import { newestArchiveTimeStamp } from '#shared/ers/continuation.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import { readable } from './link-check.ts';
import { loadTakenOverRecord } from './taken-over.ts';
import { evidenceFormOf, judgeToken, verificationFor, type JudgedToken } from './tokens.ts';
import type { BatchId, EvidenceContext } from './types.ts';

/**
 * Brings the evidence form of an uncovered token up to what is known now, built again from the token
 * as received. Left as it is where the status of some certificate could not be had: older data is
 * better than none; and where the answer is damaged, which fixity reports.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: the new form does not verify; nothing was written
 * @throws ConflictError ERR_CONFLICT_CHANGED: someone else wrote it
 */
export async function refreshEvidenceForm(
  { store, chains, tsa, run }: EvidenceContext,
  id: BatchId,
  current: JudgedToken,
): Promise<void> {
  if (current.verdict.status !== 'valid') return;
  const { kind } = chains.manifest(id);
  const answer = await readable(async () => {
    if (kind === 'taken-over')
      return newestArchiveTimeStamp(await loadTakenOverRecord(store, id, run)).timeStamp;
    const { octets } = await readSmall(store, batchKey(id, 'received'), { signal: run.signal });
    return parseTimeStampResp(octets).token;
  });
  const received = answer.kind === 'read' ? answer.value : undefined;
  if (!received) return;
  const { messageImprint } = current.token.tstInfo;
  const { algorithm } = messageImprint;
  if (!algorithm) return;
  const judge = (octets: Uint8Array): Promise<JudgedToken> =>
    judgeToken(
      octets,
      { imprint: { algorithm, digest: messageImprint.hashedMessage } },
      verificationFor(tsa.verification, kind),
      { at: run.runAt, signal: run.signal },
    );
  const read = await readable(() => judge(received));
  if (read.kind === 'unreadable') return;
  const judged = read.value;
  if (judged.verdict.status !== 'valid' || judged.validationData.missing.length > 0) return;
  const form = evidenceFormOf(judged);
  const stored = await readSmall(store, batchKey(id, 'token'), { signal: run.signal });
  if (equalBytes(form, stored.octets)) return;
  const { verdict } = await judge(form);
  if (verdict.status !== 'valid')
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `batch ${id}: evidence form does not verify`,
    );
  await store.write(batchKey(id, 'token'), form, {
    signal: run.signal,
    condition: { kind: 'match', etag: stored.etag },
  });
}
