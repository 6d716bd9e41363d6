// Until when a document must stay provable: the first start that exists, in the order of the
// design's §4, under the presets that were named or that the key's rules give. Pure.
import {
  combineRetentionEnds,
  retentionEnd,
  type RetentionEnd,
  type RetentionEvents,
  type RetentionPreset,
} from '#shared/policy/retention-rule.ts';
import type {
  RetentionFacts,
  RetentionSource,
  RetentionStatement,
} from '#shared/ports/catalogue.ts';
import { ConfigError } from '#shared/errors.ts';
import type { Facts } from '#shared/validation/facts.ts';
import { presetOf, type ArchiverConfig, type RetentionRule } from '../config.ts';

export type RetentionInput = {
  readonly key: string;
  readonly facts: Pick<Facts, 'signatures'>;
  readonly lastModified: Temporal.Instant;
  readonly journal?: RetentionStatement | undefined;
  readonly sidecar?: RetentionStatement | undefined;
  readonly tag?: RetentionStatement | undefined;
  readonly hold: boolean;
};

type Start = {
  readonly source: RetentionSource;
  readonly events: Readonly<Record<string, string>>;
};

/** A date as documents and file names write it: 2026-04-01, 20260401 or 2026_04_01. */
function normaliseDate(text: string): string | undefined {
  const digits = /^(\d{4})[-_./]?(\d{2})[-_./]?(\d{2})$/.exec(text);
  if (!digits) return undefined;
  const date = `${digits[1] ?? ''}-${digits[2] ?? ''}-${digits[3] ?? ''}`;
  try {
    return Temporal.PlainDate.from(date).toString();
  } catch {
    return undefined;
  }
}

function startFromKey(key: string, rule: RetentionRule | undefined): Start | undefined {
  const text = rule?.match.exec(key)?.groups?.['start'];
  const date = text === undefined ? undefined : normaliseDate(text);
  return date === undefined ? undefined : { source: 'key', events: { start: date } };
}

function dayOf(instant: Temporal.Instant, timeZone: string): string {
  return instant.toZonedDateTimeISO(timeZone).toPlainDate().toString();
}

function startFromTimes(
  input: RetentionInput,
  rule: RetentionRule | undefined,
  timeZone: string,
): Start | undefined {
  if (rule?.fallback === 'modified-time') {
    return { source: 'modified-time', events: { start: dayOf(input.lastModified, timeZone) } };
  }
  if (rule?.fallback !== 'signing-time') return undefined;
  // The latest claimed time of several: retention is then never too short by them.
  const times = input.facts.signatures.flatMap((signature) => signature.claimedSigningTime ?? []);
  const latest = times.toSorted((a, b) => Temporal.Instant.compare(a, b)).at(-1);
  return latest && { source: 'signing-time', events: { start: dayOf(latest, timeZone) } };
}

function said(
  statement: RetentionStatement | undefined,
  source: RetentionSource,
): Start | undefined {
  const { events } = statement ?? {};
  return events && Object.keys(events).length > 0 ? { source, events } : undefined;
}

/** Whether a start was said: then a document's retention depends on nothing of it but its rule. */
export function hasSaidStart({
  journal,
  sidecar,
  tag,
}: Pick<RetentionInput, 'journal' | 'sidecar' | 'tag'>): boolean {
  return [journal, sidecar, tag].some((statement) => said(statement, 'journal') !== undefined);
}

function eventDates(events: Readonly<Record<string, string>>): RetentionEvents {
  return Object.fromEntries(
    Object.entries(events).flatMap(([name, text]) => {
      const date = normaliseDate(text);
      return date === undefined ? [] : [[name, Temporal.PlainDate.from(date)]];
    }),
  );
}

/** The rule whose pattern fits the key: the first one, as written in the configuration. */
export function ruleFor(
  config: Pick<ArchiverConfig, 'rules'>,
  key: string,
): RetentionRule | undefined {
  return config.rules.find((rule) => rule.match.test(key));
}

