// Archives as earlier releases stored them, read and renewed by this one: the same records octet for octet,
// a catalogue that is brought to the newest schema, and renewals that start where they stand.
import test from 'ava';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import { assembleXmlEvidenceRecord } from '#archiver/evidence/assemble-xml.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { settableClock } from '#archiver/simulation/simulate.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { assertSound, kindsOf, startNightTsa, TestArchive } from '../night/_night.ts';

const releases = ['release-0.1'] as const;
const keys = ['a.txt', 'c.txt', 'd.txt'] as const;
const rehash = [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }];

/** The archive of a release in a folder of its own, on the day after its last night, with new TSAs. */
async function openRelease(release: string): Promise<{ archive: TestArchive; from: string }> {
  const from = path.join(import.meta.dirname, release);
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-release-'));
  await mkdir(path.join(folder, 'state'));
  const copied = { recursive: true };
  await cp(path.join(from, 'documents'), path.join(folder, 'documents'), copied);
  await cp(path.join(from, 'evidence'), path.join(folder, 'state', 'evidence'), copied);
  await cp(path.join(from, 'catalogue.sqlite'), path.join(folder, 'state', 'catalogue.sqlite'));
  const madeAt = (await readFile(path.join(from, 'made-at.txt'), 'utf8')).trim();
  const clock = settableClock(Temporal.Instant.from(madeAt).add({ hours: 24 }));
  const options = { tsuDays: 1000, signatureDigest: 'SHA-512' } as const;
  const tsa = await startNightTsa(path.join(folder, 'tsa'), clock, options);
  const second = await startNightTsa(path.join(folder, 'second'), clock, options);
  // The earlier TSAs are gone: their CRLs are those in the tokens.
  const settings = (running: typeof tsa.running, anchors: string) => ({
    url: running.url,
    anchors: [running.anchorsPath, path.join(from, anchors)],
    crls: [running.crlPath],
    revocation: 'soft',
  });
  const archive = new TestArchive(
    folder,
    clock,
    { tsa, second },
    {
      tsa: settings(tsa.running, 'first-anchors.pem'),
      secondTsa: settings(second.running, 'second-anchors.pem'),
      algorithms: { overrides: rehash },
    },
  );
  return { archive, from };
}

for (const release of releases) {
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
    const night = await archive.night({ reread: 'whole' });
    t.deepEqual(night.findings, []);
    t.is(night.tokensBought, 0);
    await assertSound(t, archive);
  });

  test(`${release}: renewals of then were hashed for records in ASN.1 alone, and that is said`, async (t) => {
    const { archive } = await openRelease(release);
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

  test(`${release}: what was stamped once and never renewed can be had in XML`, async (t) => {
    const { archive } = await openRelease(release);
    await using _archive = archive;
    const row = await archive.row('d.txt');
    const xml = await xmlEvidenceOf(await archive.open(), row, new AbortController().signal);
    t.is(parseXmlEvidenceRecord(xml).sequence.chains.length, 1);
  });

  test(`${release}: a copy under another key begins a record in XML`, async (t) => {
    const { archive } = await openRelease(release);
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

  test(`${release}: the catalogue is lost and comes back from the stores`, async (t) => {
    const { archive } = await openRelease(release);
    await using _archive = archive;
    const before = await Array.fromAsync((await archive.open()).catalogue.dump());
    t.true(before.length > 0);
    t.deepEqual(await archive.rebuildDifferences(), []);
    await archive.close();
    await rm(path.join(archive.folder, 'state', 'catalogue.sqlite'));
    const night = await archive.night();
    t.deepEqual(kindsOf(night), ['ERR_CONFIG_ARCHIVE_RESTORED']);
  });

  test(`${release}: renewed from where it stands, by other TSAs`, async (t) => {
    const { archive } = await openRelease(release);
    await using _archive = archive;
    const renewal = await archive.nightAfter(230);
    t.deepEqual(kindsOf(renewal), []);
    t.is(renewal.tokensBought, 2);
    for (const anchor of [1, 2] as const) {
      const { chains } = parseEvidenceRecord(await archive.record('a.txt', anchor)).sequence;
      t.deepEqual(
        chains.map(({ archiveTimeStamps }) => archiveTimeStamps.length),
        [2, 2],
      );
    }
    await assertSound(t, archive);
  });
}
