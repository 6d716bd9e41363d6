// The S3 store against a real server: the contract on a plain and on a versioned bucket, and what
// only an S3 service has: versions, tags, pages, parts, credentials.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { openS3Store, type S3StoreOptions } from '#archiver/adapters/s3-store.ts';
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { collect } from '../_faulty-store.ts';
import { stream, testStoreContract, throwsCode } from '../archiver/adapters/_store-contract.ts';
import { type S3Server, startS3Server } from './_s3-server.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
let server: S3Server;
let admin: S3Client;
let buckets = 0;

test.before(async () => {
  server = await startS3Server();
  admin = new S3Client({ endpoint: server.endpoint, region: server.region, forcePathStyle: true });
});
test.after.always(async () => {
  admin.destroy();
  await server.stop();
});

async function newBucket(versions: boolean): Promise<string> {
  const bucket = `tokiwa-${process.pid}-${++buckets}`;
  await admin.send(new CreateBucketCommand({ Bucket: bucket }));
  if (versions)
    await admin.send(
      new PutBucketVersioningCommand({
        Bucket: bucket,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
  return bucket;
}

function open(bucket: string, options: Partial<S3StoreOptions> = {}): Promise<ObjectStore> {
  return openS3Store({
    name: 's3',
    bucket,
    region: server.region,
    endpoint: server.endpoint,
    forcePathStyle: true,
    access: 'write',
    signal,
    ...options,
  });
}

async function newStore(t: ExecutionContext, versions: boolean) {
  const bucket = await newBucket(versions);
  const store = await open(bucket);
  t.teardown(() => store[Symbol.asyncDispose]());
  return { bucket, store };
}

for (const versions of [false, true])
  testStoreContract(test.serial, versions ? 'versioned bucket' : 'plain bucket', {
    open: async (t) => (await newStore(t, versions)).store,
    oddKeys: [
      '契約書/2026年/見積(最終).pdf',
      'が-composed',
      'か\u3099-decomposed',
      'sp ace+plus%25&amp;=?#.txt',
      '-rf',
      '__proto__',
      'a\nb',
      ' lead',
      'trail.',
      'quote\'"<>',
      '\u202egpj.exe',
      `${'x'.repeat(200)}/${'y'.repeat(200)}`,
    ],
    propertyRuns: 5,
    // More than one part of 16 MiB.
    streamBytes: 20_000_000,
  });

test.serial('what the bucket can do is found out and said', async (t) => {
  const plain = await newStore(t, false);
  t.deepEqual(plain.store.capabilities, {
    conditionalWrites: true,
    versions: false,
    checksums: true,
    remarks: ['The bucket keeps no versions: what is overwritten is gone, and shown as changed.'],
  });
  const versioned = await newStore(t, true);
  t.deepEqual(versioned.store.capabilities, {
    conditionalWrites: true,
    versions: true,
    checksums: true,
    remarks: [],
  });
  for (const { store } of [plain, versioned])
    t.deepEqual(await Array.fromAsync(store.list({ signal })), [], 'the probe leaves nothing');
});

test.serial('opened for reading, nothing is written, not even to probe', async (t) => {
  const bucket = await newBucket(true);
  await using store = await open(bucket, { access: 'read' });
  t.like(store.capabilities, { conditionalWrites: false, versions: true });
  await throwsCode(t, () => store.write('x', Buffer.from('x'), { signal }), 'ERR_SOURCE_REFUSED');
  await throwsCode(t, () => store.remove('x', { signal }), 'ERR_SOURCE_REFUSED');
});

test.serial('versions: each is read by its id, the current one is listed', async (t) => {
  const { store } = await newStore(t, true);
  const first = await store.write('v', Buffer.from('1'), { signal });
  const second = await store.write('v', stream(300, 65_537), { signal });
  t.true(first.versionId !== undefined && first.versionId !== second.versionId);
  const read = async (versionId?: string) => {
    const { entry, body } = await store.read('v', { signal, versionId });
    return [entry.versionId, (await collect(body)).length];
  };
  t.deepEqual(await read(first.versionId), [first.versionId, 1]);
  t.deepEqual(await read(), [second.versionId, 300 * 65_537]);
  const head = await store.head('v', { signal, versionId: first.versionId });
  t.deepEqual([head.versionId, head.size], [first.versionId, 1]);
  const listed = await Array.fromAsync(store.list({ signal }));
  t.deepEqual(
    listed.map((entry) => [entry.key, entry.versionId]),
    [['v', second.versionId]],
  );
  await store.remove('v', { signal });
  t.deepEqual(await Array.fromAsync(store.list({ signal })), []);
  await throwsCode(t, () => store.head('v', { signal }), 'ERR_SOURCE_NOT_FOUND');
  t.deepEqual(await read(first.versionId), [first.versionId, 1]);
  await store.remove('v', { signal, versionId: first.versionId });
  await throwsCode(t, () => read(first.versionId), 'ERR_SOURCE_NOT_FOUND');
  t.deepEqual(await read(second.versionId), [second.versionId, 300 * 65_537]);
});

for (const versions of [false, true])
  test.serial(`pages of ${versions ? 'versions' : 'objects'} make one listing`, async (t) => {
    const { bucket, store } = await newStore(t, versions);
    const keys = Array.from(
      { length: 2100 },
      (_, i) => `d${i % 7}/k ${String(i).padStart(5, '0')}`,
    );
    let next = 0;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let key = keys[next++]; key !== undefined; key = keys[next++])
          await admin.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' }));
      }),
    );
    if (versions)
      for (const key of keys.slice(0, 50))
        await admin.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    const expected = (versions ? keys.slice(50) : keys).toSorted();
    const listed = async (options: object) =>
      (await Array.fromAsync(store.list({ signal, ...options }))).map((entry) => entry.key);
    t.deepEqual(await listed({}), expected);
    const from = expected[700] ?? '';
    t.deepEqual(await listed({ startAfter: from }), expected.slice(701));
    t.deepEqual(
      await listed({ prefix: 'd3/', startAfter: from }),
      expected.filter((key) => key.startsWith('d3/') && key > from),
    );
  });

