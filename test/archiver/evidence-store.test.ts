// Opening an evidence store: the right archive, a new one only when told, none in a doubtful place.
import test from 'ava';
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import { toHex } from '#shared/bytes.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { createMemoryStore, type MemoryStore } from '../_memory-store.ts';
import { throwsCode } from './adapters/_store-contract.ts';

const { signal } = new AbortController();
const at = Temporal.Instant.from('2026-12-01T00:00:00Z');
let seed = 0;
const random = (length: number) => new Uint8Array(length).fill(++seed % 256);

function open(
  store: MemoryStore,
  options: { expectedArchiveId?: string; create?: boolean; prefix?: string } = {},
) {
  const { expectedArchiveId, create = false, prefix = '' } = options;
  return openEvidenceStore({ store, prefix, expectedArchiveId, create, at, random, signal });
}

test('an archive is made when told, and found again', async (t) => {
  const store = createMemoryStore();
  const made = await open(store, { create: true, prefix: 'evidence/' });
  t.regex(made.archiveId, /^[0-9a-f]{32}$/);
  t.deepEqual(store.keys(), ['evidence/archive.json']);
  const found = await open(store, { expectedArchiveId: made.archiveId, prefix: 'evidence/' });
  t.is(found.archiveId, made.archiveId);
  t.true(found.created.equals(at));
  t.is((await open(store, { create: true, prefix: 'evidence/' })).archiveId, made.archiveId);
});

test('started twice at once, both see one archive', async (t) => {
  const store = createMemoryStore();
  const both = await Promise.all([open(store, { create: true }), open(store, { create: true })]);
  t.is(both[0].archiveId, both[1].archiveId);
});

test('the archive that another makes between the look and the listing is the one', async (t) => {
  const store = createMemoryStore();
  let other: string | undefined;
  const late: MemoryStore = {
    ...store,
    async *list(request) {
      other = (await open(store, { create: true })).archiveId;
      yield* store.list(request);
    },
  };
  const { archiveId } = await open(late, { create: true });
  t.is(archiveId, other ?? '');
});

const id = toHex(new Uint8Array(16));
const archive = (value: object) => JSON.stringify({ created: at.toString(), ...value });
const good = archive({ format: 'tokiwa-archive', version: 1, archiveId: id });

const refusals: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  { expectedArchiveId?: string; create?: boolean },
  ErrorCode,
])[] = [
  [
    'another archive',
    { 'archive.json': good },
    { expectedArchiveId: 'x' },
    'ERR_CONFIG_ARCHIVE_ID',
  ],
  ['empty, one is expected', {}, { expectedArchiveId: id }, 'ERR_CONFIG_ARCHIVE_ID'],
  [
    'empty, expected and may create',
    {},
    { expectedArchiveId: id, create: true },
    'ERR_CONFIG_ARCHIVE_ID',
  ],
  ['empty, none may be made', {}, {}, 'ERR_CONFIG_ARCHIVE_ID'],
  ['in use for something else', { 'a.pdf': 'x' }, { create: true }, 'ERR_CONFIG_ARCHIVE_ID'],
  ['no JSON', { 'archive.json': 'x' }, { create: true }, 'ERR_FORMAT_STORED'],
  [
    'another format',
    { 'archive.json': archive({ format: 'x', version: 1 }) },
    {},
    'ERR_FORMAT_STORED',
  ],
  [
    'a later version',
    { 'archive.json': archive({ format: 'tokiwa-archive', version: 2, archiveId: id }) },
    {},
    'ERR_UNSUPPORTED_VERSION',
  ],
  [
    'no id',
    { 'archive.json': archive({ format: 'tokiwa-archive', version: 1, archiveId: '' }) },
    {},
    'ERR_FORMAT_STORED',
  ],
];
for (const [title, objects, options, code] of refusals)
  test(`refused: ${title}`, async (t) => {
    const store = createMemoryStore();
    for (const [key, content] of Object.entries(objects)) store.put(key, content);
    await throwsCode(t, () => open(store, options), code);
    t.deepEqual(store.keys(), Object.keys(objects));
  });

test('refused: a store that cannot keep two writers apart', async (t) => {
  const memory = createMemoryStore();
  const store = {
    ...memory,
    capabilities: {
      ...memory.capabilities,
      conditionalWrites: false,
      remarks: ['It ignores If-None-Match.'],
    },
  };
  const error = await throwsCode(t, () => open(store, { create: true }), 'ERR_CONFIG_INVALID');
  t.true(error.message.includes('It ignores If-None-Match.'));
});

test('objects, journal and lease stand under the prefix', async (t) => {
  const store = createMemoryStore();
  store.put('other/x', 'x');
  const evidence = await open(store, { create: true, prefix: 'e/' });
  await evidence.objects.write('batches/1', Buffer.from('b'), { signal });
  await evidence.journal.append(
    [{ kind: 'hold', store: 's', key: 'k', on: true, by: 'operator' }],
    { at, run: 'r', signal },
  );
  await using lease = await evidence.acquireLease({
    holder: { host: 'h', pid: 1, instance: '' },
    run: 'r',
    at,
    duration: Temporal.Duration.from({ minutes: 10 }),
    signal,
  });
  t.is(lease.token, 1);
  t.deepEqual(store.keys(), [
    'e/archive.json',
    'e/batches/1',
    'e/journal/000000000001.json',
    'e/lease.json',
    'other/x',
  ]);
  const listed = await Array.fromAsync(evidence.objects.list({ signal, startAfter: 'b' }));
  t.deepEqual(
    listed.map((entry) => entry.key),
    ['batches/1', 'journal/000000000001.json', 'lease.json'],
  );
  t.is((await evidence.objects.head('batches/1', { signal })).key, 'batches/1');
  await evidence.objects.remove('batches/1', { signal });
  t.false(store.keys().includes('e/batches/1'));
});
