// A run's dependencies with another evidence store under them, such as one that fails or counts.
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';

/** Everything of the archive, the lease and the journal too, over `objects`. */
export async function evidenceOver(
  deps: NightDependencies,
  objects: ObjectStore,
): Promise<NightDependencies> {
  const evidence = await openEvidenceStore({
    store: objects,
    prefix: '',
    expectedArchiveId: deps.evidence.archiveId,
    create: false,
    at: deps.clock.now(),
    random: deps.random,
    signal: new AbortController().signal,
  });
  return { ...deps, evidence };
}
