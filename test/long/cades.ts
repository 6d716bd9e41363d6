// Every kind of CAdES signature raised to LTA and renewed five times, before EU DSS and OpenSSL: one kind a part, and
// the corpus's own.
// Folder of the judges: TOKIWA_SHARED, default ../shared.
import path from 'node:path';
import type { ConformanceResult } from '../conformance/_report.ts';
import { mixedSamples } from '../interop/_cades-mixed-samples.ts';
import { allSamples } from '../interop/_cades-samples.ts';
import { judgeCadesCorpus } from '../interop/cades-corpus-judges.ts';
import { judgeCades } from '../interop/cades-judges.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));

const shared = path.resolve(projectRoot, process.env['TOKIWA_SHARED'] ?? '../shared');
const oracle = path.join(shared, 'oracle');

export async function judgeWholeCorpus(): Promise<readonly ConformanceResult[]> {
  const corpus = path.join(shared, 'corpus', 'dss');
  return (await judgeCadesCorpus(oracle, corpus, { everyStep: true })).results;
}

/** One kind a part. */
export const cadesSamples = [...allSamples, ...mixedSamples];

export async function judgeSample(part: number): Promise<readonly ConformanceResult[]> {
  const { results } = await judgeCades(oracle, cadesSamples.slice(part, part + 1));
  return results;
}
