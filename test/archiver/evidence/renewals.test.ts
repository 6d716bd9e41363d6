import test from 'ava';
import fc from 'fast-check';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { InvariantError } from '#shared/errors.ts';
import { batchKey, secondOf } from '../../../archiver/evidence/batch-objects.ts';
import { createChainIndex } from '../../../archiver/evidence/chains.ts';
import { recoverPending } from '../../../archiver/evidence/recover.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type {
  BatchId,
  DamagedPart,
  GroupPosition,
  HashTreeRenewalOutcome,
  LeftOutGroup,
  StampOutcome,
  TimestampRenewalOutcome,
} from '../../../archiver/evidence/types.ts';
import { createWorld, each, signal, type World } from './_world.ts';

function committed(outcome: StampOutcome): BatchId {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${JSON.stringify(outcome)}`);
}

async function anchorGroups(
  world: World,
  name: string,
  sizes: readonly number[],
  options: { readonly algorithm?: DigestAlgorithm; readonly blind?: boolean } = {},
): Promise<BatchId> {
  const { algorithm = 'SHA-256', blind = false } = options;
  const groups = each(world.addGroups(name, sizes, [algorithm]));
  const context = await world.context();
  return committed(await anchor(context, { digestAlgorithm: algorithm, groups, blind }));
}

async function renew(
  world: World,
  batchIds: readonly BatchId[],
  digestAlgorithm: DigestAlgorithm = 'SHA-256',
): Promise<TimestampRenewalOutcome> {
  return renewTimestamps(await world.context(), { batchIds, digestAlgorithm });
}

async function rehash(
  world: World,
  batchIds: readonly BatchId[],
  toAlgorithm: DigestAlgorithm,
): Promise<HashTreeRenewalOutcome & { readonly leftOut: readonly LeftOutGroup[] }> {
  const leftOut: LeftOutGroup[] = [];
  const groups = async function* () {
    for (const batchId of batchIds) yield* world.renewalGroups(batchId);
  };
  const outcome = await renewHashTree(await world.context(), {
    toAlgorithm,
    groups: groups(),
    onLeftOut: (left) => {
      leftOut.push(left);
      return Promise.resolve();
    },
  });
  return { ...outcome, leftOut };
}

async function statusOf(world: World, position: GroupPosition): Promise<string> {
  const verdict = await world.judge(position);
  const [finding] = verdict.findings.filter(
    ({ level }) => level === 'error' || level === 'unknown',
  );
  return finding ? `${verdict.status}: ${finding.check}: ${finding.message}` : verdict.status;
}

test('one token renews every due batch, and each record has both archive timestamps', async (t) => {
  const world = createWorld();
  const first = await anchorGroups(world, 'a', [1, 2, 1]);
  const second = await anchorGroups(world, 'b', [2]);
  world.pass({ years: 4 });
  const { stamped, covered, leftOut } = await renew(world, [first, second]);
  t.deepEqual([covered, leftOut], [[first, second], []]);
  committed(stamped);
  t.is(world.sold(), 3);
  for (const position of [
    { batchId: first, index: 0 },
    { batchId: first, index: 1 },
    { batchId: second, index: 0 },
  ]) {
    t.is(await statusOf(world, position), 'valid');
    const [chain] = (await world.judge(position)).chains;
    t.is(chain?.archiveTimeStamps.length, 2);
  }
});

test('batches of different age share later renewals', async (t) => {
  const world = createWorld();
  const batches: BatchId[] = [];
  for (let year = 0; year < 20; year += 4) {
    batches.push(await anchorGroups(world, `year-${year}`, [1, 2]));
    world.pass({ years: 4 });
    committed((await renew(world, batches)).stamped);
  }
  for (const [i, batchId] of batches.entries()) {
    const position = { batchId, index: 1 };
    t.is(await statusOf(world, position), 'valid');
    const [chain] = (await world.judge(position)).chains;
    t.is(chain?.archiveTimeStamps.length, batches.length - i + 1);
  }
});

test('a hash-tree renewal starts a second chain over documents and sequence', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1, 2, 3]);
  world.pass({ years: 3 });
  const { stamped, renewedCount, leftOut } = await rehash(world, [batchId], 'SHA-512');
  t.deepEqual([renewedCount, leftOut], [3, []]);
  const renewed = committed(stamped);
  for (const index of [0, 1, 2]) {
    t.is(await statusOf(world, { batchId: renewed, index }), 'valid');
    t.is(await statusOf(world, { batchId, index }), 'valid');
  }
  const { chains } = await world.judge({ batchId: renewed, index: 2 });
  t.deepEqual(
    chains.map(({ digestAlgorithm }) => digestAlgorithm),
    ['SHA-256', 'SHA-512'],
  );
});

type Step = 'renew' | 'rehash';

test('any order of renewals gives records that hold, changed documents ones that do not', async (t) => {
  const algorithms: readonly DigestAlgorithm[] = ['SHA-256', 'SHA-512', 'SHA3-256', 'SHA-384'];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.constantFrom<Step>('renew', 'renew', 'rehash'), { maxLength: 7 }),
      fc.boolean(),
      async (sizes, steps, blind) => {
        const world = createWorld();
        let batchId = await anchorGroups(world, 'a', sizes, { blind });
        let other = await anchorGroups(world, 'b', [1]);
        let level = 0;
        for (const step of steps) {
          world.pass({ years: 3 });
          const algorithm = algorithms[level] ?? 'SHA-256';
          const next = algorithms[level + 1];
          if (step === 'renew' || !next)
            committed(
              (await renew(world, batchId === other ? [batchId] : [batchId, other], algorithm))
                .stamped,
            );
          else {
            level += 1;
            const ids = batchId === other ? [batchId] : [batchId, other];
            batchId = other = committed((await rehash(world, ids, next)).stamped);
          }
        }
        for (const index of sizes.keys())
          t.is(await statusOf(world, { batchId, index }), 'valid', steps.join(' '));
        world.documents.set('a/0/0', new TextEncoder().encode('changed'));
        t.is((await world.judge({ batchId, index: 0 })).status, 'invalid');
      },
    ),
    { numRuns: process.env['TEST_LONG'] ? 200 : 12 },
  );
});

test('a changed document is broken, its siblings are renewed', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1, 2, 1]);
  world.documents.set('a/1/1', new TextEncoder().encode('changed'));
  world.documents.delete('a/2/0');
  world.pass({ years: 1 });
  const { stamped, leftOut, renewedCount } = await rehash(world, [batchId], 'SHA-512');
  t.is(renewedCount, 1);
  t.deepEqual(
    leftOut.map(({ kind, position }) => [kind, position.index]),
    [
      ['broken', 1],
      ['unreadable', 2],
    ],
  );
  t.regex(leftOut[0]?.findings[0]?.message ?? '', /a\/1\/1/);
  t.is(await statusOf(world, { batchId: committed(stamped), index: 0 }), 'valid');
});

test('documents left out of a hash-tree renewal go on in their old chain, the others keep theirs', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1, 1]);
  const kept = world.documents.get('a/1/0') ?? new Uint8Array();
  world.documents.delete('a/1/0');
  world.pass({ years: 1 });
  const renewed = committed((await rehash(world, [batchId], 'SHA-512')).stamped);
  world.documents.set('a/1/0', kept);
  world.pass({ years: 2 });
  committed((await renew(world, [batchId])).stamped);
  committed((await renew(world, [renewed], 'SHA-512')).stamped);
  t.is(await statusOf(world, { batchId, index: 1 }), 'valid');
  t.is(await statusOf(world, { batchId: renewed, index: 0 }), 'valid');
});

test('nothing that fits is left: no token is bought', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  world.documents.clear();
  const sold = world.sold();
  t.is((await rehash(world, [batchId], 'SHA-512')).stamped.kind, 'empty');
  t.is(world.sold(), sold);
});

type Damaging = (world: World, batchId: BatchId) => Promise<void> | void;

async function change(world: World, key: string, at: number): Promise<void> {
  const { body } = await world.store.read(key, { signal });
  const octets = new Uint8Array(Buffer.concat(await Array.fromAsync(body)));
  octets[octets.length + at] = (octets.at(at) ?? 0) ^ 1;
  world.store.put(key, octets);
}

const damages: readonly {
  readonly what: string;
  readonly damage: Damaging;
  readonly part: DamagedPart;
}[] = [
  {
    what: 'a leaf table with another leaf',
    damage: (world, batchId) => change(world, batchKey(batchId, 'leafTable'), -10),
    part: 'leaf-table',
  },
  {
    what: 'a leaf table that is gone',
    damage: (world, batchId) => world.store.remove(batchKey(batchId, 'leafTable'), { signal }),
    part: 'leaf-table',
  },
  {
    what: 'a token that is gone',
    damage: (world, batchId) => world.store.remove(batchKey(batchId, 'token'), { signal }),
    part: 'token',
  },
  {
    what: 'a token cut short',
    damage: (world, batchId) => {
      world.store.put(batchKey(batchId, 'token'), new Uint8Array(10));
    },
    part: 'token',
  },
  {
    what: 'a revoked TSU',
    damage: (world) => {
      world.revokeTsu();
    },
    part: 'token',
  },
];

for (const { what, damage, part } of damages)
  test(`${what} is never covered: the batch is left out, the other goes on`, async (t) => {
    const world = createWorld();
    const broken = await anchorGroups(world, 'a', [1, 2]);
    await damage(world, broken);
    // By then there is another TSU certificate: revoking one leaves the other.
    world.pass({ years: 5 });
    const sound = await anchorGroups(world, 'b', [1]);
    const { stamped, leftOut, covered } = await renew(world, [broken, sound]);
    t.deepEqual(covered, [sound]);
    committed(stamped);
    const [left] = leftOut;
    t.is(left?.kind === 'broken' ? left.damage[0]?.part : left?.kind, part);
    const { leftOut: groups } = await rehash(world, [broken, sound], 'SHA-512');
    t.true(
      groups.every(({ kind, position }) => kind === 'batch-broken' && position.batchId === broken),
    );
  });

test('a token changed after it was covered breaks the link', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  const other = await anchorGroups(world, 'b', [1]);
  world.pass({ years: 1 });
  committed((await renew(world, [batchId])).stamped);
  const { body } = await world.store.read(batchKey(other, 'token'), { signal });
  world.store.put(
    batchKey(batchId, 'token'),
    new Uint8Array(Buffer.concat(await Array.fromAsync(body))),
  );
  const { leftOut } = await renew(world, [batchId]);
  const [left] = leftOut;
  t.true(left?.kind === 'broken' && left.damage.some(({ part }) => part === 'link'));
});

test('revocation unknown: tried again, and renewed with the finding once the lead time has passed', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  world.pass({ years: 1 });
  world.setRevocationKnown(false);
  const first = await renew(world, [batchId]);
  t.deepEqual(
    first.leftOut.map(({ kind }) => kind),
    ['retry'],
  );
  t.is(first.stamped.kind, 'empty');
  const context = await world.context();
  const soft = {
    ...context,
    tsa: { ...context.tsa, verification: { ...world.verification } },
  };
  const second = await renewTimestamps(soft, {
    batchIds: [batchId],
    digestAlgorithm: 'SHA-256',
    renewUnknown: () => true,
  });
  // The new token itself cannot be judged either: kept, and judged when revocation is known again.
  t.is(second.stamped.kind, 'pending');
  world.setRevocationKnown(true);
  const { committed: recovered } = await recoverPending(await world.context());
  t.true(recovered[0]?.findings.some(({ level }) => level === 'unknown'));
  t.is(await statusOf(world, { batchId, index: 0 }), 'valid');
});

test('a renewal that is not certain yet keeps its batches', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  world.pass({ years: 1 });
  world.setMood('answer-lost');
  t.is((await renew(world, [batchId])).stamped.kind, 'pending');
  world.setMood('well');
  world.pass({ days: 1 });
  const again = await renew(world, [batchId]);
  t.deepEqual([again.stamped.kind, again.leftOut[0]?.kind], ['empty', 'retry']);
  t.is((await rehash(world, [batchId], 'SHA-512')).leftOut[0]?.kind, 'batch-retry');
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.sold(), 2);
  t.is(await statusOf(world, { batchId, index: 0 }), 'valid');
});

test('between nights, a renewal that is not certain waits for the night, which knows its chains', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  world.pass({ years: 1 });
  world.setMood('answer-lost');
  await renew(world, [batchId]);
  world.setMood('well');
  const { run, ...context } = await world.context();
  const since = secondOf(run.runAt);
  const chains = createChainIndex();
  const between = await recoverPending({ ...context, chains, run: { ...run, since } });
  t.deepEqual([between.committed, between.pending.length], [[], 1]);
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.sold(), 2);
  t.is(await statusOf(world, { batchId, index: 0 }), 'valid');
});

test('the evidence form is refreshed before it is covered and never after', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  const etag = async (id: BatchId): Promise<string> =>
    (await world.store.head(batchKey(id, 'token'), { signal })).etag;
  const fresh = await etag(batchId);
  world.pass({ years: 1 });
  const renewal = committed((await renew(world, [batchId])).stamped);
  const covered = await etag(batchId);
  t.not(covered, fresh);
  const uncovered = await etag(renewal);
  world.pass({ years: 1 });
  committed((await renew(world, [batchId])).stamped);
  t.is(await etag(batchId), covered);
  t.not(await etag(renewal), uncovered);
});

test('a batch of another algorithm, or a renewal itself, is no batch to renew', async (t) => {
  const world = createWorld();
  const batchId = await anchorGroups(world, 'a', [1]);
  world.pass({ years: 1 });
  const renewal = committed((await renew(world, [batchId])).stamped);
  await t.throwsAsync(renew(world, [batchId], 'SHA-512'), { instanceOf: InvariantError });
  await t.throwsAsync(renew(world, [renewal]), { instanceOf: InvariantError });
});
