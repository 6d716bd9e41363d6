import test from 'ava';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { assembleEvidenceRecord } from '../../../archiver/evidence/assemble.ts';
import { batchKey, readSmall } from '../../../archiver/evidence/batch-objects.ts';
import { listManifests, loadManifest } from '../../../archiver/evidence/manifest.ts';
import { readObjectList } from '../../../archiver/evidence/object-list.ts';
import { recoverPending } from '../../../archiver/evidence/recover.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { StampOutcome } from '../../../archiver/evidence/types.ts';
import { createFaultyStore } from '../../_faulty-store.ts';
import { createWorld, each, signal, type TsaMood, type World } from './_world.ts';

const committedId = (outcome: StampOutcome): string =>
  outcome.kind === 'committed' ? outcome.manifest.id : `not committed: ${outcome.kind}`;

const anchorSome = async (world: World, sizes: readonly number[] = [1, 2]): Promise<StampOutcome> =>
  anchor(await world.context(), {
    digestAlgorithm: 'SHA-256',
    groups: each(world.addGroups('a', sizes)),
  });

for (const [sizes, blind] of [
  [[1], false],
  [[3], false],
  [[1, 2, 1, 5, 1, 1, 2], false],
  [[1, 2, 1], true],
] as const)
  test(`each group of ${sizes.join(' ')}${blind ? ' (blind)' : ''} is proved`, async (t) => {
    const world = createWorld();
    const groups = world.addGroups('a', sizes);
    const outcome = await anchor(await world.context(), {
      digestAlgorithm: 'SHA-256',
      groups: each(groups),
      blind,
    });
    const batchId = committedId(outcome);
    t.is(world.sold(), 1);
    for (const index of sizes.keys()) {
      const verdict = await world.judge({ batchId, index });
      t.is(verdict.status, 'valid', JSON.stringify(verdict.findings));
      t.true(verdict.dataObjects.every(({ found, intact }) => found && intact));
      t.is(verdict.dataObjects.length, (sizes[index] ?? 0) + (blind ? 1 : 0));
    }
  });

test('a tree of another digest algorithm', async (t) => {
  const world = createWorld();
  const groups = world.addGroups('a', [1, 2, 1], ['SHA-512']);
  const batchId = committedId(
    await anchor(await world.context(), { digestAlgorithm: 'SHA-512', groups: each(groups) }),
  );
  t.is((await world.judge({ batchId, index: 1 })).status, 'valid');
});

test('nothing to stamp buys nothing and leaves nothing', async (t) => {
  const world = createWorld();
  t.is((await anchorSome(world, [])).kind, 'empty');
  t.is(world.asked(), 0);
  t.deepEqual(world.store.keys(), []);
});

test('the ceiling stops a purchase before it is asked for', async (t) => {
  const world = createWorld();
  const context = await world.context({ ceiling: 0 });
  const groups = each(world.addGroups('a', [1]));
  t.is((await anchor(context, { digestAlgorithm: 'SHA-256', groups })).kind, 'ceiling');
  t.is(world.asked(), 0);
  const { committed, pending } = await recoverPending(await world.context());
  t.is(committed.length + pending.length, 0);
  t.is(world.asked(), 0);
});

test('a member without its digest is refused before anything is asked for', async (t) => {
  const world = createWorld();
  const groups = each(world.addGroups('a', [1]));
  const context = await world.context();
  await t.throwsAsync(anchor(context, { digestAlgorithm: 'SHA-512', groups }), {
    code: 'ERR_FORMAT_DIGEST_LENGTH',
  });
  t.is(world.asked(), 0);
});

test('the manifest says what the token is', async (t) => {
  const world = createWorld();
  const batchId = committedId(await anchorSome(world));
  const manifest = await loadManifest(world.store, batchId, signal);
  if (!manifest) return t.fail();
  t.is(manifest.kind, 'initial');
  t.is(manifest.groupCount, 2);
  t.is(manifest.memberCount, 2);
  t.is(manifest.token.chain.length, 2);
  t.is(manifest.token.signature.key.kind, 'EC');
  t.is(manifest.token.signature.digest, 'SHA-256');
  t.true(manifest.genTime.equals(world.now()));
  const listed = await Array.fromAsync(listManifests(world.store, signal));
  t.is(JSON.stringify(listed), JSON.stringify([manifest]));
});

