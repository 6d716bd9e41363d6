// Since which run's batches a run between nights looks: never later than one that is not settled.
import test from 'ava';
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import { noteSettled, settledBefore } from '#archiver/night/settled.ts';

const first = Temporal.Instant.from('2027-01-10T02:00:00Z');
const at = (minutes: number): Temporal.Instant => first.add({ minutes });
const second = (minutes: number): string => `20270110T02${String(minutes).padStart(2, '0')}00Z`;
const batch = (minutes: number, rest = '00000000'): string => `${second(minutes)}-${rest}`;

const cases = [
  { of: 'nothing known', counting: [], pending: [], asked: 9, since: undefined },
  { of: 'the newest that counts', counting: [batch(2), batch(1)], pending: [], asked: 9, since: 2 },
  { of: 'one that waits', counting: [batch(3), batch(1)], pending: [batch(2)], asked: 9, since: 2 },
  {
    of: 'one that waits beside another of its run',
    counting: [batch(2, '11111111'), batch(3)],
    pending: [batch(2, 'ffffffff')],
    asked: 9,
    since: 2,
  },
  { of: 'one that waits, newer', counting: [batch(1)], pending: [batch(2)], asked: 9, since: 1 },
  { of: 'only waiting', counting: [], pending: [batch(2)], asked: 9, since: undefined },
  { of: 'the second of the run itself', counting: [batch(5)], pending: [], asked: 9, since: 1 },
  { of: 'a clock put back', counting: [batch(3)], pending: [], asked: 2, since: undefined },
  { of: 'the same second again', counting: [batch(3)], pending: [], asked: 3, since: undefined },
] as const;

for (const { of, counting, pending, asked, since } of cases)
  test(`settled before: ${of}`, async (t) => {
    await using catalogue = await openSqliteCatalogue(':memory:');
    if (since === 1) await noteSettled(catalogue, at(2), { counting: [batch(1)], pending: [] });
    await noteSettled(catalogue, at(5), { counting, pending });
    const expected = since === undefined ? undefined : second(since);
    t.is(await settledBefore(catalogue, at(asked)), expected);
  });

test('after the clock was put back, all batches are looked at until a run has settled them', async (t) => {
  await using catalogue = await openSqliteCatalogue(':memory:');
  await noteSettled(catalogue, at(5), { counting: [batch(4)], pending: [] });
  t.is(await settledBefore(catalogue, at(3)), undefined);
  t.is(await settledBefore(catalogue, at(6)), undefined);
  await noteSettled(catalogue, at(6), { counting: [batch(3), batch(4)], pending: [batch(3)] });
  t.is(await settledBefore(catalogue, at(7)), second(3));
});
