// The moment from which a batch counts: everything read back and judged by the read-back verifier, then
// the manifest, written once (design §1, invariant 1).
import { ConflictError, InvariantError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { batchKey } from './batch-objects.ts';
import { buildManifest, loadManifest } from './manifest.ts';
import { readBackBatch } from './read-back.ts';
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
  const errors = findings.filter(({ level }) => level === 'error' || level === 'unknown');
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
    groups: manifest.groupCount,
    genTime: manifest.token.genTime,
  });
}

/** A manifest is written once; the same one found there is a write that took effect unseen. */
async function storeManifest(
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
