// What the books of a proxy promise, wherever they are kept: run against folders in `npm test` and against PostgreSQL
// in the interop tests.
import type { TestFn } from 'ava';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import type { AuditFolder } from '#tsa/adapters/audit-files.ts';
import type { JournalFolder } from '#tsa/adapters/files.ts';
import { parseAuditLine, type AuditEntry } from '#tsa/audit/audit-line.ts';
import type { Books } from '#tsa/books.ts';
import type { Budget } from '#tsa/config/config.ts';
import { parseJournalLine, type TokenRecord } from '#tsa/journal/journal-line.ts';
import { createTestClock, type TestClock } from './_proxy.ts';

/** A place that can be opened again and again. */
export type BooksPlace = AsyncDisposable & {
  readonly open: (settings?: {
    readonly budgets?: readonly Budget[];
    readonly keepDays?: number;
  }) => Promise<Books>;
  readonly journal: () => JournalFolder;
  readonly audit: () => AuditFolder;
};

export type MakePlace = (clock: TestClock) => Promise<BooksPlace>;

export const purchase = {
  client: 'records',
  profile: 'default',
  provider: 'paid',
  price: { amount: 10.1, currency: 'JPY' },
};

export function tokenOf(clock: TestClock, id: string, text = id): TokenRecord {
  return {
    ...purchase,
    kind: 'token',
    id,
    at: clock.now(),
    repeatKey: `key of ${id}`,
    serialNumber: Buffer.from(text).toString('hex'),
    genTime: clock.now(),
    late: false,
    response: new Uint8Array(Buffer.from(text)),
  };
}

export const lineOf = (reason: string): AuditEntry => ({
  event: 'refused',
  id: '00',
  address: '127.0.0.1',
  status: 404,
  reason,
});

export async function answerTo(books: Books, id: string): Promise<string | undefined> {
  const record = await books.journal.find(`key of ${id}`);
  return record && Buffer.from(record.response).toString();
}

/** How many of so many purchases at the same time are let through. */
export async function reserved(books: readonly Books[], from: number, count: number) {
  const asked = Array.from({ length: count }, async (_, i) => {
    const id = `purchase ${from + i}`;
    const one = await books[i % books.length]?.budgets.reserve({ ...purchase, id });
    return one?.kind === 'reserved' ? [{ ...one, id }] : [];
  });
  return (await Promise.all(asked)).flat();
}

export async function eventsIn(folder: AuditFolder): Promise<readonly string[]> {
  const events: string[] = [];
  for (const name of await folder.list())
    for await (const { octets } of folder.lines(name))
      events.push(parseAuditLine(octets)?.event ?? '');
  return events;
}

