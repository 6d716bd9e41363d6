// Evidence records that another product put inside of documents (RFC 4998 Annex A, EN 319 162): nothing is
// written into the document, and what they prove stays provable after their TSU has ended, since the archive's
// own timestamps cover the record and what its newest timestamp is verified with.
import test from 'ava';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { assertSound, flipFile, kindsOf, messageOf } from './_night.ts';
import {
  asicS,
  putAll,
  recordAtIntake,
  recordForms,
  recordInside,
  recordOver,
  twoArchives,
} from './_records-inside.ts';

for (const { name, holder, main, files, covers, changed, without } of recordForms) {
  test(`${name}: provable after its TSU has ended and nobody answers for it`, async (t) => {
    await using both = await twoArchives();
    const { archive, other } = both;
    const given = await files(other);
    await putAll(archive, given);
    t.deepEqual(kindsOf(await archive.night()), []);
    t.like(await recordAtIntake(archive, holder), { id: 'evidence-record-1', status: 'valid' });
    const [facts] = (await archive.row(holder)).facts.evidenceRecords;
    t.deepEqual(
      facts?.dataObjects,
      covers.map((covered) => ({ name: covered, found: true })),
    );
    t.deepEqual(kindsOf(await both.nightAfter(1)), ['record-inside']);
    let renewals = 0;
    for (let month = 0; month < 11; month++) {
      const night = await both.nightAfter(30);
      t.deepEqual(kindsOf(night), []);
      renewals += night.timestampRenewals;
    }
    t.true(renewals > 0);
    await archive.configure({
      algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2028-01-20' }] },
    });
    const rehash = await both.nightAfter(1);
    t.deepEqual(kindsOf(rehash), []);
    t.true(rehash.hashTreeRenewals > 0);
    t.deepEqual(kindsOf(await both.nightAfter(60)), [], 'its hash has ended, too');
    await both.withoutCrls();
    t.is(await recordInside(archive, main), 'valid');
    for (const [key, octets] of Object.entries(given))
      t.deepEqual(await readFile(path.join(archive.documents, key)), Buffer.from(octets));
    await assertSound(t, archive);
  });

  test(`${name}: over something else, which is told when it comes in`, async (t) => {
    await using both = await twoArchives();
    const { archive, other } = both;
    await putAll(archive, await changed(other));
    const night = await archive.night();
    t.true(kindsOf(night).includes('record-not-valid'), kindsOf(night).join());
    t.regex(messageOf(night, 'record-not-valid'), /inside of it does not hold/);
    t.is(night.protectedGroups, 1);
    t.like(await recordAtIntake(archive, holder), {
      status: 'invalid',
      subIndication: 'HASH_FAILURE',
    });
    await assertSound(t, archive);
  });

  if (without)
    test(`${name}: an object that it is over is gone, which leaves it open`, async (t) => {
      await using both = await twoArchives();
      const { archive, other } = both;
      await putAll(archive, await without(other));
      const night = await archive.night();
      t.deepEqual(kindsOf(night), ['record-undecided']);
      t.regex(messageOf(night, 'record-undecided'), /is over is not there: /);
      t.like(await recordAtIntake(archive, holder), {
        status: 'indeterminate',
        subIndication: 'SIGNED_DATA_NOT_FOUND',
      });
      await assertSound(t, archive);
    });

  test(`${name}: damaged, then deleted, which the next night shows`, async (t) => {
    await using both = await twoArchives();
    const { archive, other } = both;
    await putAll(archive, await files(other));
    await archive.night();
    await both.nightAfter(1);
    const file = path.join(archive.documents, main);
    const whole = await readFile(file);
    await flipFile(file);
    t.deepEqual(kindsOf(await archive.nightAfter(1)), ['changed']);
    await rm(file);
    t.deepEqual(kindsOf(await archive.nightAfter(1)), ['missing']);
    await archive.put(main, whole);
    t.deepEqual(kindsOf(await archive.nightAfter(1, { reread: 'whole' })), []);
    t.is((await archive.row(main)).state, 'protected');
    await assertSound(t, archive);
  });
}

test('without revocation data of its TSU it is said every night', async (t) => {
  await using both = await twoArchives(false);
  const { archive, other } = both;
  await archive.put('a.asics', asicS(await recordOver(other, 'a')));
  await archive.night();
  for (let night = 0; night < 2; night++) {
    const summary = await both.nightAfter(1);
    t.deepEqual(kindsOf(summary), ['validation-data-missing']);
    t.regex(
      messageOf(summary, 'validation-data-missing'),
      /revocation data of .* a document waits/,
    );
  }
  for (let month = 0; month < 11; month++) await both.nightAfter(30);
  await t.throwsAsync(recordInside(archive, 'a.asics'), {
    message: 'the verdict is indeterminate',
  });
});

test('nothing is collected for a record over something else', async (t) => {
  await using both = await twoArchives();
  const { archive, other } = both;
  await archive.put('a.asics', asicS(await recordOver(other, 'another')));
  t.deepEqual(kindsOf(await archive.night()), ['record-not-valid']);
  t.deepEqual(kindsOf(await both.nightAfter(1)), []);
  await assertSound(t, archive);
});
