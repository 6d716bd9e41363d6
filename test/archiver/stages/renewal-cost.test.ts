// What a large hash-tree renewal costs, counted: a group that is left out costs no look at the others of its batch,
// and a batch is found by its id without a search through all that are renewed with it.
import test from 'ava';
import type { ChainIndex } from '#archiver/evidence/chains.ts';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { buildObjectListHead, buildObjectListLine } from '#archiver/evidence/object-list.ts';
import type { EvidenceContext, StampingTsa } from '#archiver/evidence/types.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { countFindings } from '#archiver/reports/finding-list.ts';
import { groupsToRenew } from '#archiver/stages/groups-to-renew.ts';
import { SourceError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import { createMemoryStore } from '../../_memory-store.ts';
import { countingCatalogue, type Counted } from '../_counting-catalogue.ts';
import { createArchive } from '../night/_night.ts';

const { signal } = new AbortController();

/** What the catalogue is asked in the night in which none of so many documents can be read. */
async function costOfLeavingOut(documents: number): Promise<Counted & { readonly found: number }> {
  await using archive = await createArchive();
  for (let number = 0; number < documents; number++)
    await archive.put(`${number}.txt`, `${number}`);
  await archive.night();
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
  });
  const fails = () =>
    Promise.reject(new SourceError('ERR_SOURCE_TIMEOUT', 'slow', { retryable: true }));
  const { catalogue, counted } = countingCatalogue((await archive.open()).catalogue);
  const deps = (own: NightDependencies): NightDependencies => ({
    ...{ ...own, catalogue },
    stores: new Map(
      [...own.stores].map(([name, store]) => [name, { ...store, read: fails, digest: fails }]),
    ),
  });
  const { findings } = await archive.nightAfter(1, { reread: 'none', deps });
  return { ...counted, found: countFindings(findings) };
}

test('twice as many groups that are left out cost twice as much, not four times', async (t) => {
  t.timeout(120_000);
  const few = await costOfLeavingOut(60);
  const many = await costOfLeavingOut(120);
  t.deepEqual([few.found, many.found], [60, 120]);
  // What a night costs without any document is in both.
  t.true(many.rows <= 2 * few.rows, `${few.rows} rows, then ${many.rows}`);
  t.true(many.calls <= 2 * few.calls, `${few.calls} calls, then ${many.calls}`);
});

/** So many batches of one document each, which has a second place in the last one. */
async function lookedAt(
  count: number,
): Promise<{ readonly groups: number; readonly looks: number }> {
  const ids = Array.from(
    { length: count },
    (_, number) => `20270110T020000Z-${number.toString(16).padStart(8, '0')}`,
  );
  const store = createMemoryStore();
  const sha256 = '00'.repeat(32);
  for (const [number, id] of ids.entries()) {
    const member = {
      ...{ store: 'documents', key: `${number}.txt`, size: 1, role: 'document' as const },
      digests: { 'SHA-256': sha256 },
    };
    const line = buildObjectListLine({ index: 0, members: [member] });
    store.put(batchKey(id, 'objectList'), Buffer.concat([buildObjectListHead(id), line]));
  }
  const catalogue = {
    findContent: (_store: string, key: string) =>
      Promise.resolve({ id: Number.parseInt(key, 10), state: 'protected' } as DocumentRow),
    memberships: (id: number) =>
      Promise.resolve(
        [ids[id] ?? '', ids.at(-1) ?? ''].map((batchId) => ({
          ...{ documentId: id, batchId, groupIndex: 0, active: true },
        })),
      ),
  } as unknown as Catalogue;
  let looks = 0;
  const batchIds = new Proxy(ids, {
    get: (target, name) => {
      if (typeof name === 'string' && /^\d+$/.test(name)) looks++;
      return Reflect.get(target, name) as unknown;
    },
  });
  const context: EvidenceContext = {
    store,
    chains: {} as ChainIndex,
    tsa: {} as StampingTsa,
    run: { signal } as EvidenceContext['run'],
  };
  let groups = 0;
  for await (const group of groupsToRenew(batchIds, {
    ...{ context, catalogue, stores: new Map(), renewedTonight: new Set<string>() },
    ...{ toAlgorithm: 'SHA-512', onWanted: () => undefined },
  }))
    groups += group.members.length;
  return { groups, looks };
}

test('each batch id is looked at twice, however many are renewed together', async (t) => {
  for (const count of [10, 1000])
    t.deepEqual(await lookedAt(count), { groups: count, looks: 2 * count });
});
