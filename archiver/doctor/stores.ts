// State folder, catalogue, document stores and evidence store, as a run finds them at its start.
import { createStages, type ExaminedStage } from '#shared/examination.ts';
import { checkWritable, freeOctets, reachHost } from '#shared/io/reach.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { isBefore } from '#shared/time.ts';
import { lookAtCatalogue, type CatalogueLook } from '../adapters/catalogue-look.ts';
import { isProcessGone } from '../adapters/process-identity.ts';
import { openSqliteCatalogue } from '../adapters/sql-catalogue.ts';
import type { StoreConfig } from '../config.ts';
import { openEvidenceStore } from '../evidence-store.ts';
import { describeLease } from '../lease.ts';
import { accessTo, catalogueFile, openStore } from '../main.ts';
import { refuseRestored } from '../night/restored.ts';
import { type ArchiveExamination, type ArchiveStages, connectMs, parties } from './stages.ts';

/** Less than this, and a night may end half way. */
const leastFreeOctets = 256 * 1024 * 1024;

async function hasRoom(folder: string, { free = freeOctets }: ArchiveExamination): Promise<string> {
  const octets = await free(folder);
  const text = `${Math.floor(octets / 1024 / 1024)} MiB free at ${folder}`;
  if (octets < leastFreeOctets) throw new Error(`${text}: less than a night may need`);
  return text;
}

/** The state folder and what is in it. */
export async function examineState(
  options: ArchiveExamination,
  keep: (look: CatalogueLook | undefined) => void,
): Promise<readonly ExaminedStage[]> {
  const { config, clock } = options;
  const { stage, run } = createStages('archive', parties);
  return run(async () => {
    await stage('state', async () => {
      await checkWritable(config.state);
      return config.state;
    });
    await stage('disk space', () => hasRoom(config.state, options));
    let look: CatalogueLook | undefined;
    await stage('catalogue', async () => {
      look = await lookAtCatalogue(catalogueFile(config));
      return look ? `archive ${look.archiveId ?? 'unnamed'}` : 'none yet: the first run makes it';
    });
    keep(look);
    if (!look) return;
    const { missingSteps, unknownSteps, newestGenTime } = look;
    await stage('schema', () => {
      if (unknownSteps.length > 0)
        return Promise.reject(
          new Error(`of a newer version of Tokiwa: ${unknownSteps.join(', ')}`),
        );
      const text = missingSteps.length === 0 ? 'the newest' : 'the next run brings it up to date';
      return Promise.resolve(text);
    });
    await stage('clock', () => {
      const now = clock.now();
      if (newestGenTime && isBefore(now, newestGenTime))
        return Promise.reject(
          new Error(`it is ${now.toString()}, and a token of ${newestGenTime.toString()} is held`),
        );
      return Promise.resolve(`after ${newestGenTime?.toString() ?? 'no token yet'}`);
    });
  });
}

/** Opens a store as a run does: what it lacks is found now. The first object is looked at, where there is one. */
async function openAndLook(
  settings: StoreConfig,
  access: 'read' | 'write',
  { stage }: ArchiveStages,
  options: ArchiveExamination,
): Promise<ObjectStore | undefined> {
  const { signal } = options;
  if (settings.kind === 's3' && settings.endpoint !== undefined)
    await reachHost(settings.endpoint, { stage, connectMs, tls: () => Promise.resolve({}) });
  let store: ObjectStore | undefined;
  await stage('store', async () => {
    store = await openStore(settings, access, options);
    const { versions, remarks } = store.capabilities;
    return [versions ? 'keeps versions' : 'keeps no versions', ...remarks].join('; ');
  });
  await stage('permissions', async () => {
    if (settings.kind === 'folder' && access === 'write') await checkWritable(settings.path);
    for await (const { key } of store?.list({ prefix: settings.prefix, signal }) ?? []) {
      const part = await store?.read(key, { signal, range: { start: 0, end: 1 } });
      for await (const octets of part?.body ?? []) if (octets.length > 0) break;
      return access === 'write' ? 'listed, read, written' : 'listed and read';
    }
    return 'listed: it is empty';
  });
  if (settings.kind === 'folder') await stage('disk space', () => hasRoom(settings.path, options));
  return store;
}

export async function examineDocuments(
  settings: StoreConfig,
  options: ArchiveExamination,
): Promise<readonly ExaminedStage[]> {
  const stages = createStages(`store ${settings.name}`, parties);
  return stages.run(async () => {
    const access = accessTo(options.config, settings);
    await using store = await openAndLook(settings, access, stages, options);
    if (access === 'write' && store?.capabilities.conditionalWrites === false)
      stages.fail('store', 'it cannot keep two writers apart: it takes no documents');
  });
}

async function isEmpty(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<boolean> {
  const { done } = await store.list({ prefix, signal })[Symbol.asyncIterator]().next();
  return done === true;
}

export async function examineEvidence(
  look: CatalogueLook | undefined,
  options: ArchiveExamination,
): Promise<readonly ExaminedStage[]> {
  const { config, clock, signal } = options;
  const settings = config.evidence;
  const stages = createStages('evidence', parties);
  const { stage, run } = stages;
  const expectedArchiveId = config.archiveId ?? look?.archiveId;
  return run(async () => {
    // Before the first run there is nothing: the run makes it.
    if (expectedArchiveId === undefined && settings.kind === 'folder') {
      const isThere = await checkWritable(settings.path).then(
        () => true,
        () => false,
      );
      if (!isThere) {
        stages.say('store', true, `${settings.path} is not there yet: the first run makes it`);
        return;
      }
    }
    await using store = await openAndLook(settings, 'write', stages, options);
    if (!store) return;
    if (expectedArchiveId === undefined && (await isEmpty(store, settings.prefix, signal))) return;
    const open = openEvidenceStore({
      store,
      prefix: settings.prefix,
      expectedArchiveId,
      create: false,
      at: clock.now(),
      random: (length) => new Uint8Array(length),
      signal,
    });
    await stage('archive', async () => (await open).archiveId);
    const evidence = await open;
    await stage('lock', () =>
      describeLease(evidence.objects, { at: clock.now(), isGone: isProcessGone, signal }),
    );
    if (!look || look.unknownSteps.length > 0) return;
    await stage('journal', async () => {
      await using catalogue = await openSqliteCatalogue(catalogueFile(config));
      await refuseRestored({ catalogue, evidence }, { signal });
      return 'of one time with the catalogue';
    });
  });
}
