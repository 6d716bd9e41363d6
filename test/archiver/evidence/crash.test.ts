// The evidence store fails at each call, before and after its effect; the next run recovers and goes
// on. Nothing is lost, every document is proved, and nothing is bought twice (design §1.3).
import test from 'ava';
import { SourceError, TokiwaError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { listManifests } from '../../../archiver/evidence/manifest.ts';
import { recoverPending } from '../../../archiver/evidence/recover.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type {
  BatchId,
  BatchKind,
  DocumentGroup,
  EvidenceContext,
} from '../../../archiver/evidence/types.ts';
import { createFaultyStore, type StoreCall, type StoreFault } from '../../_faulty-store.ts';
import { createWorld, each, signal, type World } from './_world.ts';

type Scene = { readonly world: World; readonly groups: readonly DocumentGroup[] };

/** What a night does: the operation itself, told which batches are there. */
type Operation = {
  readonly kind: BatchKind;
  readonly prepare: (scene: Scene) => Promise<readonly BatchId[]>;
  readonly run: (scene: Scene, context: EvidenceContext, ids: readonly BatchId[]) => Promise<void>;
};

const first = async ({ world, groups }: Scene): Promise<readonly BatchId[]> => {
  const outcome = await anchor(await world.context(), {
    digestAlgorithm: 'SHA-256',
    groups: each(groups),
  });
  world.pass({ years: 1 });
  return outcome.kind === 'committed' ? [outcome.manifest.id] : [];
};

const operations: readonly Operation[] = [
  {
    kind: 'initial',
    prepare: () => Promise.resolve([]),
    run: async ({ groups }, context) => {
      await anchor(context, { digestAlgorithm: 'SHA-256', groups: each(groups) });
    },
  },
  {
    kind: 'timestamp-renewal',
    prepare: first,
    run: async (_, context, batchIds) => {
      await renewTimestamps(context, { batchIds, digestAlgorithm: 'SHA-256' });
    },
  },
  {
    kind: 'hash-tree-renewal',
    prepare: first,
    run: async ({ world }, context, [batchId = '']) => {
      await renewHashTree(context, {
        toAlgorithm: 'SHA-512',
        groups: world.renewalGroups(batchId),
        onLeftOut: () => Promise.resolve(),
      });
    },
  },
];

async function countOf(world: World, kind: BatchKind): Promise<number> {
  const manifests = await Array.fromAsync(listManifests(world.store, signal));
  return manifests.filter((manifest) => manifest.kind === kind).length;
}

async function sceneFor(
  operation: Operation,
): Promise<{ readonly scene: Scene; readonly ids: readonly BatchId[] }> {
  const world = createWorld();
  const scene = { world, groups: world.addGroups('a', [1, 2, 1]) };
  return { scene, ids: await operation.prepare(scene) };
}

/** The calls of a run that nothing disturbs. */
async function callsOf(operation: Operation): Promise<readonly StoreCall[]> {
  const { scene, ids } = await sceneFor(operation);
  const store = createFaultyStore(scene.world.store);
  await operation.run(scene, await scene.world.context({ store }), ids);
  return store.calls();
}

/** Runs the operation with one fault, recovers, does it again where it is not done. */
async function crashAt(
  operation: Operation,
  number: number,
  fault: StoreFault,
): Promise<{ readonly world: World; readonly bought: number }> {
  const { scene, ids } = await sceneFor(operation);
  const { world } = scene;
  const before = world.sold();
  const store = createFaultyStore(world.store, (call) =>
    call.number === number ? fault : undefined,
  );
  try {
    await operation.run(scene, await world.context({ store }), ids);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
  }
  world.pass({ days: 1 });
  await recoverPending(await world.context());
  if ((await countOf(world, operation.kind)) === 0)
    await operation.run(scene, await world.context(), ids);
  return { world, bought: world.sold() - before };
}

/** What can go wrong with a call: a read has no effect that could have happened unseen. */
const faultsOf: Readonly<Record<StoreCall['operation'], readonly StoreFault[]>> = {
  list: ['before'],
  head: ['before'],
  read: ['before', 'cut'],
  write: ['before', 'after'],
  remove: ['before', 'after'],
};

for (const operation of operations)
  test(`${operation.kind}: the store fails at each call`, async (t) => {
    for (const { number, operation: name, key } of await callsOf(operation))
      for (const fault of faultsOf[name]) {
        const place = `${fault} ${name} ${key}`;
        const { world, bought } = await crashAt(operation, number, fault);
        t.is(bought, 1, place);
        t.is(await countOf(world, operation.kind), 1, place);
        for await (const { id, kind } of listManifests(world.store, signal))
          if (kind !== 'timestamp-renewal')
            t.is((await world.judge({ batchId: id, index: 1 })).status, 'valid', place);
      }
  });

/** A store that, once, has nothing where the key ends so: an answer from before the write. */
function forgetsOnce(world: World, ending: string): ObjectStore {
  let told = false;
  return {
    ...world.store,
    read: (key, options) => {
      if (told || !key.endsWith(ending)) return world.store.read(key, options);
      told = true;
      return Promise.reject(new SourceError('ERR_SOURCE_NOT_FOUND', key, { retryable: false }));
    },
  };
}

/** A batch whose token is there and whose manifest could not be written. */
async function withoutManifest(): Promise<World> {
  const world = createWorld();
  const store = createFaultyStore(world.store, ({ operation, key }) =>
    operation === 'write' && key.endsWith('/manifest.json') ? 'before' : undefined,
  );
  const groups = each(world.addGroups('a', [1, 2]));
  const anchoring = anchor(await world.context({ store }), { digestAlgorithm: 'SHA-256', groups });
  await anchoring.then(
    () => undefined,
    () => undefined,
  );
  return world;
}

for (const name of ['leaves.tkl', 'objects.jsonl', 'received.tsr', 'token.der'])
  test(`an old answer about ${name} gives up no token that was bought`, async (t) => {
    const world = await withoutManifest();
    const { superseded, committed } = await recoverPending(
      await world.context({ store: forgetsOnce(world, `/${name}`) }),
    ).catch((error: unknown) => {
      // A run that stops has given nothing up.
      if (error instanceof TokiwaError) return { superseded: [], committed: undefined };
      throw error;
    });
    t.deepEqual(superseded, []);
    if (!committed) t.is((await recoverPending(await world.context())).committed.length, 1);
    t.is(await countOf(world, 'initial'), 1);
    t.is(world.sold(), 1);
  });

test('a request that is listed and not given is not taken for none', async (t) => {
  const world = await withoutManifest();
  const context = await world.context({ store: forgetsOnce(world, '/request.json') });
  await t.throwsAsync(recoverPending(context), { code: 'ERR_SOURCE_ANSWER' });
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.sold(), 1);
});

test('a manifest that is listed and not given is not taken for none', async (t) => {
  const world = createWorld();
  await anchor(await world.context(), {
    digestAlgorithm: 'SHA-256',
    groups: each(world.addGroups('a', [1])),
  });
  const store = forgetsOnce(world, '/manifest.json');
  await t.throwsAsync(Array.fromAsync(listManifests(store, signal)), { code: 'ERR_SOURCE_ANSWER' });
});
