// XAdES, PAdES and ASiC in which a part cannot be read, before EU DSS: it notices it as we do, or says something else for
// the reason that the row gives.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { type UnreadRow, unreadOn } from '../shared/validation/_unread.ts';
import { unreadContainers } from '../shared/validation/_unread-container.ts';
import { unreadPdf } from '../shared/validation/_unread-pdf.ts';
import { unreadXml } from '../shared/validation/_unread-xml.ts';
import { ca, day } from '../shared/validation/_world.ts';
import { askDss, type DssCades, dssOffences } from './_dss-cades.ts';

/** Of a timestamp that stands alone in a container there is no place for revocation data. */
const passes = /^(?:TOTAL_)?PASSED|^INDETERMINATE\/CERTIFICATE_CHAIN_GENERAL_FAILURE/;

function complaints(answer: DssCades): readonly string[] {
  const { error, indication, evidenceRecords } = answer;
  if (error !== null) return dssOffences(answer);
  const indications = [indication, ...evidenceRecords.map((record) => record.indication)];
  return [
    ...dssOffences(answer),
    ...indications.map((one) => one ?? 'no indication').filter((one) => !passes.test(one)),
  ];
}

function judgeRow({ name, says, dss }: UnreadRow, answer: DssCades): ConformanceResult {
  const theirs = complaints(answer);
  const expected = (says === 'valid') === (dss === undefined) ? 'nothing' : 'a complaint';
  return {
    case: `${name}, ${says}`,
    passed: theirs.length > 0 === (expected === 'a complaint'),
    expected: dss ? `${expected}: ${dss}` : expected,
    got: theirs.join(', ') || 'nothing',
  };
}

export async function judgeUnreadEvidence(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-unread-'));
  try {
    const rows = [...unreadXml, ...unreadPdf, ...unreadContainers];
    const at = day(unreadOn);
    const answers = await askDss(oracle, rows, { folder, anchor: ca.certificate, at });
    return {
      results: rows.flatMap((row, index) => {
        const answer = answers[index];
        return answer ? [judgeRow(row, answer)] : [];
      }),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
