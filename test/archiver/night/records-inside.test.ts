// Evidence records that another product put inside of documents (RFC 4998 Annex A, EN 319 162): nothing is
// written into the document, and what they prove stays provable after their TSU has ended, since the archive's
// own timestamps cover the record and what its newest timestamp is verified with.
import test from 'ava';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { oids } from '#shared/oid.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { withAttributes } from '../../_archive-timestamp.ts';
import { buildTestCms } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import { buildZip } from '../../_zip.ts';
import { unpacked } from '../pack/_unpacked.ts';
import { assertSound, createArchive, kindsOf, messageOf, type TestArchive } from './_night.ts';

/** The archive of another product, whose TSU ends after 300 days, and ours; `crls`: whether we have theirs. */
async function twoArchives(crls = true) {
  const options = { tsuDays: 300, signatureDigest: 'SHA-512' } as const;
  const other = await createArchive({}, options);
  const { anchorsPath, crlPath } = other.tsa.running;
  const trusting = { tsuAnchors: [anchorsPath], ...(crls && { crls: [crlPath] }) };
  const archive = await createArchive({ signers: trusting }, options);
  return { archive, other, anchorsPath };
}

function pemOf(octets: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(octets).toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/** A product that keeps no revocation data with its tokens. */
async function recordOver(
  other: TestArchive,
  key: string,
  content: string | Uint8Array,
): Promise<Uint8Array> {
  await other.put(key, content);
  await other.night({
    deps: ({ tsa, ...deps }) => ({
      ...deps,
      tsa: { ...tsa, verification: { ...tsa.verification, revocationMode: 'none' } },
    }),
  });
  return other.record(key);
}

/** EN 319 162-1 §4.3: the data, and the record over it in META-INF. */
function asicS(record: Uint8Array, data = 'a'): Uint8Array {
  return buildZip([
    { name: 'mimetype', data: 'application/vnd.etsi.asic-s+zip' },
    { name: 'a.txt', data },
    { name: 'META-INF/evidencerecord.ers', data: record },
  ]);
}

async function nightAfter(archive: TestArchive, other: TestArchive, days: number) {
  other.clock.set(other.clock.now().add({ hours: 24 * days }));
  await other.upkeep();
  return archive.nightAfter(days);
}

type Node = { readonly name: string; readonly status: string; readonly children: readonly Node[] };

/** How the record inside stands in a pack, as of now. */
async function recordInside(archive: TestArchive, key: string): Promise<string | undefined> {
  const folder = await unpacked(archive, key);
  const text = await readFile(path.join(folder, 'verdict.json'), 'utf8');
  const { trees } = JSON.parse(text) as { readonly trees: readonly Node[] };
  const all = (nodes: readonly Node[]): readonly Node[] =>
    nodes.flatMap((node) => [node, ...all(node.children)]);
  return all(trees).find(({ name }) => name === 'evidence-record-1')?.status;
}

test('a record in a container: provable after its TSU has ended and nobody answers for it', async (t) => {
  const { archive, other, anchorsPath } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  const container = asicS(await recordOver(other, 'a.txt', 'a'));
  await archive.put('a.asics', container);
  t.deepEqual(kindsOf(await archive.night()), []);
  const [record] = (await archive.row('a.asics')).intake.records ?? [];
  t.is(record?.id, 'evidence-record-1');
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['record-inside']);
  for (let month = 0; month < 11; month++)
    t.deepEqual(kindsOf(await nightAfter(archive, other, 30)), []);
  await archive.configure({ signers: { tsuAnchors: [anchorsPath] } });
  t.is(await recordInside(archive, 'a.asics'), 'valid');
  t.deepEqual(
    await readFile(path.join(archive.folder, 'documents', 'a.asics')),
    Buffer.from(container),
  );
  await assertSound(t, archive);
});

test('a record in an attribute of a signature: kept with what its signer needs', async (t) => {
  const { archive, other, anchorsPath } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  const root = issueRoot({ notAfter: '2040-01-01T00:00:00Z' });
  const signer = issueSigner(root, { notAfter: '2039-01-01T00:00:00Z' });
  const [rootFile, crlFile] = ['root.pem', 'root.crl'].map((name) =>
    path.join(archive.folder, name),
  );
  if (rootFile === undefined || crlFile === undefined) throw new Error('no files');
  await writeFile(rootFile, pemOf(root.certificate.raw));
  const putCrl = async (): Promise<void> => {
    const thisUpdate = archive.clock.now().add({ hours: 23 });
    const nextUpdate = thisUpdate.add({ hours: 24 * 30 });
    await writeFile(crlFile, issueCrl({ issuer: root, thisUpdate, nextUpdate }).raw);
  };
  const trusting = { anchors: [rootFile], tsuAnchors: [anchorsPath] };
  const crls = [other.tsa.running.crlPath, crlFile];
  await archive.configure({ signers: { ...trusting, crls } });
  await putCrl();
  const cms = buildTestCms({
    signer,
    content: new TextEncoder().encode('a letter'),
    certificates: [signer.certificate],
  });
  const record = await recordOver(other, 'letter.p7m', cms);
  await archive.put('letter.p7m', withAttributes(cms, testAttribute(oids.idAaErInternal, record)));
  await archive.night();
  await putCrl();
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['record-inside']);
  for (let month = 0; month < 11; month++)
    t.deepEqual(kindsOf(await nightAfter(archive, other, 30)), []);
  await archive.configure({ signers: trusting });
  t.is(await recordInside(archive, 'letter.p7m'), 'valid');
  await assertSound(t, archive);
});

test('without revocation data of its TSU it is said every night', async (t) => {
  const { archive, other } = await twoArchives(false);
  await using _other = other;
  await using _archive = archive;
  await archive.put('a.asics', asicS(await recordOver(other, 'a.txt', 'a')));
  await archive.night();
  for (let night = 0; night < 2; night++) {
    const summary = await nightAfter(archive, other, 1);
    t.deepEqual(kindsOf(summary), ['validation-data-missing']);
    t.regex(
      messageOf(summary, 'validation-data-missing'),
      /revocation data of .* a document waits/,
    );
  }
  for (let month = 0; month < 11; month++) await nightAfter(archive, other, 30);
  await t.throwsAsync(recordInside(archive, 'a.asics'), {
    message: 'the verdict is indeterminate',
  });
});

test('a record over something else is told when the document comes in, and nothing is collected for it', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await archive.put('a.asics', asicS(await recordOver(other, 'a.txt', 'another'), 'a'));
  const night = await archive.night();
  t.deepEqual(kindsOf(night), ['record-not-valid']);
  t.regex(messageOf(night, 'record-not-valid'), /inside of it does not hold/);
  t.is(night.protectedGroups, 1);
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), []);
  await assertSound(t, archive);
});
