// The sections of the report page beside the document list: figures, findings, classes, dependencies,
// horizons by year, runs and editions (R-12, R-13, R-30, R-35).
import { dayElement, dayText, timeElement } from './dates.ts';
import { foreign, markup, type Html } from './html.ts';
import { allFindings, runSummaryOf } from './build.ts';
import { countFindings } from './finding-list.ts';
import { isMessageKey, type MessageKey } from './messages.ts';
import { pageAddress, type PageFilter, type PageView } from './page.ts';
import {
  commonName,
  distanceText,
  levelPill,
  presetTitle,
  requirementCounts,
  requirementMarks,
  standingBar,
  standingOrder,
  standingTone,
} from './render-parts.ts';
import type { ClassLine, DependencyLine, FindingLine, Price } from './report.ts';

/** Findings on the page; the JSON report has all of them. */
const maxShownFindings = 50;

function heading(key: MessageKey, numbers: readonly string[], { texts }: PageView): Html {
  return markup`<h2>${texts(key)} ${requirementMarks(numbers, texts)}</h2>`;
}

function priceText(price: Price): string {
  return `${price.amount} ${price.currency}`;
}

function card(term: string, tone: string, figure: Html | string, note?: string): Html {
  return markup`<div><dt>${term}</dt><dd class="${tone}">${figure}</dd>${
    note === undefined ? undefined : markup`<dd class="small">${note}</dd>`
  }</div>`;
}

function renewalCard({ texts, timeZone, head, summary }: PageView): Html {
  const { nextRenewal, tokensLeft: tokens, cost } = summary;
  const note =
    cost === undefined
      ? texts('card.renewal.note', { tokens })
      : texts('card.renewal.cost', { tokens, cost: priceText(cost) });
  if (nextRenewal === undefined)
    return card(texts('card.renewal'), 'date', texts('card.renewal.none'), note);
  const span = distanceText(head.at, nextRenewal, timeZone, texts);
  return card(
    texts('card.renewal'),
    'date',
    dayElement(nextRenewal, timeZone),
    `${span} · ${note}`,
  );
}

/** The big figures and the bar of standings. */
export function renderFigures(view: PageView): Html {
  const { texts, summary } = view;
  const { documents, verifiableNow, byOutlook, byStanding, byState } = summary.totals;
  const holds = byOutlook.covered + byOutlook['by-renewal'] + byOutlook['open-ended'];
  const attention = byState.broken + byState.missing + byState.changed;
  const waitingLong = byState.waiting - byStanding.waiting;
  const tone = (count: number, name: string): string => (count > 0 ? `figure ${name}` : 'figure');
  const legend = standingOrder.flatMap((standing) =>
    byStanding[standing] === 0
      ? []
      : [
          markup`<li><svg aria-hidden="true" viewBox="0 0 10 10"><rect class="fill-${standingTone(standing)}" width="10" height="10" rx="3"/></svg>${texts(`standing.${standing}`)} ${byStanding[standing]}</li>`,
        ],
  );
  return markup`<dl class="cards">${card(texts('card.documents'), 'figure', String(documents))}${card(
    texts('card.verifiable'),
    tone(verifiableNow, 'good'),
    String(verifiableNow),
    texts('card.verifiable.note', { documents }),
  )}${card(
    texts('card.holds'),
    tone(holds, 'good'),
    String(holds),
    texts('card.holds.note', {
      covered: byOutlook.covered,
      renewal: byOutlook['by-renewal'],
      open: byOutlook['open-ended'],
    }),
  )}${card(
    texts('card.waiting'),
    tone(byState.waiting, 'wait'),
    String(byState.waiting),
    texts('card.waiting.note', { overdue: waitingLong }),
  )}${card(
    texts('card.attention'),
    tone(attention, 'bad'),
    String(attention),
    texts('card.attention.note', {
      broken: byState.broken,
      missing: byState.missing,
      changed: byState.changed,
    }),
  )}${renewalCard(view)}</dl>${standingBar(byStanding, texts('class.standing'))}<ul class="legend">${legend}</ul>`;
}

function findingItem(finding: FindingLine, { texts }: PageView): Html {
  const key = `finding.${finding.kind}`;
  const title = isMessageKey(key) ? texts(key) : finding.kind;
  return markup`<li class="${finding.level}">${levelPill(finding.level, texts)} <strong>${title}</strong>${
    finding.key === undefined
      ? undefined
      : markup`<p>${texts('finding.document')}: ${foreign(finding.key)}</p>`
  }${
    finding.batchId === undefined
      ? undefined
      : markup`<p>${texts('finding.batch')}: <code>${finding.batchId}</code></p>`
  }<p class="small" lang="en">${foreign(finding.message)}</p></li>`;
}