test.serial('metadata and tags come with the look-up', async (t) => {
  const { bucket, store } = await newStore(t, false);
  await admin.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: 'doc',
      Body: 'x',
      Metadata: { 'retention-start': '2026-04-01' },
      Tagging: 'department=radiology&case=%E5%80%A4',
    }),
  );
  const head = await store.head('doc', { signal });
  t.deepEqual(head.metadata, { 'retention-start': '2026-04-01' });
  t.deepEqual(head.tags, { department: 'radiology', case: '値' });
  t.is(head.remark, undefined);
});

test.serial('a bucket, a key or a server that is wrong is told apart', async (t) => {
  await throwsCode(t, () => open('no-such-bucket'), 'ERR_SOURCE_REFUSED');
  const bucket = await newBucket(false);
  const gone = { endpoint: 'http://127.0.0.1:1', maxAttempts: 2 };
  const error = await throwsCode(t, () => open(bucket, gone), 'ERR_SOURCE_UNREACHABLE');
  t.like(error, { retryable: true });
  const secret = process.env['AWS_SECRET_ACCESS_KEY'];
  process.env['AWS_SECRET_ACCESS_KEY'] = 'wrong';
  try {
    await throwsCode(t, () => open(bucket), 'ERR_SOURCE_REFUSED');
  } finally {
    process.env['AWS_SECRET_ACCESS_KEY'] = secret;
  }
});

test.serial('an object in the way of another is refused, not mangled', async (t) => {
  const { store } = await newStore(t, false);
  await store.write('k', Buffer.from('1'), { signal });
  // This server maps keys to paths; others hold both.
  await throwsCode(
    t,
    () => store.write('k/child', Buffer.from('2'), { signal, condition: { kind: 'absent' } }),
    'ERR_SOURCE_REFUSED',
  );
  t.is((await collect((await store.read('k', { signal })).body)).toString(), '1');
});

test.serial('an evidence store in a bucket: one archive, one writer', async (t) => {
  const { store } = await newStore(t, true);
  const at = Temporal.Instant.from('2026-12-01T00:00:00Z');
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const options = { store, prefix: 'evidence/', expectedArchiveId: undefined, create: true };
  const [one, two] = await Promise.all([
    openEvidenceStore({ ...options, at, random, signal }),
    openEvidenceStore({ ...options, at, random, signal }),
  ]);
  t.is(one.archiveId, two.archiveId);
  const request = { run: 'r', at, duration: Temporal.Duration.from({ minutes: 5 }), signal };
  const leases = await Promise.allSettled(
    [one, two].map((evidence, index) =>
      evidence.acquireLease({ ...request, holder: { host: `h${index}`, pid: 1, instance: '' } }),
    ),
  );
  t.deepEqual(leases.map((lease) => lease.status).toSorted(), ['fulfilled', 'rejected']);
  const entries = [{ kind: 'hold', store: 's', key: 'k', on: true, by: 'operator' }] as const;
  for (let index = 1; index <= 5; index++)
    t.is(await one.journal.append(entries, { at, run: 'r', signal }), index);
  t.is((await Array.fromAsync(two.journal.readFrom(2, signal))).length, 4);
});

/** Node with the S3 store loaded has about a quarter of it; held whole, the object would be far above it. */
const residentLimit = 450 * (1 << 20);

test.serial('a long stream goes through in flat memory', async (t) => {
  t.timeout(900_000);
  const bucket = await newBucket(false);
  const mebibytes = process.env['TEST_LONG'] === '1' ? 5120 : 512;
  const child = path.join(import.meta.dirname, '_s3-stream.ts');
  const args = [child, server.endpoint, server.region, bucket, String(mebibytes)];
  const { stdout } = await run(process.execPath, args);
  const { length, before, peak } = JSON.parse(stdout) as Readonly<Record<string, number>>;
  t.is(length, mebibytes * (1 << 20));
  const said = `${Math.round((before ?? 0) / (1 << 20))} MiB, then ${Math.round((peak ?? Infinity) / (1 << 20))}`;
  t.log(said);
  t.true((peak ?? Infinity) < residentLimit, said);
});
