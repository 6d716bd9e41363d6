// Archives as earlier releases stored them, read and renewed by this one: the same records octet for octet,
// a catalogue that is brought to the newest schema, and renewals that start where they stand.
import test, { type ExecutionContext } from 'ava';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import { assembleXmlEvidenceRecord } from '#archiver/evidence/assemble-xml.ts';
import { batchObjectNames } from '#archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { journalKinds } from '#archiver/journal.ts';
import type { JournalEntry } from '#archiver/journal-entries.ts';
import { planFromCatalogue } from '#archiver/night/plan-catalogue.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { kindsOf, type Settings, type TestArchive } from '../night/_night.ts';
import { unpacked } from '../pack/_unpacked.ts';
import { openFrozen, releaseRules, signersOf, standingOf } from './_release.ts';

type Release = {
  readonly release: string;
  /** Of which each record is kept beside. */
  readonly keys: readonly string[];
  /** Documents in groups, whose records are judged with all of a group. */
  readonly notJudged: readonly string[];
  /** What is told every night of what was left behind. */
  readonly standing?: readonly string[];
  readonly settings?: Settings;
  readonly renewed: readonly [first: number, second: number];
  readonly renewal?: {
    /** What it tells, and buys. */
    readonly kinds: readonly string[];
    readonly tokens: number;
    /** What goes on from another product's record: revocation is demanded, and the TSU of then has no newer CRL. */
    readonly notJudged: readonly string[];
  };
};

const releases: readonly Release[] = [
  {
    release: 'release-0.1',
    keys: ['a.txt', 'c.txt', 'd.txt'],
    notJudged: [],
    renewed: [2, 2],
  },
  // Of the same release: what journal and superseded batches say, and validation data of a signature.
  {
    release: 'release-0.1-words',
    keys: ['a.txt', 'letter.txt', 'changed.txt', 'late.txt'],
    notJudged: ['letter.txt', 'letter.txt.p7s'],
    renewed: [1, 1],
  },
  {
    release: 'release-0.2',
    keys: ['a.txt', 'letter.txt', 'brought.txt', 'inside.asics', 'late.txt', 'stated'],
    notJudged: ['letter.txt', 'letter.txt.p7s', 'inside.asics', 'contract.p7m', 'stated'],
    standing: ['missing'],
    settings: {
      ...releaseRules,
      signers: signersOf(path.join(import.meta.dirname, 'release-0.2', 'trust')),
    },
    // Both under SHA-256, which one document that is lost keeps the first batch under.
    renewed: [2, 2],
    renewal: {
      kinds: ['augmented', 'missing', 'overdue'],
      tokens: 3,
      notJudged: ['brought.txt', 'in-xml.txt'],
    },
  },
];
const rehash = [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }];

/** The archive of a release in a folder of its own, with new TSAs. */
async function openRelease(name: string): Promise<{ archive: TestArchive; from: string }> {
  const from = path.join(import.meta.dirname, name);
  const { settings } = releases.find(({ release }) => release === name) ?? {};
  const rules = { algorithms: { overrides: rehash }, ...settings };
  return { archive: await openFrozen(from, { second: true, settings: rules }), from };
}

/** Rows that differ from those of a catalogue made anew in more than facts, of which this release may read more. */
async function differencesButFacts(archive: TestArchive): Promise<readonly string[]> {
  const rows = await archive.rebuildDifferences();
  const of = (prefix: string): readonly string[] =>
    rows
      .filter((row) => row.startsWith(prefix))
      .map((row) => {
        const columns = JSON.parse(row.slice(prefix.length)) as Record<string, unknown>;
        return JSON.stringify({ ...columns, facts: undefined });
      });
  const [before, rebuilt] = [of('only before: '), of('only rebuilt: ')];
  return [
    ...before.filter((row) => !rebuilt.includes(row)),
    ...rebuilt.filter((row) => !before.includes(row)),
  ];
}

