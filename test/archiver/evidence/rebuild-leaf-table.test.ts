import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { batchKey, readSmall } from '../../../archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import { checkBatch } from '../../../archiver/evidence/link-check.ts';
import { healBatch, rebuildLeafTable } from '../../../archiver/evidence/rebuild-leaf-table.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { BatchId, BatchKind, StampOutcome } from '../../../archiver/evidence/types.ts';
import { createWorld, each, signal, type World } from './_world.ts';

function committed(outcome: StampOutcome): BatchId {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${outcome.kind}`);
}

/** An archive with one batch of each kind: initial, renewed, taken to another hash. */
async function archive(
  blind = false,
): Promise<{ world: World; ids: Record<Exclude<BatchKind, 'taken-over'>, BatchId> }> {
  const world = createWorld();
  const groups = each(world.addGroups('a', [1, 2, 3, 1]));
  const digestAlgorithm = 'SHA-256';
  const initial = committed(
    await anchor(await world.context(), { digestAlgorithm, groups, blind }),
  );
  world.pass({ years: 2 });
  const renewal = { batchIds: [initial], digestAlgorithm } as const;
  const { stamped } = await renewTimestamps(await world.context(), renewal);
  world.pass({ years: 2 });
  const renewed = await renewHashTree(await world.context(), {
    toAlgorithm: 'SHA-512',
    groups: world.renewalGroups(initial),
    onLeftOut: () => Promise.resolve(),
  });
  const ids = {
    initial,
    'timestamp-renewal': committed(stamped),
    'hash-tree-renewal': committed(renewed.stamped),
  };
  return { world, ids };
}

for (const kind of ['initial', 'timestamp-renewal', 'hash-tree-renewal'] as const)
  test(`the leaf table of a batch of kind ${kind} is made again, octet for octet`, async (t) => {
    const { world, ids } = await archive();
    const id = ids[kind];
    const chains = await loadChainIndex(world.store, signal);
    const key = batchKey(id, 'leafTable');
    const { octets } = await readSmall(world.store, key, { signal });
    await world.store.remove(key, { signal });
    t.is((await checkBatch(world.store, chains, id, { signal }))[0]?.part, 'leaf-table');
    t.is((await rebuildLeafTable(world.store, chains, id, { signal })).kind, 'healed');
    t.deepEqual((await readSmall(world.store, key, { signal })).octets, octets);
    t.deepEqual(await checkBatch(world.store, chains, id, { signal }), []);
  });

test('from the documents, where the object list cannot be believed', async (t) => {
  const { world, ids } = await archive();
  const chains = await loadChainIndex(world.store, signal);
  const key = batchKey(ids.initial, 'objectList');
  const list = new TextDecoder().decode((await readSmall(world.store, key, { signal })).octets);
  world.store.put(key, list.replace(/("SHA-256":")(..)/, '$1ff'));
  await world.store.remove(batchKey(ids.initial, 'leafTable'), { signal });
  const options = { signal };
  t.is((await rebuildLeafTable(world.store, chains, ids.initial, options)).kind, 'failed');
  const outcome = await rebuildLeafTable(world.store, chains, ids.initial, {
    signal,
    digestOf: (member, algorithm) => {
      const content = world.documents.get(member.key);
      return Promise.resolve(content && digest(algorithm, content));
    },
  });
  t.is(outcome.kind, 'healed');
  t.is((await world.judge({ batchId: ids.initial, index: 1 })).status, 'valid');
});

test('a deleted line cannot be made up', async (t) => {
  const { world, ids } = await archive();
  const chains = await loadChainIndex(world.store, signal);
  const key = batchKey(ids.initial, 'objectList');
  const list = new TextDecoder().decode((await readSmall(world.store, key, { signal })).octets);
  for (const gone of [1, 2, 4]) {
    world.store.put(
      key,
      list
        .split('\n')
        .filter((_, i) => i !== gone)
        .join('\n'),
    );
    const outcome = await rebuildLeafTable(world.store, chains, ids.initial, { signal });
    t.is(outcome.kind, 'failed', `line ${gone}`);
  }
});

test('blind values are kept nowhere else', async (t) => {
  const { world, ids } = await archive(true);
  const chains = await loadChainIndex(world.store, signal);
  t.is((await rebuildLeafTable(world.store, chains, ids.initial, { signal })).kind, 'failed');
});

test('a document that cannot be read ends it', async (t) => {
  const { world, ids } = await archive();
  const chains = await loadChainIndex(world.store, signal);
  const outcome = await rebuildLeafTable(world.store, chains, ids.initial, {
    signal,
    digestOf: () => Promise.resolve(undefined),
  });
  t.is(outcome.kind, 'failed');
});

test('a chain with every leaf table lost is healed from the bottom up', async (t) => {
  const { world, ids } = await archive();
  const chains = await loadChainIndex(world.store, signal);
  for (const id of Object.values(ids))
    await world.store.remove(batchKey(id, 'leafTable'), { signal });
  const renewed = ids['hash-tree-renewal'];
  t.is((await checkBatch(world.store, chains, renewed, { signal })).length > 2, true);
  t.deepEqual(await healBatch(world.store, chains, renewed, { signal }), []);
  t.is((await world.judge({ batchId: renewed, index: 2 })).status, 'valid');
});

test('a token cannot be healed, and stays damage', async (t) => {
  const { world, ids } = await archive();
  const chains = await loadChainIndex(world.store, signal);
  await world.store.remove(batchKey(ids.initial, 'token'), { signal });
  await world.store.remove(batchKey(ids['timestamp-renewal'], 'leafTable'), { signal });
  const left = await healBatch(world.store, chains, ids.initial, { signal });
  t.true(left.some(({ part }) => part === 'token'));
});
