// What the operator confirmed of accredited providers, checked against the bundled schemes.
import type { ConfigProblem } from '#shared/errors.ts';
import type { AccreditationRules } from '#shared/policy/accreditation.ts';
import { bundledAccreditation } from '#shared/policy/bundled.ts';
import type { YamlConfig } from '#shared/yaml-config.ts';
import type { ArchiverSettings } from './config-schema.ts';

/** Days of a period begin in the configured time zone. Problems name line and key. */
export function resolveAccreditation(
  { accreditation, timeZone }: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): AccreditationRules {
  const { guideline, entries } = accreditation;
  const editions = [...new Set(bundledAccreditation.acceptance.map((row) => row.guideline))];
  if (!editions.includes(guideline))
    problems.push(
      at.problem(
        ['accreditation', 'guideline'],
        `no edition ${guideline} of the guideline; there are: ${editions.join(', ')}`,
      ),
    );
  const startOf = (day: string): Temporal.Instant =>
    Temporal.PlainDate.from(day).toZonedDateTime(timeZone).toInstant();
  return {
    file: bundledAccreditation,
    guideline,
    entries: entries.map((entry, index) => {
      const { name, from, until, anchors, tsaPolicies } = entry;
      const scheme = bundledAccreditation.schemes.find(({ id }) => id === entry.scheme);
      if (!scheme)
        problems.push(
          at.problem(
            ['accreditation', 'entries', index, 'scheme'],
            `no scheme ${entry.scheme}; there are: ${bundledAccreditation.schemes.map(({ id }) => id).join(', ')}`,
          ),
        );
      else if (from < scheme.since)
        problems.push(
          at.problem(
            ['accreditation', 'entries', index, 'from'],
            `the scheme ${scheme.id} began on ${scheme.since}`,
          ),
        );
      if (until !== undefined && until <= from)
        problems.push(
          at.problem(
            ['accreditation', 'entries', index, 'until'],
            'the period ends before it begins',
          ),
        );
      return {
        name,
        scheme: entry.scheme,
        from: startOf(from),
        until: until === undefined ? undefined : startOf(until),
        anchors,
        tsaPolicies,
      };
    }),
  };
}
