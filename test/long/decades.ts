// `tokiwa simulate` over many starts and spans: sound by its own account each time, which is that every intact
// document verifies, planted damage is found at once, and the catalogue is what the stores say.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { ConformanceResult } from '../conformance/_report.ts';

const run = promisify(execFile);
const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const documents = path.join(projectRoot, 'samples', 'documents', '検査');

async function simulate(start: string, years: number): Promise<ConformanceResult> {
  const name = `${years} years from ${start}`;
  const expected = 'sound';
  const command = ['cli.ts', 'simulate', '--documents', documents, '--start', start];
  try {
    await run(process.execPath, [...command, '--years', String(years)], {
      cwd: projectRoot,
      timeout: 600_000,
      maxBuffer: 1 << 26,
    });
    return { case: name, passed: true, expected, got: 'sound' };
  } catch (error) {
    const { stdout, stderr } = z
      .looseObject({ stdout: z.string(), stderr: z.string() })
      .parse(error);
    return { case: name, passed: false, expected, got: `${stdout}${stderr}` };
  }
}

/** Any day of the year, spans up to the longest; the last ones end beyond 2090. */
export async function simulateDecades(scenario: number): Promise<readonly ConformanceResult[]> {
  const start = Temporal.PlainDate.from('2026-02-28').add({
    months: 7 * scenario,
    days: scenario,
  });
  return [await simulate(start.toString(), 20 + ((scenario * 13) % 41))];
}
