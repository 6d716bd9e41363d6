// What somebody did to a CAdES signature, before EU DSS: it notices it as we do, or passes over it for the reason that
// the row gives.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { hostile, hostileOn, type Hostile } from '../shared/validation/_hostile-cades.ts';
import { day, root } from '../shared/validation/_world.ts';
import { askDss, type DssCades, dssOffences } from './_dss-cades.ts';

/** What DSS has against a file, a verdict that is not its best among it. */
function complaints(answer: DssCades): readonly string[] {
  const { error, indication, timestamps } = answer;
  if (error !== null) return dssOffences(answer);
  return [
    ...dssOffences(answer),
    ...(indication === 'TOTAL_PASSED' ? [] : [indication ?? 'no indication']),
    ...timestamps.flatMap((one) => (one.indication === 'PASSED' ? [] : (one.indication ?? []))),
  ];
}

function judgeRow({ name, says, dssPasses }: Hostile, answer: DssCades): ConformanceResult {
  const theirs = complaints(answer);
  const expected = says === 'valid' || dssPasses !== undefined ? 'passed over' : 'noticed';
  return {
    case: `${name}, ${says}`,
    passed: theirs.length > 0 === (expected === 'noticed'),
    expected: dssPasses ? `${expected}: ${dssPasses}` : expected,
    got: theirs.join(', ') || 'nothing',
  };
}

export async function judgeHostileCades(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-hostile-'));
  try {
    const at = day(hostileOn);
    const answers = await askDss(oracle, hostile, { folder, anchor: root.certificate, at });
    return {
      results: hostile.flatMap((row, index) => {
        const answer = answers[index];
        return answer ? [judgeRow(row, answer)] : [];
      }),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
