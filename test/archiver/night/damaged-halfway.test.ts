// Objects of a batch that does not count yet, damaged between two nights, and a manifest that cannot be
// made again: the nights go on, a token that was paid for is had again where it can be.
import test from 'ava';
import { SourceError } from '#shared/errors.ts';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { evidenceOver } from './_evidence-over.ts';
import { assertSound, createArchive, kindsOf, truncateFile, type TestArchive } from './_night.ts';

/** A night whose manifest cannot be written: everything before it is durable. */
async function nightWithoutManifest(archive: TestArchive): Promise<string> {
  const own = await (await archive.open()).night(new AbortController().signal);
  const { objects } = own.evidence;
  const deps = await evidenceOver(own, {
    ...objects,
    write: (key, content, options) =>
      key.endsWith('/manifest.json')
        ? Promise.reject(new SourceError('ERR_SOURCE_TIMEOUT', 'no answer', { retryable: true }))
        : objects.write(key, content, options),
  });
  await archive.night({ deps: () => deps });
  return (await archive.batches()).at(-1) ?? '';
}

for (const [name, damage, tokens] of [
  ['received.tsr', truncateFile, 1],
  ['token.der', truncateFile, 1],
  ['token.der', rm, 1],
  ['request.json', truncateFile, 2],
] as const)
  test(`${name} of a batch that does not count yet: ${damage.name}`, async (t) => {
    await using archive = await createArchive();
    await archive.put('a.txt', 'a');
    const batch = await nightWithoutManifest(archive);
    t.deepEqual(await archive.states(), { 'a.txt': 'waiting' });
    await damage(archive.batchFile(batch, name));
    const night = await archive.nightAfter(1);
    t.is(night.outcome, 'ok', JSON.stringify(night.findings));
    t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
    t.is(archive.tsa.tokens(), tokens);
    t.is((await archive.nightAfter(1)).tokensBought, 0);
    await assertSound(t, archive);
  });

test('a manifest that cannot be made again: new documents are stamped, nothing is renewed', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.night();
  const [batch = ''] = await archive.batches();
  const files = ['manifest.json', 'request.json'].map((name) => archive.batchFile(batch, name));
  const good = await Promise.all(files.map((file) => readFile(file)));
  for (const file of files) await truncateFile(file);
  await archive.put('b.txt', 'b');
  const night = await archive.nightAfter(220, { reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken-evidence']);
  t.is(night.findings[0]?.batchId, batch);
  t.is(night.timestampRenewals, 0);
  t.is(night.protectedGroups, 1);
  await Promise.all(files.map((file, i) => writeFile(file, good[i] ?? '')));
  const next = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(next.findings, []);
  t.is(next.timestampRenewals, 1);
  await assertSound(t, archive);
});