function findPreset(
  config: Pick<ArchiverConfig, 'rules'>,
  id: string,
): RetentionPreset | undefined {
  try {
    return presetOf(config, id);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** Presets that a sidecar or tag names and nobody knows: an operator is told, the document is kept. */
export function unknownPresets(
  config: Pick<ArchiverConfig, 'rules'>,
  statements: readonly (RetentionStatement | undefined)[],
): readonly string[] {
  const named = statements.flatMap((statement) => statement?.presets ?? []);
  return [...new Set(named)].filter((id) => findPreset(config, id) === undefined);
}

/** When retention under these presets ends, from dates as they were said. */
export type EndOf = (
  presets: readonly RetentionPreset[],
  events: Readonly<Record<string, string>>,
  estimated: boolean,
) => RetentionEnd;

const endOf: EndOf = (presets, events, estimated) => {
  const dates = eventDates(events);
  return combineRetentionEnds(presets.map((preset) => retentionEnd(preset, dates, estimated)));
};

/** Days are few where documents are many: the same question is worked out once. For one configuration. */
export function rememberedEnds(): EndOf {
  const known = new Map<string, RetentionEnd>();
  return (presets, events, estimated) => {
    const key = JSON.stringify([presets.map(({ id }) => id), events, estimated]);
    const before = known.get(key);
    if (before) return before;
    const end = endOf(presets, events, estimated);
    if (known.size < maxRemembered) known.set(key, end);
    return end;
  };
}

const maxRemembered = 100_000;

/**
 * A document's retention as of the rules in force. No start, no rule, or a preset that nobody knows:
 * the end is unknown, and unknown means keep and renew.
 */
export function resolveRetention(
  config: Pick<ArchiverConfig, 'rules' | 'timeZone'>,
  input: RetentionInput,
  ends: EndOf = endOf,
): RetentionFacts {
  const rule = ruleFor(config, input.key);
  const named = input.journal?.presets ?? input.sidecar?.presets ?? input.tag?.presets;
  const presets: readonly RetentionPreset[] = named
    ? named.flatMap((id) => findPreset(config, id) ?? [])
    : rule
      ? [rule.preset]
      : [];
  const start =
    said(input.journal, 'journal') ??
    said(input.sidecar, 'sidecar') ??
    said(input.tag, 'tag') ??
    startFromKey(input.key, rule) ??
    startFromTimes(input, rule, config.timeZone);
  const estimated = start?.source === 'signing-time' || start?.source === 'modified-time';
  const end: RetentionEnd =
    presets.length === 0 || presets.length < (named?.length ?? 0)
      ? { kind: 'unknown', missing: ['rule'] }
      : ends(presets, start?.events ?? {}, estimated);
  return {
    journal: input.journal,
    sidecar: input.sidecar,
    tag: input.tag,
    rule: rule?.name,
    presets: presets.map((preset) => preset.id),
    start: start?.events['start'],
    source: start?.source,
    estimated,
    lastDay: end.kind === 'known' ? end.lastDay.toString() : undefined,
    hold: input.hold,
    protectWithinHours: rule?.protectWithinHours ?? 36,
  };
}

function textRecord(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

/**
 * The statement of a sidecar: `{"rule": "jp-medical-record", "start": "2026-04-01"}`, `rule` also a
 * list, other events under `events`. `undefined` where it says nothing that can be used.
 */
export function parseSidecar(text: string): RetentionStatement | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { rule, start, events } = value as { rule?: unknown; start?: unknown; events?: unknown };
  const presets =
    typeof rule === 'string'
      ? [rule]
      : Array.isArray(rule)
        ? rule.filter((id): id is string => typeof id === 'string')
        : undefined;
  const date = typeof start === 'string' ? normaliseDate(start) : undefined;
  const dates = { ...textRecord(events), ...(date !== undefined && { start: date }) };
  if (!presets && Object.keys(dates).length === 0) return undefined;
  return { presets, events: dates };
}

/** The statement of object tags or metadata: `retention-start` and `retention-rule`. */
export function statementOfTags(
  values: Readonly<Record<string, string>>,
): RetentionStatement | undefined {
  const rule = values['retention-rule'];
  const start = normaliseDate(values['retention-start'] ?? '');
  if (rule === undefined && start === undefined) return undefined;
  return {
    presets: rule === undefined ? undefined : [rule],
    events: start === undefined ? undefined : { start },
  };
}
