// Each row damages what only one check of the read-back verifier looks at.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import {
  batchKey,
  readSmall,
  type BatchObjectName,
} from '../../../archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import { leafTableLayout } from '../../../archiver/evidence/leaf-table.ts';
import { leafTableOf, loadManifest } from '../../../archiver/evidence/manifest.ts';
import { readBackBatch } from '../../../archiver/evidence/read-back.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { BatchId, BatchManifest } from '../../../archiver/evidence/types.ts';
import { createWorld, each, signal, type World } from './_world.ts';

type Scene = {
  readonly world: World;
  readonly initial: BatchManifest;
  readonly other: BatchManifest;
  readonly renewal: BatchManifest;
};

async function manifestOf(world: World, id: BatchId): Promise<BatchManifest> {
  const manifest = await loadManifest(world.store, id, signal);
  if (!manifest) throw new Error(`no manifest of ${id}`);
  return manifest;
}

async function scene(): Promise<Scene> {
  const world = createWorld();
  const stamped = async (name: string): Promise<BatchManifest> => {
    const groups = each(world.addGroups(name, [1, 2, 1]));
    const outcome = await anchor(await world.context(), { digestAlgorithm: 'SHA-256', groups });
    if (outcome.kind !== 'committed') throw new Error(outcome.kind);
    return manifestOf(world, outcome.manifest.id);
  };
  const initial = await stamped('a');
  const other = await stamped('b');
  world.pass({ days: 30 });
  const { stamped: renewed } = await renewTimestamps(await world.context(), {
    batchIds: [initial.id],
    digestAlgorithm: 'SHA-256',
  });
  if (renewed.kind !== 'committed') throw new Error(renewed.kind);
  return { world, initial, other, renewal: await manifestOf(world, renewed.manifest.id) };
}

async function checksOf(world: World, manifest: BatchManifest): Promise<readonly string[]> {
  const findings = await readBackBatch(world.store, manifest, {
    chains: await loadChainIndex(world.store, signal),
    verification: world.verification,
    at: world.now(),
    signal,
  });
  return [...new Set(findings.filter(({ level }) => level === 'error').map(({ check }) => check))];
}

const read = async (world: World, id: BatchId, name: BatchObjectName): Promise<Uint8Array> =>
  Uint8Array.from((await readSmall(world.store, batchKey(id, name), { signal })).octets);

/** Flips a bit of a stored object. */
async function flip(world: World, id: BatchId, name: BatchObjectName, at: number): Promise<void> {
  const octets = await read(world, id, name);
  octets[at] = (octets[at] ?? 0) ^ 1;
  world.store.put(batchKey(id, name), octets);
}

test('what was written holds', async (t) => {
  const { world, initial, renewal } = await scene();
  t.deepEqual(await checksOf(world, initial), []);
  t.deepEqual(await checksOf(world, renewal), []);
});