async function assertRead(
  t: ExecutionContext,
  archive: TestArchive,
  notJudged: readonly string[],
): Promise<void> {
  t.deepEqual(await differencesButFacts(archive), []);
  for (const { key, state } of await archive.rows())
    if (state === 'protected' && !notJudged.includes(key))
      for (const anchor of [1, 2] as const)
        t.is(await archive.judge(key, anchor), 'valid', `${key} by TSA ${anchor}`);
}

async function xmlRecord(archive: TestArchive, key: string): Promise<Uint8Array> {
  return xmlEvidenceOf(await archive.open(), await archive.row(key), new AbortController().signal);
}

for (const { release, keys, notJudged, standing = [], renewed, renewal } of releases) {
  test(`${release}: every record is given out as it was, and a night changes nothing`, async (t) => {
    const { archive, from } = await openRelease(release);
    await using _archive = archive;
    for (const key of keys)
      for (const anchor of [1, 2] as const)
        t.deepEqual(
          Buffer.from(await archive.record(key, anchor)),
          await readFile(path.join(from, 'records', `${key}-${anchor}.ers`)),
          `${key} by TSA ${anchor}`,
        );
    for (const file of await readdir(path.join(from, 'records')))
      if (file.endsWith('.xml'))
        t.deepEqual(
          Buffer.from(await xmlRecord(archive, file.slice(0, -'.xml'.length))),
          await readFile(path.join(from, 'records', file)),
          file,
        );
    const night = await archive.night({ reread: 'whole' });
    t.deepEqual(kindsOf(night), standing);
    t.is(night.tokensBought, 0);
    await assertRead(t, archive, notJudged);
  });

  test(`${release}: the catalogue is lost and comes back from the stores`, async (t) => {
    const { archive } = await openRelease(release);
    await using _archive = archive;
    // Horizons are those of the rules in force from the first night on.
    t.deepEqual(kindsOf(await archive.night()), standing);
    t.deepEqual(await differencesButFacts(archive), []);
    await archive.close();
    await rm(path.join(archive.folder, 'state', 'catalogue.sqlite'));
    const night = await archive.night();
    t.deepEqual(kindsOf(night), ['ERR_CONFIG_ARCHIVE_RESTORED']);
  });

  test(`${release}: renewed from where it stands, by other TSAs`, async (t) => {
    const { archive } = await openRelease(release);
    await using _archive = archive;
    const night = await archive.nightAfter(230);
    t.deepEqual(kindsOf(night), renewal?.kinds ?? []);
    t.is(night.tokensBought, renewal?.tokens ?? 2);
    for (const anchor of [1, 2] as const) {
      const { chains } = parseEvidenceRecord(await archive.record('a.txt', anchor)).sequence;
      t.deepEqual(
        chains.map(({ archiveTimeStamps }) => archiveTimeStamps.length),
        renewed,
      );
    }
    await assertRead(t, archive, [...notJudged, ...(renewal?.notJudged ?? [])]);
  });
}

test('release-0.2: plan and report say of every document what the release said', async (t) => {
  const { archive, from } = await openRelease('release-0.2');
  await using _archive = archive;
  const deps = await (await archive.open()).night(new AbortController().signal);
  const at = archive.clock.now();
  const planned = async (days: number): Promise<readonly string[]> => {
    const { actions } = await planFromCatalogue(deps, at.add({ hours: 24 * days }));
    return actions.map(({ kind }) => kind).toSorted();
  };
  // Two documents of the first batch cannot be read any more: one is lost, one has other content.
  const unread = ['hash-tree-renewal', 'hash-tree-renewal'];
  t.deepEqual(await planned(0), unread);
  t.deepEqual(await planned(230), [
    ...['augment', ...unread, 'timestamp-renewal', 'timestamp-renewal'],
  ]);
  t.deepEqual(
    await standingOf(archive),
    JSON.parse(await readFile(path.join(from, 'standing.json'), 'utf8')),
  );
});

test('release-0.2: a pack of what the release proved holds', async (t) => {
  const { archive } = await openRelease('release-0.2');
  await using _archive = archive;
  for (const key of ['a.txt', 'letter.txt', 'brought.txt', 'inside.asics', 'blind.txt'])
    t.truthy(await unpacked(archive, key, `pack-${key}`));
});

