// documents deleted after their retention take nothing from the others. Their lines go from the object
// list, their digests stay as siblings, and both renewals go on over what is left.
import test from 'ava';
import { checkBatch } from '../../../archiver/evidence/link-check.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import {
  buildObjectListHead,
  buildObjectListLine,
  readObjectList,
} from '../../../archiver/evidence/object-list.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { BatchId, StampOutcome } from '../../../archiver/evidence/types.ts';
import { createWorld, each, signal, type World } from './_world.ts';

function committed(outcome: StampOutcome): BatchId {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${outcome.kind}`);
}

/** Takes the documents and their lines away; nothing else of the batch is touched. */
async function deleteGroups(world: World, id: BatchId, gone: ReadonlySet<number>): Promise<void> {
  const kept: Uint8Array[] = [buildObjectListHead(id)];
  for (const line of await Array.fromAsync(readObjectList(world.store, id, signal)))
    if (gone.has(line.index)) for (const { key } of line.members) world.documents.delete(key);
    else kept.push(buildObjectListLine(line));
  const octets = new Uint8Array(Buffer.concat(kept));
  await world.store.write(`batches/${id}/objects.jsonl`, octets, { signal });
}

async function verdicts(world: World, id: BatchId, indexes: readonly number[]) {
  const found: string[] = [];
  for (const index of indexes) found.push((await world.judge({ batchId: id, index })).status);
  return [...new Set(found)];
}

for (const gone of [[0], [3], [6], [0, 1, 2], [1, 3, 5]] as const)
  test(`groups ${gone.join(', ')} of seven are deleted: the others stay proved through both renewals`, async (t) => {
    const world = createWorld();
    const groups = world.addGroups('d', [1, 2, 1, 1, 3, 1, 1], ['SHA-256', 'SHA-512']);
    const batch = { digestAlgorithm: 'SHA-256', groups: each(groups) } as const;
    const id = committed(await anchor(await world.context(), batch));
    await deleteGroups(world, id, new Set(gone));
    const left = [0, 1, 2, 3, 4, 5, 6].filter((index) => !gone.some((each) => each === index));
    t.deepEqual(await verdicts(world, id, left), ['valid']);
    const chains = await loadChainIndex(world.store, signal);
    t.deepEqual(await checkBatch(world.store, chains, id, { signal }), []);
    world.pass({ years: 5 });
    await renewTimestamps(await world.context(), { batchIds: [id], digestAlgorithm: 'SHA-256' });
    t.deepEqual(await verdicts(world, id, left), ['valid']);
    world.pass({ years: 1 });
    const { stamped, leftOutCount } = await renewHashTree(await world.context(), {
      groups: world.renewalGroups(id),
      toAlgorithm: 'SHA-512',
      onLeftOut: () => Promise.resolve(),
    });
    t.is(leftOutCount, 0);
    const next = committed(stamped);
    t.deepEqual(
      await verdicts(
        world,
        next,
        left.map((_, at) => at),
      ),
      ['valid'],
    );
  });
