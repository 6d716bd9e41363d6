// An older copy of the evidence store or of the catalogue put back: the night stops before it buys, and
// `rebuild` makes both of one time.
import test from 'ava';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { rebuildCatalogue } from '#archiver/rebuild.ts';
import { assertSound, createArchive, kindsOf, messageOf, type TestArchive } from './_night.ts';

const { signal } = new AbortController();
const code = 'ERR_CONFIG_ARCHIVE_RESTORED';

/** One part of the state as it is now; what comes back puts it there again. */
async function keep(archive: TestArchive, part: 'evidence' | 'catalogue.sqlite') {
  await archive.close();
  const place = path.join(archive.folder, 'state', part);
  const copy = path.join(archive.folder, `copy-of-${part}`);
  await cp(place, copy, { recursive: true, preserveTimestamps: true });
  return async (): Promise<void> => {
    await archive.close();
    await rm(place, { recursive: true });
    for (const rest of ['-wal', '-shm']) await rm(`${place}${rest}`, { force: true });
    await cp(copy, place, { recursive: true, preserveTimestamps: true });
  };
}

async function rebuild(archive: TestArchive): Promise<void> {
  await archive.close();
  const events = (): void => undefined;
  await rebuildCatalogue(archive.config(), { clock: archive.clock, events, signal });
}

test('an older evidence store: nothing is bought until it is put back, or taken as it is', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const putBack = await keep(archive, 'evidence');
  await archive.put('b.txt', 'b');
  await archive.nightAfter(1);
  await putBack();
  await archive.put('c.txt', 'c');
  const stopped = await archive.nightAfter(1);
  t.deepEqual(kindsOf(stopped), [code]);
  t.regex(messageOf(stopped, code), /evidence store/);
  t.is(archive.tsa.tokens(), 2);
  await rebuild(archive);
  const next = await archive.nightAfter(1);
  t.deepEqual(kindsOf(next), []);
  t.is(archive.tsa.tokens(), 3, 'what was lost and what is new, in one batch');
  await assertSound(t, archive);
});

test('an evidence store that lost a batch, its journal whole', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const [batch = ''] = await archive.batches();
  await archive.close();
  await rm(path.join(archive.evidence, 'batches', batch), { recursive: true });
  const stopped = await archive.nightAfter(1);
  t.regex(messageOf(stopped, code), /in the catalogue and not in the evidence store/);
  t.is(archive.tsa.tokens(), 1);
});

for (const age of ['older', 'new'] as const)
  test(`a catalogue that is ${age}: nothing is bought before a rebuild, and nothing after it`, async (t) => {
    await using archive = await createArchive();
    await archive.put('a.txt', 'a');
    await archive.night();
    const putBack = await keep(archive, 'catalogue.sqlite');
    await archive.put('b.txt', 'b');
    await archive.nightAfter(1);
    await putBack();
    if (age === 'new') await rm(path.join(archive.folder, 'state', 'catalogue.sqlite'));
    const stopped = await archive.nightAfter(1);
    t.deepEqual(kindsOf(stopped), [code]);
    t.regex(messageOf(stopped, code), /tokiwa rebuild/);
    await rebuild(archive);
    const next = await archive.nightAfter(1);
    t.deepEqual(kindsOf(next), []);
    t.is(archive.tsa.tokens(), 2);
    await assertSound(t, archive);
  });
