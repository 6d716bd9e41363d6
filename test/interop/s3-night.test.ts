// Nights against a real S3 server: documents in a versioned bucket with object lock, evidence in a
// bucket of its own; new versions are new documents, and no document is written to.
import test from 'ava';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { assertSound, createArchive, kindsOf, type TestArchive } from '../archiver/night/_night.ts';
import { type S3Server, startS3Server } from './_s3-server.ts';

let server: S3Server;
let admin: S3Client;
const documents = `tokiwa-documents-${process.pid}`;
const evidence = `tokiwa-evidence-${process.pid}`;
const locked = 'locked/契約書 1.txt';
const lockedUntil = new Date(Date.now() + 3_600_000);

test.before(async () => {
  server = await startS3Server();
  admin = new S3Client({ endpoint: server.endpoint, region: server.region, forcePathStyle: true });
  // Object lock brings versions with it.
  await admin.send(
    new CreateBucketCommand({ Bucket: documents, ObjectLockEnabledForBucket: true }),
  );
  await admin.send(new CreateBucketCommand({ Bucket: evidence }));
});
test.after.always(async () => {
  admin.destroy();
  await server.stop();
});

async function put(key: string, body: string, lock = false): Promise<void> {
  await admin.send(
    new PutObjectCommand({
      Bucket: documents,
      Key: key,
      Body: body,
      ChecksumAlgorithm: 'SHA256',
      ...(lock && { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: lockedUntil }),
    }),
  );
}

/** Every version in the bucket of documents, with what identifies it. */
async function versions(): Promise<readonly string[]> {
  const { Versions = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket: documents }));
  return Versions.map(({ Key, VersionId, ETag }) => `${Key} ${VersionId} ${ETag}`).toSorted();
}

function onS3(): Promise<TestArchive> {
  const { endpoint, region } = server;
  return createArchive({
    stores: [{ kind: 's3', name: 'documents', bucket: documents, endpoint, region }],
    evidence: { kind: 's3', name: 'evidence', bucket: evidence, endpoint, region, prefix: 'a/' },
  });
}

test('documents in S3: protected, new versions go on, lock and octets untouched', async (t) => {
  await using archive = await onS3();
  await put('a.txt', 'first');
  await put(locked, 'locked', true);
  await put('b/c.txt', 'c');
  const before = await versions();
  const first = await archive.night();
  t.deepEqual(first.findings, []);
  t.is(first.protectedGroups, 3);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
  t.deepEqual(await versions(), before, 'no document was written to');

  await put('a.txt', 'second');
  const second = await archive.nightAfter(1);
  t.deepEqual(
    second.findings,
    [],
    'a new version is a new document, and the old one is still there',
  );
  t.is(second.protectedGroups, 1);
  t.is((await archive.rows()).filter(({ key }) => key === 'a.txt').length, 2);
  t.is((await archive.nightAfter(1, { reread: 'whole' })).outcome, 'ok');

  await admin.send(new DeleteObjectCommand({ Bucket: documents, Key: 'b/c.txt' }));
  const marked = await archive.nightAfter(1);
  t.deepEqual(kindsOf(marked), [], 'behind a delete marker the version is still there');
  const gone = (await archive.row('b/c.txt')).versionId;
  await admin.send(new DeleteObjectCommand({ Bucket: documents, Key: 'b/c.txt', VersionId: gone }));
  const missing = await archive.nightAfter(1);
  t.deepEqual(kindsOf(missing), ['missing']);
  t.is((await archive.row('b/c.txt')).state, 'missing');

  const { Retention } = await admin.send(
    new GetObjectRetentionCommand({ Bucket: documents, Key: locked }),
  );
  t.is(Retention?.Mode, 'GOVERNANCE');
  t.is(
    Math.round((Retention?.RetainUntilDate?.getTime() ?? 0) / 1000),
    Math.round(lockedUntil.getTime() / 1000),
  );
  await assertSound(t, archive);
});
