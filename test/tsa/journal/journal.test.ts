// The journal: what is durable when, what survives a torn or damaged file, and that a repeat finds its token.
import test from 'ava';
import fc from 'fast-check';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Event } from '#shared/ports/runtime.ts';
import { openJournalFiles, type JournalFiles } from '#tsa/adapters/files.ts';
import {
  buildJournalLine,
  parseJournalLine,
  type JournalRecord,
  type TokenRecord,
} from '#tsa/journal/journal-line.ts';
import { openJournal, repeatKeyOf } from '#tsa/journal/journal.ts';
import { createTestClock, random, temporaryFolder, type TestClock } from '../_proxy.ts';

function tokenRecord(clock: TestClock, key: string, text = key): TokenRecord {
  return {
    kind: 'token',
    id: key,
    at: clock.now(),
    repeatKey: key,
    provider: 'p',
    serialNumber: '1f',
    genTime: clock.now(),
    late: false,
    price: { amount: 10, currency: 'JPY' },
    response: new Uint8Array(Buffer.from(text)),
  };
}

async function openIn(folder: string, clock: TestClock, files?: JournalFiles) {
  const events: Event[] = [];
  const journal = await openJournal({
    files: files ?? (await openJournalFiles(folder)),
    clock,
    random,
    events: (event) => events.push(event),
  });
  return { journal, events };
}

async function responseOf(journal: Awaited<ReturnType<typeof openIn>>['journal'], key: string) {
  const record = await journal.find(key);
  return record && Buffer.from(record.response).toString();
}

/** Fields by name as text, whatever their order. */
function plain(record: JournalRecord | undefined) {
  return Object.entries(record ?? {})
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .toSorted();
}

test('a record and its line are the same thing', (t) => {
  const octets = fc.uint8Array({ maxLength: 300 });
  const instant = fc
    .integer({ min: 0, max: 4_000_000_000_000 })
    .map((ms) => Temporal.Instant.fromEpochMilliseconds(ms));
  const records: fc.Arbitrary<JournalRecord> = fc.oneof(
    fc.record({
      kind: fc.constant('request' as const),
      id: fc.string(),
      at: instant,
      client: fc.string({ unit: 'binary' }),
      profile: fc.string(),
      request: octets,
    }),
    fc.record({
      kind: fc.constant('failure' as const),
      id: fc.string(),
      at: instant,
      provider: fc.string(),
      reason: fc.string({ unit: 'grapheme' }),
      response: octets,
    }),
    fc.record({
      kind: fc.constant('token' as const),
      id: fc.string(),
      at: instant,
      repeatKey: fc.string(),
      provider: fc.string(),
      serialNumber: fc.string(),
      genTime: instant,
      late: fc.boolean(),
      response: octets,
    }),
  );
  fc.assert(
    fc.property(records, fc.nat(), (record, place) => {
      const line = buildJournalLine(record);
      t.is(line.indexOf(10), line.length - 1);
      const text = line.subarray(0, -1);
      t.deepEqual(plain(parseJournalLine(text)), plain(record));
      const damaged = Uint8Array.from(text);
      damaged[place % damaged.length] = (damaged[place % damaged.length] ?? 0) ^ 4;
      t.is(parseJournalLine(damaged), undefined);
      t.is(parseJournalLine(text.subarray(0, place % text.length)), undefined);
    }),
    { numRuns: 100 },
  );
});

test('the key of a repeat tells client, profile and octets apart', (t) => {
  const octets = Uint8Array.of(1, 2);
  const base = { client: 'a', profile: 'b', octets };
  const keys = [
    base,
    { ...base, client: 'ab' },
    { ...base, profile: 'c' },
    { ...base, octets: Uint8Array.of(1, 3) },
    { client: 'a","b', profile: '', octets },
  ].map(repeatKeyOf);
  t.is(new Set(keys).size, keys.length);
  t.is(repeatKeyOf(base), repeatKeyOf({ ...base, octets: Uint8Array.of(1, 2) }));
});

test('a token is found at once, after a restart, and for seven days', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2030-01-31T23:59:59Z');
  {
    const { journal } = await openIn(folder.path, clock);
    await journal.append(tokenRecord(clock, 'a'));
    clock.advance({ seconds: 2 });
    await Promise.all([
      journal.append(tokenRecord(clock, 'b')),
      // As large as any answer that is taken.
      journal.append(tokenRecord(clock, 'c', 'x'.repeat(4 * 1024 * 1024))),
      journal.append(tokenRecord(clock, 'd')),
    ]);
    t.deepEqual(await Promise.all(['a', 'b', 'd', 'e'].map((key) => responseOf(journal, key))), [
      'a',
      'b',
      'd',
      undefined,
    ]);
    await journal[Symbol.asyncDispose]();
  }
  t.is((await readdir(folder.path)).length, 2, 'one segment a day');
  clock.set('2030-02-07T23:59:58Z');
  const { journal, events } = await openIn(folder.path, clock);
  t.deepEqual(events, []);
  t.is(await responseOf(journal, 'a'), 'a');
  clock.set('2030-02-08T00:00:00Z');
  t.is(await responseOf(journal, 'a'), undefined);
  t.is(await responseOf(journal, 'b'), 'b');
  clock.set('2030-02-08T00:00:02Z');
  t.is(await responseOf(journal, 'b'), undefined);
  await journal[Symbol.asyncDispose]();
  const later = await openIn(folder.path, clock);
  t.is(await responseOf(later.journal, 'b'), undefined);
  await later.journal[Symbol.asyncDispose]();
});

