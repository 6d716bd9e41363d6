// A run between nights looks at what is not settled, however many batches there are: what it reads and lists is
// counted, and what it does not look at is not lost.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runIntake } from '#archiver/run.ts';
import type { RunSummary } from '#archiver/reports/report.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createFaultyStore, type StoreCall, type StoreFault } from '../../_faulty-store.ts';
import { evidenceOver } from '../night/_evidence-over.ts';
import { assertSound, createArchive, kindsOf, type TestArchive } from '../night/_night.ts';

const { signal } = new AbortController();

type Counted = { readonly summary: RunSummary; readonly cost: Readonly<Record<string, number>> };

/** A minute later, a new document is taken in; with what that took of the evidence store. */
async function takeIn(
  archive: TestArchive,
  key: string,
  fault?: (call: StoreCall) => StoreFault | undefined,
): Promise<Counted> {
  archive.clock.set(archive.clock.now().add({ minutes: 1 }));
  await archive.put(key, `the content of ${key}`);
  const own = await (await archive.open()).night(signal);
  let listed = 0;
  const { objects } = own.evidence;
  const listing: ObjectStore = {
    ...objects,
    list: async function* (options) {
      for await (const entry of objects.list(options)) {
        listed++;
        yield entry;
      }
    },
  };
  const store = createFaultyStore(listing, fault);
  const deps = await evidenceOver(own, store);
  const places = [{ store: 'documents', key }];
  const summary = await runIntake(deps, { runAt: archive.clock.now(), signal }, places);
  const cost: Record<string, number> = { listed };
  for (const { operation } of store.calls()) cost[operation] = (cost[operation] ?? 0) + 1;
  return { summary, cost };
}

async function takeInMany(archive: TestArchive, count: number): Promise<readonly Counted[]> {
  const runs: Counted[] = [];
  for (let index = 0; index < count; index++) runs.push(await takeIn(archive, `${index}.txt`));
  return runs;
}

test('the fifteenth run reads and lists as much as the third', async (t) => {
  await using archive = await createArchive();
  const runs = await takeInMany(archive, 15);
  t.deepEqual(runs[14]?.cost, runs[2]?.cost);
  t.is((await archive.batches()).length, 15);
  t.deepEqual(
    runs.flatMap(({ summary }) => summary.findings),
    [],
  );
  // The night finds nothing that they left, and after it no more is looked at than before.
  t.like(await archive.nightAfter(1), { tokensBought: 0, findings: [], outcome: 'ok' });
  await takeIn(archive, 'the first after the night.txt');
  t.deepEqual((await takeIn(archive, 'the second.txt')).cost, runs[2]?.cost);
  await assertSound(t, archive);
});

test('two TSAs: as much, and by both', async (t) => {
  await using archive = await createArchive({}, { second: true });
  const runs = await takeInMany(archive, 6);
  t.deepEqual(runs[5]?.cost, runs[2]?.cost);
  await assertSound(t, archive);
});

/** Fails once, at the first write of an object of that name. */
function failingOnce(name: string): (call: StoreCall) => StoreFault | undefined {
  let failed = false;
  return ({ operation, key }) => {
    if (failed || operation !== 'write' || !key.endsWith(name)) return undefined;
    failed = true;
    return 'before';
  };
}

for (const name of ['/leaves.tkl', '/received.tsr', '/manifest.json'])
  test(`what a run left before ${name} is finished by a later one, and nothing is bought twice`, async (t) => {
    await using archive = await createArchive();
    await takeInMany(archive, 3);
    await t.throwsAsync(takeIn(archive, 'left.txt', failingOnce(name)), {
      instanceOf: SourceError,
    });
    await takeIn(archive, 'next.txt');
    const [left, next] = [await archive.row('left.txt'), await archive.row('next.txt')];
    t.deepEqual([left.state, next.state], ['protected', 'protected']);
    t.is(archive.tsa.tokens(), name === '/leaves.tkl' ? 4 : 5);
    t.deepEqual((await archive.nightAfter(1)).findings, []);
    await assertSound(t, archive);
  });

test('the newest batch gone from the store: nothing is bought', async (t) => {
  await using archive = await createArchive();
  await takeInMany(archive, 3);
  const newest = (await archive.batches()).at(-1) ?? '';
  await rm(path.join(archive.evidence, 'batches', newest), { recursive: true });
  await t.throwsAsync(takeIn(archive, 'next.txt'), { code: 'ERR_CONFIG_ARCHIVE_RESTORED' });
  t.is(archive.tsa.tokens(), 3);
});

test('an old batch gone from the store is for the night to find', async (t) => {
  await using archive = await createArchive();
  await takeInMany(archive, 3);
  const [oldest = ''] = await archive.batches();
  await rm(path.join(archive.evidence, 'batches', oldest), { recursive: true });
  t.deepEqual((await takeIn(archive, 'next.txt')).summary.findings, []);
  t.deepEqual(kindsOf(await archive.nightAfter(1)), ['ERR_CONFIG_ARCHIVE_RESTORED']);
});
