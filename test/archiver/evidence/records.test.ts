// Every record of a batch handed out at once: the same octets as each asked for by itself, through both
// renewals, for lone documents, groups and blind values.
import test from 'ava';
import { createAssembler, type Assembler } from '../../../archiver/evidence/assemble.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { BatchId, StampOutcome } from '../../../archiver/evidence/types.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createWorld, each, signal, type World } from './_world.ts';

function committed(outcome: StampOutcome): BatchId {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${outcome.kind}`);
}

async function recordsOf(world: World, batchId: BatchId) {
  const chains = await loadChainIndex(world.store, signal);
  const together = createAssembler(world.store, chains, { signal, readAhead: true });
  const alone = createAssembler(world.store, chains, { signal });
  const records: Buffer[] = [];
  // Borrowed: the next block is written over this one.
  for await (const block of together.records(batchId))
    records.push(...block.map((each) => Buffer.from(each)));
  const { groupCount } = chains.manifest(batchId);
  const expected: Uint8Array[] = [];
  for (let index = 0; index < groupCount; index++) {
    expected.push(await alone.record({ batchId, index }));
    const sequence = (of: Assembler) => of.sequence({ batchId, index });
    const [ahead, plain] = [await sequence(together), await sequence(alone)];
    if (!equalBytes(ahead.sequence, plain.sequence)) throw new Error(`another sequence: ${index}`);
  }
  return { records, expected: expected.map((each) => Buffer.from(each)) };
}

const shapes = [
  { sizes: [1], blind: false },
  { sizes: [1, 1, 1], blind: false },
  { sizes: [1, 3, 1, 2, 5], blind: false },
  { sizes: [1, 2], blind: true },
  { sizes: Array.from({ length: 1100 }, (_, i) => (i % 50 === 7 ? 2 : 1)), blind: false },
] as const;

for (const [i, { sizes, blind }] of shapes.entries())
  test(`${sizes.length} groups${blind ? ', blind' : ''} (${i}): through both renewals`, async (t) => {
    const world = createWorld();
    const groups = world.addGroups('d', sizes, ['SHA-256', 'SHA-512']);
    const batch = { digestAlgorithm: 'SHA-256', groups: each(groups), blind } as const;
    const id = committed(await anchor(await world.context(), batch));
    const fresh = await recordsOf(world, id);
    t.deepEqual(fresh.records, fresh.expected);
    world.pass({ years: 5 });
    await renewTimestamps(await world.context(), { batchIds: [id], digestAlgorithm: 'SHA-256' });
    const renewed = await recordsOf(world, id);
    t.deepEqual(renewed.records, renewed.expected);
    world.pass({ years: 1 });
    const { stamped } = await renewHashTree(await world.context(), {
      groups: world.renewalGroups(id),
      toAlgorithm: 'SHA-512',
      onLeftOut: () => Promise.resolve(),
    });
    const rehashed = await recordsOf(world, committed(stamped));
    t.deepEqual(rehashed.records, rehashed.expected);
  });

test('blocks of one shape, with a group of two where the one before has a lone document', async (t) => {
  const world = createWorld();
  const sizes = Array.from({ length: 2100 }, (_, i) => (i % 333 === 7 ? 2 : 1));
  const batch = { digestAlgorithm: 'SHA-256', groups: each(world.addGroups('d', sizes)) } as const;
  const { records, expected } = await recordsOf(
    world,
    committed(await anchor(await world.context(), batch)),
  );
  t.deepEqual(records, expected);
});

test('a record takes at most three range reads of a leaf table for each chain', async (t) => {
  const world = createWorld();
  const sizes = Array.from({ length: 3000 }, (_, i) => (i % 50 === 7 ? 2 : 1));
  const groups = world.addGroups('d', sizes, ['SHA-256', 'SHA-512']);
  const batch = { digestAlgorithm: 'SHA-256', groups: each(groups), blind: true } as const;
  const id = committed(await anchor(await world.context(), batch));
  const { stamped } = await renewHashTree(await world.context(), {
    groups: world.renewalGroups(id),
    toAlgorithm: 'SHA-512',
    onLeftOut: () => Promise.resolve(),
  });
  const next = committed(stamped);
  for (const index of [0, 7, 1500, 2957, 2999]) {
    const reads = new Map<string, number>();
    const counted: ObjectStore = {
      ...world.store,
      read: (key, options) => {
        if (key.endsWith('/leaves.tkl')) {
          t.truthy(options.range, 'never the whole table');
          reads.set(key, (reads.get(key) ?? 0) + 1);
        }
        return world.store.read(key, options);
      },
    };
    const chains = await loadChainIndex(counted, signal);
    const assembler = createAssembler(counted, chains, { signal });
    await assembler.record({ batchId: next, index });
    t.is(reads.size, 2);
    for (const [key, count] of reads) t.true(count <= 3, `${key}: ${count} for group ${index}`);
  }
});

test('a damaged leaf is found before a record is handed out', async (t) => {
  const world = createWorld();
  const groups = world.addGroups(
    'd',
    Array.from({ length: 3000 }, () => 1),
  );
  const batch = { digestAlgorithm: 'SHA-256', groups: each(groups) } as const;
  const id = committed(await anchor(await world.context(), batch));
  const key = `batches/${id}/leaves.tkl`;
  const { body } = await world.store.read(key, { signal });
  const octets = Buffer.concat(await Array.fromAsync(body));
  octets[octets.length - 20] = (octets.at(-20) ?? 0) ^ 1;
  await world.store.write(key, new Uint8Array(octets), { signal });
  const chains = await loadChainIndex(world.store, signal);
  const assembler = createAssembler(world.store, chains, { signal, readAhead: true });
  await t.throwsAsync(Array.fromAsync(assembler.records(id)), { code: 'ERR_FORMAT_STORED' });
});
