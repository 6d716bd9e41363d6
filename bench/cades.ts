// CAdES: read, verified and raised from LTA to LTA, by size of the content; CPU time of each beside EU DSS doing the same
// with the same files and the same TSA in one warmed-up process (TOKIWA_SHARED; without it our own figures alone).
// Large content goes through as a stream, in the signature and beside it: `--large 1024` is so many MiB.
// `--documents 300` are raised to warm up; `--sizes 1,137,10240` are the KiB of content of those that are compared.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { openHttpTimestampSource } from '#archiver/adapters/http-timestamp-source.ts';
import { judgeDocument, offenceOf } from '#archiver/augmentation/judge.ts';
import { raise } from '#archiver/augmentation/raise.ts';
import { type DocumentState, readBackAugmented } from '#archiver/augmentation/read-back.ts';
import { readStored } from '#archiver/augmentation/stored-document.ts';
import { tokensFrom } from '#archiver/augmentation/tokens.ts';
import type { CadesDocument } from '#archiver/augmentation/types.ts';
import { readCades } from '#shared/cades/read.ts';
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { streamSplice } from '#shared/der/splice.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { defaultInspectLimit } from '#shared/validation/inspect.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import { anchorOf, issueCrl, issueRoot, issueSigner } from '../test/_authority.ts';
import { buildTestCms } from '../test/_cms.ts';
import { freshKey } from '../test/_keys.ts';
import { attachLargeContent, digestOfLargeContent, largeContent } from '../test/_large-cms.ts';
import { raiseDocument, type Raising } from '../test/archiver/augmentation/_raising.ts';
import { judgeLibraries } from '../test/interop/_judge-libraries.ts';
import { sign } from '../test/shared/validation/_world.ts';
import { cpuSecondsOf, printFact } from './measure.ts';

const { values } = parseArgs({
  options: {
    large: { type: 'string', default: '64' },
    documents: { type: 'string', default: '300' },
    sizes: { type: 'string', default: '1,137,10240' },
  },
  strict: false,
});
const largeMiB = Number(values.large);
const sizes = String(values.sizes)
  .split(',')
  .map((size) => Number(size) * 1024);
/** Calls before those that are measured, which are a third of these: as many for EU DSS, whose JVM needs them. */
const warmUpCalls = Number(values.documents);
const { signal } = new AbortController();
const clock = { now: () => Temporal.Now.instant() };
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const peakMiB = (): string => `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`;

/** What both sides are given: anchors, CRLs, and where the TSA is. */
type Setting = {
  readonly url: string;
  readonly material: GivenMaterial;
  /** Folders of DER files. */
  readonly trust: string;
  readonly crls: string;
};

const signers = issueRoot({ subject: 'CN=Signers', notAfter: clock.now().add({ hours: 90_000 }) });
const signer = issueSigner(signers, {
  key: freshKey('RSA-2048'),
  notBefore: clock.now().subtract({ hours: 48 }),
});

type TsaFiles = { readonly url: string; readonly anchorsPath: string; readonly crlPath: string };

async function settingFor(
  { url, anchorsPath, crlPath }: TsaFiles,
  folder: string,
): Promise<Setting> {
  const [trust, crls] = [path.join(folder, 'trust'), path.join(folder, 'crls')];
  await Promise.all([mkdir(trust), mkdir(crls)]);
  const tsuCertificates = await loadCertificates([anchorsPath]);
  const all = [signers.certificate, ...tsuCertificates];
  for (const [index, { raw }] of all.entries())
    await writeFile(path.join(trust, `${index}.der`), raw);
  const now = clock.now();
  const own = issueCrl({ issuer: signers, thisUpdate: now.subtract({ hours: 1 }) });
  await writeFile(path.join(crls, 'signers.crl'), own.raw);
  for (const name of await readdir(crlPath))
    await copyFile(path.join(crlPath, name), path.join(crls, name));
  const lists = await Promise.all(
    (await readdir(crls)).map(async (name) =>
      parseCertificateList(await readFile(path.join(crls, name))),
    ),
  );
  return {
    url,
    trust,
    crls,
    material: {
      signerAnchors: [anchorOf(signers)],
      tsuAnchors: tsuCertificates.map((certificate) => ({ certificate })),
      certificates: all,
      crls: lists,
      ocspResponses: [],
      revocationMode: 'require',
    },
  };
}

type Raiser = AsyncDisposable & {
  readonly raise: (octets: Uint8Array) => Promise<AsyncIterable<Uint8Array>>;
};

