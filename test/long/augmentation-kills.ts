// `kill -9` of nights that augment many signatures of mixed kinds, at drawn moments: every file is as before or fully
// renewed, none is augmented twice, no token is bought twice, and the catalogue is what the stores say.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { differences } from '#archiver/augmentation/compare.ts';
import { equalBytes } from '#shared/bytes.ts';
import { readCades } from '#shared/cades/read.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { issueCrl, issueRoot, issueSigner } from '../_authority.ts';
import { buildTestCms } from '../_cms.ts';
import { freshKey, type KeyName } from '../_keys.ts';
import { nightInProcess } from '../archiver/night/_kills.ts';
import { createArchive, type Settings, type TestArchive } from '../archiver/night/_night.ts';
import { withIndefiniteLengths } from '../interop/_cades-samples.ts';
import type { S3Server } from '../interop/_s3-server.ts';
import { numbers } from './_numbers.ts';

const keys: readonly KeyName[] = ['P-256', 'RSA-2048', 'RSA-PSS-2048'];
/** Long enough to be killed in every part of a night with a few documents, and what each more takes. */
const longestLife = { startMs: 8_000, documentMs: 40 };

/** Where the documents are, and how they are looked at from outside. */
type Place = AsyncDisposable & {
  readonly name: string;
  readonly settings: Settings;
  readonly put: (archive: TestArchive, key: string, octets: Uint8Array) => Promise<void>;
  /** Every version of the key, oldest first. */
  readonly versions: (archive: TestArchive, key: string) => Promise<readonly Uint8Array[]>;
};

