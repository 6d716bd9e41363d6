// The moment from which a batch counts: everything read back and judged by the read-back verifier, then
// the manifest, written once (design §1, invariant 1).
import { ConflictError, InvariantError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { batchKey } from './batch-objects.ts';
import { judgeRecord } from './judge-record.ts';
import { damageOf, readable } from './link-check.ts';
import { buildManifest, groupsOf, loadManifest } from './manifest.ts';
import { readBackBatch } from './read-back.ts';
import { sampleRecords } from './sample-records.ts';
import { verificationFor } from './tokens.ts';
import type { BatchManifest, EvidenceContext } from './types.ts';

/** Reads everything back, judges it afresh, and only then writes the manifest. */
export async function commit(
  context: EvidenceContext,
  manifest: BatchManifest,
  at: Temporal.Instant,
): Promise<void> {
  const { store, chains, tsa, run } = context;
  const findings = await readBackBatch(store, manifest, {
    chains,
    verification: tsa.verification,
    at,
    signal: run.signal,
  });
  const undecided = findings.filter(({ level }) => level === 'error' || level === 'unknown');
  const errors = undecided.length > 0 ? undecided : await judgeSamples(context, manifest, at);
  if (errors.length > 0)
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `batch ${manifest.id} does not count: ${reasonOf(errors)}`,
    );
  await storeManifest(store, manifest, run.signal);
  chains.add(manifest);
  run.events({
    level: 'info',
    name: 'archiver.batch.committed',
    batch: manifest.id,
    kind: manifest.kind,
    groups: groupsOf(manifest),
    genTime: manifest.token.genTime,
  });
}

/** RFC 4998 §5.3 over a few whole records. What cannot be decided here is no error of the batch. */
export async function judgeSamples(
  context: EvidenceContext,
  manifest: BatchManifest,
  at: Temporal.Instant,
): Promise<readonly Finding[]> {
  const { tsa, run } = context;
  const findings: Finding[] = [];
  for await (const { kind, ...sample } of sampleRecords(context, manifest)) {
    const judged = await readable(() =>
      judgeRecord({
        ...sample,
        verification: verificationFor(tsa.verification, kind),
        at,
        signal: run.signal,
      }),
    );
    if (judged.kind === 'read') {
      const { status, findings: found } = judged.value;
      if (status === 'invalid') findings.push(...found.filter(({ level }) => level === 'error'));
    } else if (kind !== 'taken-over') {
      // What another product began may be past the bounds of what is read; what we began never is.
      findings.push(...damageOf('record', manifest.id, judged.message).findings);
    }
  }
  return findings;
}

/** A manifest is written once; the same one found there is a write that took effect unseen. */
export async function storeManifest(
  store: ObjectStore,
  manifest: BatchManifest,
  signal: AbortSignal,
): Promise<void> {
  try {
    await store.write(batchKey(manifest.id, 'manifest'), buildManifest(manifest), {
      signal,
      condition: { kind: 'absent' },
      contentType: 'application/json',
    });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const found = await loadManifest(store, manifest.id, signal);
    if (found?.receivedSha256 !== manifest.receivedSha256) throw error;
  }
}

/** The first sentence that decides. */
export function reasonOf(findings: readonly Finding[]): string {
  return (
    findings.find(({ level }) => level === 'error' || level === 'unknown')?.message ??
    'no reason given'
  );
}
