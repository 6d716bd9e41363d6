// Documents with evidence records of another product inside of them, in every place that the standards give one
// (RFC 4998 Annex A, EN 319 162-1 §4.3, §4.4): the archive of that product, and what its records were put into.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { oids } from '#shared/oid.ts';
import type { IntakeEvidenceRecord } from '#shared/ports/catalogue.ts';
import { asicManifest } from '../../_asic.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { withAttributes } from '../../_archive-timestamp.ts';
import { buildTestCms } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import { buildZip } from '../../_zip.ts';
import { unpacked } from '../pack/_unpacked.ts';
import { createArchive, type TestArchive } from './_night.ts';

export type TwoArchives = AsyncDisposable & {
  readonly archive: TestArchive;
  readonly other: TestArchive;
  /** Both clocks on; fresh CRLs of signers; a night of ours. */
  readonly nightAfter: (days: number) => ReturnType<TestArchive['nightAfter']>;
  /** From now on no revocation data can be had but what the archive keeps. */
  readonly withoutCrls: () => Promise<void>;
};

const root = issueRoot({ notAfter: '2040-01-01T00:00:00Z' });
const signer = issueSigner(root, { notAfter: '2039-01-01T00:00:00Z' });

function pemOf(octets: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(octets).toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/** The archive of another product, whose TSU ends after 300 days, and ours; `crls`: whether we have theirs. */
export async function twoArchives(crls = true): Promise<TwoArchives> {
  const options = { tsuDays: 300, signatureDigest: 'SHA-512' } as const;
  await using made = new AsyncDisposableStack();
  const other = made.use(await createArchive({}, options));
  const archive = made.use(await createArchive({}, options));
  const { anchorsPath, crlPath } = other.tsa.running;
  const rootFile = path.join(archive.folder, 'signers.pem');
  const crlFile = path.join(archive.folder, 'signers.crl');
  const putCrl = async (): Promise<void> => {
    const thisUpdate = archive.clock.now().subtract({ hours: 1 });
    const nextUpdate = thisUpdate.add({ hours: 24 * 30 });
    await writeFile(crlFile, issueCrl({ issuer: root, thisUpdate, nextUpdate }).raw);
  };
  await writeFile(rootFile, pemOf(root.certificate.raw));
  await putCrl();
  const trusting = { anchors: [rootFile], tsuAnchors: [anchorsPath] };
  await archive.configure({ signers: { ...trusting, ...(crls && { crls: [crlPath, crlFile] }) } });
  const all = made.move();
  return {
    archive,
    other,
    nightAfter: async (days) => {
      other.clock.set(other.clock.now().add({ hours: 24 * days }));
      await other.upkeep();
      archive.clock.set(archive.clock.now().add({ hours: 24 * days }));
      await putCrl();
      return archive.nightAfter(0);
    },
    withoutCrls: () => archive.configure({ signers: trusting }),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

/**
 * A record of the other product, which keeps no revocation data with its tokens: over a document, or over a group
 * of it and one more object.
 */
export async function recordOver(
  other: TestArchive,
  content: string | Uint8Array,
  beside?: string | Uint8Array,
): Promise<Uint8Array> {
  await other.put('a', content);
  if (beside !== undefined) await other.put('a.p7s', beside);
  await other.night({
    deps: ({ tsa, ...deps }) => ({
      ...deps,
      tsa: { ...tsa, verification: { ...tsa.verification, revocationMode: 'none' } },
    }),
  });
  return other.record('a');
}

/** EN 319 162-1 §4.3: the data, and the record over it in META-INF. */
export function asicS(record: Uint8Array, data = 'a'): Uint8Array {
  return buildZip([
    { name: 'mimetype', data: 'application/vnd.etsi.asic-s+zip' },
    { name: 'a.txt', data },
    { name: 'META-INF/evidencerecord.ers', data: record },
  ]);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const recordEntry = 'META-INF/evidencerecord1.ers';

/**
 * EN 319 162-1 §4.4: the record is over the entries that its manifest lists, which are these; `entries`: what is
 * there under those names.
 */
function asicE(
  record: Uint8Array,
  listed: Readonly<Record<string, string>>,
  entries: Readonly<Record<string, string>>,
): Uint8Array {
  const references = Object.entries(listed).map(([name, data]) => [name, encode(data)] as const);
  return buildZip([
    { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' },
    ...Object.entries(entries).map(([name, data]) => ({ name, data })),
    {
      name: 'META-INF/ASiCEvidenceRecordManifest1.xml',
      data: asicManifest(recordEntry, references),
    },
    { name: recordEntry, data: record },
  ]);
}

const letter = 'a letter';
const signed = (content: string, detached: boolean): Uint8Array =>
  buildTestCms({
    signer,
    content: encode(content),
    detached,
    certificates: [signer.certificate],
  });
const plain = signed(letter, false);
const detached = signed(letter, true);
const internal = (record: Uint8Array): Uint8Array =>
  withAttributes(plain, testAttribute(oids.idAaErInternal, record));
const external = (record: Uint8Array): Uint8Array =>
  withAttributes(detached, testAttribute(oids.idAaErExternal, record));

type Files = Readonly<Record<string, string | Uint8Array>>;

/** A place of a record, and documents with one there. */
export type RecordForm = {
  readonly name: string;
  /** The file that the record is in, and the document that this belongs to. */
  readonly holder: string;
  readonly main: string;
  readonly files: (other: TestArchive) => Promise<Files>;
  /** What the facts say that it covers, by name. */
  readonly covers: readonly string[];
  /** The same, but that an object which the record is over is another one. */
  readonly changed: (other: TestArchive) => Promise<Files>;
  /** The same without an object that the record is over; absent where that is the whole document. */
  readonly without?: (other: TestArchive) => Promise<Files>;
};

const listed = { 'a.txt': 'the first', 'folder/b.txt': 'the second' };
const recordOverListed = (other: TestArchive): Promise<Uint8Array> =>
  recordOver(other, listed['a.txt'], listed['folder/b.txt']);

export const recordForms: readonly RecordForm[] = [
  {
    name: 'ASiC-S',
    holder: 'a.asics',
    main: 'a.asics',
    files: async (other) => ({ 'a.asics': asicS(await recordOver(other, 'a')) }),
    covers: ['a.txt'],
    changed: async (other) => ({ 'a.asics': asicS(await recordOver(other, 'another')) }),
  },
  {
    name: 'ASiC-E by its ASiCEvidenceRecordManifest',
    holder: 'a.asice',
    main: 'a.asice',
    files: async (other) => ({
      'a.asice': asicE(await recordOverListed(other), listed, { ...listed, 'c.txt': 'unlisted' }),
    }),
    covers: ['a.txt', 'folder/b.txt'],
    changed: async (other) => ({
      'a.asice': asicE(await recordOverListed(other), listed, { ...listed, 'a.txt': 'the last' }),
    }),
    without: async (other) => ({
      'a.asice': asicE(await recordOverListed(other), listed, { 'a.txt': listed['a.txt'] }),
    }),
  },
  {
    name: 'internal attribute of a CMS signature',
    holder: 'letter.p7m',
    main: 'letter.p7m',
    files: async (other) => ({ 'letter.p7m': internal(await recordOver(other, plain)) }),
    covers: ['signature'],
    changed: async (other) => ({ 'letter.p7m': internal(await recordOver(other, detached)) }),
  },
  {
    name: 'external attribute of a CMS signature',
    holder: 'letter.txt.p7s',
    main: 'letter.txt',
    files: async (other) => ({
      'letter.txt': letter,
      'letter.txt.p7s': external(await recordOver(other, letter, detached)),
    }),
    covers: ['signature', 'letter.txt'],
    changed: async (other) => ({
      'letter.txt': letter,
      'letter.txt.p7s': external(await recordOver(other, 'another letter', detached)),
    }),
    without: async (other) => ({
      'letter.txt.p7s': external(await recordOver(other, letter, detached)),
    }),
  },
];

export async function putAll(archive: TestArchive, files: Files): Promise<void> {
  for (const [key, content] of Object.entries(files)) await archive.put(key, content);
}

/** What intake said of the record in a file. */
export async function recordAtIntake(
  archive: TestArchive,
  holder: string,
): Promise<IntakeEvidenceRecord | undefined> {
  const { intake } = await archive.row(holder);
  return intake.records?.[0];
}

type Node = { readonly name: string; readonly status: string; readonly children: readonly Node[] };

/** How the record inside stands in a pack, as of now. */
export async function recordInside(archive: TestArchive, key: string): Promise<string | undefined> {
  const folder = await unpacked(archive, key);
  const text = await readFile(path.join(folder, 'verdict.json'), 'utf8');
  const { trees } = JSON.parse(text) as { readonly trees: readonly Node[] };
  const all = (nodes: readonly Node[]): readonly Node[] =>
    nodes.flatMap((node) => [node, ...all(node.children)]);
  return all(trees).find(({ name }) => name === 'evidence-record-1')?.status;
}
