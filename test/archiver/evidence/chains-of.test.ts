// One record costs as many manifests as have a part in it, however many batches there are; and it is the record that
// all manifests together give.
import test, { type ExecutionContext } from 'ava';
import { evidenceOf, xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import { assembleEvidenceRecord } from '#archiver/evidence/assemble.ts';
import { createRecordReader } from '#archiver/intake/answer.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { createFaultyStore } from '../../_faulty-store.ts';
import { createArchive, type TestArchive } from '../night/_night.ts';

const { signal } = new AbortController();

/** The archive as a command has it, and how often a manifest was read through it. */
async function counted(archive: TestArchive) {
  const archiver = await archive.open();
  const objects = createFaultyStore(archiver.evidence.objects);
  return {
    archiver: { ...archiver, evidence: { ...archiver.evidence, objects } },
    objects,
    manifests: (): number =>
      objects
        .calls()
        .filter(({ operation, key }) => operation === 'read' && key.endsWith('/manifest.json'))
        .length,
  };
}

/** What a record of the document costs, where it is what the whole store gives. */
async function costOf(
  t: ExecutionContext,
  archive: TestArchive,
  key: string,
  anchor?: number,
): Promise<number> {
  const { archiver, objects, manifests } = await counted(archive);
  const row = await archive.row(key);
  const record = await evidenceOf(archiver, row, signal, { anchor });
  const cost = manifests();
  t.false(objects.calls().some(({ operation }) => operation === 'list'));
  const places = await archiver.catalogue.memberships(row.id);
  const whole = await Promise.all(
    places
      .filter(({ active }) => active)
      .map(({ batchId, groupIndex: index }) =>
        assembleEvidenceRecord(archiver.evidence.objects, { batchId, index }, { signal }),
      ),
  );
  t.true(
    whole.some((one) => Buffer.from(one).equals(record)),
    key,
  );
  return cost;
}

/** So many batches by two TSAs, all renewed by timestamps, taken to another hash, and renewed again. */
async function renewedTwice(batches: number): Promise<TestArchive> {
  const archive = await createArchive(
    {},
    { tsuDays: 300, signatureDigest: 'SHA-512', second: true },
  );
  for (let number = 0; number < batches; number++) {
    await archive.put(`${number}.txt`, `${number}`);
    await archive.nightAfter(1);
  }
  await archive.nightAfter(220);
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }] },
  });
  await archive.nightAfter(1);
  await archive.nightAfter(230);
  return archive;
}

test('renewed in both ways: the record’s own chains are read, and no more as batches become many', async (t) => {
  for (const batches of [2, 7]) {
    await using archive = await renewedTwice(batches);
    t.true((await archive.batches()).length >= 2 * batches + 6);
    const { chains } = parseEvidenceRecord(await archive.record('0.txt', 1)).sequence;
    t.deepEqual(
      chains.map(({ archiveTimeStamps }) => archiveTimeStamps.length),
      [2, 2],
    );
    // First batch and its renewal, second batch and its own.
    for (const anchor of [1, 2]) t.is(await costOf(t, archive, '0.txt', anchor), 4);
    const { archiver, manifests } = await counted(archive);
    await xmlEvidenceOf(archiver, await archive.row('0.txt'), signal);
    t.is(manifests(), 4);
  }
});

test('what a program is answered costs as much', async (t) => {
  await using archive = await renewedTwice(3);
  const { archiver, objects, manifests } = await counted(archive);
  const recordsOf = createRecordReader(objects, signal);
  const records = await recordsOf(archiver.catalogue, await archive.row('0.txt'));
  t.deepEqual(
    records.map(({ anchor }) => anchor),
    [1, 2],
  );
  t.is(manifests(), 8);
});

test('renewals that cover other batches alone have no part in it', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.put('b.txt', 'b');
  await archive.nightAfter(100);
  t.is((await archive.nightAfter(120)).timestampRenewals, 1);
  t.is((await archive.nightAfter(100)).timestampRenewals, 1);
  t.is(await costOf(t, archive, 'a.txt'), 2);
  // One that came since its batch does not cover it.
  t.is(await costOf(t, archive, 'b.txt'), 3);
});

test('a catalogue that is not what the store is: everything is read', async (t) => {
  await using archive = await createArchive();
  for (const key of ['a.txt', 'b.txt', 'c.txt']) {
    await archive.put(key, key);
    await archive.nightAfter(1);
  }
  const { catalogue } = await archive.open();
  const [batchId = ''] = await archive.batches();
  const batch = await catalogue.getBatch(batchId);
  if (!batch) throw new Error('no batch');
  await catalogue.putBatch({ ...batch, tokenCount: 2 });
  const { archiver, manifests } = await counted(archive);
  await evidenceOf(archiver, await archive.row('a.txt'), signal);
  t.true(manifests() >= 3);
});
