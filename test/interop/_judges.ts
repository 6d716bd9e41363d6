// Other implementations as judges: Bouncy Castle with the strict walk of RFC 4998 beside it (`bc-ers`) and
// EU DSS (`dss`), both in the shared folder's `oracle`. They are asked about many files at once, since most
// of a call is the start of Java. One that is absent or does not answer is an error.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type StrictAnswer = {
  readonly ok: boolean;
  readonly errors: readonly string[];
  readonly bc: { readonly ok: boolean; readonly error: string | null };
};

type DssReference = { readonly found: boolean; readonly intact: boolean };

export type DssAnswer = {
  readonly error: unknown;
  /** The worst verdict of the file; without anchors hardly ever better than INDETERMINATE. */
  readonly indication: string | null;
  readonly subIndication?: string | null;
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

/**
 * What a judge says that reads its list from standard input: a JSON object a line, in the list's order.
 * Bad verdicts may end it with status 1; every other status is a judge that could not work.
 */
export async function ask(
  command: string,
  args: readonly string[],
  list: readonly string[],
): Promise<unknown[]> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.end(`${list.join('\n')}\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const [status] = (await ended) as [number | null];
  if (status !== 0 && status !== 1) throw new Error(`${command} ended with status ${status}`);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line): unknown => JSON.parse(line));
}

/**
 * EU DSS reports what it cannot place in a first list as an orphan, not as an error: documents must
 * leave none; of a timestamp renewal it places the newest token and takes the earlier ones as orphans.
 */
export function dssAccepts({ error, timestamps, evidenceRecords }: DssAnswer): boolean {
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

/** A record and the whole group of data objects that it is over. */
export type RecordToJudge = {
  readonly record: Uint8Array;
  readonly documents: readonly Uint8Array[];
};

export type RecordJudgement = { readonly strict: StrictAnswer; readonly dss: DssAnswer };

/** What EU DSS says of records in XML. */
export async function judgeXmlRecords(
  oracle: string,
  records: readonly RecordToJudge[],
): Promise<readonly DssAnswer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-judges-'));
  try {
    const list = await Promise.all(
      records.map(async ({ record, documents }, index) => {
        const file = join(folder, `${index}.xml`);
        await writeFile(file, record);
        const names = documents.map((_, member) => join(folder, `${index}.${member}.bin`));
        await Promise.all(names.map((name, member) => writeFile(name, documents[member] ?? '')));
        return JSON.stringify({ file, detached: names.map((name) => ({ file: name })) });
      }),
    );
    return (await ask(
      join(oracle, 'dss', 'validate'),
      ['--list', '-'],
      list,
    )) as readonly DssAnswer[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What both judges say of each record. `oracle` is the folder that holds `bc-ers` and `dss`. */
export async function judgeRecords(
  oracle: string,
  records: readonly RecordToJudge[],
): Promise<readonly RecordJudgement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-judges-'));
  try {
    const files = await Promise.all(
      records.map(async ({ record, documents }, index) => {
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
    )) as readonly StrictAnswer[];
    const dss = (await ask(
      join(oracle, 'dss', 'validate'),
      ['--list', '-'],
      files.map(({ er, documents }) =>
        JSON.stringify({ file: er, detached: documents.map((file) => ({ file })) }),
      ),
    )) as readonly DssAnswer[];
    return records.map((_, index) => {
      const [ofStrict, ofDss] = [strict[index], dss[index]];
      if (!ofStrict || !ofDss) throw new Error(`a judge gave no answer on record ${index}`);
      return { strict: ofStrict, dss: ofDss };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