const rows: readonly {
  readonly what: string;
  readonly check: string;
  /** Damages, and gives the manifest to read back. */
  readonly damage: (scene: Scene) => Promise<BatchManifest>;
}[] = [
  {
    what: 'a manifest that counts other groups',
    check: 'leaf-table-of-manifest',
    damage: ({ initial }) => Promise.resolve({ ...initial, groupCount: 4 }),
  },
  {
    what: 'a member digest that its leaf does not follow from',
    check: 'members-fit-leaf',
    damage: async ({ world, initial }) => {
      const { membersOffset } = leafTableLayout(leafTableOf(initial).shape);
      await flip(world, initial.id, 'leafTable', membersOffset);
      // The list says the same, so that nothing but leaf and members disagree.
      const key = batchKey(initial.id, 'objectList');
      const list = new TextDecoder().decode(await read(world, initial.id, 'objectList'));
      const octets = await read(world, initial.id, 'leafTable');
      const changed = octets.subarray(membersOffset, membersOffset + 32);
      const original = Uint8Array.from(changed);
      original[0] = (original[0] ?? 0) ^ 1;
      world.store.put(key, list.replace(toHex(original), toHex(changed)));
      return initial;
    },
  },
  {
    what: 'a root in the header that the leaves do not lead to',
    check: 'leaf-table-leads-to-root',
    damage: async ({ world, initial }) => {
      await flip(world, initial.id, 'leafTable', 64);
      return initial;
    },
  },
  {
    what: 'another batch’s token',
    check: 'token-valid',
    damage: async ({ world, initial, other }) => {
      const token = await read(world, other.id, 'token');
      world.store.put(batchKey(initial.id, 'token'), token);
      const answer = await read(world, other.id, 'received');
      world.store.put(batchKey(initial.id, 'received'), answer);
      return { ...initial, receivedSha256: toHex(digest('SHA-256', answer)) };
    },
  },
  {
    what: 'a manifest that names another genTime',
    check: 'manifest-names-token',
    damage: ({ initial }) =>
      Promise.resolve({ ...initial, genTime: initial.genTime.add({ seconds: 1 }) }),
  },
  {
    what: 'an answer that is not the one received',
    check: 'answer-as-received',
    damage: ({ initial }) => Promise.resolve({ ...initial, receivedSha256: '00' }),
  },
  {
    what: 'an answer with another token',
    check: 'answer-as-received',
    damage: async ({ world, initial, other }) => {
      const answer = await read(world, other.id, 'received');
      world.store.put(batchKey(initial.id, 'received'), answer);
      return { ...initial, receivedSha256: toHex(digest('SHA-256', answer)) };
    },
  },
  {
    what: 'an object list of other objects',
    check: 'listed-objects-fit-members',
    damage: async ({ world, initial }) => {
      const list = new TextDecoder().decode(await read(world, initial.id, 'objectList'));
      world.store.put(
        batchKey(initial.id, 'objectList'),
        list.replace(/("SHA-256":")(....)/, (_, name: string) => `${name}0000`),
      );
      return initial;
    },
  },
  {
    what: 'a covered token that was changed since',
    check: 'renewal-covers-tokens',
    damage: async ({ world, initial, other, renewal }) => {
      world.store.put(batchKey(initial.id, 'token'), await read(world, other.id, 'token'));
      return renewal;
    },
  },
  {
    what: 'a token that is gone',
    check: 'stored-as-written',
    damage: async ({ world, initial }) => {
      await world.store.remove(batchKey(initial.id, 'token'), { signal });
      return initial;
    },
  },
  {
    what: 'a leaf table cut short',
    check: 'stored-as-written',
    damage: async ({ world, initial }) => {
      const octets = await read(world, initial.id, 'leafTable');
      world.store.put(batchKey(initial.id, 'leafTable'), octets.subarray(0, -1));
      return initial;
    },
  },
];

for (const { what, check, damage } of rows)
  test(`${what}: ${check}`, async (t) => {
    const whole = await scene();
    const manifest = await damage(whole);
    // A token that is not valid brings its own findings along.
    const checks = await checksOf(whole.world, manifest);
    t.deepEqual(check === 'token-valid' ? checks.slice(-1) : checks, [check]);
  });

test('a reading that ends half-way leaves nothing open', async (t) => {
  const { world, initial } = await scene();
  let open = 0;
  let tableReads = 0;
  const store: ObjectStore = {
    ...world.store,
    read: async (key, options) => {
      const { entry, body } = await world.store.read(key, options);
      // Header, rows, and then members: of the second group, when the first one's line was read.
      const fails = key.endsWith('leaves.tkl') && ++tableReads === 3;
      const counted = async function* () {
        open++;
        try {
          if (fails) throw new SourceError('ERR_SOURCE_UNREACHABLE', key, { retryable: true });
          // One octet at a time, so that a list is not at its end before it is asked to be.
          for await (const chunk of body)
            for (let at = 0; at < chunk.length; at++) yield chunk.subarray(at, at + 1);
        } finally {
          open--;
        }
      };
      return { entry, body: counted() };
    },
  };
  const options = {
    chains: await loadChainIndex(world.store, signal),
    verification: world.verification,
    at: world.now(),
    signal,
  };
  await t.throwsAsync(readBackBatch(store, initial, options), { code: 'ERR_SOURCE_UNREACHABLE' });
  t.is(open, 0);
});
