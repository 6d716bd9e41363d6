// A manifest that was damaged, made again: all that it says stands in the request that was durable
// before the token and in the answer (docs/formats.md). What it cost stands nowhere else and is left out.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { newestArchiveTimeStamp } from '#shared/ers/continuation.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import { walkEvidenceRecord } from '#shared/ers/walk.ts';
import { batchKey, ifPresent, readSmall } from './batch-objects.ts';
import { damageOf, readable } from './link-check.ts';
import { buildManifest, manifestVersion, parseManifest } from './manifest.ts';
import { loadRequest } from './request-file.ts';
import { judgeNewest, loadTakenOverRecord, takenOverManifest } from './taken-over.ts';
import { describeToken, judgeToken, verificationFor } from './tokens.ts';
import type { BatchId, BatchManifest, Damage, TokenVerification } from './types.ts';

type Sources = {
  readonly store: ObjectStore;
  readonly verification: TokenVerification;
  readonly signal: AbortSignal;
};

/**
 * The manifest as request and answer give it; nothing is written.
 * @throws FormatError ERR_FORMAT_STORED: no request, or an answer that is not valid for it
 */
async function manifestFromSources(sources: Sources, id: BatchId): Promise<BatchManifest> {
  const { store, verification, signal } = sources;
  const record = await ifPresent(loadTakenOverRecord(store, id, { signal }));
  if (record) return manifestOfRecord(sources, id, record);
  const stored = await loadRequest(store, id, signal);
  if (!stored) throw new FormatError('ERR_FORMAT_STORED', `batch ${id} has no request`);
  const { batch, tsa } = stored.request;
  const { octets: answer } = await readSmall(store, batchKey(id, 'received'), { signal });
  const { token } = parseTimeStampResp(answer);
  if (!token) throw new FormatError('ERR_FORMAT_STORED', `batch ${id}: an answer without token`);
  const { genTime } = parseTimeStampToken(token).tstInfo;
  const judged = await judgeToken(
    token,
    {
      imprint: {
        algorithm: batch.digestAlgorithm,
        digest: fromHex(batch.root) ?? new Uint8Array(0),
      },
    },
    // As of when it was made: whether it still holds is not asked here.
    { ...verification, revocationMode: 'none' },
    { at: genTime, signal },
  );
  if (judged.verdict.status !== 'valid')
    throw new FormatError(
      'ERR_FORMAT_STORED',
      `batch ${id}: the answer as received is ${judged.verdict.status}`,
    );
  return {
    format: 'tokiwa-batch',
    version: manifestVersion(batch),
    ...batch,
    genTime,
    token: describeToken(judged),
    receivedSha256: toHex(digest('SHA-256', answer)),
    tsa: { name: tsa },
  };
}

/** The same of a record that was taken over: its newest token is the answer. */
async function manifestOfRecord(
  { verification, signal }: Sources,
  id: BatchId,
  record: EvidenceRecord,
): Promise<BatchManifest> {
  const { genTime } = newestArchiveTimeStamp(record).token.tstInfo;
  const unfit = walkEvidenceRecord(record, [], genTime).steps.some(
    (step) =>
      (step.listSizes.length > 0 && !step.imprintIntact) ||
      (step.kind === 'timestamp-renewal' && !step.coversPrevious),
  );
  if (unfit)
    throw new FormatError('ERR_FORMAT_STORED', `batch ${id}: its record does not hold together`);
  const trust = verificationFor(verification, 'taken-over');
  const newest = await judgeNewest(
    record,
    { ...trust, revocationMode: 'none', takenOver: undefined },
    { at: genTime, signal },
  );
  if (newest.verdict.status !== 'valid')
    throw new FormatError(
      'ERR_FORMAT_STORED',
      `batch ${id}: the newest token of its record is ${newest.verdict.status}`,
    );
  return takenOverManifest(id, record, newest);
}

/** Writes the manifest anew from its sources; `undefined` where they are damaged, too. */
export async function remakeManifest(
  sources: Sources,
  id: BatchId,
): Promise<BatchManifest | undefined> {
  const made = await readable(() => manifestFromSources(sources, id));
  if (made.kind === 'unreadable') return undefined;
  await sources.store.write(batchKey(id, 'manifest'), buildManifest(made.value), {
    signal: sources.signal,
    contentType: 'application/json',
  });
  return made.value;
}

/** Text of what request and answer decide; the path may be another under other anchors. */
function decided(manifest: BatchManifest): string {
  const token = { ...manifest.token, chain: [] };
  return new TextDecoder().decode(
    // Which version it was written in says nothing of what it says.
    buildManifest({ ...manifest, version: 1, token, price: undefined, findings: [] }),
  );
}

/** Certificates that both paths hold, told alike. */
function sameChain(a: BatchManifest, b: BatchManifest): boolean {
  const known = new Map(b.token.chain.map((each) => [each.fingerprint, each.notAfter]));
  const [first] = a.token.chain;
  return (
    first !== undefined &&
    known.has(first.fingerprint) &&
    a.token.chain.every(({ fingerprint, notAfter }) => {
      const other = known.get(fingerprint);
      return other === undefined || other === notAfter;
    })
  );
}

/**
 * The manifest against request and answer: for the fixity slice, since a changed digit reads well.
 * Sources that are damaged themselves say nothing of it.
 */
export async function checkManifest(
  sources: Sources,
  manifest: BatchManifest,
): Promise<readonly Damage[]> {
  const made = await readable(() => manifestFromSources(sources, manifest.id));
  if (made.kind === 'unreadable') return [];
  // A record whose octets are others is damaged itself, and the links say so.
  const { receivedSha256 } = made.value;
  if (manifest.kind === 'taken-over' && receivedSha256 !== manifest.receivedSha256) return [];
  // Read as the stored one was, so that keys stand in the same order.
  const expected = parseManifest(buildManifest(made.value), manifest.id);
  if (decided(expected) === decided(manifest) && sameChain(manifest, expected)) return [];
  return [
    damageOf(
      'manifest',
      manifest.id,
      `The manifest of batch ${manifest.id} is not what request and answer say.`,
    ),
  ];
}
