// Signatures over content far larger than what may be held, inside of them and beside, raised to LTA in a night: new
// versions in which the earlier ones stand whole, and the memory of the process bounded. In a folder and in a real S3
// server, where the large one goes up in parts and the version before stays.
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { differences } from '#archiver/augmentation/compare.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { readWithoutContent, type WithoutContent } from '#shared/cades/without-content.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { issueCrl, issueRoot, issueSigner } from '../_authority.ts';
import { buildTestCms } from '../_cms.ts';
import { attachLargeContent, digestOfLargeContent, largeContent } from '../_large-cms.ts';
import { createArchive, type Settings, type TestArchive } from '../archiver/night/_night.ts';
import type { S3Server } from '../interop/_s3-server.ts';

const script = fileURLToPath(new URL('../archiver/night/_large-night.ts', import.meta.url));
const mebibyte = 1024 * 1024;
const inspectLimitBytes = 16 * mebibyte;
/** A night that streams takes up to 320 MiB, whatever the content, and 180 at least: 256 of content held once would not fit. */
const most = 400 * mebibyte;

type Night = { readonly outcome: string; readonly maxResidentBytes: number };
type Body = AsyncIterable<Uint8Array>;

/** Where the documents are. */
type Place = Disposable & {
  readonly name: string;
  readonly settings: Settings;
  readonly put: (archive: TestArchive, key: string, body: Body) => Promise<unknown>;
  /** Every version of the key, oldest first. */
  readonly versions: (archive: TestArchive, key: string) => Promise<readonly Body[]>;
};

const inFolder: Place = {
  name: 'a folder',
  settings: {},
  put: ({ documents }, key, body) => pipeline(body, createWriteStream(path.join(documents, key))),
  versions: ({ documents }, key) =>
    Promise.resolve([createReadStream(path.join(documents, key)) as Body]),
  [Symbol.dispose]: () => undefined,
};

async function onServer({ endpoint, region }: S3Server): Promise<Place> {
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  const [documents, evidence] = [`large-${process.pid}`, `large-evidence-${process.pid}`];
  await client.send(
    new CreateBucketCommand({ Bucket: documents, ObjectLockEnabledForBucket: true }),
  );
  await client.send(new CreateBucketCommand({ Bucket: evidence }));
  const at = { kind: 's3', endpoint, region } as const;
  return {
    name: 'an S3 server',
    settings: {
      stores: [{ ...at, name: 'documents', bucket: documents }],
      evidence: { ...at, name: 'evidence', bucket: evidence },
    },
    put: (_, Key, body) => {
      const params = { Bucket: documents, Key, Body: Readable.from(body) };
      return new Upload({ client, params: { ...params, ChecksumAlgorithm: 'SHA256' } }).done();
    },
    versions: async (_, key) => {
      const place = { Bucket: documents, Key: key };
      const { Versions = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: documents, Prefix: key }),
      );
      const own = Versions.filter(({ Key }) => Key === key).toReversed();
      return Promise.all(
        own.map(async ({ VersionId }) => {
          const { Body } = await client.send(new GetObjectCommand({ ...place, VersionId }));
          return Body as unknown as Body;
        }),
      );
    },
    [Symbol.dispose]: () => {
      client.destroy();
    },
  };
}

const read = (body: Body): Promise<WithoutContent> => readWithoutContent(body, () => ['SHA-256']);

/** What is wrong with the versions of one signature. */
async function offencesOf(
  made: Body,
  versions: readonly Body[],
  isVersioned: boolean,
): Promise<readonly string[]> {
  const before = await read(made);
  const all: WithoutContent[] = [];
  for (const version of versions) all.push(await read(version));
  const [first, last] = [all[0], all.at(-1)];
  if (!first || !last || all.length !== (isVersioned ? 2 : 1)) return [`${all.length} versions`];
  const isFirstKept = equalBytes(first.octets, before.octets) && first.length === before.length;
  const contentOf = ({ digests }: WithoutContent): string =>
    [...digests.values()].map(toHex).join();
  const sameContent = all.every((one) => contentOf(one) === contentOf(before));
  return [
    ...(isVersioned && !isFirstKept ? ['the version before is another one'] : []),
    ...(sameContent ? [] : ['the content is changed']),
    ...differences(parseSignedData(before.octets), parseSignedData(last.octets)),
  ];
}

/** One night over two signatures, in a process of its own so that nothing else is measured. */
export async function augmentLargeSignatures(
  mebibytes: number,
  server?: S3Server,
): Promise<readonly ConformanceResult[]> {
  const root = issueRoot();
  using place = server ? await onServer(server) : inFolder;
  await using archive = await createArchive({
    ...place.settings,
    inspectLimitBytes,
    signers: { anchors: ['root.der'], crls: ['root.crl'] },
    retention: { rules: [{ match: '.*', preset: 'jp-medical-record', renewal: 'augmentation' }] },
  });
  const crl = issueCrl({ issuer: root, thisUpdate: '2027-01-09T00:00:00Z' });
  await archive.put('../root.der', root.certificate.raw);
  await archive.put('../root.crl', crl.raw);
  const contentDigest = digestOfLargeContent(mebibytes);
  const detached = buildTestCms({ signer: issueSigner(root), detached: true, contentDigest });
  const signatures = new Map<string, () => Body>([
    ['scan.p7m', () => attachLargeContent(detached, mebibytes)],
    ['film.bin.p7s', () => Readable.from([detached])],
  ]);
  await place.put(archive, 'film.bin', largeContent(mebibytes));
  for (const [key, made] of signatures) await place.put(archive, key, made());
  const at = archive.clock.now().toString();
  const args = [script, await archive.writeConfig(), at];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { outcome, maxResidentBytes } = JSON.parse(stdout) as Night;
  const rows = await archive.rows();
  const got = [outcome];
  for (const [key, made] of signatures) {
    const row = rows.find((one) => one.key === key && one.state === 'protected');
    const versions = await place.versions(archive, key);
    const offences = await offencesOf(made(), versions, server !== undefined);
    got.push([key, row?.facts.level ?? 'not protected', ...offences].join(' '));
  }
  const inMebibytes = (size: number): string => `${Math.round(size / mebibyte)} MiB`;
  const what = `${mebibytes} MiB of content in ${place.name}`;
  const expected = 'ok, scan.p7m LTA, film.bin.p7s LTA';
  return [
    { case: what, passed: got.join(', ') === expected, expected, got: got.join(', ') },
    {
      case: `${what}: memory`,
      passed: maxResidentBytes <= most,
      expected: `at most ${inMebibytes(most)}`,
      got: inMebibytes(maxResidentBytes),
    },
  ];
}
