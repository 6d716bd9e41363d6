// The second half of a batch: request durable, token asked for, received, judged, brought to evidence
// form, read back, and last the manifest that makes it count (design §1, invariants 1 and 3). A
// recovery enters in the middle and runs the same code.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError, InvariantError, UnsupportedError } from '#shared/errors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { isBefore } from '#shared/time.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { ask, pendingOutcome, type StoredRequest } from './ask.ts';
import { batchKey, ifPresent, readSmall } from './batch-objects.ts';
import { commit, reasonOf } from './commit.ts';
import { independenceFinding } from './independence.ts';
import { withoutPending } from './in-flight.ts';
import { manifestVersion } from './manifest.ts';
import { prepareBatch, type InitialBatch } from './prepare.ts';
import { storeRequest, type StampRequest } from './request-file.ts';
import { storeSuperseded } from './superseded.ts';
import { describeToken, evidenceFormOf, judgeToken, type JudgedToken } from './tokens.ts';
import type {
  BatchManifest,
  EvidenceContext,
  PreparedBatch,
  StampOutcome,
  TokenVerification,
} from './types.ts';

/**
 * Prepares and stamps one batch of documents; groups that a pending batch holds are left to it.
 * @see RFC 4998 §4.2
 */
export async function anchor(context: EvidenceContext, batch: InitialBatch): Promise<StampOutcome> {
  const { store, run } = context;
  const groups = withoutPending(context, batch.groups);
  const prepared = await prepareBatch(store, { ...batch, groups }, run);
  return prepared ? stamp(context, prepared) : { kind: 'empty' };
}

/**
 * Asks for one token over a prepared batch, within the run's ceiling, and makes the batch count.
 * @throws InvariantError ERR_INVARIANT_READ_BACK: what was written does not hold; it does not count
 */
export async function stamp(
  context: EvidenceContext,
  prepared: PreparedBatch,
): Promise<StampOutcome> {
  const { store, tsa, run, anchor: number = 1 } = context;
  const batch: PreparedBatch = number === 1 ? prepared : { ...prepared, anchor: number };
  if (!run.budget.take(1)) {
    await storeSuperseded(store, batch.id, 'the ceiling of tokens was reached', run);
    return { kind: 'ceiling', batchId: batch.id };
  }
  const request: StampRequest = {
    batch,
    octets: buildTimeStampReq({
      algorithm: batch.digestAlgorithm,
      digest: rootOf(batch),
      reqPolicy: tsa.tsaPolicy,
      // 63 bits: positive in eight octets, which every TSA takes.
      nonce: BigInt.asUintN(63, BigInt(`0x${toHex(run.random(8))}`)),
      certReq: true,
    }),
    tsa: tsa.source.name,
    attempts: [],
  };
  const etag = await storeRequest(store, request, undefined, run.signal);
  return finishBatch(context, { request, etag });
}

/** Goes on from whatever is durable of a batch that was asked for: the answer, or only the request. */
export async function finishBatch(
  context: EvidenceContext,
  stored: StoredRequest,
): Promise<StampOutcome> {
  const { store, run } = context;
  const { batch } = stored.request;
  const key = batchKey(batch.id, 'received');
  const received = await ifPresent(readSmall(store, key, { signal: run.signal }));
  if (received && isResponse(received.octets))
    return acceptAnswer(context, stored.request, received.octets);
  // None yet, or one that was damaged where it lay: a repeat is answered with the same token.
  const answer = await ask(context, stored);
  if (answer.kind === 'ended') return answer.outcome;
  await store.write(key, answer.octets, {
    signal: run.signal,
    condition: received ? { kind: 'match', etag: received.etag } : { kind: 'absent' },
    contentType: 'application/timestamp-reply',
  });
  return acceptAnswer(context, stored.request, answer.octets);
}

