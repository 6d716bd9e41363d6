// `verify --from --to` (J-5): the timestamps of a period over a class, judged from the stores, one table.
import test from 'ava';
import { unlink } from 'node:fs/promises';
import path from 'node:path';
import { periodOf, type PeriodVerdict, verifyPeriod } from '#archiver/commands/verify-period.ts';
import { renderCsv } from '#archiver/commands/verify-output.ts';
import { ConfigError } from '#shared/errors.ts';
import { createArchive, type TestArchive } from './_night.ts';

const zone = 'Asia/Tokyo';

async function listed(
  archive: TestArchive,
  from: string,
  to: string,
  documentClass?: string,
): Promise<{ readonly found: readonly PeriodVerdict[]; readonly unreadable: readonly string[] }> {
  const unreadable: string[] = [];
  const found: PeriodVerdict[] = [];
  const request = {
    period: periodOf(from, to, zone),
    documentClass,
    at: archive.clock.now(),
    signal: new AbortController().signal,
  };
  for await (const one of verifyPeriod(await archive.open(), request, (key) =>
    unreadable.push(key),
  ))
    found.push(one);
  return { found, unreadable };
}

const dayOf = (archive: TestArchive): string =>
  archive.clock.now().toZonedDateTimeISO(zone).toPlainDate().toString();

const keysOf = ({ found }: { readonly found: readonly PeriodVerdict[] }): readonly string[] =>
  found.map(({ verdict }) => verdict.file);

test('what was stamped in a period, by class, and the row of each', async (t) => {
  const settings = {
    retention: {
      rules: [
        { name: 'charts', match: '^charts/', preset: 'jp-medical-record' },
        { name: 'letters', match: '^letters/', preset: 'jp-medical-record' },
      ],
    },
  };
  await using archive = await createArchive(settings);
  await archive.put('charts/a', 'a');
  await archive.put('letters/b', 'b');
  await archive.night();
  const first = dayOf(archive);
  await archive.put('charts/c', 'c');
  await archive.nightAfter(2);
  const second = dayOf(archive);
  t.deepEqual(keysOf(await listed(archive, first, first)), ['charts/a', 'letters/b']);
  t.deepEqual(keysOf(await listed(archive, first, second, 'charts')), ['charts/a', 'charts/c']);
  const { found } = await listed(archive, second, second);
  t.deepEqual(keysOf({ found }), ['charts/c']);
  const [one] = found;
  if (!one) throw new Error('nothing found');
  const row = renderCsv(one.verdict, one.accredited).trim();
  t.true(row.startsWith('charts/c,TOTAL-PASSED,,'));
  t.true(row.includes(',PASSED,'));
  t.true(row.includes(`,${archive.clock.now().toString().slice(0, 10)}`));
  t.true(row.endsWith(',未確認'));
  await t.throwsAsync(() => listed(archive, first, second, 'nothing'), {
    instanceOf: ConfigError,
    message: /charts, letters/,
  });
});

test('a confirmed provider is named, one of another period is not', async (t) => {
  await using archive = await createArchive();
  await archive.put('a', 'a');
  await archive.night();
  const day = dayOf(archive);
  const { catalogue } = await archive.open();
  const [batch] = await Array.fromAsync(catalogue.batches());
  const entry = {
    name: 'A service',
    scheme: 'mic-2021-146',
    anchors: [batch?.newestToken.chain.at(-1)?.fingerprint],
    tsaPolicies: [batch?.newestToken.tsaPolicy],
    confirmedBy: 'an officer',
    confirmedOn: '2026-04-01',
    document: 'a list',
  };
  for (const [until, expected] of [
    [undefined, 'A service (mic-2021-146)'],
    ['2022-01-01', '未確認'],
  ] as const) {
    const entries = [{ ...entry, from: '2021-06-01', ...(until && { until }) }];
    await archive.configure({ accreditation: { entries } });
    const [one] = (await listed(archive, day, day)).found;
    const [token] = one?.verdict.tokens ?? [];
    t.is(token && one?.accredited(token), expected);
  }
});

test('a document that is gone is said and stops none of the others', async (t) => {
  await using archive = await createArchive();
  await archive.put('a', 'a');
  await archive.put('b', 'b');
  await archive.night();
  const day = dayOf(archive);
  await unlink(path.join(archive.documents, 'a'));
  const { found, unreadable } = await listed(archive, day, day);
  t.deepEqual(keysOf({ found }), ['b']);
  t.deepEqual(unreadable, ['a']);
});

test('a period by days is whole days of the time zone, by instants half open', (t) => {
  const days = periodOf('2026-04-01', '2026-04-01', zone);
  t.is(days.from.toString(), '2026-03-31T15:00:00Z');
  t.is(days.to.toString(), '2026-04-01T15:00:00Z');
  const instants = periodOf('2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z', zone);
  t.is(instants.to.toString(), '2026-04-02T00:00:00Z');
  for (const [from, to] of [
    ['2026-04-02', '2026-04-01'],
    ['2026-04-01T00:00:00Z', '2026-04-01T00:00:00Z'],
    ['yesterday', '2026-04-01'],
    ['2026-04-01', '2026-02-30'],
  ] as const)
    t.throws(() => periodOf(from, to, zone), { instanceOf: ConfigError });
});
