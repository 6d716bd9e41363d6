// Evidence records of a real nightly run over the samples, as `npm start` makes them, before Bouncy Castle
// with the strict walk beside it and EU DSS. Every document's record has to be accepted by all of them; a
// changed byte has to be refused by us and by one of them at least.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { evidenceOf } from '#archiver/commands/evidence.ts';
import { loadConfig } from '#archiver/commands/context.ts';
import { judgeRecord } from '#archiver/evidence/judge-record.ts';
import type { TokenVerification } from '#archiver/evidence/types.ts';
import { openArchiver, type Archiver } from '#archiver/main.ts';
import { digest } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import { freePort } from '../_free-port.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { damageToken, flipIn } from './_damage.ts';
import { dssAccepts, judgeRecords, type RecordJudgement, type RecordToJudge } from './_judges.ts';

const run = promisify(execFile);
const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const { signal } = new AbortController();

type Case = RecordToJudge & { readonly name: string; readonly good: boolean };

/** `npm start`, ended after its first run. */
async function startOnce(folder: string): Promise<void> {
  const options = {
    '--state': path.join(folder, 'state'),
    '--documents': path.join(folder, 'documents'),
    '--port': String(await freePort()),
    '--tsa-port': String(await freePort()),
  };
  const command = ['cli.ts', 'start', '--once', ...Object.entries(options).flat()];
  await run(process.execPath, command, { cwd: projectRoot, timeout: 300_000 });
}

/** A document's record and the octets of its whole group. */
async function caseOf(archiver: Archiver, row: DocumentRow, folder: string): Promise<Case> {
  const members = [row, ...(await Array.fromAsync(archiver.catalogue.attachedDocuments(row.id)))];
  const documents = await Promise.all(
    members.map(async ({ key }) => new Uint8Array(await readFile(path.join(folder, key)))),
  );
  // One of the samples comes with another product's record, which is over the document alone.
  const record = await evidenceOf(archiver, row, signal, { own: true });
  return { name: row.key, good: true, record, documents };
}

function damaged({ name, record, documents }: Case): readonly Case[] {
  const stamp = parseEvidenceRecord(record).sequence.chains.at(-1)?.archiveTimeStamps.at(-1);
  const list = stamp?.reducedHashtree?.at(-1)?.at(-1);
  const [first, ...others] = documents;
  if (!stamp || !list || !first) throw new Error(`${name}: a record without a tree`);
  const bad = (part: string, change: Partial<RecordToJudge>): Case => ({
    name: `${name}, ${part} changed`,
    good: false,
    record,
    documents,
    ...change,
  });
  return [
    bad('document', { documents: [flipIn(first, first), ...others] }),
    bad('hash list', { record: flipIn(record, list) }),
    ...damageToken(record, stamp.token).map(({ part, octets }) => bad(part, { record: octets })),
  ];
}

async function weAccept(
  { record, documents }: Case,
  verification: TokenVerification,
): Promise<boolean> {
  try {
    const verdict = await judgeRecord({
      record,
      dataObjects: documents.map((document, index) => ({
        name: `document ${index}`,
        digest: (algorithm) => digest(algorithm, document),
      })),
      exactGroup: true,
      verification,
      at: Temporal.Now.instant(),
      signal,
    });
    return verdict.status === 'valid';
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}

function compare(one: Case, ours: boolean, judgement: RecordJudgement): ConformanceResult {
  const { strict, dss } = judgement;
  const others = [strict.ok, strict.bc.ok, dssAccepts(dss)];
  return {
    case: one.name,
    passed: one.good
      ? ours && others.every((accepted) => accepted)
      : !ours && others.some((accepted) => !accepted),
    expected: one.good ? 'accepted by all' : 'refused by us and another',
    got: `ours: ${ours}; strict walk: ${others[0]}; Bouncy Castle: ${others[1]}; EU DSS: ${others[2]} (${dss.indication})`,
    note: [...strict.errors, strict.bc.error ?? ''].filter((text) => text !== '').join('; '),
  };
}

async function judgeArchive(oracle: string, folder: string): Promise<ConformanceReport> {
  const config = await loadConfig(path.join(folder, 'state', 'tokiwa.yaml'));
  await using archiver = await openArchiver(config, {
    clock: { now: () => Temporal.Now.instant() },
    events: () => undefined,
    signal,
    create: false,
  });
  const rows = await Array.fromAsync(archiver.catalogue.documents({ attached: false }));
  const good: Case[] = [];
  for (const row of rows) good.push(await caseOf(archiver, row, path.join(folder, 'documents')));
  // One document alone and one with what belongs to it; an empty file has no byte to change.
  const alone = good.find(({ documents: [first, ...more] }) => first?.length && more.length === 0);
  const grouped = good.find(({ documents: [first, ...more] }) => first?.length && more.length > 0);
  if (!alone || !grouped) throw new Error('the samples have no document alone, or no group');
  const cases = [...good, ...damaged(alone), ...damaged(grouped)];
  const judgements = await judgeRecords(oracle, cases);
  const { verification } = (await archiver.night(signal)).tsa;
  const results: ConformanceResult[] = [];
  for (const [index, one] of cases.entries()) {
    const judgement = judgements[index];
    if (judgement) results.push(compare(one, await weAccept(one, verification), judgement));
  }
  return { results };
}

/** Runs the first night in a new folder and puts its evidence before the judges. */
export async function judgeNight(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-night-'));
  try {
    await startOnce(folder);
    return await judgeArchive(oracle, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