test('answer as received and evidence form: the same signed octets, validation data only in one', async (t) => {
  const world = createWorld();
  const batchId = committedId(await anchorSome(world));
  const read = async (name: 'received' | 'token'): Promise<Uint8Array> =>
    (await readSmall(world.store, batchKey(batchId, name), { signal })).octets;
  const received = parseTimeStampToken(
    parseTimeStampResp(await read('received')).token ?? new Uint8Array(),
  );
  const evidence = parseTimeStampToken(await read('token'));
  t.true(equalBytes(received.tstInfo.raw, evidence.tstInfo.raw));
  t.is(received.signedData.crls.length, 0);
  t.is(evidence.signedData.crls.length, 1);
});

test('the object list names every object and the leaf table none', async (t) => {
  const world = createWorld();
  const groups = world.addGroups('secret-name', [1, 2]);
  const context = await world.context();
  const batchId = committedId(
    await anchor(context, { digestAlgorithm: 'SHA-256', groups: each(groups) }),
  );
  const lines = await Array.fromAsync(readObjectList(world.store, batchId, signal));
  t.deepEqual(
    lines.map(({ members }) => ({ members })),
    groups,
  );
  const { octets } = await readSmall(world.store, batchKey(batchId, 'leafTable'), { signal });
  t.false(new TextDecoder('latin1').decode(octets).includes('secret-name'));
});

test('a record asked for twice is the same octets', async (t) => {
  const world = createWorld();
  const batchId = committedId(await anchorSome(world));
  const [first, second] = await Promise.all(
    [0, 1].map(() => assembleEvidenceRecord(world.store, { batchId, index: 1 }, { signal })),
  );
  t.is(toHex(first ?? new Uint8Array(1)), toHex(second ?? new Uint8Array()));
});

test('a removed line of the object list leaves the other proofs whole', async (t) => {
  const world = createWorld();
  const batchId = committedId(await anchorSome(world, [1, 1, 1]));
  const key = batchKey(batchId, 'objectList');
  const { octets } = await readSmall(world.store, key, { signal });
  const lines = new TextDecoder().decode(octets).split('\n');
  world.store.put(key, lines.filter((_, i) => i !== 2).join('\n'));
  world.documents.delete('a/1/0');
  const left = await Array.fromAsync(readObjectList(world.store, batchId, signal));
  t.deepEqual(
    left.map(({ index }) => index),
    [0, 2],
  );
  t.is((await world.judge({ batchId, index: 2 })).status, 'valid');
});

const moods: readonly {
  readonly mood: TsaMood;
  readonly outcome: StampOutcome['kind'];
  readonly recovered: 'committed' | 'superseded';
  readonly sold: number;
}[] = [
  { mood: 'unreachable', outcome: 'refused', recovered: 'superseded', sold: 0 },
  { mood: 'rejects', outcome: 'refused', recovered: 'superseded', sold: 0 },
  { mood: 'answer-lost', outcome: 'pending', recovered: 'committed', sold: 1 },
  { mood: 'garbage', outcome: 'pending', recovered: 'committed', sold: 1 },
  { mood: 'waiting', outcome: 'pending', recovered: 'committed', sold: 1 },
  { mood: 'other-imprint', outcome: 'refused-token', recovered: 'superseded', sold: 1 },
];

for (const { mood, outcome, recovered, sold } of moods)
  test(`a TSA that is ${mood}: ${outcome}, then ${recovered}`, async (t) => {
    const world = createWorld();
    world.setMood(mood);
    t.is((await anchorSome(world)).kind, outcome);
    t.deepEqual(await Array.fromAsync(listManifests(world.store, signal)), []);
    world.setMood('well');
    world.pass({ days: 1 });
    const recovery = await recoverPending(await world.context());
    // A batch that was given up at once is not even looked at again.
    t.is(recovery.committed.length, recovered === 'committed' ? 1 : 0);
    t.deepEqual(recovery.pending, []);
    t.is(world.sold(), sold);
    const [manifest] = recovery.committed;
    if (manifest) t.is((await world.judge({ batchId: manifest.id, index: 0 })).status, 'valid');
    const again = await recoverPending(await world.context());
    t.is(again.committed.length + again.pending.length + again.superseded.length, 0);
  });