type Note = {
  readonly level: FindingLine['level'];
  readonly requirement: string;
  readonly text: string;
  readonly count: number;
  readonly filter?: PageFilter;
};

/** What is counted rather than listed: states of whole groups of documents. */
function notesOf({ texts, summary }: PageView): Note[] {
  const { byIntake } = summary.totals;
  const sum = (number: string): number =>
    summary.classes.reduce((total, line) => total + (line.notShown[number] ?? 0), 0);
  const count = byIntake['not-valid'];
  const undecided = byIntake.indeterminate + byIntake['not-judged'];
  const [accreditation, endUnknown] = [sum('R-09'), sum('R-24')];
  const notes: Note[] = [
    {
      level: 'warning',
      requirement: 'R-14',
      text: texts('note.not-valid', { count }),
      count,
      filter: { intake: 'not-valid' },
    },
    {
      level: 'warning',
      requirement: 'R-14',
      text: texts('note.undecided', {
        count: undecided,
        indeterminate: byIntake.indeterminate,
        notJudged: byIntake['not-judged'],
      }),
      count: undecided,
      filter: { intake: byIntake.indeterminate > 0 ? 'indeterminate' : 'not-judged' },
    },
    {
      level: 'info',
      requirement: 'R-09',
      text: texts('note.accreditation', { count: accreditation }),
      count: accreditation,
    },
    {
      level: 'info',
      requirement: 'R-24',
      text: texts('note.endUnknown', { count: endUnknown }),
      count: endUnknown,
    },
  ];
  return notes.filter((note) => note.count > 0);
}

function noteItem(note: Note, { texts, live, language }: PageView): Html {
  const link =
    live && note.filter
      ? markup` <a href="${pageAddress(language, note.filter)}#documents">${texts('note.show')}</a>`
      : undefined;
  return markup`<li class="${note.level}">${levelPill(note.level, texts)} ${note.text} <span class="req">${note.requirement}</span>${link}</li>`;
}

/** What needs an operator, errors first, then what is only counted. */
export function renderFindings(view: PageView): Html {
  const { texts, summary, head } = view;
  const notes = notesOf(view);
  const findings = allFindings(summary, head.run);
  const leftOut = Math.max(0, findings.length - maxShownFindings) + summary.findingsLeftOut;
  const list =
    findings.length + notes.length === 0
      ? markup`<p class="quiet">${texts('findings.none')}</p>`
      : markup`<ul class="findings">${findings
          .slice(0, maxShownFindings)
          .map((finding) =>
            findingItem(finding, view),
          )}${notes.map((note) => noteItem(note, view))}</ul>`;
  return markup`<section id="findings">${heading('section.findings', ['R-09', 'R-12', 'R-14', 'R-26', 'R-27'], view)}${list}${
    leftOut === 0
      ? undefined
      : markup`<p class="quiet">${texts('findings.leftOut', { count: leftOut })}</p>`
  }</section>`;
}

type Cell = { readonly content: Html | string; readonly numeric?: boolean };

/** A small table that becomes cards on a narrow screen; the first cell names its row. */
function table(
  columns: readonly { readonly title: string; readonly numeric?: boolean }[],
  rows: readonly (readonly Cell[])[],
  name = '',
): Html {
  const head = columns.map(
    ({ title, numeric }) =>
      markup`<th scope="col" role="columnheader"${numeric ? markup` class="num"` : undefined}>${title}</th>`,
  );
  const body = rows.map(
    (row) =>
      markup`<tr role="row">${row.map(({ content, numeric }, index) =>
        index === 0
          ? markup`<th scope="row" role="rowheader">${content}</th>`
          : markup`<td role="cell" data-label="${columns[index]?.title ?? ''}"${numeric ? markup` class="num"` : undefined}><div class="cell">${content}</div></td>`,
      )}</tr>`,
  );
  return markup`<table class="stack ${name}" role="table"><thead role="rowgroup"><tr role="row">${head}</tr></thead><tbody role="rowgroup" class="rows">${body}</tbody></table>`;
}

