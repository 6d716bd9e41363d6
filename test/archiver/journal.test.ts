// The journal: in order, without gaps, whole or not at all.
import test from 'ava';
import { openJournal, type Journal, type JournalRecord } from '#archiver/journal.ts';
import type { JournalEntry } from '#archiver/journal-entries.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { createFaultyStore } from '../_faulty-store.ts';
import { createMemoryStore } from '../_memory-store.ts';
import { throwsCode } from './adapters/_store-contract.ts';

const { signal } = new AbortController();
const at = Temporal.Instant.from('2026-12-01T00:00:00Z');
const options = { at, run: 'run-1', signal };

function hold(key: string): JournalEntry {
  return { kind: 'hold', store: 'documents', key, on: true, by: 'operator' };
}

function readAll(journal: Journal, sequence = 1): Promise<JournalRecord[]> {
  return Array.fromAsync(journal.readFrom(sequence, signal));
}

const keysOf = (records: readonly JournalRecord[]) =>
  records.flatMap((record) => record.entries.map((entry) => ('key' in entry ? entry.key : '')));

test('what is appended is read in order, from any number on', async (t) => {
  const store = createMemoryStore();
  const journal = openJournal(store);
  t.deepEqual(await readAll(journal), []);
  t.is(await journal.append([], options), 0);
  t.is(await journal.append([hold('a'), hold('b')], options), 1);
  t.is(await journal.append([hold('c')], { ...options, run: 'run-2' }), 2);
  t.deepEqual(store.keys(), ['journal/000000000001.json', 'journal/000000000002.json']);
  const records = await readAll(journal);
  t.true(records.every((one) => one.at.equals(at)));
  t.deepEqual(JSON.parse(JSON.stringify(records)), [
    { sequence: 1, at: at.toString(), run: 'run-1', entries: [hold('a'), hold('b')] },
    { sequence: 2, at: at.toString(), run: 'run-2', entries: [hold('c')] },
  ]);
  t.deepEqual(keysOf(await readAll(journal, 2)), ['c']);
  t.deepEqual(await readAll(journal, 3), []);
});

test('appends that overlap stand one after the other', async (t) => {
  const journal = openJournal(createMemoryStore());
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => journal.append([hold(key)], options)));
  t.deepEqual(keysOf(await readAll(journal)), keys);
});

test('a long list becomes several objects', async (t) => {
  const journal = openJournal(createMemoryStore());
  const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`);
  t.is(await journal.append(keys.map(hold), options), 3);
  t.deepEqual(keysOf(await readAll(journal)), keys);
});

for (let count = 0; count <= 17; count++)
  test(`the end is found again after ${count}`, async (t) => {
    const store = createMemoryStore();
    for (let index = 0; index < count; index++)
      await openJournal(store).append([hold(`k${index}`)], options);
    t.is(await openJournal(store).append([hold('next')], options), count + 1);
  });

test('another writer is noticed, and not overwritten', async (t) => {
  const store = createMemoryStore();
  const ours = openJournal(store);
  await ours.append([hold('a')], options);
  await openJournal(store).append([hold('theirs')], options);
  await throwsCode(t, () => ours.append([hold('b')], options), 'ERR_CONFLICT_EXISTS');
  t.is(await ours.append([hold('b')], options), 3);
  t.deepEqual(keysOf(await readAll(ours)), ['a', 'theirs', 'b']);
});

const record = (change: object) =>
  JSON.stringify({
    format: 'tokiwa-journal',
    version: 1,
    sequence: 2,
    at: at.toString(),
    run: 'r',
    entries: [hold('x')],
    ...change,
  });
const damages: readonly (readonly [string, string, string, ErrorCode])[] = [
  ['a gap', 'journal/000000000003.json', record({ sequence: 3 }), 'ERR_FORMAT_STORED'],
  ['a foreign object', 'journal/000000000001.json~', 'x', 'ERR_FORMAT_STORED'],
  [
    'a record of another number',
    'journal/000000000002.json',
    record({ sequence: 1 }),
    'ERR_FORMAT_STORED',
  ],
  [
    'an unknown kind',
    'journal/000000000002.json',
    record({ entries: [{ kind: 'x' }] }),
    'ERR_FORMAT_STORED',
  ],
  ['no entries', 'journal/000000000002.json', record({ entries: [] }), 'ERR_FORMAT_STORED'],
  ['no instant', 'journal/000000000002.json', record({ at: 'today' }), 'ERR_FORMAT_STORED'],
  ['half a record', 'journal/000000000002.json', record({}).slice(0, 50), 'ERR_FORMAT_STORED'],
  ['another format', 'journal/000000000002.json', record({ format: 'x' }), 'ERR_FORMAT_STORED'],
  [
    'a later version',
    'journal/000000000002.json',
    record({ version: 2 }),
    'ERR_UNSUPPORTED_VERSION',
  ],
];
for (const [title, key, content, code] of damages)
  test(`reading stops at ${title} and names it`, async (t) => {
    const store = createMemoryStore();
    const journal = openJournal(store);
    await journal.append([hold('a')], options);
    store.put(key, content);
    const error = await throwsCode(t, () => readAll(journal), code);
    t.true(error.message.includes(key), error.message);
  });

test('an object too long to be a record is not read into memory', async (t) => {
  const store = createMemoryStore();
  store.put('journal/000000000001.json', new Uint8Array(16 * 1024 * 1024 + 1));
  await throwsCode(t, () => readAll(openJournal(store)), 'ERR_FORMAT_STORED');
});

for (const fault of ['before', 'after'] as const)
  for (let faulty = 1; faulty <= 6; faulty++)
    test(`call ${faulty} fails ${fault} its effect: entries stand once, in order`, async (t) => {
      const memory = createMemoryStore();
      const store = createFaultyStore(memory, ({ number }) =>
        number === faulty ? fault : undefined,
      );
      const journal = openJournal(store);
      for (const key of ['a', 'b', 'c'])
        await journal
          .append([hold(key)], options)
          .catch(() => journal.append([hold(key)], options));
      t.deepEqual(keysOf(await readAll(openJournal(memory))), ['a', 'b', 'c']);
    });
