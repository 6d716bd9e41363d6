// Whether a document's evidence comes from an accredited provider, as a line of the report.
import { askAccreditation } from '#shared/policy/accreditation.ts';
import type { BatchRow } from '#shared/ports/catalogue.ts';
import type { Accreditation, ReportRules } from './report.ts';

/** Asked of the newest token. A document whose retention comes from a preset is kept by law: statutory. */
export function accreditationOf(
  { newestToken }: BatchRow,
  isStatutory: boolean,
  at: Temporal.Instant,
  rules: ReportRules,
): Accreditation {
  const { chain, tsaPolicy, genTime } = newestToken;
  const answer = askAccreditation(
    rules.accreditation,
    {
      genTime: Temporal.Instant.from(genTime),
      tsaPolicy,
      anchor: chain.at(-1)?.fingerprint,
    },
    isStatutory ? 'statutory' : 'other',
    at,
  );
  if (answer.kind === 'not-shown')
    return { status: 'timestamped, accreditation not shown', reason: answer.reason };
  const { entry, transitional, today } = answer;
  const { name: provider, scheme } = entry;
  return { status: 'accredited', provider, scheme, transitional, today };
}