function classCells(line: ClassLine, view: PageView): Cell[] {
  const { texts, timeZone, language } = view;
  const title =
    line.presets.length === 0
      ? texts('retention.noRule')
      : line.presets.map((preset) => presetTitle(preset, language)).join(', ');
  const standing = standingOrder.flatMap((one) =>
    line.byStanding[one] === 0
      ? []
      : [markup`<div class="nowrap">${texts(`standing.${one}`)} ${line.byStanding[one]}</div>`],
  );
  const ruleName =
    line.rule === undefined || line.presets.includes(line.rule)
      ? undefined
      : markup`<div class="small">${foreign(line.rule)}</div>`;
  const remarks = [
    line.endUnknown > 0 ? texts('class.endUnknown', { count: line.endUnknown }) : undefined,
    line.estimatedStart > 0 ? texts('class.estimated', { count: line.estimatedStart }) : undefined,
  ].flatMap((remark) => (remark === undefined ? [] : [markup`<div class="small">${remark}</div>`]));
  return [
    { content: markup`<div class="name">${foreign(title)}</div>${ruleName}` },
    { content: String(line.documents), numeric: true },
    { content: markup`${standing}` },
    { content: requirementCounts(line.notMet) },
    { content: requirementCounts(line.notShown) },
    { content: line.nextRenewal === undefined ? '–' : dayElement(line.nextRenewal, timeZone) },
    { content: markup`<div>${line.latestLastDay ?? '–'}</div>${remarks}` },
    {
      content: markup`<div>${line.tokensLeft}</div>${line.cost && markup`<div class="small">${priceText(line.cost)}</div>`}`,
      numeric: true,
    },
  ];
}

/** One line per document class (R-35). */
export function renderClasses(view: PageView): Html {
  const { texts, summary } = view;
  const columns = [
    { title: texts('class.rule') },
    { title: texts('class.documents'), numeric: true },
    { title: texts('class.standing') },
    { title: texts('class.notMet') },
    { title: texts('class.notShown') },
    { title: texts('class.next') },
    { title: texts('class.end') },
    { title: texts('class.cost'), numeric: true },
  ];
  const rows = summary.classes.map((line) => classCells(line, view));
  return markup`<section id="classes">${heading('section.classes', ['R-24', 'R-25', 'R-35'], view)}${
    rows.length === 0
      ? markup`<p class="quiet">–</p>`
      : markup`${table(columns, rows)}<p class="quiet small">${texts('class.note')}</p>`
  }</section>`;
}

function dependencyCells(line: DependencyLine, view: PageView): Cell[] {
  const { texts, timeZone } = view;
  const role = `role.${line.role}`;
  const name = line.kind === 'certificate' ? commonName(line.name) : line.name;
  return [
    {
      content: markup`<div class="name">${foreign(name)}</div>${
        name === line.name ? undefined : markup`<div class="small">${foreign(line.name)}</div>`
      }`,
    },
    { content: isMessageKey(role) ? texts(role) : line.role },
    {
      content: markup`<div>${line.end === undefined ? '–' : dayElement(line.end, timeZone)}</div><div class="small">${texts(`dependency.${line.status}`)}</div>`,
    },
    { content: String(line.documents), numeric: true },
  ];
}

/** Certificates and algorithms by end date (R-30). */
export function renderDependencies(view: PageView): Html {
  const { texts, dependencies, dependenciesLeftOut } = view;
  const columns = [
    { title: texts('dependency.what') },
    { title: texts('dependency.used') },
    { title: texts('dependency.end') },
    { title: texts('dependency.documents'), numeric: true },
  ];
  return markup`<section id="dependencies">${heading('section.dependencies', ['R-29', 'R-30'], view)}${
    dependencies.length === 0
      ? markup`<p class="quiet">${texts('dependency.none')}</p>`
      : table(
          columns,
          dependencies.map((line) => dependencyCells(line, view)),
        )
  }${
    dependenciesLeftOut
      ? markup`<p class="quiet">${texts('dependency.leftOut', { count: dependencies.length })}</p>`
      : undefined
  }</section>`;
}

