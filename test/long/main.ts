// Proofs that take hours when they are done thoroughly:
//
//   npm run test:long [-- --sample] [--seed N] [--only PROOF] [--resume FILE] [--rate N]
//
// With --sample, as in .ci/run, a few parts of each from a fixed seed, in minutes. A proof has numbered
// parts; each is named with its seed, so that one that fails can be run again. With --resume, parts that
// FILE lists as passed are left out, and those that pass are added as they end: a run that was stopped
// goes on where it was. `memory` sends each of its two proxies `--rate` requests a second (25).
// Closes with `N passed, N failed`.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ConformanceResult } from '../conformance/_report.ts';
import { startS3Server, type S3Server } from '../interop/_s3-server.ts';
import { killAugmentations } from './augmentation-kills.ts';
import { archivedFiles } from '../interop/octet-judges.ts';
import { cadesSamples, judgeSample, judgeWholeCorpus } from './cades.ts';
import { chaos } from './chaos.ts';
import {
  everyCallParts,
  killAtCalls,
  killAtEveryCall,
  killAtMoments,
  killOnS3,
  killProxy,
  stopS3,
} from './crash.ts';
import { nightsInBadWeather } from '../archiver/night/_bad-weather.ts';
import { memoryOfBatch } from './batch-memory.ts';
import { simulateDecades } from './decades.ts';
import { fuzz, fuzzTargetNames } from './fuzz.ts';
import { killRuns } from './kills.ts';
import { augmentLargeSignatures } from './large-signature.ts';
import { memoryAtLoad } from './memory.ts';
import { proveMillion, proveRenewals } from './renewals.ts';
import { judgeEveryOctet } from './octets.ts';
import { runLongTests } from './tests.ts';

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    resume: { type: 'string' },
    rate: { type: 'string', default: '25' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const { sample, resume } = values;
const firstSeed = Number(values.seed);
const rate = Number(values.rate);

let server: Promise<S3Server> | undefined;
const s3 = (): Promise<S3Server> => (server ??= startS3Server());

type Proof = {
  readonly name: string;
  /** How many parts there are. */
  readonly parts: number;
  readonly prove: (part: number) => Promise<readonly ConformanceResult[]>;
};

const proofs: readonly Proof[] = [
  { name: 'renewals', parts: sample ? 4 : 400, prove: (part) => proveRenewals(firstSeed + part) },
  { name: 'million', parts: sample ? 1 : 40, prove: (part) => proveMillion(firstSeed + part) },
  // With those of `kills`, twenty of a sample.
  { name: 'crash', parts: sample ? 10 : 200, prove: (part) => killAtCalls(firstSeed + part) },
  { name: 'proxy', parts: sample ? 2 : 100, prove: (part) => killProxy(firstSeed + part) },
  { name: 'moments', parts: sample ? 8 : 500, prove: (part) => killAtMoments(firstSeed + part) },
  {
    name: 'weather',
    parts: sample ? 20 : 1000,
    prove: async (part) => {
      const got = await nightsInBadWeather(firstSeed + part);
      const expected = 'no token wasted, everything proved';
      return [{ case: `seed ${firstSeed + part}`, passed: got === '', expected, got }];
    },
  },
  // The sample on a real S3 server is the step's that has one.
  ...(sample
    ? []
    : [
        { name: 'every-call', parts: everyCallParts, prove: killAtEveryCall },
        { name: 's3', parts: 200, prove: (part: number) => killOnS3(firstSeed + part) },
      ]),
  { name: 'kills', parts: sample ? 2 : 50, prove: (part) => killRuns(firstSeed + part) },
  {
    name: 'chaos',
    parts: 2,
    prove: (part) => chaos(firstSeed + part, part, sample ? 30_000 : 600_000),
  },
  {
    name: 'batch-memory',
    parts: 1,
    prove: () => memoryOfBatch(sample ? 100_000 : 10_000_000),
  },
  {
    name: 'large-signature',
    parts: sample ? 1 : 3,
    // The sample on a real S3 server is the step's that has one.
    prove: async (part) =>
      augmentLargeSignatures(part === 0 ? 256 : 1024, part === 2 ? await s3() : undefined),
  },
  {
    name: 'memory',
    parts: 1,
    // What a sample shows is that the answers are right, and no leak of what a request is made of.
    prove: () =>
      memoryAtLoad({
        milliseconds: sample ? 45_000 : 3_600_000,
        slackOctets: (sample ? 128 : 64) * 2 ** 20,
        liveSlackOctets: (sample ? 32 : 8) * 2 ** 20,
        seed: firstSeed,
        rate,
      }),
  },
  { name: 'decades', parts: sample ? 1 : 20, prove: simulateDecades },
  {
    name: 'fuzz',
    parts: fuzzTargetNames.length,
    prove: async (part) => [
      await fuzz({
        target: fuzzTargetNames[part] ?? '',
        firstSeed: firstSeed * 1_000_000,
        milliseconds: sample ? 1000 : 600_000,
      }),
    ],
  },
  {
    name: 'augmentation',
    parts: sample ? 1 : 10,
    // The sample on a real S3 server is the step's that has one.
    prove: async (part) =>
      killAugmentations(firstSeed + part, sample ? 8 : 1000, {
        kills: sample ? 4 : 10,
        server: part % 2 === 1 ? await s3() : undefined,
      }),
  },
  // The sample of these is the interop step's.
  ...(sample
    ? []
    : [
        { name: 'cades', parts: cadesSamples.length, prove: (part: number) => judgeSample(part) },
        { name: 'cades-corpus', parts: 1, prove: judgeWholeCorpus },
        { name: 'octets', parts: archivedFiles.length, prove: judgeEveryOctet },
      ]),
  // The suite's own tests with their long settings.
  ...(sample ? [] : [{ name: 'tests', parts: 1, prove: runLongTests }]),
];

const names = proofs.map(({ name }) => name);
if (values.help || (values.only !== undefined && !names.includes(values.only))) {
  const usage =
    'npm run test:long [-- --sample] [--seed N] [--only PROOF] [--resume FILE] [--rate N]';
  console.log(`usage: ${usage}\nproofs${sample ? ' of a sample' : ''}: ${names.join(', ')}`);
  if (!values.help) console.error(`no such proof: ${String(values.only)}`);
  process.exit(values.help ? 0 : 2);
}

const passedBefore = new Set(
  resume !== undefined && existsSync(resume) ? readFileSync(resume, 'utf8').split('\n') : [],
);

let passed = 0;
let failed = 0;
for (const { name, parts, prove } of proofs) {
  if (values.only !== undefined && values.only !== name) continue;
  const started = performance.now();
  let cases = 0;
  for (let part = 0; part < parts; part++) {
    const label = `${name} ${firstSeed}+${part}`;
    if (passedBefore.has(label)) continue;
    const results = await prove(part);
    const wrong = results.filter((result) => !result.passed);
    cases += results.length;
    passed += results.length - wrong.length;
    failed += wrong.length;
    for (const result of wrong)
      console.log(`FAIL ${name}: ${result.case}: ${result.got}; expected: ${result.expected}`);
    if (name === 'fuzz') for (const result of results) console.log(`fuzz: ${result.case}`);
    if (
      name === 'chaos' ||
      name === 'memory' ||
      name === 'large-signature' ||
      name === 'augmentation'
    )
      for (const result of results) console.log(`${name}: ${result.case}: ${result.got}`);
    if (wrong.length === 0 && resume !== undefined) appendFileSync(resume, `${label}\n`);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${name}: ${cases} cases in ${seconds} s`);
}
await stopS3();
await (await server)?.stop();
if (passedBefore.size > 0)
  console.log(`${passedBefore.size - 1} parts passed before (${String(resume)})`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
