// Evidence records of ours before other judges: Bouncy Castle with the strict walk of RFC 4998 beside
// it (`bc-ers`) and EU DSS (`dss`), both in the shared folder's `oracle`. Good records have to please
// all of them, damaged ones nobody who checks that kind of damage. Needs Java; not part of npm test.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '#shared/errors.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { damages, renewalPlans } from '../shared/ers/_cases.ts';
import { recordOf } from '../shared/ers/_archive.ts';
import { createTestTsu } from '../shared/ers/_tokens.ts';
import { verdictOn } from '../shared/ers/_verify.ts';

/** A record, its documents, and which judges have to accept it. */
type JudgedCase = {
  readonly name: string;
  readonly record: Uint8Array;
  readonly documents: readonly Uint8Array[];
  readonly good: boolean;
  /** EU DSS sees this kind of damage, too. */
  readonly dssSees: boolean;
};

type StrictAnswer = {
  readonly ok: boolean;
  readonly errors: readonly string[];
  readonly bc: { readonly ok: boolean; readonly error: string | null };
};

type DssReference = { readonly found: boolean; readonly intact: boolean };

type DssAnswer = {
  readonly error: unknown;
  readonly timestamps: readonly {
    readonly imprintFound: boolean;
    readonly imprintIntact: boolean;
    readonly signatureIntact: boolean;
    readonly evidenceRecordType: string;
    /** What a renewal's first list holds; absent for an initial archive timestamp. */
    readonly references?: readonly DssReference[];
  }[];
  readonly evidenceRecords: readonly {
    readonly structureValid: boolean;
    readonly dataFound: boolean;
    readonly dataIntact: boolean;
    readonly references: readonly DssReference[];
  }[];
};

/** Standard output of a judge that reads its list from standard input, a JSON object a line. */
async function ask(
  command: string,
  args: readonly string[],
  list: readonly string[],
): Promise<unknown[]> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`${list.join('\n')}\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line): unknown => JSON.parse(line));
}

function makeCases(seed: number, perShape: number): JudgedCase[] {
  const tsu = createTestTsu('Interop TSU');
  const good = renewalPlans(seed, perShape).map((plan) => {
    const archive = plan.run({ tsu, form: 'evidence' });
    const index = plan.groupCount > 2 ? plan.groupCount - 2 : plan.groupCount - 1;
    return {
      name: plan.name,
      record: recordOf(archive, index),
      documents: archive.groups[index] ?? [],
      good: true,
      dssSees: true,
    };
  });
  const bad = damages({ tsu }).map(({ name, record, documents, dssSees }) => ({
    name,
    record,
    documents,
    good: false,
    dssSees,
  }));
  return [...good, ...bad];
}

function ourAnswer({ record, documents }: JudgedCase): string {
  try {
    const verdict = verdictOn(record, documents, { exactGroup: true });
    return verdict.status === 'valid' ? 'accept' : `refuse (${verdict.subIndication ?? ''})`;
  } catch (error) {
    if (error instanceof FormatError) return `refuse (${error.code})`;
    throw error;
  }
}

/**
 * EU DSS reports what it cannot place in a first list as an orphan, not as an error: documents must
 * leave none; of a timestamp renewal it places the newest token and takes the earlier ones as orphans.
 */
function dssAccepts({ error, timestamps, evidenceRecords }: DssAnswer): boolean {
  const fits = ({ found, intact }: DssReference): boolean => found && intact;
  return (
    error === null &&
    evidenceRecords.length === 1 &&
    evidenceRecords.every(
      (record) => record.dataFound && record.dataIntact && record.references.every(fits),
    ) &&
    timestamps.every(
      ({ imprintFound, imprintIntact, signatureIntact, evidenceRecordType, references = [] }) =>
        imprintFound &&
        imprintIntact &&
        signatureIntact &&
        (evidenceRecordType === 'TIMESTAMP_RENEWAL_ARCHIVE_TIMESTAMP'
          ? references.some(fits)
          : references.every(fits)),
    )
  );
}

/**
 * Builds records of many shapes and damaged ones, and asks every judge about each.
 * `oracle` is the folder that holds `bc-ers` and `dss`.
 */
export async function judgeEvidenceRecords(
  oracle: string,
  options: { readonly seed?: number; readonly perShape?: number } = {},
): Promise<ConformanceReport> {
  const cases = makeCases(options.seed ?? 1, options.perShape ?? 4);
  const folder = await mkdtemp(join(tmpdir(), 'ers-judges-'));
  try {
    const files = await Promise.all(
      cases.map(async ({ record, documents }, index) => {
        const er = join(folder, `${index}.ers`);
        await writeFile(er, record);
        const names = documents.map((_, member) => join(folder, `${index}.${member}.bin`));
        await Promise.all(names.map((name, member) => writeFile(name, documents[member] ?? '')));
        return { er, documents: names };
      }),
    );
    const strict = (await ask(
      join(oracle, 'bc-ers', 'ers'),
      ['verify-list', '--group'],
      files.map(({ er, documents }) => [er, ...documents].join('\t')),
    )) as StrictAnswer[];
    const dss = (await ask(
      join(oracle, 'dss', 'validate'),
      ['--list', '-'],
      files.map(({ er, documents }) =>
        JSON.stringify({ file: er, detached: documents.map((file) => ({ file })) }),
      ),
    )) as DssAnswer[];
    return { results: cases.map((one, index) => compare(one, strict[index], dss[index])) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function compare(
  one: JudgedCase,
  strict: StrictAnswer | undefined,
  dss: DssAnswer | undefined,
): ConformanceResult {
  const ours = ourAnswer(one);
  const strictOk = strict?.ok ?? !one.good;
  const libraryOk = strict?.bc.ok ?? !one.good;
  const dssOk = dss ? dssAccepts(dss) : !one.good;
  const passed = one.good
    ? ours === 'accept' && strictOk && libraryOk && dssOk
    : ours !== 'accept' && !strictOk && (!dssOk || !one.dssSees);
  return {
    case: one.name,
    passed,
    expected: one.good ? 'accepted by all' : 'refused',
    got: `ours: ${ours}; strict walk: ${strictOk}; Bouncy Castle: ${libraryOk}; EU DSS: ${dssOk}`,
    note: strict?.errors.join('; ') ?? strict?.bc.error ?? undefined,
  };
}
