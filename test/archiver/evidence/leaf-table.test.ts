import test from 'ava';
import fc from 'fast-check';
import { toHex } from '#shared/bytes.ts';
import { buildHashTree, leafDigest } from '#shared/ers/hash-tree.ts';
import { rootOfReduced } from '#shared/ers/reduce.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { batchKey } from '../../../archiver/evidence/batch-objects.ts';
import { leafTableLayout, parseHeader } from '../../../archiver/evidence/leaf-table.ts';
import { createLeafTableBuilder } from '../../../archiver/evidence/leaf-table-builder.ts';
import { checkLeafTable } from '../../../archiver/evidence/leaf-table-check.ts';
import { openLeafTable } from '../../../archiver/evidence/leaf-table-reader.ts';
import {
  createRootCounter,
  readGroups,
  readHeader,
} from '../../../archiver/evidence/read-back-table.ts';
import { createFaultyStore } from '../../_faulty-store.ts';
import { createMemoryStore } from '../../_memory-store.ts';
import {
  buildTable,
  hexes,
  numberedGroup,
  octetsOf,
  signal,
  storeTable,
  tableId,
} from './_tables.ts';

const shapes = [
  { groups: 1 },
  { groups: 1, sizes: [3] },
  { groups: 2, sizes: [1, 2] },
  { groups: 3, algorithm: 'SHA-512' },
  { groups: 7, sizes: [2], blind: true },
  { groups: 1000, sizes: [1, 5, 1], previous: true },
  { groups: 1024 },
  { groups: 1025, sizes: [1, 2, 1, 1] },
  { groups: 3500, sizes: [1, 1, 4], algorithm: 'SHA3-256', previous: true, blind: true },
] as const;

const titleOf = (shape: (typeof shapes)[number]): string => JSON.stringify(shape);

for (const shape of shapes) {
  test(`every group's lists lead to the root: ${titleOf(shape)}`, async (t) => {
    const store = createMemoryStore();
    const built = buildTable(shape);
    const table = await storeTable(store, built);
    const { digestAlgorithm } = table.shape;
    const groups = Array.from({ length: shape.groups }, (_, i) =>
      numberedGroup(digestAlgorithm, i, 'sizes' in shape ? shape.sizes : [1]),
    );
    const leaves = groups.map((group) => leafDigest(digestAlgorithm, group));
    t.is(
      toHex(built.root),
      toHex(buildHashTree(digestAlgorithm, new Uint8Array(Buffer.concat(leaves))).root),
    );
    const reader = openLeafTable(store, table, { signal, readAhead: true });
    for (const [i, members] of groups.entries()) {
      const group = await reader.group(i);
      t.deepEqual(hexes(group.members), hexes(members));
      t.deepEqual(hexes(group.reducedHashtree[0] ?? []), hexes(members));
      const root = rootOfReduced(digestAlgorithm, group.reducedHashtree);
      t.is(root && toHex(root), toHex(built.root));
      if ('previous' in shape) t.deepEqual(group.previous, { ordinal: i % 3, index: i * 2 });
    }
  });

  test(`the check and the read-back reader agree: ${titleOf(shape)}`, async (t) => {
    const store = createMemoryStore();
    const built = buildTable(shape);
    const table = await storeTable(store, built);
    t.deepEqual(await checkLeafTable(store, table, signal), []);
    const source = { store, key: batchKey(tableId, 'leafTable'), signal };
    const header = await readHeader(source);
    const counter = createRootCounter(header.digestAlgorithm);
    let count = 0;
    for await (const group of readGroups(source, header)) {
      counter.add(group.leaf);
      t.true(group.leafFits);
      t.is(group.index, count);
      count += 1;
    }
    const root = counter.root();
    t.is(count, shape.groups);
    t.is(root && toHex(root), toHex(built.root));
  });
}

test('a group of a large table takes three range reads', async (t) => {
  const memory = createMemoryStore();
  const table = await storeTable(memory, buildTable({ groups: 5000, sizes: [1, 2] }));
  const store = createFaultyStore(memory);
  await openLeafTable(store, table, { signal }).group(4321);
  t.is(store.calls().length, 3);
});

test('a small table is read once', async (t) => {
  const memory = createMemoryStore();
  const table = await storeTable(memory, buildTable({ groups: 100, sizes: [1, 2] }));
  const store = createFaultyStore(memory);
  const reader = openLeafTable(store, table, { signal });
  await reader.group(99);
  await reader.group(0);
  t.is(store.calls().length, 1);
});

