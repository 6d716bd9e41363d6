// Evidence that `tokiwa simulate` exports from several of its years before Bouncy Castle with the strict walk
// beside it and EU DSS: the same documents after more and more renewals. Bouncy Castle judges by its own
// clock and refuses times to come, so decades that are past go before all judges, and years beyond 2049
// before those that have no clock.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { dssAccepts, judgeRecords, type RecordJudgement, type RecordToJudge } from './_judges.ts';

const run = promisify(execFile);
const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const samples = path.join(projectRoot, 'samples', 'documents');

type Decades = {
  readonly name: string;
  readonly documents: string;
  readonly start: string;
  readonly years: number;
  readonly exportYears: readonly number[];
};

const past: Decades = {
  name: 'past',
  documents: samples,
  start: '1985-07-01',
  years: 40,
  exportYears: [1985, 1993, 2001, 2007, 2013, 2019, 2024],
};
const future: Decades = {
  name: 'to come',
  documents: path.join(samples, '検査'),
  start: '2026-07-01',
  years: 40,
  exportYears: [2048, 2050, 2058, 2065],
};

const ofTheFuture = 'timestamp generation time is in the future';

/** What the export says of itself: `records.json` of a year's folder. */
const exportList = z.looseObject({
  records: z.array(z.looseObject({ record: z.string(), document: z.string(), sha256: z.string() })),
});

type Case = RecordToJudge & {
  readonly name: string;
  readonly shape: string;
  readonly decades: Decades;
};

/** Such as `3+1`: archive timestamps of each chain. */
function shapeOf(record: Uint8Array): string {
  const { chains } = parseEvidenceRecord(record).sequence;
  return chains.map(({ archiveTimeStamps }) => archiveTimeStamps.length).join('+');
}

/** What came later stands in the simulation's folder; ours is not altered on the way. */
async function readDocument(
  state: string,
  { documents }: Decades,
  key: string,
): Promise<Uint8Array> {
  const own = path.join(documents, key);
  return new Uint8Array(await readFile(existsSync(own) ? own : path.join(state, 'documents', key)));
}

/** Documents with one record are one group: each of them stands for it in the list. */
async function casesOf(state: string, decades: Decades, year: number): Promise<readonly Case[]> {
  const folder = path.join(state, 'export', String(year));
  const { records } = exportList.parse(
    JSON.parse(await readFile(path.join(folder, 'records.json'), 'utf8')),
  );
  const groups = new Map<string, { readonly record: Uint8Array; readonly keys: string[] }>();
  for (const entry of records) {
    const record = new Uint8Array(await readFile(path.join(folder, entry.record)));
    const id = toHex(digest('SHA-256', record));
    const group = groups.get(id);
    if (group) group.keys.push(entry.document);
    else groups.set(id, { record, keys: [entry.document] });
  }
  return await Promise.all(
    [...groups.values()].map(async ({ record, keys }) => {
      const shape = shapeOf(record);
      return {
        decades,
        name: `${year}, chains of ${shape}: ${keys.join(' + ')}`,
        shape,
        record,
        documents: await Promise.all(keys.map((key) => readDocument(state, decades, key))),
      };
    }),
  );
}

/** Runs the simulation into `state`. Its own verdict is its exit status. */
async function simulate(state: string, decades: Decades): Promise<ConformanceResult> {
  const { documents, start, years, exportYears } = decades;
  const command = ['cli.ts', 'simulate', '--years', String(years), '--start', start];
  const options = ['--documents', documents, '--state', state, '--json'];
  const exports = exportYears.flatMap((year) => ['--export-year', String(year)]);
  const name = `${years} years from ${start}`;
  const started = Temporal.Now.instant();
  try {
    await run(process.execPath, [...command, ...options, ...exports], {
      cwd: projectRoot,
      timeout: 600_000,
      maxBuffer: 1 << 28,
    });
  } catch (error) {
    // Status 1 is the simulation's verdict on itself; what it exported is judged all the same.
    const { code, stdout } = z.looseObject({ code: z.unknown(), stdout: z.string() }).parse(error);
    if (code !== 1) throw error;
    const got = stdout.slice(0, 2000);
    return { case: name, passed: false, expected: 'sound by its own account', got };
  }
  const seconds = Math.round(Temporal.Now.instant().since(started).total('seconds'));
  return { case: name, passed: true, expected: 'sound', got: `sound, in ${seconds} s` };
}

function compare({ name, decades }: Case, { strict, dss }: RecordJudgement): ConformanceResult {
  const byClock = decades === future && (strict.bc.error?.includes(ofTheFuture) ?? false);
  const accepted = [strict.ok, strict.bc.ok || byClock, dssAccepts(dss)];
  const library = byClock ? 'a time to come' : String(strict.bc.ok);
  return {
    case: name,
    passed: accepted.every((one) => one),
    expected: 'accepted by all',
    got: `strict walk: ${accepted[0]}; Bouncy Castle: ${library}; EU DSS: ${accepted[2]} (${dss.indication})`,
    note: [...strict.errors, strict.bc.error ?? ''].filter((text) => text !== '').join('; '),
  };
}

/** `past` has to show what both kinds of renewal make, alone and one after the other. */
function coverage(cases: readonly Case[]): ConformanceResult {
  const ofPast = cases.filter(({ decades }) => decades === past);
  const shapes = [...new Set(ofPast.map(({ shape }) => shape))].toSorted();
  return {
    case: 'records before, between and after both kinds of renewal',
    passed: shapes.includes('1') && shapes.some((shape) => /[2-9].*\+.*[2-9]/.test(shape)),
    expected: 'a first token alone, and two chains with renewals each',
    got: `chains of ${shapes.join(', ')} archive timestamps`,
  };
}

/** Simulates decades over the samples and puts the evidence of several years before the judges. */
export async function judgeSimulation(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-simulation-'));
  try {
    const results: ConformanceResult[] = [];
    const cases: Case[] = [];
    for (const decades of [past, future]) {
      const state = path.join(folder, decades.name);
      results.push(await simulate(state, decades));
      for (const year of decades.exportYears) cases.push(...(await casesOf(state, decades, year)));
    }
    const judgements = await judgeRecords(oracle, cases);
    for (const [index, one] of cases.entries()) {
      const judgement = judgements[index];
      if (judgement) results.push(compare(one, judgement));
    }
    return { results: [...results, coverage(cases)] };
  } finally {
    await rm(folder, { recursive: true });
  }
}