/** How many proofs end in which year unless they are renewed. */
export function renderHorizons(view: PageView): Html {
  const { texts, summary } = view;
  const years = Object.entries(summary.totals.byHorizonYear);
  if (years.length === 0) return markup``;
  const most = Math.max(...years.map(([, count]) => count));
  const rows = years.map(([year, count]): Cell[] => [
    { content: year === 'none' ? texts('horizon.none') : year },
    {
      content: markup`<svg aria-hidden="true" viewBox="0 0 1000 10" preserveAspectRatio="none"><rect class="${year === 'none' ? 'fill-wait' : 'fill-good'}" width="${((1000 * count) / most).toFixed(1)}" height="10"/></svg>`,
    },
    { content: String(count), numeric: true },
  ]);
  const columns = [
    { title: texts('horizon.year') },
    { title: texts('horizon.documents') },
    { title: texts('class.documents'), numeric: true },
  ];
  return markup`<section id="horizons">${heading('section.horizons', ['R-12', 'R-30', 'R-32'], view)}${table(columns, rows, 'years')}${renewalTable(view)}</section>`;
}

/** What asks for the next renewal in which year, under the profile in force (R-32). */
function renewalTable({ texts, summary, head }: PageView): Html | undefined {
  const years = Object.entries(summary.totals.renewalsByYear);
  if (years.length === 0) return undefined;
  const numeric = true;
  const columns = [
    { title: texts('renewals.year') },
    { title: texts('renewals.certificates'), numeric },
    { title: texts('renewals.algorithms', { profile: head.editions.algorithmProfile }), numeric },
  ];
  const rows = years.map(([year, { certificates, algorithms }]): Cell[] => [
    { content: year },
    { content: String(certificates), numeric },
    { content: String(algorithms), numeric },
  ]);
  return table(columns, rows, 'renewals');
}

/** The newest runs. */
export function renderRuns(view: PageView): Html {
  const { texts, runs, timeZone } = view;
  const numeric = true;
  const columns = [
    { title: texts('runs.started') },
    { title: texts('runs.outcome') },
    { title: texts('runs.scanned'), numeric },
    { title: texts('runs.added'), numeric },
    { title: texts('runs.protected'), numeric },
    { title: texts('runs.renewed') },
    { title: texts('runs.reread'), numeric },
    { title: texts('runs.tokens'), numeric },
    { title: texts('runs.findings'), numeric },
  ];
  const rows = runs.map((run): Cell[] => {
    const summary = runSummaryOf(run);
    const count = (value: number | undefined): Cell => ({
      content: value === undefined ? '–' : String(value),
      numeric,
    });
    return [
      { content: timeElement(run.startedAt.toString(), timeZone) },
      { content: texts(`outcome.${run.outcome}`) },
      count(summary?.scanned),
      count(summary?.added),
      count(summary?.protectedGroups),
      {
        content:
          summary === undefined
            ? '–'
            : texts('runs.renewed.value', {
                timestamps: summary.timestampRenewals,
                trees: summary.hashTreeRenewals,
              }),
      },
      count(summary?.reread),
      count(run.tokensBought),
      count(summary && countFindings(summary.findings)),
    ];
  });
  return markup`<section id="runs">${heading('section.runs', ['R-35'], view)}${
    rows.length === 0 ? markup`<p class="quiet">${texts('runs.none')}</p>` : table(columns, rows)
  }</section>`;
}

/** The editions that the figures stand on (R-13). */
export function renderEditions(view: PageView): Html {
  const { texts, head } = view;
  const { editions } = head;
  return markup`<section id="editions">${heading('section.editions', ['R-13'], view)}<dl class="editions"><dt>${texts('editions.guideline')}</dt><dd>${editions.guideline}</dd><dt>${texts('editions.accreditation')}</dt><dd>${editions.accreditation}</dd><dt>${texts('editions.signers')}</dt><dd>${editions.signerTrust}</dd><dt>${texts('editions.profile')}</dt><dd>${editions.algorithmProfile}</dd><dt>${texts('editions.policies')}</dt><dd>${editions.algorithmPolicies.join('; ')}</dd><dt>${texts('editions.presets')}</dt><dd>${editions.retentionPresets}</dd></dl></section>`;
}

/** Whom to call, and for what nobody is named (R-53). */
export function renderContacts(view: PageView): Html {
  const { texts, head } = view;
  const lines = head.contacts.map(
    ({ party, contact }) =>
      markup`<dt>${texts(`contacts.${party}`)}</dt><dd>${contact ?? texts('contacts.none')}</dd>`,
  );
  return markup`<section id="contacts">${heading('section.contacts', ['R-53'], view)}<dl class="editions">${lines}</dl></section>`;
}

/** When a run last ended well, for the head of the page. */
export function lastSuccessText({ head, texts, timeZone }: PageView): string {
  return head.lastSuccess === undefined ? texts('page.never') : dayText(head.lastSuccess, timeZone);
}