test('equal objects of a group are as many values', async (t) => {
  const store = createMemoryStore();
  const [value] = numberedGroup('SHA-256', 0, [1]);
  if (!value) return t.fail();
  const builder = createLeafTableBuilder({
    digestAlgorithm: 'SHA-256',
    previous: false,
    blind: false,
  });
  builder.add([value, value]);
  const table = await storeTable(store, builder.finish());
  t.is(toHex(table.root), toHex(leafDigest('SHA-256', [value, value])));
  t.is((await openLeafTable(store, table, { signal }).group(0)).members.length, 2);
});

test('a digest of another length is refused', (t) => {
  const builder = createLeafTableBuilder({
    digestAlgorithm: 'SHA-512',
    previous: false,
    blind: false,
  });
  const error = t.throws(
    () => {
      builder.add(numberedGroup('SHA-256', 0, [1]));
    },
    { instanceOf: FormatError },
  );
  t.is(error.code, 'ERR_FORMAT_DIGEST_LENGTH');
  t.throws(
    () => {
      builder.add([]);
    },
    { instanceOf: FormatError },
  );
});

test('a group that is not there', async (t) => {
  const store = createMemoryStore();
  const table = await storeTable(store, buildTable({ groups: 3 }));
  for (const index of [-1, 3, Number.NaN, 0.5 + 3])
    await t.throwsAsync(openLeafTable(store, table, { signal }).group(index), {
      instanceOf: FormatError,
    });
});

test('the header says what the layout is', async (t) => {
  const built = buildTable({ groups: 1500, sizes: [2], previous: true, blind: true });
  const octets = await octetsOf(built);
  const { shape, root } = parseHeader(octets);
  t.deepEqual(shape, built.shape);
  t.is(toHex(root), toHex(built.root));
  t.is(octets.length, leafTableLayout(shape).size);
  t.is(octets.length, built.size);
});

test('a later version is named, not guessed at', async (t) => {
  const octets = await octetsOf(buildTable({ groups: 1 }));
  octets[9] = 2;
  const error = t.throws(() => parseHeader(octets), { instanceOf: UnsupportedError });
  t.is(error.code, 'ERR_UNSUPPORTED_VERSION');
});

test('any changed octet that a proof needs is found', async (t) => {
  const built = buildTable({ groups: 1030, sizes: [1, 1, 3], previous: true });
  const octets = await octetsOf(built);
  const layout = leafTableLayout(built.shape);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(octets.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        // Where the earlier record stood is checked with the record, not by the tree; reserved octets bind nothing.
        const inRow = (at - layout.rowsOffset) % layout.rowLength;
        const inRows = at >= layout.rowsOffset && at < layout.membersOffset;
        fc.pre(!(inRows && inRow >= layout.digestLength + 4) && !(at >= 20 && at < 24));
        fc.pre(!(at >= 64 + layout.digestLength && at < 128));
        const store = createMemoryStore();
        const changed = Uint8Array.from(octets);
        changed[at] = (changed[at] ?? 0) ^ change;
        store.put(batchKey(tableId, 'leafTable'), changed);
        const findings = await checkLeafTable(
          store,
          { id: tableId, shape: built.shape, root: built.root },
          signal,
        );
        t.not(findings.length, 0, `octet ${at}`);
      },
    ),
    { numRuns: 150 },
  );
});

for (const [what, change] of [
  ['cut short', (octets: Uint8Array) => octets.subarray(0, -1)],
  ['longer than its layout', (octets: Uint8Array) => Buffer.concat([octets, octets])],
  ['empty', () => new Uint8Array(0)],
] as const)
  test(`a table ${what} is found`, async (t) => {
    const store = createMemoryStore();
    const built = buildTable({ groups: 10 });
    store.put(batchKey(tableId, 'leafTable'), change(await octetsOf(built)));
    const table = { id: tableId, shape: built.shape, root: built.root };
    t.is((await checkLeafTable(store, table, signal)).length, 1);
  });

test('a table that is gone is found', async (t) => {
  const built = buildTable({ groups: 10 });
  const table = { id: tableId, shape: built.shape, root: built.root };
  const [finding] = await checkLeafTable(createMemoryStore(), table, signal);
  t.is(finding?.check, 'leaf-table-leads-to-root');
});
