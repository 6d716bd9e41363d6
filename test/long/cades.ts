// Every kind of CAdES signature raised to LTA and renewed five times, before EU DSS and OpenSSL: one kind a part.
// Folder of the judges: TOKIWA_SHARED, default ../shared.
import path from 'node:path';
import type { ConformanceResult } from '../conformance/_report.ts';
import { allSamples } from '../interop/_cades-samples.ts';
import { judgeCades } from '../interop/cades-judges.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));

export async function judgeSample(part: number): Promise<readonly ConformanceResult[]> {
  const oracle = path.resolve(projectRoot, process.env['TOKIWA_SHARED'] ?? '../shared', 'oracle');
  const { results } = await judgeCades(oracle, allSamples.slice(part, part + 1));
  return results;
}