test('renewals of then were hashed for records in ASN.1 alone, and that is said', async (t) => {
  const { archive } = await openRelease('release-0.1');
  await using _archive = archive;
  const { objects } = (await archive.open()).evidence;
  const { signal } = new AbortController();
  const chains = await loadChainIndex(objects, signal);
  const renewed = [...chains.manifests.values()].filter(
    ({ id, kind }) => kind === 'initial' && chains.renewalsOf(id).length > 0,
  );
  t.true(renewed.length > 0);
  for (const { id } of renewed)
    await t.throwsAsync(
      assembleXmlEvidenceRecord(objects, { batchId: id, index: 0 }, { signal, chains }),
      {
        code: 'ERR_UNSUPPORTED_FEATURE',
        message: /release 0\.1 .* another key.* \(without --xml\)/,
      },
    );
});

test('what was stamped once and never renewed can be had in XML', async (t) => {
  const { archive } = await openRelease('release-0.1');
  await using _archive = archive;
  const row = await archive.row('d.txt');
  const xml = await xmlEvidenceOf(await archive.open(), row, new AbortController().signal);
  t.is(parseXmlEvidenceRecord(xml).sequence.chains.length, 1);
});

test('a copy under another key begins a record in XML', async (t) => {
  const { archive } = await openRelease('release-0.1');
  await using _archive = archive;
  await archive.put('copy.txt', await readFile(path.join(archive.documents, 'a.txt')));
  await archive.night();
  const { signal } = new AbortController();
  const opened = await archive.open();
  await t.throwsAsync(xmlEvidenceOf(opened, await archive.row('a.txt'), signal), {
    code: 'ERR_UNSUPPORTED_FEATURE',
  });
  const xml = await xmlEvidenceOf(opened, await archive.row('copy.txt'), signal);
  t.is(parseXmlEvidenceRecord(xml).sequence.chains.length, 1);
});

test('what was said of documents is known', async (t) => {
  const { archive } = await openRelease('release-0.1-words');
  await using _archive = archive;
  const retentionOf = async (key: string) => (await archive.row(key)).retention;
  t.like(await retentionOf('said.txt'), { source: 'journal', start: '2026-04-01' });
  t.like(await retentionOf('a.txt'), { source: 'sidecar', start: '2026-04-01' });
  t.true((await retentionOf('held.txt')).hold);
  const changed = (await archive.rows()).filter(({ key }) => key === 'changed.txt');
  t.deepEqual(
    changed.map(({ state }) => state),
    ['changed', 'protected'],
  );
  const { validationData, validationPending } = await archive.row('letter.txt');
  t.truthy(validationData);
  t.false(validationPending);
});

type Manifest = { readonly kind: string; readonly version: number };

/** What no release had a way to write. */
const later: readonly JournalEntry['kind'][] = ['acknowledged'];

test('every kind of object and of entry that is written is in a release', async (t) => {
  const names = new Set<string>();
  const kinds = new Set<string>();
  const batches = new Set<string>();
  for (const { release } of releases) {
    const folder = path.join(import.meta.dirname, release, 'evidence');
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      const place = path.relative(folder, file).split(path.sep);
      if (place[0] === 'batches') names.add(entry.name);
      if (entry.name === 'manifest.json') {
        const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest;
        batches.add(`${manifest.kind} ${manifest.version}`);
      }
      if (place[0] !== 'journal') continue;
      const { entries } = JSON.parse(await readFile(file, 'utf8')) as {
        readonly entries: readonly JournalEntry[];
      };
      for (const { kind } of entries) kinds.add(kind);
    }
  }
  t.deepEqual([...names].toSorted(), Object.values(batchObjectNames).toSorted());
  t.deepEqual([...kinds, ...later].toSorted(), [...journalKinds].toSorted());
  t.deepEqual([...batches].toSorted(), [
    ...['hash-tree-renewal 1', 'hash-tree-renewal 2', 'initial 1'],
    ...['taken-over 2', 'timestamp-renewal 1'],
  ]);
});
