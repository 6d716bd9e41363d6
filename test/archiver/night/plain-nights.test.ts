// Nights without any trouble: running again buys nothing and changes nothing; what comes later is
// taken in; evidence is the same octets each time it is asked for.
import test from 'ava';
import { assertSound, createArchive, kindsOf } from './_night.ts';

test('a night protects, a second one buys nothing and changes nothing', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.put('folder/b.txt', 'b');
  const first = await archive.night();
  t.is(first.outcome, 'ok', JSON.stringify(first.findings));
  t.is(first.tokensBought, 1);
  const before = await archive.evidenceTree();
  const second = await archive.nightAfter(1);
  t.is(second.outcome, 'ok');
  t.is(second.tokensBought, 0);
  t.is(archive.tsa.tokens(), 1);
  const after = await archive.evidenceTree();
  const changed = [...after].filter(([name, octets]) => before.get(name) !== octets);
  t.deepEqual(
    changed.map(([name]) => name),
    ['journal/000000000003.json', 'lease.json'],
    'only the lease and the line that says the run ended',
  );
  await assertSound(t, archive);
});

test('evidence asked for twice is the same octets', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  t.deepEqual(await archive.record('a.txt'), await archive.record('a.txt'));
  await assertSound(t, archive);
});

test('renewals keep what was proved, and cost one token', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.put('b.txt', 'b');
  await archive.nightAfter(1);
  const renewal = await archive.nightAfter(220);
  t.deepEqual(kindsOf(renewal), []);
  t.is(renewal.timestampRenewals, 2);
  t.is(renewal.tokensBought, 1);
  await assertSound(t, archive);
});