async function* asStream(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield octets;
}

function stored(octets: Uint8Array): Promise<CadesDocument> {
  const source = {
    name: 'document',
    size: octets.length,
    open: () => Promise.resolve(asStream(octets)),
  };
  return readStored(source, { digestAlgorithm: 'SHA-256', limitBytes: defaultInspectLimit });
}

const stateOf = ({ name, stored: { signedData }, content }: CadesDocument): DocumentState => ({
  name,
  signedData: signedData.raw,
  content,
});

/** As `tokiwa augment` does it, with what it is given loaded once. */
async function openRaiser({ url, material }: Setting): Promise<Raiser> {
  const source = await openHttpTimestampSource(
    {
      ...{ url, anchors: [], crls: [], auth: { kind: 'none' }, tsaPolicy: undefined },
      ...{ revocation: 'require', clockToleranceSeconds: 300, responseMs: 10_000 },
    },
    clock,
  );
  const { crls, certificates } = material;
  const data = { certificates, crls, ocspResponses: [], missing: [] };
  const statusSource = { certificatesAndCrlsFor: () => Promise.resolve(data) };
  const obtainToken = tokensFrom({
    source,
    verification: {
      anchors: material.tsuAnchors,
      certificates,
      statusSource,
      revocationMode: 'require',
      algorithmPolicy: undefined,
      clockToleranceSeconds: 300,
    },
    random,
    now: clock.now,
    signal,
  });
  return {
    raise: async (octets) => {
      const outcome = await raise({
        document: await stored(octets),
        level: 'LTA',
        digestAlgorithm: 'SHA-256',
        at: clock.now(),
        material,
        statusSource,
        obtainToken,
        signal,
      });
      if (outcome.kind !== 'raised') throw new Error(`${outcome.kind} ${JSON.stringify(outcome)}`);
      return streamSplice(asStream(octets), outcome.splice);
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

/** Milliseconds of CPU time a call. */
async function cpuOf(work: () => unknown): Promise<number> {
  const call = async (times: number): Promise<void> => {
    for (let left = times; left > 0; left--) await work();
  };
  const calls = Math.max(1, Math.floor(warmUpCalls / 3));
  await call(warmUpCalls);
  return (1000 * (await cpuSecondsOf(() => call(calls)))) / calls;
}

type DssFigure = { readonly cpuMs: number; readonly peak: string };

/** EU DSS raising the same files. */
async function dssAugmenting(
  files: readonly string[],
  { url, trust, crls }: Setting,
): Promise<readonly (DssFigure | undefined)[]> {
  const shared = process.env['TOKIWA_SHARED'];
  const oracle = shared && path.join(shared, 'oracle');
  if (!oracle || !existsSync(oracle)) return files.map(() => undefined);
  const program = path.join(import.meta.dirname, 'java', 'AugmentCades.java');
  const java = ['-Xmx2g', '-cp', await judgeLibraries(oracle), program, url, trust, crls];
  const { stdout, stderr } = spawnSync('java', [...java, String(warmUpCalls), ...files], {
    encoding: 'utf8',
  });
  const lines = stdout.trim().split('\n');
  if (lines.length !== files.length) throw new Error(`EU DSS raised nothing: ${stderr}`);
  return lines.map((line): DssFigure => {
    const [cpuMs = '', , peak = ''] = line.split(' ');
    return { cpuMs: Number(cpuMs), peak: peak.replace('_', ' ') };
  });
}

/** What we make of the last result of DSS, so that what is compared has been done. */
async function judgeTheirs(file: string, { material }: Setting): Promise<string> {
  const octets = new Uint8Array(await readFile(`${file}.dss`));
  const verdict = judgeDocument(
    { name: 'document' },
    octets,
    material,
    clock.now().add({ seconds: 5 }),
  );
  const timestamps = readCades(octets).signatures[0]?.timestamps.length;
  return `${verdict.tree.status}, ${timestamps} timestamps`;
}

function named(octets: number): string {
  return octets < 1024 * 1024 ? `${octets / 1024} KiB` : `${octets / 1024 / 1024} MiB`;
}

async function measureSizes(setting: Setting, folder: string): Promise<void> {
  await using raiser = await openRaiser(setting);
  const files = await Promise.all(
    sizes.map(async (size) => {
      const content = new Uint8Array(size).fill(0x20);
      const file = path.join(folder, `${size}.p7m`);
      await writeFile(file, await raiser.raise(buildTestCms({ signer, content })));
      const octets = new Uint8Array(await readFile(file));
      return { size, file, octets };
    }),
  );
  const theirs = await dssAugmenting(
    files.map(({ file }) => file),
    setting,
  );
  for (const [index, { size, file, octets }] of files.entries()) {
    const { material } = setting;
    const line = (what: string, cpu: number, rest = ''): void => {
      printFact(
        `${named(size)}, ${what}`,
        `${cpu.toFixed(2)} ms CPU, ${(1000 / cpu).toFixed(0)}/s${rest}`,
      );
    };
    line('read', await cpuOf(() => readCades(octets)));
    const verify = (): unknown => {
      const verdict = judgeDocument({ name: 'document' }, octets, material, clock.now());
      if (offenceOf(verdict)) throw new Error('the document does not verify');
      return verdict;
    };
    line('verified', await cpuOf(verify));
    const augmented = await cpuOf(async () => {
      const before = new Uint8Array(await readFile(file));
      await writeFile(`${file}.ours`, await raiser.raise(before));
    });
    const dss = theirs[index];
    const share = dss ? `, ${(augmented / dss.cpuMs).toFixed(2)} of EU DSS` : '';
    line('augmented from LTA to LTA', augmented, `${share}; peak ${peakMiB()}`);
    const after = new Uint8Array(await readFile(`${file}.ours`));
    const question = { level: 'LTA', digestAlgorithm: 'SHA-256', material } as const;
    const before = stateOf(await stored(octets));
    line(
      'and the result read back and judged',
      await cpuOf(async () => {
        const result = stateOf(await stored(after));
        const { offences } = readBackAugmented(before, result, { ...question, at: clock.now() });
        if (offences.length > 0) throw new Error(offences.join('; '));
      }),
    );
    if (dss)
      line(
        'EU DSS augmenting',
        dss.cpuMs,
        `; peak ${dss.peak}; ours finds ${await judgeTheirs(file, setting)}`,
      );
  }
}

/** The signature with its content of that size, and without it. */
function largeDocument(mebibytes: number, detached: boolean): () => AsyncGenerator<Uint8Array> {
  const octets = sign({ detached: true, contentDigest: digestOfLargeContent(mebibytes) });
  return detached ? () => asStream(octets) : () => attachLargeContent(octets, mebibytes);
}

async function digestsOf(
  mebibytes: number,
  algorithms: readonly DigestAlgorithm[],
): Promise<DetachedContent> {
  const running = algorithms.map((algorithm) => createDigest(algorithm));
  for await (const part of largeContent(mebibytes)) for (const one of running) one.update(part);
  const digests = new Map(running.map((one) => [one.algorithm, one.finish()]));
  return { digest: (algorithm) => digests.get(algorithm) };
}

const first: Raising = { on: '2027-02-01' };

/** Content of that size streams through; the peak is that of the process so far. */
async function measureLarge(mebibytes: number, detached: boolean): Promise<void> {
  const open = largeDocument(mebibytes, detached);
  const cpu = await cpuSecondsOf(async () => {
    const document = await readStored(
      { name: 'large', size: mebibytes * 1024 * 1024, open: () => Promise.resolve(open()) },
      {
        digestAlgorithm: 'SHA-256',
        limitBytes: 0,
        detached: (algorithms) => digestsOf(mebibytes, algorithms),
      },
    );
    const outcome = await raiseDocument(document, first);
    await Array.fromAsync(streamSplice(open(), outcome.splice), ({ length }) => length);
  });
  printFact(
    `${mebibytes} MiB of content ${detached ? 'beside the signature' : 'in it'} to LTA, streamed`,
    `${cpu.toFixed(2)} s CPU, ${(mebibytes / cpu).toFixed(0)} MiB/s, peak ${peakMiB()}`,
  );
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-cades-'));
const tsa = spawn(
  process.execPath,
  [path.join(import.meta.dirname, '_cades-tsa.ts'), path.join(folder, 'tsa')],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
try {
  for (const detached of [false, true])
    for (const mebibytes of [1, largeMiB]) await measureLarge(mebibytes, detached);
  const [line] = (await once(createInterface({ input: tsa.stdout }), 'line')) as [string];
  const setting = await settingFor(JSON.parse(line) as TsaFiles, folder);
  await measureSizes(setting, folder);
} finally {
  tsa.stdin.end();
  await once(tsa, 'close');
  await rm(folder, { recursive: true });
}
