// Small pieces of the report page: pills with a sign and a word, figures as SVG, names of presets and
// certificates. Everything that a colour says is said by a sign or word too.
import { bundledPresets } from '#shared/policy/bundled.ts';
import type { IntakeStatus } from '#shared/ports/catalogue.ts';
import { distance } from './dates.ts';
import { markup, type Html } from './html.ts';
import type { Language, Texts } from './messages.ts';
import type { DocumentLine, Standing } from './report.ts';

export type Tone = 'good' | 'wait' | 'bad' | 'calm';

type Look = { readonly tone: Tone; readonly sign: string };

const standings: Readonly<Record<Standing, Look>> = {
  protected: { tone: 'good', sign: '✓' },
  due: { tone: 'wait', sign: '↻' },
  overdue: { tone: 'bad', sign: '!' },
  waiting: { tone: 'wait', sign: '…' },
  unknown: { tone: 'wait', sign: '?' },
  broken: { tone: 'bad', sign: '✕' },
  missing: { tone: 'bad', sign: '∅' },
  changed: { tone: 'bad', sign: '≠' },
  superseded: { tone: 'calm', sign: '⇢' },
};

/** Worst first: the order of the bar and its legend. */
export const standingOrder: readonly Standing[] = [
  'broken',
  'missing',
  'changed',
  'overdue',
  'unknown',
  'due',
  'waiting',
  'protected',
  'superseded',
];

const intakes: Readonly<Record<IntakeStatus, Look>> = {
  valid: { tone: 'good', sign: '✓' },
  'not-valid': { tone: 'bad', sign: '✕' },
  indeterminate: { tone: 'wait', sign: '?' },
  'not-judged': { tone: 'calm', sign: '–' },
  unsigned: { tone: 'calm', sign: '–' },
};

function pill({ tone, sign }: Look, word: string): Html {
  return markup`<span class="pill ${tone}-pill"><b aria-hidden="true">${sign}</b>${word}</span>`;
}

export function standingPill(standing: Standing, texts: Texts): Html {
  return pill(standings[standing], texts(`standing.${standing}`));
}

export function standingTone(standing: Standing): Tone {
  return standings[standing].tone;
}

export function intakePill(intake: IntakeStatus, texts: Texts): Html {
  return pill(intakes[intake], texts(`intake.short.${intake}`));
}

export function levelPill(level: 'error' | 'warning' | 'info', texts: Texts): Html {
  const look: Record<typeof level, Look> = {
    error: { tone: 'bad', sign: '✕' },
    warning: { tone: 'wait', sign: '!' },
    info: { tone: 'calm', sign: 'i' },
  };
  return pill(look[level], texts(`level.${level}`));
}

/** Requirement numbers beside a heading. */
export function requirementMarks(numbers: readonly string[], texts: Texts): Html {
  const title = texts('page.requirements');
  return markup`<span class="req" title="${title}">${numbers.join(' · ')}</span>`;
}

/** Counts by requirement number: `R-14 ×3`. */
export function requirementCounts(counts: Readonly<Record<string, number>>): Html {
  const items = Object.entries(counts).map(
    ([requirement, count]) => markup`<div class="nowrap">${requirement} × ${count}</div>`,
  );
  return items.length === 0 ? markup`–` : markup`${items}`;
}

/** A preset's title in the reader's language; an unknown id stands for itself. */
export function presetTitle(id: string, language: Language): string {
  return bundledPresets.presets.find((preset) => preset.id === id)?.title[language] ?? id;
}

/**
 * The name by which people know a certificate's subject: its common name, else the whole text.
 * @see RFC 4514 §2.4 for the escapes
 */
export function commonName(subject: string): string {
  const match = /(?:^|[,+])\s*CN=((?:\\.|[^,+\\])*)/iu.exec(subject);
  const name = match?.[1]?.replace(/\\([,+"\\<>;=# ])/g, '$1').trim();
  return name === undefined || name === '' ? subject : name;
}

/** `in 9 y`, `3 d ago`. */
export function distanceText(from: string, to: string, timeZone: string, texts: Texts): string {
  const { unit, value, past } = distance(from, to, timeZone);
  return texts(past ? 'distance.ago' : 'distance.in', {
    span: texts(`distance.${unit}`, { value }),
  });
}

const barWidth = 1000;

/** A bar with one part per standing, widths as their shares. */
export function standingBar(counts: Readonly<Record<Standing, number>>, label: string): Html {
  const total = standingOrder.reduce((sum, standing) => sum + counts[standing], 0);
  if (total === 0) return markup``;
  let left = 0;
  const parts = standingOrder.map((standing) => {
    const width = (barWidth * counts[standing]) / total;
    const part = markup`<rect class="fill-${standingTone(standing)}" x="${left.toFixed(1)}" width="${width.toFixed(1)}" height="10"/>`;
    left += width;
    return width === 0 ? undefined : part;
  });
  return markup`<svg class="bar" role="img" aria-label="${label}" viewBox="0 0 ${barWidth} 10" preserveAspectRatio="none">${parts}</svg>`;
}

const spanWidth = 160;

/**
 * A document's years: full where evidence reaches, pale where renewals have to carry it, a tick where
 * retention ends, a dot at the next renewal, a line at the present. The same is said in words beside it.
 */
export function spanFigure(line: DocumentLine, at: string, retentionEnd: string | undefined): Html {
  const first = line.evidence.map((evidence) => evidence.firstTime).toSorted()[0];
  if (first === undefined) return markup``;
  const milliseconds = (instant: string): number =>
    Temporal.Instant.from(instant).epochMilliseconds;
  const start = Math.min(milliseconds(first), milliseconds(at));
  const reach = line.provableUntil === undefined ? undefined : milliseconds(line.provableUntil);
  const end = retentionEnd === undefined ? undefined : milliseconds(retentionEnd);
  const last = Math.max(milliseconds(at), reach ?? 0, end ?? 0);
  const scale = (value: number): number =>
    3 + ((spanWidth - 6) * (value - start)) / Math.max(1, (last - start) * 1.06);
  const covered = reach === undefined ? spanWidth - 3 : scale(reach);
  // Open-ended: renewals go on past the right edge.
  const planned =
    line.outlook === 'open-ended' ? spanWidth : end === undefined ? covered : scale(end);
  const renewal =
    line.nextRenewal === undefined ? undefined : scale(milliseconds(line.nextRenewal));
  const now = scale(milliseconds(at)).toFixed(1);
  const width = (to: number): string => Math.max(0, to - 3).toFixed(1);
  return markup`<svg class="span" aria-hidden="true" viewBox="0 0 ${spanWidth} 16"><rect class="track" x="3" y="6" width="${spanWidth - 3}" height="4"/>${
    planned > covered
      ? markup`<rect class="planned" x="${covered.toFixed(1)}" y="6" width="${(planned - covered).toFixed(1)}" height="4"/>`
      : undefined
  }<rect class="covered" x="3" y="6" width="${width(covered)}" height="4"/>${
    end === undefined
      ? undefined
      : markup`<line class="end" x1="${scale(end).toFixed(1)}" x2="${scale(end).toFixed(1)}" y1="2" y2="14"/>`
  }${
    renewal === undefined
      ? undefined
      : markup`<circle class="renewal" cx="${renewal.toFixed(1)}" cy="8" r="3"/>`
  }<line class="now" x1="${now}" x2="${now}" y1="1" y2="15"/></svg>`;
}
