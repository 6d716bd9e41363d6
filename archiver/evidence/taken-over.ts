// Records of other products as the evidence store keeps them (docs/formats.md, "Batches"): the record as it
// was found, never changed, and its newest token in evidence form beside it until a later timestamp covers it.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { currentChain, newestArchiveTimeStamp, olderTokens } from '#shared/ers/continuation.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';
import { manifestVersion } from './manifest.ts';
import { readToken } from './token-object.ts';
import { describeToken, judgeToken, verificationFor, type JudgedToken } from './tokens.ts';
import type { BatchId, BatchManifest, TokenVerification } from './types.ts';

type Options = { readonly signal: AbortSignal };

export type TakenOver = {
  /** As it was found. */
  readonly record: EvidenceRecord;
  /** Its newest token as it is kept. */
  readonly newest: Uint8Array;
};

/** @throws FormatError, UnsupportedError: the record is damaged; what the store throws */
export async function loadTakenOverRecord(
  store: ObjectStore,
  id: BatchId,
  options: Options,
): Promise<EvidenceRecord> {
  return parseRecord((await readSmall(store, batchKey(id, 'takenOver'), options)).octets);
}

/** Throws as `loadTakenOverRecord`. */
export async function loadTakenOver(
  store: ObjectStore,
  chains: ChainIndex,
  id: BatchId,
  options: Options,
): Promise<TakenOver> {
  const record = await loadTakenOverRecord(store, id, options);
  return { record, newest: await readToken(store, chains, id, options) };
}

/**
 * Tokens of a batch's current chain that are older than its own, as a renewal hashes them: of a record that
 * was taken over. Throws as `loadTakenOverRecord`.
 */
export async function tokensBefore(
  store: ObjectStore,
  chains: ChainIndex,
  id: BatchId,
  options: Options,
): Promise<readonly Uint8Array[]> {
  if (chains.manifest(id).kind !== 'taken-over') return [];
  return olderTokens(await loadTakenOverRecord(store, id, options));
}

/** Of a batch of this kind there is nothing in its manifest that record and token do not say. */
export function takenOverManifest(
  id: BatchId,
  record: EvidenceRecord,
  newest: JudgedToken,
): BatchManifest {
  const { imprint } = newestArchiveTimeStamp(record);
  const token = describeToken(newest);
  return {
    format: 'tokiwa-batch',
    version: manifestVersion({ kind: 'taken-over' }),
    id,
    kind: 'taken-over',
    ...(record.xml && { recordForm: 'xml' }),
    runAt: runOf(id),
    digestAlgorithm: currentChain(record).digestAlgorithm,
    groupCount: 1,
    memberCount: 0,
    blind: false,
    root: toHex(imprint.digest),
    genTime: newest.token.tstInfo.genTime,
    token,
    receivedSha256: toHex(digest('SHA-256', record.raw)),
    tsa: { name: token.chain[0]?.subject ?? '' },
    previous: [],
    findings: newest.verdict.findings.filter(({ level }) => level !== 'info'),
  };
}

/** The instant in a batch's id, to the second. */
function runOf(id: BatchId): Temporal.Instant {
  const [, date, time] = /^(\d{8})T(\d{6})Z/.exec(id) ?? [];
  return Temporal.Instant.from(`${date ?? ''}T${time ?? ''}Z`);
}

/**
 * The newest token of a record as of `at`, against the imprint to which the record leads.
 * @throws FormatError, UnsupportedError where it cannot be read
 */
export function judgeNewest(
  record: EvidenceRecord,
  verification: TokenVerification,
  options: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): Promise<JudgedToken> {
  const { token, imprint } = newestArchiveTimeStamp(record);
  const under = verificationFor(verification, 'taken-over');
  return judgeToken(token.raw, { imprint }, under, options);
}
