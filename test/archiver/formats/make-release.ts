// Freezes what this release stores, for the next one to read: `node test/archiver/formats/make-release.ts
// FOLDER`. Run once at a release; what it wrote is never made again. One small archive with everything in it that
// stays; what a crash leaves is for make-interrupted.ts.
import { cpSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { acceptAsNew } from '#archiver/accept.ts';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import { deleteDocument } from '#archiver/delete.ts';
import { stateDigests } from '#archiver/intake/digest-statement.ts';
import type { JournalEntry } from '#archiver/journal-entries.ts';
import { refreshRetention } from '#archiver/stages/refresh-retention.ts';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { asicS, recordOver } from '../night/_records-inside.ts';
import { askedBy, createArchive, flipFile, type TestArchive } from '../night/_night.ts';
import { freeze, releaseRules, signersOf, standingOf } from './_release.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder to write');

const { signal } = new AbortController();
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const options = { tsuDays: 300, signatureDigest: 'SHA-512' } as const;
const root = issueRoot({ notAfter: '2040-01-01T00:00:00Z' });
const signer = issueSigner(root, { notAfter: '2039-01-01T00:00:00Z' });
const letter = text('a letter\n');
const ended = JSON.stringify({ rule: 'jp-medical-record', start: '2010-04-01' });
const running = JSON.stringify({ rule: 'jp-medical-record', start: '2026-04-01' });

await using other = await createArchive({}, options);
await using archive = await createArchive(releaseRules, { ...options, second: true });
const trust = path.join(archive.folder, 'trust');

/** What the archive is told of other TSAs and of signers, as fresh as tonight. */
async function putTrust(): Promise<void> {
  await mkdir(trust, { recursive: true });
  await writeFile(path.join(trust, 'signers.der'), root.certificate.raw);
  await cp(other.tsa.running.anchorsPath, path.join(trust, 'other-anchors.pem'));
  await cp(other.tsa.running.crlPath, path.join(trust, 'other-crls'), { recursive: true });
  const thisUpdate = archive.clock.now().subtract({ hours: 1 });
  const crl = issueCrl({ issuer: root, thisUpdate, nextUpdate: '2039-01-01T00:00:00Z' });
  await writeFile(path.join(trust, 'signers.crl'), crl.raw);
}

async function nightAfter(
  days: number,
  overrides: Parameters<TestArchive['night']>[0] = {},
): Promise<void> {
  for (const { clock } of [other, archive]) clock.set(clock.now().add({ hours: 24 * days }));
  await other.upkeep();
  await putTrust();
  const { findings, tokensBought } = await archive.nightAfter(0, overrides);
  const kinds = findings.map(({ kind, key }) => [kind, key].join(' '));
  process.stdout.write(`${archive.clock.now().toString()} ${tokensBought} ${kinds.join(', ')}\n`);
}

async function journal(entries: readonly JournalEntry[]): Promise<void> {
  const { catalogue, config, evidence } = await archive.open();
  const at = archive.clock.now();
  await evidence.journal.append(entries, { at, run: 'retention', signal });
  await refreshRetention(catalogue, config, evidence, signal);
}

async function state(key: string): Promise<void> {
  const digests = {
    'SHA-256': toHex(digest('SHA-256', text(key))),
    'SHA-512': toHex(digest('SHA-512', text(key))),
  };
  await stateDigests((await archive.open()).evidence.objects, { key, digests }, signal);
}

await archive.configure({ signers: signersOf(trust) });

// Documents of every kind: plain, signed beside, to be raised, with records of another product beside (in either
// form) and inside, digests alone, and those that something is said of.
await other.put('brought.txt', 'a document with a record\n');
await other.put('in-xml.txt', 'a document with a record in XML\n');
const inside = asicS(await recordOver(other, 'a'));
for (const key of ['brought.txt', 'in-xml.txt'])
  await archive.put(key, `a document with a record${key === 'in-xml.txt' ? ' in XML' : ''}\n`);
await archive.put('brought.txt.ers', await other.record('brought.txt'));
const inXml = await xmlEvidenceOf(await other.open(), await other.row('in-xml.txt'), signal);
await archive.put('in-xml.txt.ers', inXml);
await archive.put('inside.asics', inside);
await archive.put('a.txt', 'the first document\n');
await archive.put('a.txt.retention.json', running);
await archive.put('letter.txt', letter);
await archive.put('letter.txt.p7s', buildTestCms({ signer, content: letter, detached: true }));
await archive.put('contract.p7m', buildTestCms({ signer, content: text('a contract\n') }));
for (const key of ['gone.txt', 'going.txt']) await archive.put(`${key}.retention.json`, ended);
for (const key of ['gone.txt', 'going.txt', 'lost.txt', 'held.txt', 'said.txt', 'changed.txt'])
  await archive.put(key, `${key}\n`);
await state('stated');
await nightAfter(0);

const documents = await openFolderStore({
  name: 'documents',
  folder: archive.documents,
  access: 'write',
});
await using _documents = documents;
const by = { by: 'Registrar', at: archive.clock.now(), signal };
const place = { store: 'documents', by: 'Registrar' };
await journal([
  {
    ...{ kind: 'retention-set', key: 'said.txt', ...place },
    statement: { presets: ['jp-medical-record'], events: { start: '2026-04-01' } },
  },
  { kind: 'hold', key: 'held.txt', on: true, ...place },
]);
await deleteDocument(await (await archive.open()).night(signal), await archive.row('gone.txt'), {
  ...by,
  documents,
});

// Validation data, a state, a blind batch (which digests of an owner are refused beside).
await archive.put('changed.txt', 'changed.txt with other words\n');
await rm(path.join(archive.documents, 'lost.txt'));
await archive.put('blind.txt', 'a document with a blind value\n');
await archive.configure({ blind: true, intake: undefined });
await nightAfter(1);
await archive.configure({ blind: false, intake: releaseRules.intake });
await acceptAsNew(await (await archive.open()).night(signal), await archive.row('changed.txt'), by);
await archive.put('a.txt.retention.json', running.replace('04-01', '05-01'));
const refused = askedBy(() =>
  Promise.reject(new SourceError('ERR_SOURCE_REFUSED', 'refused', { retryable: false })),
);
await nightAfter(1, { deps: refused });
const { catalogue } = await archive.open();
const [first] = await catalogue.memberships((await archive.row('a.txt')).id);
await flipFile(archive.batchFile(first?.batchId ?? '', 'leaves.tkl'));
await nightAfter(1, { reread: 'whole' });

// Both renewals, and a document between and behind them.
await nightAfter(216);
await archive.configure({
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }] },
});
await nightAfter(1);
await archive.put('late.txt', 'the last document\n');
await nightAfter(1);

await mkdir(path.join(folder, 'records'), { recursive: true });
for (const key of ['a.txt', 'letter.txt', 'brought.txt', 'inside.asics', 'late.txt', 'stated'])
  for (const anchor of [1, 2]) {
    const file = path.join(folder, 'records', `${key}-${anchor}.ers`);
    await writeFile(file, await archive.record(key, anchor));
  }
for (const key of ['a.txt', 'in-xml.txt'])
  await writeFile(
    path.join(folder, 'records', `${key}.xml`),
    await xmlEvidenceOf(await archive.open(), await archive.row(key), signal),
  );
const standing = await standingOf(archive);
await writeFile(path.join(folder, 'standing.json'), `${JSON.stringify(standing, undefined, 1)}\n`);
await archive.close();
freeze(archive, folder);
cpSync(trust, path.join(folder, 'trust'), { recursive: true });
