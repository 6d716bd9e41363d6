// Evidence store and catalogue are of one time: a night over one of them that was put back from an older
// copy would stamp again what is stamped, and forget what was said. It stops before it buys (design §1.4).
import { ConfigError } from '#shared/errors.ts';
import { listBatches } from '../evidence/manifest.ts';
import { journalKey } from '../journal.ts';
import type { EvidenceRun } from '../evidence/types.ts';
import type { NightDependencies } from './dependencies.ts';

/** What the catalogue remembers of the journal's end after each run. */
export const journalSeen = 'journal-seen';

/** Far more than can have ended since the catalogue last saw the journal. */
const recentRuns = 200;

function restored(what: string, remedy: string): ConfigError {
  return new ConfigError('ERR_CONFIG_ARCHIVE_RESTORED', `${what}: nothing was bought. ${remedy}`);
}

const newerStore =
  'Put the newest copy of the evidence store back. If there is none, `tokiwa rebuild` takes the older one as it is: what was stamped since has to be stamped again';

/**
 * `since`: batches of earlier runs are not looked at.
 * @throws ConfigError ERR_CONFIG_ARCHIVE_RESTORED: the evidence store lacks what the catalogue has seen in it,
 *   or the catalogue has not seen a run that ended
 */
export async function refuseRestored(
  { catalogue, evidence }: Pick<NightDependencies, 'catalogue' | 'evidence'>,
  { signal, since }: Pick<EvidenceRun, 'signal' | 'since'>,
): Promise<void> {
  const { objects, journal } = evidence;
  const seen = Number((await catalogue.getMeta(journalSeen)) ?? '0');
  if (seen > 0) {
    const startAfter = journalKey(seen - 1);
    const rest = objects.list({ prefix: 'journal/', startAfter, signal })[Symbol.asyncIterator]();
    const { done } = await rest.next();
    await rest.return?.();
    if (done)
      throw restored(
        `the journal of the evidence store ends before number ${seen}, which the catalogue has seen`,
        newerStore,
      );
    journal.noteUsed(seen);
  }
  const listed = new Set<string>();
  for await (const { id } of listBatches(objects, signal, since)) listed.add(id);
  for await (const { batchId } of catalogue.batches(since))
    if (!listed.has(batchId))
      throw restored(
        `batch ${batchId} is in the catalogue and not in the evidence store`,
        newerStore,
      );
  const known = new Set((await catalogue.runs(recentRuns)).map(({ runId }) => runId));
  // Damage is for the rest of the night to report.
  for await (const { entries } of journal.readFrom(seen + 1, signal, () => undefined))
    for (const entry of entries)
      if (entry.kind === 'run-finished' && !known.has(entry.runId))
        throw restored(
          `run ${entry.runId} of ${entry.finishedAt} is in the evidence store and not in the catalogue, which is an older copy or new`,
          'Run `tokiwa rebuild`: everything comes back from the stores',
        );
}
