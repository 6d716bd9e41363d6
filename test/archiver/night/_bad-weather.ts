// Nights over stores that fail at random: errors before and after the effect, time-outs, bodies cut off, stale
// reads, storms in which nothing gets through. When it is over, every token bought is in use, nothing was covered
// twice, and everything is proved.
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { readObjectList } from '#archiver/evidence/object-list.ts';
import type { BatchManifest } from '#archiver/evidence/types.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createFaultyStore, type StoreCall, type StoreFault } from '../../_faulty-store.ts';
import type { TestArchive } from './_night.ts';
import { draws, faultsIn, prepared, type Situation } from './_kills.ts';

const { signal } = new AbortController();

const situationsInWeather: readonly Situation[] = [
  'protect',
  'timestamp-renewal',
  'hash-tree-renewal',
  'two-tsas',
];

const single: readonly StoreFault[] = ['before', 'after', 'timed-out', 'cut', 'stale'];

/** Nights that fail before the weather clears. */
const badNights = 3;

/** One call in so many begins a fault or a storm. */
const callsAFault = 40;
const longestStorm = 20;

/** Faults as they are drawn, call by call. */
function weather(draw: (below: number) => number): (call: StoreCall) => StoreFault | undefined {
  let storm = 0;
  return () => {
    if (storm > 0) {
      storm--;
      return 'before';
    }
    if (draw(callsAFault) > 0) return undefined;
    if (draw(4) === 0) {
      storm = draw(longestStorm);
      return 'before';
    }
    return single[draw(single.length)];
  };
}

async function manifestsOf(archive: TestArchive): Promise<readonly BatchManifest[]> {
  const { evidence } = await archive.open();
  return [...(await loadChainIndex(evidence.objects, signal)).manifests.values()];
}

/** What a batch covers: groups by the keys of their members, or batches, as one TSA's. */
async function coveredBy(archive: TestArchive, manifest: BatchManifest): Promise<string[]> {
  const { id, kind, previous, anchor = 1 } = manifest;
  const { evidence } = await archive.open();
  const covered =
    kind === 'timestamp-renewal'
      ? previous.map(({ batchId }) => batchId)
      : (await Array.fromAsync(readObjectList(evidence.objects, id, signal))).map(({ members }) =>
          members.map(({ key }) => key).join(),
        );
  return covered.map((each) => `${kind} by TSA ${anchor}: ${each}`);
}

/**
 * What was bought and not used, or covered twice. More than one token is no waste: a document that could not
 * be read while the others were renewed has one of its own the night after.
 */
async function wasteIn(
  archive: TestArchive,
  made: readonly BatchManifest[],
  tokens: number,
): Promise<string[]> {
  const wrong: string[] = [];
  if (tokens !== made.length) wrong.push(`${tokens} tokens for ${made.length} batches`);
  const seen = new Set<string>();
  for (const manifest of made)
    for (const covered of await coveredBy(archive, manifest)) {
      if (seen.has(covered)) wrong.push(`twice: ${covered}`);
      seen.add(covered);
    }
  return wrong;
}

/** Nights in bad weather and what came of them, in one line; empty where all is as it should be. */
export async function nightsInBadWeather(seed: number): Promise<string> {
  const draw = draws(seed);
  const situation = situationsInWeather[draw(situationsInWeather.length)] ?? 'protect';
  await using archive = await prepared(situation);
  const sold = (): number => archive.tsa.tokens() + (archive.second?.tokens() ?? 0);
  const before = sold();
  const known = new Set((await manifestsOf(archive)).map(({ id }) => id));
  const faultOf = weather(draw);
  let calm = true;
  const inWeather = (store: ObjectStore): ObjectStore =>
    createFaultyStore(store, (call) => (calm ? undefined : faultOf(call)));
  const met: string[] = [];
  const archiver = await archive.open();
  const own = await archiver.night(signal);
  const evidence = await openEvidenceStore({
    store: inWeather(own.evidence.objects),
    prefix: '',
    expectedArchiveId: own.evidence.archiveId,
    create: false,
    at: own.clock.now(),
    random: own.random,
    signal,
  });
  const stores = new Map([...own.stores].map(([name, store]) => [name, inWeather(store)]));
  const deps = (night: NightDependencies): NightDependencies => ({ ...night, evidence, stores });
  for (let night = 0; night < badNights; night++) {
    calm = false;
    try {
      await archive.nightAfter(night === 0 ? 0 : 1, { deps, reread: 'whole' });
    } catch (error) {
      // A night that cannot go on says so and stops.
      if (!(error instanceof TokiwaError)) throw error;
      met.push(error.message);
    }
    calm = true;
  }
  await archive.nightAfter(1, { reread: 'whole' });
  const quiet = await archive.nightAfter(1, { reread: 'whole' });
  const wrong = await faultsIn(archive);
  const made = (await manifestsOf(archive)).filter(({ id }) => !known.has(id));
  wrong.push(...(await wasteIn(archive, made, sold() - before)));
  if (quiet.tokensBought > 0 || quiet.outcome !== 'ok')
    wrong.push(`the last night was not quiet: ${JSON.stringify(quiet.findings)}`);
  return wrong.length === 0 ? '' : [situation, ...wrong, ...met].join('; ');
}
