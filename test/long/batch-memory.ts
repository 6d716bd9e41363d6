// Memory of one batch (design, invariant 8): 256 MiB and 64 octets a leaf, from the digests of its documents to every
// record of it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConformanceResult } from '../conformance/_report.ts';

const script = fileURLToPath(new URL('_batch-child.ts', import.meta.url));
const base = 256 * 1024 * 1024;
const octetsPerLeaf = 64;

type Measured = { readonly records: number; readonly peakBytes: number };

/** One batch of so many documents, in a process and a folder of its own. */
export async function memoryOfBatch(groups: number): Promise<readonly ConformanceResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-batch-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, `${groups}`, folder]);
    const { records, peakBytes: octets } = JSON.parse(stdout) as Measured;
    const most = base + groups * octetsPerLeaf;
    const inMebibytes = (size: number): string => `${Math.round(size / 2 ** 20)} MiB`;
    return [
      {
        case: `a batch of ${groups}`,
        passed: records === groups && octets <= most,
        expected: `${groups} records, at most ${inMebibytes(most)}`,
        got: `${records} records, ${inMebibytes(octets)}`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
