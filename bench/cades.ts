// CAdES: read, verified and raised from LTA to LTA, by size of the content; CPU time of each beside EU DSS
// validating the same files in one warmed-up process (TOKIWA_SHARED; without it our own figures alone). DSS raises
// nothing here: its judge only validates, which a raising does at least once. A large file goes through `tokiwa
// augment`'s own path, for its memory: `--large 1024` has so many MiB of content.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readStored } from '#archiver/augmentation/stored-document.ts';
import { concatBytes } from '#shared/bytes.ts';
import { readCades } from '#shared/cades/read.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { createDigest } from '#shared/crypto/digest.ts';
import { readChildren, type Tlv } from '#shared/der/reader.ts';
import { streamSplice } from '#shared/der/splice.ts';
import { derOctetString } from '#shared/der/writer.ts';
import {
  raiseDocument,
  raised,
  type Raising,
  readBack,
} from '../test/archiver/augmentation/_raising.ts';
import { root, sign } from '../test/shared/validation/_world.ts';
import { cpuSecondsOf, printFact } from './measure.ts';

const { values } = parseArgs({
  options: { large: { type: 'string', default: '64' } },
  strict: false,
});
const largeMiB = Number(values.large);

const first: Raising = { on: '2027-02-01' };
const next: Raising = { on: '2029-06-01', tsu: 'second' };

type Sized = { readonly name: string; readonly octets: Uint8Array };

async function archived(octets: number): Promise<Sized> {
  const content = new Uint8Array(octets).fill(0x20);
  const name = octets < 1024 * 1024 ? `${octets / 1024} KiB` : `${octets / 1024 / 1024} MiB`;
  return { name, octets: await raised(sign({ content }), first) };
}

/** Milliseconds of CPU time a call, of as many calls as it takes to be sure. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  await work();
  let calls = 0;
  const seconds = await cpuSecondsOf(async () => {
    const start = performance.now();
    while (performance.now() - start < 2000) {
      await work();
      calls += 1;
    }
  });
  return (1000 * seconds) / calls;
}

const seconds = (text: string): number => {
  const [user = 0, system = 0] = text.trim().split(/\s+/).map(Number);
  return user + system;
};

/** CPU milliseconds of EU DSS for one file: between few and many of them, so that Java's start is not counted. */
function cpuOfDss(file: string, folder: string): number | undefined {
  const shared = process.env['TOKIWA_SHARED'];
  const validate = shared && path.join(shared, 'oracle', 'dss', 'validate');
  if (!validate || !existsSync(validate)) return undefined;
  const anchor = path.join(folder, 'root.der');
  const script = 'TIMEFORMAT="%U %S"; time "$0" --list - --trust "$1" >/dev/null 2>&1';
  const run = (count: number): number => {
    const { stderr } = spawnSync('bash', ['-c', script, validate, anchor], {
      input: `${file}\n`.repeat(count),
      encoding: 'utf8',
    });
    return seconds(stderr);
  };
  const [few, many] = [20, 100];
  return (1000 * (run(many) - run(few))) / (many - few);
}

async function measure({ name, octets }: Sized, folder: string): Promise<void> {
  const file = path.join(folder, 'document.p7m');
  await writeFile(file, octets);
  const read = await cpuOf(() => Promise.resolve(readCades(octets)));
  const after = await raised(octets, next);
  const verified = await cpuOf(() => Promise.resolve(readBack(octets, after, next)));
  const augmented = await cpuOf(() => raised(octets, next));
  const dss = cpuOfDss(file, folder);
  const line = (what: string, cpu: number): void => {
    const share = dss === undefined ? '' : `, ${(cpu / dss).toFixed(2)} of EU DSS validating`;
    printFact(`${name}, ${what}`, `${cpu.toFixed(2)} ms CPU, ${(1000 / cpu).toFixed(0)}/s${share}`);
  };
  line('read', read);
  line('result judged against what it was', verified);
  line('augmented from LTA to LTA, token included', augmented);
  if (dss !== undefined) printFact(`${name}, EU DSS validating`, `${dss.toFixed(2)} ms CPU`);
}

const chunk = derOctetString(new Uint8Array(1024 * 1024).fill(0x20));

/** As streaming signers write it: indefinite lengths, and the content in segments of 1 MiB. */
function segmented(mebibytes: number): () => AsyncGenerator<Uint8Array> {
  const running = createDigest('SHA-256');
  for (let left = mebibytes; left > 0; left--) running.update(chunk.subarray(-1024 * 1024));
  const { elements } = parseSignedData(sign({ detached: true, contentDigest: running.finish() }));
  const [type] = readChildren(elements.contentInfo);
  const [contentType] = readChildren(elements.encapContentInfo);
  const open = (identifier: number): Uint8Array => Uint8Array.of(identifier, 0x80);
  const end = Uint8Array.of(0, 0);
  const fieldsOf = (...fields: readonly (Tlv | undefined)[]): readonly Uint8Array[] =>
    fields.flatMap((field) => field?.raw ?? []);
  return async function* () {
    await Promise.resolve();
    yield concatBytes(
      ...[open(0x30), ...fieldsOf(type), open(0xa0), open(0x30)],
      ...fieldsOf(elements.version, elements.digestAlgorithms),
      ...[open(0x30), ...fieldsOf(contentType), open(0xa0), open(0x24)],
    );
    for (let left = mebibytes; left > 0; left--) yield chunk;
    yield concatBytes(
      ...[end, end, end],
      ...fieldsOf(elements.certificates, elements.crls, elements.signerInfos),
      ...[end, end, end],
    );
  };
}

/** Content of that size streams through; the peak is that of the process so far. */
async function measureLarge(mebibytes: number): Promise<void> {
  const open = segmented(mebibytes);
  let length = 0;
  const cpu = await cpuSecondsOf(async () => {
    const document = await readStored(
      { name: 'large', size: mebibytes * 1024 * 1024, open: () => Promise.resolve(open()) },
      { digestAlgorithm: 'SHA-256', limitBytes: 0 },
    );
    const outcome = await raiseDocument(document, first);
    for await (const part of streamSplice(open(), outcome.splice)) length += part.length;
  });
  printFact(
    `${mebibytes} MiB of content to LTA, streamed`,
    `${cpu.toFixed(2)} s CPU, ${(length / 1024 / 1024 / cpu).toFixed(0)} MiB/s, peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
  );
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-cades-'));
try {
  await writeFile(path.join(folder, 'root.der'), root.certificate.raw);
  for (const mebibytes of [1, largeMiB]) await measureLarge(mebibytes);
  for (const size of [1024, 137 * 1024, 10 * 1024 * 1024])
    await measure(await archived(size), folder);
} finally {
  await rm(folder, { recursive: true });
}
