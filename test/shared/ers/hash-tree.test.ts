import test from 'ava';
import fc from 'fast-check';
import { compareBytes, concatBytes, equalBytes } from '#shared/bytes.ts';
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  buildHashTree,
  leafDigest,
  parentLevel,
  reducedHashtreeFor,
  siblingPath,
  siblingPositions,
} from '#shared/ers/hash-tree.ts';
import { rootOfReduced } from '#shared/ers/reduce.ts';
import { FormatError } from '#shared/errors.ts';

const algorithms = ['SHA-256', 'SHA-512', 'SHA3-384'] as const satisfies readonly DigestAlgorithm[];

function leaves(count: number, algorithm: DigestAlgorithm = 'SHA-256'): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => digest(algorithm, Buffer.from(`${index}`)));
}

test('a lone data object is its own leaf, a group is hashed in ascending order', (t) => {
  const [a, b] = leaves(2);
  if (!a || !b) return t.fail();
  t.deepEqual(leafDigest('SHA-256', [a]), a);
  const [lesser, greater] = [a, b].toSorted(compareBytes);
  if (!lesser || !greater) return t.fail();
  const expected = digest('SHA-256', lesser, greater);
  t.deepEqual(leafDigest('SHA-256', [a, b]), expected);
  t.deepEqual(leafDigest('SHA-256', [b, a]), expected);
});

test('equal digests in a group count as often as they occur', (t) => {
  const [a] = leaves(1);
  if (!a) return t.fail();
  t.deepEqual(leafDigest('SHA-256', [a, a]), digest('SHA-256', a, a));
});

const refused = test.macro({
  exec: (t, run: () => unknown) => {
    const error = t.throws(run, { instanceOf: FormatError });
    t.is(error.code, 'ERR_FORMAT_DIGEST_LENGTH');
  },
  title: (name) => `refused: ${name ?? ''}`,
});

test('an empty group', refused, () => leafDigest('SHA-256', []));
test('a digest of another length', refused, () => leafDigest('SHA-256', leaves(1, 'SHA-512')));
test('a tree without leaves', refused, () => buildHashTree('SHA-256', new Uint8Array()));
test('half a leaf', refused, () => buildHashTree('SHA-256', new Uint8Array(48)));
test('half a level', refused, () => parentLevel('SHA-256', new Uint8Array(16)));

test('three leaves: a pair in ascending order, the odd one promoted', (t) => {
  const [a, b, c] = leaves(3);
  if (!a || !b || !c) return t.fail();
  const pair = digest('SHA-256', ...[a, b].toSorted(compareBytes));
  const root = digest('SHA-256', ...[pair, c].toSorted(compareBytes));
  const tree = buildHashTree('SHA-256', concatBytes(a, b, c));
  t.deepEqual(Buffer.from(tree.root), Buffer.from(root));
  t.deepEqual(siblingPositions(3, 2), [{ level: 1, index: 0 }]);
  t.deepEqual(siblingPositions(1, 0), []);
});

test('every reduced tree leads to the root, and to no other', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...algorithms),
      fc.array(fc.array(fc.uint8Array({ maxLength: 4 }), { minLength: 1, maxLength: 5 }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.nat(),
      (algorithm, documents, chosen) => {
        const groups = documents.map((group) => group.map((one) => digest(algorithm, one)));
        const tree = buildHashTree(
          algorithm,
          concatBytes(...groups.map((group) => leafDigest(algorithm, group))),
        );
        const index = chosen % groups.length;
        const group = groups[index] ?? [];
        const lists = reducedHashtreeFor(group, siblingPath(tree, index));
        const root = rootOfReduced(algorithm, lists);
        t.deepEqual(lists[0], group.toSorted(compareBytes));
        t.true(root && equalBytes(root, tree.root));
        const listIndex = chosen % lists.length;
        const damaged = lists.map((list, at) =>
          at === listIndex ? [digest(algorithm, Buffer.from('other')), ...list.slice(1)] : list,
        );
        const other = rootOfReduced(algorithm, damaged);
        t.false(other !== undefined && equalBytes(other, tree.root));
      },
    ),
    { numRuns: 150 },
  );
});

test('subtrees joined by an upper tree prove the same as one tree', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 0, max: 4 }), (count, power) => {
      const size = 2 ** power;
      const all = concatBytes(...leaves(count));
      const length = digestLength('SHA-256');
      const subtrees = Array.from({ length: Math.ceil(count / size) }, (_, shard) =>
        buildHashTree('SHA-256', all.slice(shard * size * length, (shard + 1) * size * length)),
      );
      const upper = buildHashTree('SHA-256', concatBytes(...subtrees.map(({ root }) => root)));
      t.deepEqual(Buffer.from(upper.root), Buffer.from(buildHashTree('SHA-256', all).root));
      const last = count - 1;
      const shard = Math.floor(last / size);
      const subtree = subtrees[shard];
      if (!subtree) return t.fail();
      const lists = reducedHashtreeFor(
        [all.subarray(-length)],
        siblingPath(subtree, last % size),
        siblingPath(upper, shard),
      );
      const root = rootOfReduced('SHA-256', lists);
      t.true(root && equalBytes(root, upper.root));
    }),
    { numRuns: 100 },
  );
});

test('reducing takes lists of any size and values in any order', (t) => {
  const [a, b, c, d] = leaves(4);
  if (!a || !b || !c || !d) return t.fail();
  const first = digest('SHA-256', ...[a, b].toSorted(compareBytes));
  const root = digest('SHA-256', ...[first, c, d].toSorted(compareBytes));
  t.deepEqual(
    rootOfReduced('SHA-256', [
      [b, a],
      [d, c],
    ]),
    root,
  );
});

test('reducing gives nothing for an empty list or another length', (t) => {
  const [a] = leaves(1);
  if (!a) return t.fail();
  t.is(rootOfReduced('SHA-256', [[a], []]), undefined);
  t.is(rootOfReduced('SHA-256', [[]]), undefined);
  t.is(rootOfReduced('SHA-256', []), undefined);
  t.is(rootOfReduced('SHA-256', [[a], [concatBytes(a, a)]]), undefined);
});
