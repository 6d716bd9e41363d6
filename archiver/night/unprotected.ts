// Documents that wait for a token for longer than their rule allows: an alarm each, as long as they are few.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { FindingLine } from '../reports/report.ts';

/** A night without any TSA leaves everything waiting: a run's record stays small. */
const maxListed = 100;

/** The first of them by name, the others by their number. */
export async function findUnprotected(
  catalogue: Catalogue,
  runAt: Temporal.Instant,
): Promise<readonly FindingLine[]> {
  const findings: FindingLine[] = [];
  let more = 0;
  for await (const row of catalogue.documents({ states: ['waiting'] })) {
    const hours = row.retention.protectWithinHours;
    if (isBefore(runAt, row.firstSeen.add({ minutes: Math.round(hours * 60) }))) continue;
    if (findings.length >= maxListed) {
      more++;
      continue;
    }
    findings.push({
      kind: 'waiting',
      level: 'error',
      key: row.key,
      message: `it has had no token since ${row.firstSeen.toString()}, its rule allows ${hours} hours`,
    });
  }
  if (more > 0)
    findings.push({
      kind: 'waiting',
      level: 'error',
      message: `${more} more documents have had no token for longer than their rules allow`,
    });
  return findings;
}
