// Documents that wait for a token for longer than their rule allows: an alarm each, as long as they are few.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';

export async function findUnprotected(
  catalogue: Catalogue,
  runAt: Temporal.Instant,
): Promise<readonly FindingLine[]> {
  const findings = new FindingList();
  for await (const row of catalogue.documents({ states: ['waiting'] })) {
    const hours = row.retention.protectWithinHours;
    if (isBefore(runAt, row.firstSeen.add({ minutes: Math.round(hours * 60) }))) continue;
    findings.push({
      kind: 'waiting',
      level: 'error',
      key: row.key,
      message: `it has had no token since ${row.firstSeen.toString()}, its rule allows ${hours} hours`,
    });
  }
  return findings.lines();
}
