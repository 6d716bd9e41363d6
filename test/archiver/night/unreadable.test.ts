// A store that gives none of its documents in the night in which all of them are due: what is found stays small, the
// report and the plan know each of them still, and the next night renews them.
import test from 'ava';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { planFromCatalogue } from '#archiver/night/plan-catalogue.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { countFindings, maxNamed } from '#archiver/reports/finding-list.ts';
import type { DocumentLine } from '#archiver/reports/report.ts';
import { renderReport } from '#archiver/reports/write.ts';
import { SourceError } from '#shared/errors.ts';
import { createArchive, kindsOf, type TestArchive } from './_night.ts';

const documents = 2000;

/** Listed as ever, and given to nobody. */
function unreadable(deps: NightDependencies): NightDependencies {
  const fails = () =>
    Promise.reject(new SourceError('ERR_SOURCE_TIMEOUT', 'slow', { retryable: true }));
  const stores = new Map(
    [...deps.stores].map(([name, store]) => [
      name,
      name === 'documents' ? { ...store, read: fails, digest: fails } : store,
    ]),
  );
  return { ...deps, stores };
}

async function documentLines(archive: TestArchive): Promise<readonly DocumentLine[]> {
  const format = { format: 'json', lang: 'en', at: archive.clock.now() } as const;
  const pieces = await Array.fromAsync(renderReport(await archive.open(), format));
  const text = pieces.map((piece) => Buffer.from(piece).toString('utf8')).join('');
  return (JSON.parse(text) as { readonly documents: readonly DocumentLine[] }).documents;
}

test('thousands that cannot be read: a bounded record, and nothing lost', async (t) => {
  t.timeout(300_000);
  await using archive = await createArchive();
  for (let number = 0; number < documents; number++)
    await writeFile(path.join(archive.documents, `${number}.txt`), `${number}`);
  await archive.night();
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
  });
  const night = await archive.nightAfter(1, { reread: 'none', deps: unreadable });
  t.deepEqual(kindsOf(night), ['unreadable']);
  t.is(countFindings(night.findings), documents);
  t.is(night.findings.length, maxNamed + 1);
  const [batchId] = await archive.batches();
  t.like(night.findings.at(-1), {
    ...{ kind: 'unreadable', level: 'error', batchId, cause: 'ERR_SOURCE_TIMEOUT' },
    count: documents - maxNamed,
  });
  const { catalogue } = await archive.open();
  const [run] = await catalogue.runs(1);
  const characters = run?.report?.length ?? Infinity;
  t.true(characters < 64 * 1024, `${characters} characters`);

  const lines = await documentLines(archive);
  t.is(lines.length, documents);
  t.true(lines.every(({ state, evidence }) => state === 'protected' && evidence.length === 1));
  const deps = await (await archive.open()).night(new AbortController().signal);
  const plan = await planFromCatalogue(deps, archive.clock.now());
  t.like(plan.actions, [{ kind: 'hash-tree-renewal', batchIds: [batchId], documents }]);

  const next = await archive.nightAfter(1, { reread: 'none' });
  t.deepEqual([next.findings, next.hashTreeRenewals], [[], documents]);
});