test('of two tokens for one request the first stays the answer', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { journal } = await openIn(folder.path, clock);
  t.false(await journal.append(tokenRecord(clock, 'a', 'first')));
  t.true(await journal.append(tokenRecord(clock, 'a', 'late')));
  t.is(await responseOf(journal, 'a'), 'first');
  t.false(await journal.append(tokenRecord(clock, 'b', 'first')), 'of another request');
  clock.advance({ hours: 24 });
  t.true(await journal.append(tokenRecord(clock, 'a', 'late')), 'a day later');
  clock.advance({ hours: 6 * 24, seconds: 1 });
  t.false(await journal.append(tokenRecord(clock, 'b', 'new')), 'the first answers no repeat now');
  clock.advance({ hours: -7 * 24 });
  await journal[Symbol.asyncDispose]();
  const again = await openIn(folder.path, clock);
  t.is(await responseOf(again.journal, 'a'), 'first');
  await again.journal[Symbol.asyncDispose]();
});

test('a torn last line, cut anywhere, costs that record and no other', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const whole = Buffer.concat([
    buildJournalLine(tokenRecord(clock, 'a')),
    buildJournalLine(tokenRecord(clock, 'b')),
  ]);
  const first = buildJournalLine(tokenRecord(clock, 'a')).length;
  const file = path.join(folder.path, '2030-01-01.00000000.000000.jsonl');
  for (const cut of [first + 1, first + 17, whole.length - 2, whole.length - 1]) {
    await writeFile(file, whole.subarray(0, cut));
    const { journal, events } = await openIn(folder.path, clock);
    t.is(await responseOf(journal, 'a'), 'a');
    t.is(await responseOf(journal, 'b'), undefined);
    t.deepEqual(
      events.map((event) => event.name),
      ['tsa.journal.torn-line'],
    );
    await journal[Symbol.asyncDispose]();
  }
});

test('a damaged line in the middle is reported and costs that record only', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const file = path.join(folder.path, '2030-01-01.00000000.000000.jsonl');
  for (const key of ['a', 'b', 'c']) {
    const line = Buffer.from(buildJournalLine(tokenRecord(clock, key)));
    if (key === 'b') line[60] = (line[60] ?? 0) ^ 1;
    await appendFile(file, line);
  }
  const { journal, events } = await openIn(folder.path, clock);
  t.deepEqual(await Promise.all(['a', 'b', 'c'].map((key) => responseOf(journal, key))), [
    'a',
    undefined,
    'c',
  ]);
  t.like(events[0], { level: 'error', name: 'tsa.journal.damaged-line' });
  await journal[Symbol.asyncDispose]();
});

test('a record damaged after it was indexed is not handed out', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const { journal } = await openIn(folder.path, clock);
  await journal.append(tokenRecord(clock, 'a'));
  const [name = ''] = await readdir(folder.path);
  const octets = await readFile(path.join(folder.path, name));
  octets[octets.length - 5] = (octets.at(-5) ?? 0) ^ 1;
  await writeFile(path.join(folder.path, name), octets);
  t.is(await responseOf(journal, 'a'), undefined);
  await journal[Symbol.asyncDispose]();
});

test('the newest genTime of a provider outlives the process, also from days ahead of the clock', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock('2031-06-01T00:00:00Z');
  const { journal } = await openIn(folder.path, clock);
  await journal.append(tokenRecord(clock, 'a'));
  await journal[Symbol.asyncDispose]();
  clock.set('2030-06-01T00:00:00Z');
  const again = await openIn(folder.path, clock);
  t.is(again.journal.lastGenTime('p')?.toString(), '2031-06-01T00:00:00Z');
  t.is(again.journal.lastGenTime('q'), undefined);
  await again.journal[Symbol.asyncDispose]();
});

test('a failed append rejects, is shown, and the next record begins a new segment', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const real = await openJournalFiles(folder.path);
  let full = false;
  const files: JournalFiles = {
    ...real,
    takesWrites: async () => !full && (await real.takesWrites()),
    create: async (name) => {
      const log = await real.create(name);
      return {
        ...log,
        append: (octets) =>
          full
            ? Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
            : log.append(octets),
      };
    },
  };
  const { journal, events } = await openIn(folder.path, clock, files);
  await journal.append(tokenRecord(clock, 'a'));
  full = true;
  await t.throwsAsync(journal.append(tokenRecord(clock, 'b')), { code: 'ENOSPC' });
  t.false(journal.writable());
  t.is(await responseOf(journal, 'b'), undefined);
  t.like(events.at(-1), { name: 'tsa.journal.append-failed', kind: 'token' });
  await journal.recheck();
  t.false(journal.writable(), 'there is no room yet');
  full = false;
  await journal.recheck();
  t.true(journal.writable(), 'nobody need be sent here for it to be seen');
  await journal.append(tokenRecord(clock, 'c'));
  t.true(journal.writable());
  t.is(await responseOf(journal, 'a'), 'a');
  t.is(await responseOf(journal, 'c'), 'c');
  t.is((await readdir(folder.path)).length, 2);
  await journal[Symbol.asyncDispose]();
  await t.throwsAsync(
    journal.append({ ...tokenRecord(clock, 'd'), at: clock.now().add({ hours: 48 }) }),
  );
});
