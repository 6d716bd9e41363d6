// How long which document must stay provable: statutory presets as data and the end that follows
// from a start date. Dates are calendar dates of the place where the law holds; the
// instant at which a period ends is the start of the day after its last day there.
import { ConfigError } from '#shared/errors.ts';

export type RetentionPeriod =
  | {
      readonly kind: 'fixed';
      readonly years: number;
      readonly variants?: readonly { readonly when: string; readonly years: number }[];
    }
  | {
      readonly kind: 'by-event-date';
      readonly segments: readonly {
        readonly eventBefore?: string;
        readonly eventFrom?: string;
        readonly years: number;
      }[];
    }
  | {
      readonly kind: 'later-of';
      readonly terms: readonly { readonly event: string; readonly years: number }[];
      readonly replaceIf?: {
        readonly event: string;
        readonly term: { readonly event: string; readonly years: number };
        readonly replaces: string;
      };
    }
  | { readonly kind: 'operator-defined' };

export type RetentionPreset = {
  readonly id: string;
  readonly domain: string;
  readonly title: { readonly ja: string; readonly en: string };
  readonly basis: readonly { readonly law: string; readonly article: string }[];
  readonly period: RetentionPeriod;
  readonly startEvent: string;
  readonly confidence: string;
  readonly fallbackYears?: number;
};

export type PresetFile = { readonly asOf: string; readonly presets: readonly RetentionPreset[] };

/** Events by name and date; `start` is the preset's own start event. */
export type RetentionEvents = Readonly<Record<string, Temporal.PlainDate>>;

/** When retention ends. `unknown` means: keep, and keep renewing, never ended. */
export type RetentionEnd =
  | { readonly kind: 'known'; readonly lastDay: Temporal.PlainDate; readonly estimated: boolean }
  | { readonly kind: 'unknown'; readonly missing: readonly string[] };

const datePattern = /^\d{4}-\d{2}-\d{2}$/;

/**
 * The preset of that id with the operator's own dates and years filled in.
 * @throws ConfigError ERR_CONFIG_INVALID: unknown id, a placeholder left unset, or an operator-defined period without years
 */
export function selectPreset(
  file: PresetFile,
  id: string,
  settings: {
    readonly dates?: Readonly<Record<string, string>> | undefined;
    readonly years?: number | undefined;
  } = {},
): RetentionPreset {
  const preset = file.presets.find((candidate) => candidate.id === id);
  if (!preset) throw new ConfigError('ERR_CONFIG_INVALID', `no retention preset ${id}`);
  const { period } = preset;
  if (settings.years !== undefined)
    return { ...preset, period: { kind: 'fixed', years: settings.years } };
  if (period.kind === 'operator-defined') {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `preset ${id} has no period of its own: set its years`,
    );
  }
  if (period.kind !== 'by-event-date') return preset;
  const fill = (date: string | undefined): string | undefined => {
    if (date === undefined || datePattern.test(date)) return date;
    const set = settings.dates?.[date];
    if (set === undefined || !datePattern.test(set)) {
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `preset ${id} needs the date ${date}: set it (YYYY-MM-DD), or give the preset's years`,
      );
    }
    return set;
  };
  const segments = period.segments.map((segment) => {
    const before = fill(segment.eventBefore);
    const from = fill(segment.eventFrom);
    return {
      years: segment.years,
      ...(before && { eventBefore: before }),
      ...(from && { eventFrom: from }),
    };
  });
  return { ...preset, period: { kind: 'by-event-date', segments } };
}

/**
 * The last day of a period of years: the day of the event is not counted (Civil Code art. 140), and
 * the period ends the day before the date that corresponds to its first counted day (art. 143).
 */
function lastDayAfter(start: Temporal.PlainDate, years: number): Temporal.PlainDate {
  return start.add({ days: 1 }).add({ years }, { overflow: 'constrain' }).subtract({ days: 1 });
}

/**
 * Retention end of one preset for these events.
 * `estimated` marks a start that was taken from the signing or modified time.
 */
export function retentionEnd(
  preset: RetentionPreset,
  events: RetentionEvents,
  estimated = false,
): RetentionEnd {
  const { period } = preset;
  const { start } = events;
  switch (period.kind) {
    case 'operator-defined':
      return { kind: 'unknown', missing: ['years'] };
    case 'fixed':
      if (!start) return { kind: 'unknown', missing: [preset.startEvent] };
      return { kind: 'known', lastDay: lastDayAfter(start, period.years), estimated };
    case 'by-event-date': {
      if (!start) return { kind: 'unknown', missing: [preset.startEvent] };
      const date = start.toString();
      const segment = period.segments.find(
        ({ eventBefore, eventFrom }) =>
          (eventBefore === undefined || date < eventBefore) &&
          (eventFrom === undefined || date >= eventFrom),
      );
      if (!segment) return { kind: 'unknown', missing: ['segment'] };
      return { kind: 'known', lastDay: lastDayAfter(start, segment.years), estimated };
    }
    case 'later-of': {
      const { replaceIf } = period;
      const terms = period.terms.map((term) =>
        replaceIf && term.event === replaceIf.replaces && events[replaceIf.event]
          ? replaceIf.term
          : term,
      );
      const missing = terms.filter((term) => !events[term.event]).map((term) => term.event);
      if (missing.length > 0) return { kind: 'unknown', missing };
      const ends = terms.flatMap((term) => {
        const event = events[term.event];
        return event ? [term.years === 0 ? event : lastDayAfter(event, term.years)] : [];
      });
      const lastDay = ends.toSorted((a, b) => Temporal.PlainDate.compare(a, b)).at(-1);
      return lastDay
        ? { kind: 'known', lastDay, estimated }
        : { kind: 'unknown', missing: ['terms'] };
    }
  }
}

/** Several presets on one document: the latest end wins; one unknown end means unknown. */
export function combineRetentionEnds(ends: readonly RetentionEnd[]): RetentionEnd {
  const missing = ends.flatMap((end) => (end.kind === 'unknown' ? end.missing : []));
  const known = ends.flatMap((end) => (end.kind === 'known' ? [end] : []));
  if (missing.length > 0 || known.length === 0) return { kind: 'unknown', missing };
  const latest = known.toSorted((a, b) => Temporal.PlainDate.compare(a.lastDay, b.lastDay)).at(-1);
  return latest ?? { kind: 'unknown', missing };
}

/** The first instant after the last day, in the zone where the law holds. */
export function instantAfter(lastDay: Temporal.PlainDate, timeZone: string): Temporal.Instant {
  return lastDay.add({ days: 1 }).toZonedDateTime(timeZone).toInstant();
}
