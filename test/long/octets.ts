// Every octet of the corpus's archived files turned, where the interop step takes a sample.
import path from 'node:path';
import type { ConformanceResult } from '../conformance/_report.ts';
import { archivedFiles, judgeOctets } from '../interop/octet-judges.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const shared = path.resolve(projectRoot, process.env['TOKIWA_SHARED'] ?? '../shared');

export async function judgeEveryOctet(part: number): Promise<readonly ConformanceResult[]> {
  const file = archivedFiles[part];
  return file ? [await judgeOctets(path.join(shared, 'corpus', 'dss'), file)] : [];
}
