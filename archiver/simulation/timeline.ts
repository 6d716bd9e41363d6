// What happened in the simulated decades, as text and as a drawing: stamps bought, renewals,
// horizons, events and findings over the years.
import path from 'node:path';

export type TimelineEntry = {
  readonly at: string;
  readonly kind: 'event' | 'stamp' | 'finding';
  readonly text: string;
  readonly tokens?: number | undefined;
  /** The earliest horizon after a stamp. */
  readonly horizon?: string | undefined;
};

/** Where the report page looks for the newest simulation's drawing: beside the archive it was asked for. */
export function simulationTimeline(state: string): string {
  return path.join(state, 'simulation', 'timeline.svg');
}

const marks = { event: '*', stamp: '+', finding: '!' } as const;

/** One line an entry: date, kind, text, and after a stamp until when the archive then holds. */
export function timelineText(timeline: readonly TimelineEntry[]): string {
  return timeline
    .map(
      ({ at, kind, text, horizon }) =>
        `${at.slice(0, 10)} ${marks[kind]} ${text}${horizon === undefined ? '' : `; holds until ${horizon.slice(0, 10)}`}\n`,
    )
    .join('');
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"\p{Cc}]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

const width = 960;
const left = 40;
const rowHeight = 22;

function yearOf(iso: string): number {
  const at = Temporal.Instant.from(iso).toZonedDateTimeISO('UTC');
  return at.year + (at.dayOfYear - 1) / at.daysInYear;
}

/** The drawing: above the axis each stamp with the span until its horizon, below it events and findings. */
export function timelineSvg(timeline: readonly TimelineEntry[]): string {
  const years = timeline.flatMap((entry) => [
    yearOf(entry.at),
    ...(entry.horizon === undefined ? [] : [yearOf(entry.horizon)]),
  ]);
  const from = Math.floor(Math.min(...years));
  const to = Math.ceil(Math.max(...timeline.map((entry) => yearOf(entry.at)))) + 1;
  const x = (year: number): number =>
    Math.round(left + ((Math.min(year, to) - from) / (to - from)) * (width - left - 20));
  const stamps = timeline.filter((entry) => entry.kind === 'stamp');
  const axis = stamps.length * rowHeight + 40;
  const others = timeline.filter((entry) => entry.kind !== 'stamp');
  const bars = stamps.map((entry, index) => {
    const start = x(yearOf(entry.at));
    const end = entry.horizon === undefined ? start : x(yearOf(entry.horizon));
    const y = 20 + index * rowHeight;
    return `<rect x="${start}" y="${y}" width="${Math.max(2, end - start)}" height="12" fill="#2f6f4f"/><title>${escapeXml(`${entry.at.slice(0, 10)} ${entry.text}`)}</title><text x="${start + 4}" y="${y + 10}" font-size="9" fill="#fff">${escapeXml(entry.at.slice(0, 10))}</text>`;
  });
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    .filter((year) => year % 5 === 0)
    .map(
      (year) =>
        `<line x1="${x(year)}" y1="10" x2="${x(year)}" y2="${axis}" stroke="#ddd"/><text x="${x(year)}" y="${axis + 14}" font-size="11" text-anchor="middle">${year}</text>`,
    );
  const notes = others.map((entry, index) => {
    const y = axis + 34 + index * 16;
    const colour = entry.kind === 'finding' ? '#a33' : '#246';
    const at = x(yearOf(entry.at));
    const anchor = at > width / 2 ? 'end' : 'start';
    const offset = anchor === 'end' ? -8 : 8;
    return `<circle cx="${at}" cy="${y - 4}" r="3" fill="${colour}"/><text x="${at + offset}" y="${y}" font-size="11" fill="${colour}" text-anchor="${anchor}">${escapeXml(`${entry.at.slice(0, 10)} ${entry.text.slice(0, 90)}`)}</text>`;
  });
  const height = axis + 44 + others.length * 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif"><title>Stamps, renewals and horizons</title>${ticks.join('')}${bars.map((bar) => `<g>${bar}</g>`).join('')}<line x1="${left}" y1="${axis}" x2="${width - 20}" y2="${axis}" stroke="#333"/>${notes.join('')}</svg>\n`;
}
