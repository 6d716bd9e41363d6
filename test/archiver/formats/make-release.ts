// Freezes what this release stores, for the next one to read: `node test/archiver/formats/make-release.ts
// FOLDER`. Run once at a release; what it wrote is never made again. One small archive with everything in it:
// groups, two TSAs, both renewals, a catalogue, and each record as it is given out.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createArchive } from '../night/_night.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder to write');

await using archive = await createArchive(
  {},
  { tsuDays: 300, signatureDigest: 'SHA-512', second: true },
);
await archive.put('a.txt', 'the first document\n');
await archive.put('ward/文書.txt', '二つ目の文書\n');
await archive.put('ward/文書.txt.p7s', 'no signature, but named as one\n');
await archive.night();
await archive.put('c.txt', 'the third document\n');
await archive.nightAfter(1);
await archive.nightAfter(220);
await archive.configure({
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }] },
});
await archive.nightAfter(1);
await archive.put('d.txt', 'the fourth document\n');
await archive.nightAfter(1);

await mkdir(path.join(folder, 'records'), { recursive: true });
for (const key of ['a.txt', 'c.txt', 'd.txt'])
  for (const anchor of [1, 2])
    await writeFile(
      path.join(folder, 'records', `${key}-${anchor}.ers`),
      await archive.record(key, anchor),
    );
await archive.close();
for (const [name, octets] of await archive.evidenceTree()) {
  if (name === 'lease.json') continue;
  const file = path.join(folder, 'evidence', name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, Buffer.from(octets, 'base64'));
}
await cp(archive.documents, path.join(folder, 'documents'), { recursive: true });
await cp(
  path.join(archive.folder, 'state', 'catalogue.sqlite'),
  path.join(folder, 'catalogue.sqlite'),
);
await cp(archive.tsa.running.anchorsPath, path.join(folder, 'first-anchors.pem'));
if (archive.second)
  await cp(archive.second.running.anchorsPath, path.join(folder, 'second-anchors.pem'));
await writeFile(path.join(folder, 'made-at.txt'), `${archive.clock.now().toString()}\n`);