export function testBooksContract(test: TestFn, name: string, make: MakePlace): void {
  test(`${name}: a token answers repeats at once, after a restart, and for seven days`, async (t) => {
    const clock = createTestClock('2030-01-31T23:59:59Z');
    await using place = await make(clock);
    {
      await using books = await place.open();
      await Promise.all(['a', 'b', 'c'].map((id) => books.journal.append(tokenOf(clock, id))));
      t.is(await answerTo(books, 'b'), 'b');
      t.is(await answerTo(books, 'd'), undefined);
    }
    clock.set('2030-02-07T23:59:58Z');
    await using books = await place.open();
    t.is(await answerTo(books, 'a'), 'a');
    clock.advance({ seconds: 2 });
    t.is(await answerTo(books, 'a'), undefined);
  });

  test(`${name}: of two tokens for one request the first stays the answer`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    await using books = await place.open();
    await books.journal.append(tokenOf(clock, 'a', 'first'));
    await books.journal.append(tokenOf(clock, 'a', 'second'));
    t.is(await answerTo(books, 'a'), 'first');
  });

  test(`${name}: every record can be read back as it was written`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    const failure = { kind: 'failure', id: 'f', at: clock.now(), provider: 'paid' } as const;
    const request = { ...purchase, kind: 'request', id: 'r', at: clock.now() } as const;
    {
      await using books = await place.open();
      await books.journal.append({ ...request, request: Uint8Array.of(0, 255) });
      await books.journal.append({ ...failure, reason: 'no\u0000thing' });
      await books.journal.append(tokenOf(clock, 'a'));
    }
    const read: string[] = [];
    for (const file of await place.journal().list())
      for await (const { octets } of place.journal().lines(file)) {
        const record = parseJournalLine(octets);
        read.push(record?.kind === 'failure' ? record.reason : (record?.kind ?? 'damaged'));
      }
    t.deepEqual(read, ['request', 'no\u0000thing', 'token']);
  });

  test(`${name}: a budget is never passed, and what was bought before a restart counts`, async (t) => {
    const clock = createTestClock('2030-01-31T12:00:00Z');
    await using place = await make(clock);
    const budgets = [{ client: 'records', period: 'month', tokens: 5, warnAtPercent: 80 }] as const;
    {
      await using books = await place.open({ budgets });
      const held = await reserved([books], 0, 9);
      t.is(held.length, 5);
      for (const one of held.slice(2)) one.release();
      for (const { bought, id } of held.slice(0, 2)) {
        bought();
        await books.journal.append(tokenOf(clock, id));
      }
      t.is((await reserved([books], 10, 9)).length, 3);
      t.truthy(await books.budgets.check(purchase));
      t.falsy(await books.budgets.check({ client: 'billing', profile: 'default' }));
    }
    clock.advance({ hours: 1 });
    await using books = await place.open({ budgets });
    t.is((await reserved([books], 20, 9)).length, 3, 'two are in the journal');
    clock.set('2030-02-01T00:00:00Z');
    t.is((await reserved([books], 40, 1)).length, 1, 'a month of its own');
  });

  test(`${name}: money counts to a millionth, and the ledger has what the journal has`, async (t) => {
    const clock = createTestClock('2030-01-31T12:00:00Z');
    await using place = await make(clock);
    const cost = { amount: 30.3, currency: 'JPY' };
    await using books = await place.open({ budgets: [{ period: 'day', cost, warnAtPercent: 80 }] });
    for (const { bought, id } of await reserved([books], 0, 4)) {
      bought();
      await books.journal.append(tokenOf(clock, id));
    }
    await books.refresh();
    const sum = books.ledger.sum({ within: '2030-01' });
    t.deepEqual([sum.tokens, sum.costs.get('JPY')], [3, 30_300_000n]);
    t.is(books.ledger.sum({ within: '2030-01', client: 'billing' }).tokens, 0);
    t.is(books.budgets.states()[0]?.percent, 100);
  });

  test(`${name}: a bucket fills with time, a window lets go after its length`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    await using books = await place.open();
    const limit = { requests: 2, withinSeconds: 10 };
    const took: string[] = [];
    const note = async (
      free: Temporal.Instant | undefined | Promise<Temporal.Instant | undefined>,
    ) => took.push((await free)?.toString() ?? 'taken');
    const bucket = () => note(books.rates.takeOfMinute('a', 2, clock.now()));
    const window = () => note(books.rates.takeOfWindow('a', limit, clock.now()));
    for (let i = 0; i < 3; i++) await bucket();
    clock.advance({ seconds: 30 });
    await bucket();
    t.deepEqual(took.splice(0), ['taken', 'taken', '2030-01-01T00:00:30Z', 'taken']);
    await window();
    clock.advance({ seconds: 9 });
    await window();
    await window();
    clock.advance({ seconds: 1 });
    await window();
    await window();
    t.deepEqual(took, ['taken', 'taken', '2030-01-01T00:00:40Z', 'taken', '2030-01-01T00:00:49Z']);
  });

  test(`${name}: the audit log is one chain over restarts, and a stamp covers what was there`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    for (const day of ['one', 'two']) {
      await using books = await place.open();
      await Promise.all([1, 2, 3].map((i) => books.audit.append(lineOf(`${day} ${i}`))));
      clock.advance({ days: 1 });
    }
    await using books = await place.open();
    const { head, since = '' } = await books.audit.unstamped();
    t.is(head.seq, 6);
    t.true(since !== '' && since < '2030-01-03');
    const report = await checkAuditLog(place.audit(), { anchors: [] });
    t.like(report, { status: 'intact', lines: 6, findings: [] });
    t.is(report.head.hash, head.hash);
    await books.storeStamp('head-000000000006.tsr', Uint8Array.of(1));
    t.deepEqual(await place.audit().stamps(), ['head-000000000006.tsr']);
    t.deepEqual([...(await place.audit().stamp('head-000000000006.tsr'))], [1]);
  });

  test(`${name}: a clock that leaps by years takes no line away on that day`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    for (const [day, at] of ['2030-01-01', '2030-01-02', '2080-01-01'].entries()) {
      clock.set(`${at}T12:00:00Z`);
      await using books = await place.open({ keepDays: 30 });
      await books.audit.append(lineOf(`day ${day}`));
      await books.tidy();
    }
    t.deepEqual(await eventsIn(place.audit()), ['refused', 'refused', 'refused']);
    clock.advance({ days: 1 });
    await using books = await place.open({ keepDays: 30 });
    await books.audit.append(lineOf('the day after'));
    await books.tidy();
    t.like(await checkAuditLog(place.audit(), { anchors: [] }), { status: 'intact', firstLine: 3 });
  });

  test(`${name}: old lines go with one that says so, and the rest still verifies`, async (t) => {
    const clock = createTestClock();
    await using place = await make(clock);
    for (const day of ['one', 'two', 'three']) {
      await using books = await place.open({ keepDays: 1 });
      await books.audit.append(lineOf(day));
      await books.tidy();
      clock.advance({ days: 1 });
    }
    const events = await eventsIn(place.audit());
    t.deepEqual(events.toSorted(), ['refused', 'refused', 'retired']);
    t.like(await checkAuditLog(place.audit(), { anchors: [] }), { status: 'intact', lines: 3 });
  });
}
