// What an operator says of a document's retention, by command or as a table: presets, of which the latest end
// wins, and the dates of the events that they count from (R-24).
import { ConfigError } from '#shared/errors.ts';
import { bundledPresets } from '#shared/policy/bundled.ts';
import type { RetentionStatement } from '#shared/ports/catalogue.ts';
import { presetOf, type ArchiverConfig } from './config.ts';

/** One document's statement as text. */
export type SaidRetention = {
  readonly rules: readonly string[];
  /** Dates by event; `start` is the preset's own start event. */
  readonly events: Readonly<Record<string, string>>;
};

/** Events that some preset counts from beside its own start. */
const knownEvents: ReadonlySet<string> = new Set([
  'start',
  ...bundledPresets.presets.flatMap(({ period }) =>
    period.kind === 'later-of'
      ? [
          ...period.terms.map(({ event }) => event),
          ...(period.replaceIf ? [period.replaceIf.event] : []),
        ]
      : [],
  ),
]);

function usage(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_USAGE', message);
}

function requireDate(text: string, place: string): void {
  try {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new RangeError(text);
    Temporal.PlainDate.from(text);
  } catch (cause) {
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${place}: ${JSON.stringify(text)} is no date (YYYY-MM-DD)`,
      { cause },
    );
  }
}

/**
 * The statement as the journal keeps it. `place` names where it was said.
 * @throws ConfigError ERR_CONFIG_USAGE: says nothing, no date, no such event; ERR_CONFIG_INVALID: no such preset, or
 *   one that still waits for the operator's own dates or years
 */
export function retentionStatement(
  config: Pick<ArchiverConfig, 'rules'>,
  { rules, events }: SaidRetention,
  place: string,
): RetentionStatement {
  const dates = Object.entries(events);
  if (rules.length === 0 && dates.length === 0)
    throw usage(`${place}: give a rule, a start, or both`);
  for (const rule of rules) presetOf(config, rule);
  for (const [event, date] of dates) {
    if (!knownEvents.has(event))
      throw usage(
        `${place}: no preset counts from ${JSON.stringify(event)}; there are: ${[...knownEvents].join(', ')}`,
      );
    requireDate(date, place);
  }
  return {
    presets: rules.length === 0 ? undefined : rules,
    events: dates.length === 0 ? undefined : events,
  };
}

export type RetentionRow = SaidRetention & { readonly key: string; readonly line: number };

/** Fields of one line; a field may stand in double quotes. */
function fieldsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) =>
    (match[1] ?? match[2] ?? '').replaceAll('""', '"').trim(),
  );
}

/**
 * A table with a heading: `key`, `rule` (several, apart by spaces), `start`, and any event that a preset counts
 * from. An empty field says nothing.
 * @throws ConfigError ERR_CONFIG_USAGE: a heading that is none
 */
export function parseRetentionTable(text: string, place: string): readonly RetentionRow[] {
  const [heading = '', ...lines] = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const columns = fieldsOf(heading);
  const unknown = columns.find((name) => !['key', 'rule'].includes(name) && !knownEvents.has(name));
  if (!columns.includes('key') || unknown !== undefined)
    throw usage(
      `${place}: the first line is a heading of key, rule, start and events; ${unknown === undefined ? 'key is missing' : `${JSON.stringify(unknown)} is none`}`,
    );
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const fields = fieldsOf(line);
    const said = new Map(columns.map((name, column) => [name, fields[column] ?? '']));
    const events = [...said].filter(
      ([name, value]) => name !== 'key' && name !== 'rule' && value !== '',
    );
    return [
      {
        key: said.get('key') ?? '',
        rules: (said.get('rule') ?? '').split(/\s+/).filter(Boolean),
        events: Object.fromEntries(events),
        line: index + 2,
      },
    ];
  });
}