function isResponse(octets: Uint8Array): boolean {
  try {
    return parseTimeStampResp(octets).token !== undefined;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** Checks that say a token is no answer to this query: none for EN 319 102-1 to fail it, and no wait mends it. */
const answersQuery: readonly string[] = ['nonce', 'tsa-policy'];

/** Judges the answer that is durable now, and makes the batch count if its token holds. */
async function acceptAnswer(
  context: EvidenceContext,
  request: StampRequest,
  answer: Uint8Array,
): Promise<StampOutcome> {
  const { store, tsa, run } = context;
  const { batch } = request;
  const now = run.clock.now();
  const judge = (token: Uint8Array): Promise<JudgedToken> =>
    judgeToken(
      token,
      {
        imprint: { algorithm: batch.digestAlgorithm, digest: rootOf(batch) },
        request: parseTimeStampReq(request.octets),
      },
      tsa.verification,
      { at: now, signal: run.signal },
    );
  const received = await refusable(judge, parseTimeStampResp(answer).token);
  if (received.kind === 'refused') return refuseToken(context, batch, received.findings);
  const { judged } = received;
  const { genTime } = judged.token.tstInfo;
  const clockFinding = checkClock(genTime, batch.runAt, now, tsa.verification);
  if (clockFinding) return refuseToken(context, batch, [clockFinding]);
  // Time does not mend an algorithm that the policy no longer accepts.
  if (judged.verdict.subIndication === 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE')
    return refuseToken(context, batch, judged.verdict.findings);
  const unasked = judged.verdict.findings.filter(
    ({ check, level }) => level === 'error' && answersQuery.includes(check),
  );
  if (unasked.length > 0) return refuseToken(context, batch, unasked);
  if (judged.verdict.status === 'indeterminate')
    return pendingOutcome(batch, 'answered', reasonOf(judged.verdict.findings));
  const described = describeToken(judged);
  const dependent = independenceFinding(context.chains, batch, described.chain);
  if (dependent) return refuseToken(context, batch, [dependent]);

  const evidence = evidenceFormOf(judged);
  const rejudged = await judge(evidence);
  if (rejudged.verdict.status !== 'valid')
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `batch ${batch.id}: evidence form: ${reasonOf(rejudged.verdict.findings)}`,
    );
  await store.write(batchKey(batch.id, 'token'), evidence, { signal: run.signal });
  const manifest: BatchManifest = {
    format: 'tokiwa-batch',
    version: manifestVersion(batch),
    ...batch,
    genTime,
    token: described,
    receivedSha256: toHex(digest('SHA-256', answer)),
    tsa: { name: request.tsa },
    price: tsa.price,
    findings: [
      ...batch.findings,
      ...judged.verdict.findings.filter(({ level }) => level !== 'info'),
    ],
  };
  await commit(context, manifest, now);
  return { kind: 'committed', manifest };
}

/**
 * RFC 3161 §2.4.2: a genTime lies between the request and now, within the tolerance. Not only now: after
 * a crash the answer to the same octets is as old as the night that asked.
 */
function checkClock(
  genTime: Temporal.Instant,
  askedAt: Temporal.Instant,
  now: Temporal.Instant,
  { clockToleranceSeconds }: TokenVerification,
): Finding | undefined {
  const seconds = clockToleranceSeconds;
  if (!isBefore(genTime, askedAt.subtract({ seconds })) && !isBefore(now.add({ seconds }), genTime))
    return undefined;
  return {
    check: 'gen-time-near-clock',
    clause: 'RFC 3161 §2.4.2',
    level: 'error',
    message: 'The token’s time and our clock are too far apart.',
    facts: { genTime: genTime.toString(), now: now.toString() },
  };
}

type Refusable =
  | { readonly kind: 'judged'; readonly judged: JudgedToken }
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] };

/** A token that is wrong, or no token at all, is a value: the batch goes on without it. */
async function refusable(
  judge: (token: Uint8Array) => Promise<JudgedToken>,
  token: Uint8Array | undefined,
): Promise<Refusable> {
  try {
    const judged = await judge(token ?? new Uint8Array(0));
    return judged.verdict.status === 'invalid'
      ? { kind: 'refused', findings: judged.verdict.findings }
      : { kind: 'judged', judged };
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    const finding: Finding = {
      check: 'token-readable',
      clause: 'RFC 3161 §2.4.2',
      level: 'error',
      message: `The token cannot be read: ${error.message}`,
      facts: { code: error.code },
    };
    return { kind: 'refused', findings: [finding] };
  }
}

async function refuseToken(
  context: EvidenceContext,
  batch: PreparedBatch,
  findings: readonly Finding[],
): Promise<StampOutcome> {
  const { store, run } = context;
  await storeSuperseded(store, batch.id, `token refused: ${reasonOf(findings)}`, run);
  run.events({ level: 'error', name: 'archiver.token.refused', batch: batch.id });
  return { kind: 'refused-token', batchId: batch.id, findings };
}

function rootOf(batch: PreparedBatch): Uint8Array {
  return fromHex(batch.root) ?? new Uint8Array(0);
}