test('five nights without an answer: the same octets each night, one token at the end', async (t) => {
  const world = createWorld();
  world.setMood('answer-lost');
  t.is((await anchorSome(world)).kind, 'pending');
  for (let night = 1; night <= 5; night++) {
    world.pass({ days: 1 });
    const { pending } = await recoverPending(await world.context());
    t.is(pending[0]?.state, 'asked');
  }
  world.setMood('well');
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.sold(), 1);
});

test('documents of a pending batch are not bought for again', async (t) => {
  const world = createWorld();
  const groups = world.addGroups('a', [1, 2]);
  world.setMood('answer-lost');
  await anchor(await world.context(), { digestAlgorithm: 'SHA-256', groups: each(groups) });
  world.pass({ days: 1 });
  const more = world.addGroups('b', [1]);
  const both = { digestAlgorithm: 'SHA-256', groups: each([...groups, ...more]) } as const;
  const same = { digestAlgorithm: 'SHA-256', groups: each(groups) } as const;
  world.setMood('well');
  t.is((await anchor(await world.context(), same)).kind, 'empty');
  const outcome = await anchor(await world.context(), both);
  t.is(outcome.kind === 'committed' ? outcome.manifest.groupCount : 0, 1);
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.sold(), 2);
});

test('after the journal of the TSA has forgotten, the batch is given up unasked', async (t) => {
  const world = createWorld();
  world.setMood('waiting');
  await anchorSome(world);
  world.setMood('well');
  world.pass({ days: 8 });
  const asked = world.asked();
  const { superseded } = await recoverPending(await world.context());
  t.is(superseded.length, 1);
  t.is(world.asked(), asked);
});

test('revocation unknown: the token is kept, judged again later, never bought again', async (t) => {
  const world = createWorld();
  world.setRevocationKnown(false);
  const outcome = await anchorSome(world);
  t.is(outcome.kind === 'pending' ? outcome.pending.state : outcome.kind, 'answered');
  world.setRevocationKnown(true);
  world.pass({ hours: 12 });
  t.is((await recoverPending(await world.context())).committed.length, 1);
  t.is(world.asked(), 1);
});

test('revocation unknown for seven days: given up, so that the documents can be stamped anew', async (t) => {
  const world = createWorld();
  world.setRevocationKnown(false);
  await anchorSome(world);
  world.pass({ days: 6 });
  t.is((await recoverPending(await world.context())).pending.length, 1);
  world.pass({ days: 1 });
  t.is((await recoverPending(await world.context())).superseded.length, 1);
});

test('a token of a revoked TSU is refused', async (t) => {
  const world = createWorld();
  world.revokeTsu();
  world.pass({ hours: 2 });
  t.is((await anchorSome(world)).kind, 'refused-token');
});

test('a token from a clock that is wrong is refused', async (t) => {
  const world = createWorld();
  const context = await world.context();
  const ahead = {
    ...context,
    run: {
      ...context.run,
      clock: { now: () => world.now().add({ hours: 2 }) },
      runAt: world.now().add({ hours: 2 }),
    },
  };
  const groups = each(world.addGroups('a', [1]));
  t.is((await anchor(ahead, { digestAlgorithm: 'SHA-256', groups })).kind, 'refused-token');
});

test('what is not stored as written does not count', async (t) => {
  const world = createWorld();
  const liar = createFaultyStore(world.store);
  const store = {
    ...liar,
    write: async (...[key, content, options]: Parameters<typeof liar.write>) => {
      const bad = key.endsWith('leaves.tkl') ? each([new Uint8Array(200)]) : content;
      return liar.write(key, bad, options);
    },
  };
  const context = await world.context({ store });
  const groups = each(world.addGroups('a', [1]));
  await t.throwsAsync(anchor(context, { digestAlgorithm: 'SHA-256', groups }), {
    code: 'ERR_INVARIANT_READ_BACK',
  });
  t.deepEqual(await Array.fromAsync(listManifests(world.store, signal)), []);
  const { superseded } = await recoverPending(await world.context());
  t.regex(superseded[0]?.reason ?? '', /does not count/);
});

test('receivedSha256 is the digest of the answer', async (t) => {
  const world = createWorld();
  const batchId = committedId(await anchorSome(world));
  const manifest = await loadManifest(world.store, batchId, signal);
  const { octets } = await readSmall(world.store, batchKey(batchId, 'received'), { signal });
  t.is(manifest?.receivedSha256, toHex(digest('SHA-256', octets)));
});
