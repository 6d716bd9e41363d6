// Sends a durable request once and says how that ended (RFC 3161 §2.4.2, §3.4): an answer with a
// token, or an attempt whose outcome is written down before anything else happens.
import { FormatError, SourceError } from '#shared/errors.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import { parseTimeStampResp, printableText, type TimeStampResp } from '#shared/tsp/response.ts';
import { storeRequest, type StampAttempt, type StampRequest } from './request-file.ts';
import { storeSuperseded } from './superseded.ts';
import type { EvidenceContext, PendingBatch, PreparedBatch, StampOutcome } from './types.ts';

/** A request as it lies in the store. */
export type StoredRequest = { readonly request: StampRequest; readonly etag: string };

export type Answer =
  | { readonly kind: 'answered'; readonly octets: Uint8Array }
  | { readonly kind: 'ended'; readonly outcome: StampOutcome };

/** Sends the octets once; an answer without a token ends the attempt, and how is written down. */
export async function ask(context: EvidenceContext, stored: StoredRequest): Promise<Answer> {
  const { tsa, run } = context;
  try {
    const octets = await tsa.source.exchange(stored.request.octets, { signal: run.signal });
    const response = parseTimeStampResp(octets);
    if (response.token) return { kind: 'answered', octets };
    return await endAttempt(context, stored, rejection(response, tsa.source.conceal));
  } catch (error) {
    // An answer that cannot be read may hide a token; what was never sent cannot have bought one.
    if (error instanceof SourceError) return endAttempt(context, stored, error);
    if (!(error instanceof FormatError)) throw error;
    const unreadable = new SourceError('ERR_SOURCE_ANSWER', error.message, {
      retryable: true,
      outcomeUnknown: true,
      cause: error,
    });
    return endAttempt(context, stored, unreadable);
  }
}

/** Why an answer has no token, in the TSA's own words. */
export function rejection(
  response: TimeStampResp,
  conceal: TimestampSource['conceal'] = (text) => text,
): SourceError {
  const said = response.statusString.map((text) => printableText(conceal(text))).join(' ');
  return new SourceError(
    'ERR_SOURCE_REFUSED',
    `the TSA answered ${response.statusName ?? response.status} ${response.failInfo.join(' ')} ${said}`.trim(),
    {
      retryable: true,
      // RFC 3161 §2.4.2: waiting says that a token is still to come.
      outcomeUnknown: response.statusName === 'waiting',
      pkiStatus: response.status,
      failInfo: response.failInfo,
    },
  );
}

async function endAttempt(
  context: EvidenceContext,
  { request, etag }: StoredRequest,
  error: SourceError,
): Promise<Answer> {
  const { store, run } = context;
  const attempt: StampAttempt = {
    at: run.clock.now().toString(),
    outcome: error.outcomeUnknown
      ? 'unknown'
      : error.pkiStatus === undefined
        ? 'not-sent'
        : 'rejected',
    detail: error.message,
  };
  const attempts = [...request.attempts, attempt];
  await storeRequest(store, { ...request, attempts }, etag, run.signal);
  const batchId = request.batch.id;
  run.events({
    level: 'warn',
    name: 'archiver.batch.unstamped',
    batch: batchId,
    outcome: attempt.outcome,
    code: error.code,
  });
  if (isUncertain(attempts))
    return { kind: 'ended', outcome: pendingOutcome(request.batch, 'asked', error.message) };
  await storeSuperseded(store, batchId, `no token: ${error.message}`, run);
  return { kind: 'ended', outcome: { kind: 'refused', batchId, error } };
}

/**
 * Whether some attempt may have bought a token that was not received. A TSA that says no to the same
 * octets has none for them: its answer settles the attempts before.
 */
export function isUncertain(attempts: readonly StampAttempt[]): boolean {
  const settled = attempts.findLastIndex(({ outcome }) => outcome === 'rejected');
  return attempts.slice(settled + 1).some(({ outcome }) => outcome === 'unknown');
}

export function pendingOutcome(
  batch: PreparedBatch,
  state: PendingBatch['state'],
  reason: string,
): StampOutcome {
  return { kind: 'pending', pending: { id: batch.id, kind: batch.kind, state, reason } };
}