const inFolder: Place = {
  name: 'folder',
  settings: {},
  put: (archive, key, octets) => archive.put(key, octets),
  versions: async (archive, key) => [
    new Uint8Array(await readFile(path.join(archive.documents, key))),
  ],
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Two buckets of their own on the server: one with versions and object lock for documents, one for evidence. */
async function onServer({ endpoint, region }: S3Server, seed: number): Promise<Place> {
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  const [documents, evidence] = [`augmented-${seed}`, `augmented-evidence-${seed}`];
  await client.send(
    new CreateBucketCommand({ Bucket: documents, ObjectLockEnabledForBucket: true }),
  );
  await client.send(new CreateBucketCommand({ Bucket: evidence }));
  // The server keeps whole seconds.
  const lockedUntil = new Date(Math.ceil(Date.now() / 1000) * 1000 + 24 * 3_600_000);
  const at = { endpoint, region } as const;
  return {
    name: 'S3',
    settings: {
      stores: [{ kind: 's3', name: 'documents', bucket: documents, ...at }],
      evidence: { kind: 's3', name: 'evidence', bucket: evidence, ...at },
    },
    put: async (_, Key, Body) => {
      await client.send(
        new PutObjectCommand({
          ...{ Bucket: documents, Key, Body, ChecksumAlgorithm: 'SHA256' },
          ...{ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: lockedUntil },
        }),
      );
    },
    versions: async (_, key) => {
      const { Versions = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: documents, Prefix: key }),
      );
      const own = Versions.filter(({ Key }) => Key === key).toReversed();
      return Promise.all(
        own.map(async ({ VersionId }) => {
          const place = { Bucket: documents, Key: key, VersionId };
          const { Body } = await client.send(new GetObjectCommand(place));
          return Body ? Body.transformToByteArray() : new Uint8Array();
        }),
      );
    },
    [Symbol.asyncDispose]: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

const root = issueRoot({ subject: 'CN=Signers of the ward' });
const signers = keys.map((name) =>
  issueSigner(root, { subject: `CN=Signer with ${name}`, key: freshKey(name) }),
);

type Signed = { readonly key: string; readonly octets: Uint8Array };

/** The document number `index`: attached, detached, by two signers, in BER, under one rule or the other. */
async function put(archive: TestArchive, place: Place, index: number): Promise<Signed> {
  const [signer, cosigner] = [signers[index % 3], signers[(index + 1) % 3]];
  if (!signer || !cosigner) throw new Error('no signer');
  const content = new TextEncoder().encode(`document ${index}`);
  const folder = index % 2 === 0 ? 'both' : 'alone';
  const shape = index % 4;
  const cms = buildTestCms({
    signer,
    content,
    detached: shape === 1,
    ...(shape === 2 && { cosigners: [cosigner] }),
  });
  const octets = shape === 3 ? withIndefiniteLengths(cms) : cms;
  const name = `${folder}/${index}.txt`;
  const key = shape === 1 ? `${name}.p7s` : `${folder}/${index}.p7m`;
  if (shape === 1) await place.put(archive, name, content);
  await place.put(archive, key, octets);
  return { key, octets };
}

async function prepared(
  place: Place,
  documents: number,
): Promise<{
  readonly archive: TestArchive;
  readonly signed: readonly Signed[];
}> {
  const preset = 'jp-medical-record';
  const archive = await createArchive({
    ...place.settings,
    signers: { anchors: ['signers/root.der'], crls: ['crls'] },
    ceiling: { tokens: 100_000 },
    retention: {
      rules: [
        { match: '^both/', preset, renewal: 'both' },
        { match: '.*', preset, renewal: 'augmentation' },
      ],
    },
  });
  await archive.put('../signers/root.der', root.certificate.raw);
  const [thisUpdate, nextUpdate] = ['2027-01-09T00:00:00Z', '2060-01-01T00:00:00Z'];
  await archive.put('../crls/root.crl', issueCrl({ issuer: root, thisUpdate, nextUpdate }).raw);
  const signed: Signed[] = [];
  for (let index = 0; index < documents; index++) signed.push(await put(archive, place, index));
  return { archive, signed };
}

/** How often the file was augmented: 0 or 1; anything else, and any octet that is gone, is wrong. */
async function timesAugmented(
  archive: TestArchive,
  place: Place,
  { key, octets }: Signed,
): Promise<number> {
  const versions = await place.versions(archive, key);
  const now = versions.at(-1) ?? new Uint8Array();
  if (equalBytes(now, octets)) return versions.length === 1 ? 0 : Number.NaN;
  const [first = octets, second] = versions.length > 1 ? versions : [];
  if (versions.length > 2 || !equalBytes(first, octets)) return Number.NaN;
  if (second && second !== now) return Number.NaN;
  const lost = differences(parseSignedData(octets), parseSignedData(now));
  if (lost.length > 0) throw new Error(`${key}: ${lost.join(', ')}`);
  const counts = readCades(now).signatures.map(({ timestamps }) => {
    const archives = timestamps.filter(({ type }) => type === 'archive').length;
    return archives + 1 === timestamps.length ? archives : Number.NaN;
  });
  return counts.every((count) => count === counts[0]) ? (counts[0] ?? Number.NaN) : Number.NaN;
}

/** One archive of so many signatures, killed several times, and what the next nights make of it. */
export async function killAugmentations(
  seed: number,
  documents: number,
  { kills, server }: { readonly kills: number; readonly server?: S3Server | undefined },
): Promise<readonly ConformanceResult[]> {
  const next = numbers(seed);
  await using place = server ? await onServer(server, seed) : inFolder;
  const { archive, signed } = await prepared(place, documents);
  await using _ = archive;
  const longestLifeMs = longestLife.startMs + documents * longestLife.documentMs;
  const wrong: string[] = [];
  await archive.close();
  for (let kill = 0; kill < kills; kill++) {
    const afterMs = Math.floor(next() * longestLifeMs);
    await nightInProcess(archive, { situation: 'protect', afterMs }, 10 * longestLifeMs);
    for (const one of signed)
      if (![0, 1].includes(await timesAugmented(archive, place, one)))
        wrong.push(`${one.key} after kill ${kill + 1}`);
  }
  const last = await archive.night();
  const quiet = await archive.nightAfter(1);
  let signatures = 0;
  for (const one of signed) {
    signatures += parseSignedData(one.octets).signerInfos.length;
    const times = await timesAugmented(archive, place, one);
    if (times !== 1) wrong.push(`${one.key} augmented ${times} times`);
  }
  const states = new Set((await archive.rows()).map(({ state }) => state));
  if ([...states].toSorted().join() !== 'protected,superseded') wrong.push([...states].join());
  const { catalogue } = await archive.open();
  const batches = (await Array.fromAsync(catalogue.batches())).length;
  const tokens = archive.tsa.tokens() - 2 * signatures;
  if (tokens !== batches) wrong.push(`${tokens} tokens for ${batches} batches`);
  if (last.findings.some(({ level }) => level !== 'info'))
    wrong.push(JSON.stringify(last.findings));
  if (quiet.tokensBought > 0) wrong.push('the night after was not quiet');
  wrong.push(...(await archive.rebuildDifferences()));
  return [
    {
      case: `seed ${seed}: ${documents} mixed signatures in ${place.name}, ${kills} kills`,
      passed: wrong.length === 0,
      expected: 'each augmented once, no token twice, the catalogue as rebuilt',
      got: wrong.join('; ') || `${signatures} signatures, ${batches} batches`,
    },
  ];
}
