// What belongs together and how long it is kept: detached signatures that come later, sidecars that
// come later, impossible sidecars, retention that has ended.
import test from 'ava';
import { assertSound, createArchive, kindsOf } from './_night.ts';

test('a detached signature a night later: one group anew, the older record stays', async (t) => {
  await using archive = await createArchive();
  await archive.put('report.pdf', 'a report');
  await archive.put('other.txt', 'other');
  await archive.night();
  const first = await archive.record('report.pdf');
  const [oldest = ''] = await archive.batches();
  await archive.put('report.pdf.p7s', 'its signature');
  const night = await archive.nightAfter(1);
  t.deepEqual(night.findings, []);
  t.is(night.protectedGroups, 1, 'one group of two');
  t.is(night.tokensBought, 1);
  const catalogue = (await archive.open()).catalogue;
  const main = await archive.row('report.pdf');
  const signature = await archive.row('report.pdf.p7s');
  t.is(signature.attachedTo, main.id);
  t.deepEqual(
    (await catalogue.memberships(main.id)).map(({ batchId }) => batchId === oldest),
    [true, false],
  );
  t.notDeepEqual(await archive.record('report.pdf'), first);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
  await assertSound(t, archive, { notJudged: ['report.pdf', 'report.pdf.p7s'] });
});

test('a sidecar that comes later plans its document anew the same night', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  for (const key of ['short.txt', 'long.txt']) await archive.put(key, key);
  await archive.night();
  const rule = 'jp-medical-record';
  await archive.put('short.txt.retention.json', JSON.stringify({ rule, start: '2015-04-01' }));
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  const row = await archive.row('short.txt');
  t.is(row.retention.source, 'sidecar');
  t.is(row.retention.start, '2015-04-01');
  t.is((await archive.rows()).length, 2, 'a sidecar is no document');
  await assertSound(t, archive);
});

test('a document whose retention has ended is not renewed', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('short.txt', 'short');
  const rule = 'jp-medical-record';
  await archive.put('short.txt.retention.json', JSON.stringify({ rule, start: '2015-04-01' }));
  await archive.night();
  const night = await archive.nightAfter(220);
  t.is(night.timestampRenewals, 0);
  t.is(night.tokensBought, 0);
  t.deepEqual(night.findings, []);
  await assertSound(t, archive);
});

for (const [what, sidecar] of [
  ['an unknown rule', JSON.stringify({ rule: 'no-such-rule', start: '2026-04-01' })],
  ['an impossible date', JSON.stringify({ rule: 'jp-medical-record', start: '2026-02-30' })],
  ['impossible events', JSON.stringify({ events: { completed: '2026-13-45' } })],
  ['no JSON', '{"rule": '],
  ['a list', '[1, 2]'],
  ['too much', JSON.stringify({ rule: 'x'.repeat(100_000) })],
] as const)
  test(`a sidecar with ${what}: its document is protected and kept`, async (t) => {
    await using archive = await createArchive();
    await archive.put('a.txt', 'a');
    await archive.put('a.txt.retention.json', sidecar);
    const night = await archive.night();
    t.deepEqual(kindsOf(night), what === 'an unknown rule' ? ['retention-unknown'] : []);
    const row = await archive.row('a.txt');
    t.is(row.state, 'protected');
    t.is(row.retention.lastDay, undefined, 'the end is unknown: kept and renewed');
    await assertSound(t, archive);
  });
