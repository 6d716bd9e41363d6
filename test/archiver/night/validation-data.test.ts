// a signature's validation data is collected after its first token, stamped with the document as
// one group, and enough to verify it when every certificate has expired and nobody answers.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { heldStatusSource } from '#archiver/adapters/configured-status-source.ts';
import { verifyFiles } from '#archiver/commands/verify.ts';
import { judgeRecord } from '#archiver/evidence/judge-record.ts';
import { readObjectList } from '#archiver/evidence/object-list.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { buildValidationData } from '#shared/cms/validation-data.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { anchorOf, issueCa, issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { materialOf } from '../../_material.ts';
import { unpacked } from '../pack/_unpacked.ts';
import { assertSound, createArchive, kindsOf, messageOf, type TestArchive } from './_night.ts';

const { signal } = new AbortController();
const until = { notAfter: '2028-03-01T00:00:00Z' };
const root = issueRoot(until);
const ca = issueCa(root, until);
const signer = issueSigner(ca, { notAfter: '2028-01-01T00:00:00Z' });
const letter = new TextEncoder().encode('a letter');
const signature = buildTestCms({
  signer,
  content: letter,
  detached: true,
  certificates: [signer.certificate, ca.certificate],
});

function pem(label: string, octets: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(octets).toString('base64')}\n-----END ${label}-----\n`;
}

type Revoked = Parameters<typeof issueCrl>[0]['revoked'];

/** CRLs of root and CA as an operator's job would put them there. */
async function putCrls(archive: TestArchive, thisUpdate: string, revoked?: Revoked): Promise<void> {
  const folder = path.join(archive.folder, 'crls');
  await mkdir(folder, { recursive: true });
  const nextUpdate = Temporal.Instant.from(thisUpdate).add({ hours: 24 * 30 });
  for (const [name, crl] of [
    ['root', issueCrl({ issuer: root, thisUpdate, nextUpdate })],
    ['ca', issueCrl({ issuer: ca, thisUpdate, nextUpdate, ...(revoked && { revoked }) })],
  ] as const)
    await writeFile(path.join(folder, `${name}.crl`), crl.raw);
}

/** An archive with the signed letter, protected by its first night on 2027-01-10. */
async function protectedLetter(settings: Readonly<Record<string, unknown>> = {}) {
  const archive = await createArchive({
    signers: { anchors: ['root.pem'], crls: ['crls'] },
    ...settings,
  });
  await writeFile(path.join(archive.folder, 'root.pem'), pem('CERTIFICATE', root.certificate.raw));
  await putCrls(archive, '2027-01-09T00:00:00Z');
  await archive.put('letter.txt', letter);
  await archive.put('letter.txt.p7s', signature);
  return { archive, first: await archive.night() };
}

async function membersOf(archive: TestArchive, key: string): Promise<readonly string[]> {
  const opened = await archive.open();
  const place = (await opened.catalogue.memberships((await archive.row(key)).id)).at(-1);
  if (!place) return [];
  for await (const line of readObjectList(opened.evidence.objects, place.batchId, signal))
    if (line.index === place.groupIndex) return line.members.map(({ role }) => role);
  return [];
}

async function validationObject(archive: TestArchive): Promise<Uint8Array> {
  const { validationData } = await archive.row('letter.txt');
  return new Uint8Array(await readFile(path.join(archive.evidence, validationData?.key ?? '')));
}

/** Record and group alone, nobody asked, as of `at`. */
async function judgeGroup(archive: TestArchive, at: Temporal.Instant) {
  const { tsa } = await (await archive.open()).night(signal);
  const objects = [letter, signature, await validationObject(archive)];
  return judgeRecord({
    record: await archive.record('letter.txt'),
    dataObjects: objects.map((octets, index) => ({
      name: `${index}`,
      digest: (algorithm: DigestAlgorithm) => digest(algorithm, octets),
    })),
    exactGroup: true,
    verification: {
      ...tsa.verification,
      statusSource: heldStatusSource({ crls: [], ocspResponses: [] }, []),
      revocationMode: 'soft',
    },
    at,
    signal,
  });
}

test('the next night with newer CRLs stamps document, signature and data as one group', async (t) => {
  const { archive, first } = await protectedLetter();
  await using _ = archive;
  t.deepEqual(first.findings, []);
  t.is((await archive.row('letter.txt.p7s')).intake.status, 'valid');

  const without = await archive.nightAfter(1);
  t.deepEqual(kindsOf(without), ['validation-data-missing']);
  t.is(without.outcome, 'ok', 'a warning as long as there is time');
  t.is(without.tokensBought, 0);
  t.deepEqual(
    (await archive.row('letter.txt')).validationMissing?.map(({ fingerprint }) => fingerprint),
    [signer.certificate.fingerprint, ca.certificate.fingerprint],
  );
  t.deepEqual(await archive.rebuildDifferences(), []);

  await putCrls(archive, '2027-01-11T12:00:00Z');
  const collected = await archive.nightAfter(1);
  t.deepEqual(collected.findings, []);
  t.is(collected.tokensBought, 1);
  t.deepEqual(await membersOf(archive, 'letter.txt'), [
    'document',
    'detached-signature',
    'validation-data',
  ]);
  t.is((await archive.nightAfter(1)).tokensBought, 0, 'once is enough');
  await assertSound(t, archive);

  const firstToken = (await Array.fromAsync((await archive.open()).catalogue.batches()))[0];
  const afterAll = Temporal.Instant.from('2028-06-01T00:00:00Z');
  archive.clock.set(afterAll);
  const record = await judgeGroup(archive, afterAll);
  t.is(record.status, 'valid', JSON.stringify(record.findings));
  const { certificates, crls } = embeddedValidationData(
    parseSignedData(await validationObject(archive)),
  );
  t.is(crls.length, 2);
  const detached = [{ digest: (algorithm: DigestAlgorithm) => digest(algorithm, letter) }];
  const [verdict] = judgeSignatures({
    bytes: signature,
    detached,
    material: materialOf({ signerAnchors: [anchorOf(root)], certificates, crls }),
    at: firstToken?.genTime ?? afterAll,
  });
  t.is(verdict?.status, 'valid', JSON.stringify(verdict));
});

test('what is missing becomes an error as the signer’s certificate nears its end', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  t.is((await archive.nightAfter(30)).outcome, 'ok');
  const late = await archive.nightAfter(270);
  t.is(late.outcome, 'findings');
  t.is(late.findings[0]?.level, 'error');
  t.regex(messageOf(late, 'validation-data-missing'), /CN=Test Signer/);
});

test('a revocation that comes to light is told, and its data is kept', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  const at = '2027-01-08T00:00:00Z';
  await putCrls(archive, '2027-01-11T00:00:00Z', [{ certificate: signer, at }]);
  const night = await archive.nightAfter(1);
  t.deepEqual(kindsOf(night), ['signer-not-valid']);
  t.true((await membersOf(archive, 'letter.txt')).includes('validation-data'));
  t.regex((await archive.row('letter.txt')).validationData?.offences?.[0] ?? '', /was revoked/);
  await assertSound(t, archive);
});

test('a signature that comes later is collected with the others into one object', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  await putCrls(archive, '2027-01-11T00:00:00Z');
  await archive.nightAfter(1);
  const second = issueSigner(ca, { subject: 'CN=Second', notAfter: '2028-01-01T00:00:00Z' });
  const certificates = [second.certificate, ca.certificate];
  await archive.put(
    'letter.txt.sig',
    buildTestCms({ signer: second, content: letter, detached: true, certificates }),
  );
  await archive.nightAfter(1);
  t.deepEqual(await membersOf(archive, 'letter.txt'), [
    'document',
    'detached-signature',
    'detached-signature',
    'validation-data',
  ]);
  await putCrls(archive, '2027-01-13T00:00:00Z');
  t.deepEqual((await archive.nightAfter(2)).findings, []);
  const { crls } = embeddedValidationData(parseSignedData(await validationObject(archive)));
  t.is(crls.length, 4, 'those of both nights');
  await assertSound(t, archive);
});

test('a lost object is found, collected again and stamped again', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  await putCrls(archive, '2027-01-11T00:00:00Z');
  await archive.nightAfter(1);
  const { validationData } = await archive.row('letter.txt');
  await rm(path.join(archive.evidence, validationData?.key ?? ''));
  const found = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(kindsOf(found), ['validation-data-lost']);
  t.deepEqual(await archive.rebuildDifferences(), []);
  await archive.nightAfter(1);
  t.deepEqual((await archive.nightAfter(1, { reread: 'whole' })).findings, []);
  t.true((await membersOf(archive, 'letter.txt')).includes('validation-data'));
  await assertSound(t, archive);
});

test('a hash-tree renewal takes both groups of the document along', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  await putCrls(archive, '2027-01-11T00:00:00Z');
  await archive.nightAfter(1);
  await archive.configure({
    algorithms: {
      overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }],
    },
  });
  const renewed = await archive.nightAfter(1);
  t.true(renewed.hashTreeRenewals >= 2, JSON.stringify(renewed));
  t.true((await membersOf(archive, 'letter.txt')).includes('validation-data'));
  const record = await judgeGroup(archive, archive.clock.now());
  t.is(record.status, 'valid', JSON.stringify(record.findings));
  await assertSound(t, archive);
});

/**
 * What `tokiwa verify` says of the signature when every certificate of its signer has ended, and the CA was revoked
 * meanwhile: whoever has its key could write CRLs of any date.
 */
async function verifiedLater(
  archive: TestArchive,
  given: {
    readonly data: Uint8Array;
    readonly as?: 'file' | 'folder';
    readonly records: readonly Uint8Array[];
  },
) {
  archive.clock.set(Temporal.Instant.from('2028-06-01T00:00:00Z'));
  await archive.upkeep();
  const file = (...names: readonly string[]) => path.join(archive.folder, ...names);
  const { data, as = 'file', records } = given;
  await mkdir(file('kept'), { recursive: true });
  await writeFile(file('kept', 'data.p7c'), data);
  for (const [number, record] of records.entries())
    await writeFile(file(`record-${number}.ers`), record);
  const revoked = [{ certificate: ca, at: '2027-06-01T00:00:00Z' }];
  const times = { thisUpdate: '2028-02-01T00:00:00Z', nextUpdate: '2028-02-28T00:00:00Z' };
  await writeFile(file('later.crl'), issueCrl({ issuer: root, ...times, revoked }).raw);
  const { anchorsPath, crlPath } = archive.tsa.running;
  const options = {
    evidence: records.map((_, number) => file(`record-${number}.ers`)),
    token: [],
    trust: [file('root.pem'), anchorsPath],
    crls: [crlPath, file('later.crl'), as === 'file' ? file('kept', 'data.p7c') : file('kept')],
    policy: 'none',
    revocation: 'require',
    suppose: [],
  };
  const files = [path.join(archive.documents, 'letter.txt.p7s')];
  const [verdict] = await Array.fromAsync(verifyFiles(files, options, archive.clock.now(), signal));
  return verdict?.tree.status;
}

/** The records of the first night and of the one that stamped the validation data, and the data. */
async function provedTwice(archive: TestArchive) {
  const first = await archive.record('letter.txt');
  await putCrls(archive, '2027-01-11T00:00:00Z');
  await archive.nightAfter(1);
  const second = await archive.record('letter.txt');
  return { first, second, data: await validationObject(archive) };
}

for (const as of ['file', 'folder'] as const)
  test(`tokiwa verify takes a record as proof of the validation data that it is over, given as a ${as}`, async (t) => {
    const { archive } = await protectedLetter();
    await using _ = archive;
    const { first, second, data } = await provedTwice(archive);
    t.is(await verifiedLater(archive, { data, as, records: [first, second] }), 'valid');
  });

test('tokiwa verify: validation data that no record is over proves nothing of before', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  const { first, second, data } = await provedTwice(archive);
  t.not(await verifiedLater(archive, { data, records: [first] }), 'valid');
  // The same CRLs in other octets.
  const { certificates, crls } = embeddedValidationData(parseSignedData(data));
  const other = buildValidationData({
    certificates: [...certificates, signer.certificate],
    ...{ crls, ocspResponses: [] },
  });
  t.not(await verifiedLater(archive, { data: other, records: [first, second] }), 'valid');
});

test('a pack has every record: the first one proves the signature before its validation data was made', async (t) => {
  const { archive } = await protectedLetter();
  await using _ = archive;
  await putCrls(archive, '2027-01-11T00:00:00Z');
  await archive.nightAfter(1);
  archive.clock.set(Temporal.Instant.from('2028-06-01T00:00:00Z'));
  await archive.upkeep();
  await t.notThrowsAsync(unpacked(archive, 'letter.txt'));
});
