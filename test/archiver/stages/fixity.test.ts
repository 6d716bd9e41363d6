// The order in which damage is written down: whatever comes of healing, catalogue and journal say the same.
import test from 'ava';
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import type { JournalEntry } from '#archiver/journal-entries.ts';
import { rereadSlice } from '#archiver/stages/fixity.ts';
import { SourceError } from '#shared/errors.ts';
import { batchRow } from '../reports/_archive.ts';

const runAt = Temporal.Instant.from('2030-01-01T00:00:00Z');

test('damage stands in the catalogue as it stands in the journal, though the healing fails', async (t) => {
  await using catalogue = await openSqliteCatalogue(':memory:');
  await catalogue.putBatch(batchRow('b1'));
  const journalled: JournalEntry[] = [];
  const damage = [{ part: 'leaf-table', batchId: 'b1', findings: [] }] as const;
  const reread = rereadSlice({
    catalogue,
    stores: new Map(),
    statedOf: () => Promise.resolve(undefined),
    journal: (entries) => {
      journalled.push(...entries);
      return Promise.resolve();
    },
    checkBatch: () => Promise.resolve(damage),
    healBatch: () =>
      Promise.reject(new SourceError('ERR_SOURCE_UNREACHABLE', 'away', { retryable: true })),
    checkValidationData: () => Promise.resolve(undefined),
    runAt,
    fixityDays: 90,
    scope: 'whole',
    withBatches: true,
    signal: new AbortController().signal,
  });
  await t.throwsAsync(reread, { code: 'ERR_SOURCE_UNREACHABLE' });
  t.deepEqual(
    journalled.map(({ kind }) => kind),
    ['evidence-damage'],
  );
  t.is((await catalogue.getBatch('b1'))?.state, 'broken');
});
