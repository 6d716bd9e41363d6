// Frozen archives: how one is written, and how one is opened again by a later release.
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { DocumentLine } from '#archiver/reports/report.ts';
import { renderReport } from '#archiver/reports/write.ts';
import { settableClock } from '#archiver/simulation/simulate.ts';
import { startNightTsa, TestArchive, type Settings } from '../night/_night.ts';

/** Contracts are raised in place; digests are taken. */
export const releaseRules = {
  intake: { store: 'documents' },
  retention: {
    rules: [
      { match: '^contract', preset: 'jp-medical-record', renewal: 'augmentation' },
      { match: '.*', preset: 'jp-medical-record' },
    ],
  },
} as const;

/** Whom signers, and records of another product, are trusted by; `trust`: the folder that says so. */
export function signersOf(trust: string): Settings {
  return {
    anchors: [path.join(trust, 'signers.der')],
    tsuAnchors: [path.join(trust, 'other-anchors.pem')],
    crls: [path.join(trust, 'other-crls'), path.join(trust, 'signers.crl')],
  };
}

/** Who held the lease, and locks, are of the machine that it was made on. */
const left = new Set(['lease.json', '.tokiwa-store', 'catalogue.sqlite-shm']);

/**
 * Copies what an archive is into `folder`, as it stands at this instant: in one step of the process, so that it is what
 * the end of the process would leave.
 */
export function freeze(archive: TestArchive, folder: string): void {
  const filter = (file: string): boolean => !left.has(path.basename(file));
  const copy = (from: string, to: string): void => {
    cpSync(from, path.join(folder, to), { recursive: true, filter });
  };
  mkdirSync(folder, { recursive: true });
  const state = path.join(archive.folder, 'state');
  copy(archive.evidence, 'evidence');
  copy(archive.documents, 'documents');
  for (const suffix of ['', '-wal'])
    if (existsSync(path.join(state, `catalogue.sqlite${suffix}`)))
      copy(path.join(state, `catalogue.sqlite${suffix}`), `catalogue.sqlite${suffix}`);
  // What stands in the log beside it goes into the file, the log goes when it is closed.
  using catalogue = new DatabaseSync(path.join(folder, 'catalogue.sqlite'));
  catalogue.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  copy(archive.tsa.running.anchorsPath, 'first-anchors.pem');
  if (archive.second) copy(archive.second.running.anchorsPath, 'second-anchors.pem');
  writeFileSync(path.join(folder, 'made-at.txt'), `${archive.clock.now().toString()}\n`);
}

/** What the report says of each document, as far as no later policy changes it. */
export async function standingOf(archive: TestArchive): Promise<readonly unknown[]> {
  const format = { format: 'json', lang: 'en', at: archive.clock.now() } as const;
  const pieces = await Array.fromAsync(renderReport(await archive.open(), format));
  const report = pieces.map((piece) => Buffer.from(piece).toString('utf8')).join('');
  const { documents } = JSON.parse(report) as { readonly documents: readonly DocumentLine[] };
  return documents.map(({ store, key, state, intake, witnesses, retention, licenceProofs }) => ({
    ...{ store, key, state, intake, witnesses },
    ...(retention.source && { retention: retention.source }),
    licenceProofs,
  }));
}

/** The archive that was frozen in `from`, in a folder of its own, on the day after its last night, with new TSAs. */
export async function openFrozen(
  from: string,
  options: { readonly second?: boolean; readonly settings?: Settings } = {},
): Promise<TestArchive> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-release-'));
  await mkdir(path.join(folder, 'state'));
  const copied = { recursive: true };
  await cp(path.join(from, 'documents'), path.join(folder, 'documents'), copied);
  await cp(path.join(from, 'evidence'), path.join(folder, 'state', 'evidence'), copied);
  await cp(path.join(from, 'catalogue.sqlite'), path.join(folder, 'state', 'catalogue.sqlite'));
  const madeAt = (await readFile(path.join(from, 'made-at.txt'), 'utf8')).trim();
  const clock = settableClock(Temporal.Instant.from(madeAt).add({ hours: 24 }));
  const life = { tsuDays: 1000, signatureDigest: 'SHA-512' } as const;
  const tsa = await startNightTsa(path.join(folder, 'tsa'), clock, life);
  const second = options.second
    ? await startNightTsa(path.join(folder, 'second'), clock, life)
    : undefined;
  // The earlier TSAs are gone: their CRLs are those in the tokens.
  const settings = (running: typeof tsa.running, anchors: string): Settings => ({
    url: running.url,
    anchors: [running.anchorsPath, path.join(from, anchors)],
    crls: [running.crlPath],
    revocation: 'soft',
  });
  return new TestArchive(
    folder,
    clock,
    { tsa, second },
    {
      tsa: settings(tsa.running, 'first-anchors.pem'),
      ...(second && { secondTsa: settings(second.running, 'second-anchors.pem') }),
      ...options.settings,
    },
  );
}
