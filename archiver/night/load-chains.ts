// Every manifest of the evidence store at the beginning of a night, or those that have come since a run: a damaged
// one is made again from request and answer, or left out.
import type { FormatError } from '#shared/errors.ts';
import type { JournalEntry } from '../journal-entries.ts';
import type { RunSecond } from '../evidence/batch-objects.ts';
import { loadChainIndex, type ChainIndex } from '../evidence/chains.ts';
import { remakeManifest } from '../evidence/remake-manifest.ts';
import type { BatchManifest } from '../evidence/types.ts';
import type { FindingLine } from '../reports/report.ts';
import type { NightDependencies, NightOptions } from './dependencies.ts';

export type LoadedChains = {
  readonly chains: ChainIndex;
  /** Some manifest is lost: nobody knows which chains go on where. */
  readonly incomplete: boolean;
};

export type ChainLoading = Pick<NightDependencies, 'evidence' | 'tsa' | 'secondTsa'> &
  Pick<NightOptions, 'runAt' | 'signal'> & {
    readonly since?: RunSecond | undefined;
    readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
    readonly find: (finding: FindingLine) => void;
  };

/** Whose it is a damaged manifest does not say: only under its own TSA's anchors is it made again. */
async function remake(
  { evidence, tsa, secondTsa, signal }: ChainLoading,
  batchId: string,
): Promise<BatchManifest | undefined> {
  for (const each of secondTsa ? [tsa, secondTsa] : [tsa]) {
    const sources = { store: evidence.objects, verification: each.verification, signal };
    const made = await remakeManifest(sources, batchId);
    if (made) return made;
  }
  return undefined;
}

/** @throws SourceError, ConflictError from the store */
export async function loadChains(loading: ChainLoading): Promise<LoadedChains> {
  const { evidence, runAt, signal, since, journal, find } = loading;
  let incomplete = false;
  const onDamaged = async (
    batchId: string,
    error: FormatError,
  ): Promise<BatchManifest | undefined> => {
    const part = 'manifest';
    const { message } = error;
    const at = runAt.toString();
    const made = await remake(loading, batchId);
    await journal([{ kind: 'evidence-damage', batchId, part, message, at }]);
    if (made) {
      await journal([{ kind: 'evidence-healed', batchId, part, at }]);
      const healed = `${message}; made again from request and answer`;
      find({ kind: 'healed', level: 'warning', batchId, message: healed });
    } else {
      incomplete = true;
      const lost = `${message}, and request and answer do not give it: put it back from a copy; until then nothing is renewed`;
      find({ kind: 'broken-evidence', level: 'error', batchId, message: lost });
    }
    return made;
  };
  const chains = await loadChainIndex(evidence.objects, signal, { onDamaged, since });
  return { chains, incomplete };
}
