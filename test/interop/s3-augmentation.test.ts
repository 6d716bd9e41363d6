// Embedded augmentation in a real S3 server: a new version that takes over lock, tags and metadata and names its
// origin; the version before stays as it was. A stream in parts carries the condition to its end.
import test from 'ava';
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { differences } from '#archiver/augmentation/compare.ts';
import { equalBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { createArchive, kindsOf, type TestArchive } from '../archiver/night/_night.ts';
import { issueCrl, issueRoot, issueSigner } from '../_authority.ts';
import { buildTestCms } from '../_cms.ts';
import { killAugmentations } from '../long/augmentation-kills.ts';
import { augmentLargeSignatures } from '../long/large-signature.ts';
import { type S3Server, startS3Server } from './_s3-server.ts';

let server: S3Server;
let admin: S3Client;
const documents = `tokiwa-augmented-${process.pid}`;
const evidence = `tokiwa-augmented-evidence-${process.pid}`;
// The server keeps whole seconds.
const lockedUntil = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
const root = issueRoot({ subject: 'CN=Signers of the ward' });
const signer = issueSigner(root, { subject: 'CN=A physician' });
const small = buildTestCms({ signer });
/** More than one part of an upload. */
const large = buildTestCms({ signer, content: new Uint8Array(20 * 1024 * 1024) });

test.before(async () => {
  server = await startS3Server();
  admin = new S3Client({ endpoint: server.endpoint, region: server.region, forcePathStyle: true });
  await admin.send(
    new CreateBucketCommand({ Bucket: documents, ObjectLockEnabledForBucket: true }),
  );
  await admin.send(new CreateBucketCommand({ Bucket: evidence }));
});
test.after.always(async () => {
  admin.destroy();
  await server.stop();
});

async function onS3(): Promise<TestArchive> {
  const { endpoint, region } = server;
  const archive = await createArchive({
    stores: [{ kind: 's3', name: 'documents', bucket: documents, endpoint, region }],
    evidence: { kind: 's3', name: 'evidence', bucket: evidence, endpoint, region, prefix: 'a/' },
    signers: { anchors: ['signers/root.der'], crls: ['crls'] },
    retention: {
      rules: [{ match: '.*', preset: 'jp-medical-record', renewal: 'augmentation' }],
    },
  });
  await archive.put('../signers/root.der', root.certificate.raw);
  const crl = issueCrl({
    issuer: root,
    thisUpdate: '2027-01-09T00:00:00Z',
    nextUpdate: '2060-01-01T00:00:00Z',
  });
  await archive.put('../crls/root.crl', crl.raw);
  return archive;
}

async function octetsOf(key: string, versionId?: string): Promise<Uint8Array> {
  const place = { Bucket: documents, Key: key };
  const { Body } = await admin.send(
    new GetObjectCommand({ ...place, ...(versionId !== undefined && { VersionId: versionId }) }),
  );
  if (!Body) throw new Error('no body');
  return Body.transformToByteArray();
}

test('a new version with the lock, tags and metadata of the one before, once', async (t) => {
  await using archive = await onS3();
  for (const [key, body] of [
    ['contract.p7m', small],
    ['large.p7m', large],
  ] as const)
    await admin.send(
      new PutObjectCommand({
        Bucket: documents,
        Key: key,
        Body: body,
        ContentType: 'application/pkcs7-mime',
        Metadata: { ward: 'north' },
        Tagging: 'retention-rule=jp-medical-record&kind=consent%20form',
        ChecksumAlgorithm: 'SHA256',
        ObjectLockMode: 'GOVERNANCE',
        ObjectLockRetainUntilDate: lockedUntil,
        ObjectLockLegalHoldStatus: 'ON',
      }),
    );
  const first = await archive.night();
  t.deepEqual(kindsOf(first), ['augmented']);
  t.is(first.tokensBought, 4);
  for (const [key, body] of [
    ['contract.p7m', small],
    ['large.p7m', large],
  ] as const) {
    const { Versions = [] } = await admin.send(
      new ListObjectVersionsCommand({ Bucket: documents, Prefix: key }),
    );
    t.is(Versions.length, 2);
    const old = Versions.find(({ IsLatest }) => IsLatest !== true)?.VersionId;
    t.true(equalBytes(await octetsOf(key, old), body));
    const octets = await octetsOf(key);
    t.deepEqual(differences(parseSignedData(body), parseSignedData(octets)), []);
    const head = await admin.send(new HeadObjectCommand({ Bucket: documents, Key: key }));
    t.is(head.ContentType, 'application/pkcs7-mime');
    t.is(head.Metadata?.['ward'], 'north');
    t.regex(head.Metadata?.['tokiwa-origin'] ?? '', /^sha256:[0-9a-f]{64}$/);
    t.is(head.ObjectLockMode, 'GOVERNANCE');
    t.is(head.ObjectLockLegalHoldStatus, 'ON');
    t.is(
      Math.round((head.ObjectLockRetainUntilDate?.getTime() ?? 0) / 1000),
      Math.round(lockedUntil.getTime() / 1000),
    );
    const { TagSet = [] } = await admin.send(
      new GetObjectTaggingCommand({ Bucket: documents, Key: key }),
    );
    t.deepEqual(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value])), {
      'retention-rule': 'jp-medical-record',
      kind: 'consent form',
    });
  }
  const second = await archive.nightAfter(1);
  t.deepEqual([kindsOf(second), second.tokensBought, second.added], [[], 0, 0]);
  t.deepEqual((await archive.rows()).map(({ key, state }) => `${key} ${state}`).toSorted(), [
    'contract.p7m protected',
    'contract.p7m superseded',
    'large.p7m protected',
    'large.p7m superseded',
  ]);
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('content that is too large to be held, in a signature and beside it: flat memory', async (t) => {
  t.timeout(600_000);
  for (const { case: name, passed, got } of await augmentLargeSignatures(256, server))
    t.true(passed, `${name}: ${got}`);
});

test('nights that are killed: each signature as before or renewed once, and every version kept', async (t) => {
  t.timeout(600_000);
  for (const { case: name, passed, got } of await killAugmentations(1, 8, { kills: 3, server }))
    t.true(passed, `${name}: ${got}`);
});
