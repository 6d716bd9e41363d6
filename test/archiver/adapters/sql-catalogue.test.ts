// The catalogue's own promises: which content stands at a place, what counts as read before an instant,
// and what rows look like again when they come back.
import test from 'ava';
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import { batchRow, documentRow } from '../reports/_archive.ts';

const day = Temporal.Instant.from('2030-05-01T17:00:00Z');

test('the newest content stands at a place without versions', async (t) => {
  await using catalogue = await openSqliteCatalogue(':memory:');
  const place = { store: 'documents', key: 'a.txt', versionId: '' };
  t.is(await catalogue.findStanding(place), undefined);
  await catalogue.addDocument(documentRow('a.txt', { state: 'changed', etag: 'first' }));
  const id = await catalogue.addDocument(
    documentRow('a.txt', { sha256: 'cd'.repeat(32), etag: 'second' }),
  );
  t.deepEqual(await catalogue.findStanding(place), { id, etag: 'second', state: 'protected' });
  t.is((await catalogue.findDocument(place))?.id, id);
  t.is(await catalogue.findStanding({ ...place, key: 'A.TXT' }), undefined);
});

const boundaries = [
  { lastRead: '2030-05-01T16:59:59.999999999Z', before: true },
  { lastRead: '2030-05-01T17:00:00Z', before: false },
  { lastRead: '2030-05-01T17:00:00.000000001Z', before: false },
];

for (const { lastRead, before } of boundaries)
  test(`a document read at ${lastRead} ${before ? 'was' : 'was not'} read before ${day.toString()}`, async (t) => {
    await using catalogue = await openSqliteCatalogue(':memory:');
    await catalogue.addDocument(
      documentRow('a.txt', { lastRead: Temporal.Instant.from(lastRead) }),
    );
    const found = await Array.fromAsync(catalogue.documents({ lastReadBefore: day }));
    t.is(found.length, before ? 1 : 0);
  });

test('what was read together is marked together, and nothing else', async (t) => {
  await using catalogue = await openSqliteCatalogue(':memory:');
  const ids: number[] = [];
  for (const key of ['a', 'b', 'c']) ids.push(await catalogue.addDocument(documentRow(key)));
  await catalogue.markRead(ids.slice(0, 2), day);
  const rows = await Array.fromAsync(catalogue.documents());
  t.deepEqual(
    rows.map((row) => row.lastRead.equals(day)),
    [true, true, false],
  );
});

test('the oldest reading is one that a re-reading would move', async (t) => {
  await using catalogue = await openSqliteCatalogue(':memory:');
  const old = Temporal.Instant.from('2030-01-01T00:00:00Z');
  for (const state of ['broken', 'retired'] as const)
    await catalogue.putBatch(batchRow(state, { state, leafTableRead: old }));
  await catalogue.addDocument(documentRow('gone', { state: 'missing', lastRead: old }));
  t.is(await catalogue.oldestRead(), undefined);
  await catalogue.putBatch(batchRow('valid', { leafTableRead: day }));
  await catalogue.addDocument(documentRow('later', { lastRead: day.add({ hours: 1 }) }));
  t.is((await catalogue.oldestRead())?.toString(), day.toString());
});
