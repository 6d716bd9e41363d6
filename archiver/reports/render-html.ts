// The report as one HTML page that needs nothing else: own style, at most one small script, no address
// outside. Markup streams, so that a page over a whole archive is never held in memory.
import { digest } from '#shared/crypto/digest.ts';
import { toBase64 } from '#shared/bytes.ts';
import { timeText } from './dates.ts';
import { markup, trusted, type Html } from './html.ts';
import { languages, textsOf, type MessageKey } from './messages.ts';
import {
  pageAddress,
  type DocumentDetail,
  type PageFilter,
  type PageView,
  type ReportPage,
} from './page.ts';
import { pageScript } from './page-script.ts';
import { pageStyle } from './page-style.ts';
import { documentRows, documentTableHead } from './render-documents.ts';
import { requirementMarks } from './render-parts.ts';
import {
  lastSuccessText,
  renderClasses,
  renderDependencies,
  renderContacts,
  renderEditions,
  renderFigures,
  renderFindings,
  renderHorizons,
  renderRuns,
} from './render-sections.ts';

function sourceOf(text: string): string {
  return `'sha256-${toBase64(digest('SHA-256', new TextEncoder().encode(text)))}'`;
}

/** Sources for Content-Security-Policy: this style and this script, nothing inline else. @see CSP 3 §2.3.1 */
export const contentSources = { style: sourceOf(pageStyle), script: sourceOf(pageScript) } as const;

const languageNames = { ja: '日本語', en: 'English' } as const;

/** An evergreen on its rock. */
const evergreen =
  'M16 2c2.6 3.6 5 6 8.2 7.6-1.5.8-2.6 1-4 1.1 2.3 2.9 4.6 4.6 7.8 5.9-1.8.9-3.4 1.2-5.3 1.2 2.2 2.4 4.3 3.6 7.3 4.7-4 1.6-8.2 2.3-12.6 2.4V30h-2.8v-5.1c-4.4-.1-8.6-.8-12.6-2.4 3-1.1 5.1-2.3 7.3-4.7-1.9 0-3.5-.3-5.3-1.2 3.2-1.3 5.5-3 7.8-5.9-1.4-.1-2.5-.3-4-1.1C11 8 13.4 5.6 16 2z';

const mark = trusted(
  `<svg class="mark" width="26" height="26" viewBox="0 0 32 32" aria-hidden="true"><path fill="currentColor" d="${evergreen}"/></svg>`,
);

/** The page's icon, served beside it. */
export const pageIcon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#1f7a5c" d="${evergreen}"/></svg>\n`;

function languageLinks(view: PageView): Html | undefined {
  if (!view.live) return undefined;
  const links = languages.map(
    (language) =>
      markup`<a href="${pageAddress(language, view.filter)}" lang="${language}" hreflang="${language}"${
        language === view.language ? markup` aria-current="true"` : undefined
      }>${languageNames[language]}</a>`,
  );
  return markup`<nav aria-label="${view.texts('page.language')}">${links}</nav>`;
}

function runForm(view: PageView): Html | undefined {
  const { live, texts, language, timeZone } = view;
  if (!live) return undefined;
  const { status, runToken } = live;
  return markup`<div class="run">${
    status.nextRun === undefined
      ? undefined
      : markup`<p class="small">${texts('run.next', { time: timeText(status.nextRun, timeZone) })}</p>`
  }${
    runToken === undefined
      ? undefined
      : markup`<form method="post" action="/run"><input type="hidden" name="token" value="${runToken}"><input type="hidden" name="lang" value="${language}"><button type="submit"${
          status.running ? markup` disabled` : undefined
        }>${texts('run.now')}</button></form>`
  }</div>`;
}

const stageKeys = [
  'start',
  'recover',
  'scan',
  'collect',
  'plan',
  'renew',
  'fixity',
  'report',
] as const;

function progressBox(view: PageView): Html | undefined {
  const { live, texts } = view;
  if (!live) return undefined;
  const { running, stage, lastError } = live.status;
  if (!running)
    return lastError === undefined
      ? undefined
      : markup`<p class="progress" role="status"><strong>${texts('finding.internal')}</strong> <span lang="en">${lastError}</span></p>`;
  const names = Object.fromEntries(stageKeys.map((key) => [key, texts(`stage.${key}`)]));
  const first = stageKeys.find((key) => key === stage?.split('.')[0]) ?? 'start';
  return markup`<div class="progress" role="status" data-running data-stages="${JSON.stringify(names)}" data-template="${texts('run.stage')}" data-lost="${texts('run.lost')}"><strong>${texts('run.running')}</strong> <span data-stage>${texts('run.stage', { stage: texts(`stage.${first}`) })}</span><progress aria-label="${texts('run.running')}"></progress></div>`;
}

function metaLine(view: PageView): Html {
  const { texts, head, timeZone, summary } = view;
  return markup`<p class="meta small"><span>${texts('page.asOf', { time: timeText(summary.at, timeZone) })}</span><span>${texts('page.zone', { zone: timeZone })}</span><span>${texts('page.lastSuccess')}: ${lastSuccessText(view)}</span><span>${texts('page.archive')} <code>${head.archiveId}</code></span></p>`;
}

type Chip = { readonly filter: PageFilter; readonly label: string; readonly count: number };

function chips({ texts, summary, filter }: PageView): Chip[] {
  const { search } = filter;
  const { byState, byIntake, documents } = summary.totals;
  const states = ['protected', 'waiting', 'broken', 'missing', 'changed', 'superseded'] as const;
  const intakes = ['valid', 'not-valid', 'indeterminate', 'not-judged', 'unsigned'] as const;
  const all: Chip[] = [
    { filter: { search }, label: texts('filter.all'), count: documents },
    ...states.map((state) => ({
      filter: { state, search },
      label: texts(`state.${state}`),
      count: byState[state],
    })),
    ...intakes.map((intake) => ({
      filter: { intake, search },
      label: texts(`intake.short.${intake}`),
      count: byIntake[intake],
    })),
  ];
  return all.filter(
    (chip) =>
      chip.count > 0 ||
      (chip.filter.state === filter.state && chip.filter.intake === filter.intake),
  );
}

function filterTools(view: PageView): Html | undefined {
  const { live, texts, filter, language } = view;
  if (!live) return undefined;
  const links = chips(view).map(
    (chip) =>
      markup`<a class="chip" href="${pageAddress(language, chip.filter)}#documents"${
        chip.filter.state === filter.state && chip.filter.intake === filter.intake
          ? markup` aria-current="true"`
          : undefined
      }>${chip.label} ${chip.count}</a>`,
  );
  const hidden = Object.entries({ lang: language, state: filter.state, intake: filter.intake })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => markup`<input type="hidden" name="${name}" value="${value}">`);
  return markup`<div class="tools" role="group" aria-label="${texts('filter.label')}">${links}<form method="get" action="/#documents" role="search">${hidden}<input type="search" name="q" maxlength="200" value="${filter.search}" placeholder="${texts('filter.search')}" aria-label="${texts('filter.search')}"><button class="plain" type="submit">${texts('filter.submit')}</button></form></div>`;
}

function pageLinks(view: PageView): Html | undefined {
  const { texts, found, offset, pageSize, filter, language, live } = view;
  if (!live || found === 0) return undefined;
  const pages = Math.max(1, Math.ceil(found / pageSize));
  const number = Math.floor(offset / pageSize) + 1;
  const link = (to: number, key: MessageKey, relation: string): Html | undefined =>
    to < 1 || to > pages
      ? undefined
      : markup`<a rel="${relation}" href="${pageAddress(language, filter, to)}#documents">${texts(key)}</a>`;
  const range = texts('filter.found', {
    from: Math.min(offset + 1, found),
    to: Math.min(offset + pageSize, found),
    total: found,
  });
  return markup`<nav class="pages" aria-label="${texts('page.number', { page: number, pages })}"><span class="quiet">${range}</span>${
    pages === 1
      ? undefined
      : markup`${link(number - 1, 'page.previous', 'prev')}<span>${texts('page.number', { page: number, pages })}</span>${link(number + 1, 'page.next', 'next')}`
  }</nav>`;
}

function pageHead(view: PageView): Html {
  const { language, texts, live } = view;
  const refresh = live?.status.running
    ? markup`<noscript><meta http-equiv="refresh" content="3"></noscript>`
    : undefined;
  return markup`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${texts('page.title')}</title>
${refresh}${live && markup`<link rel="icon" href="/icon.svg">`}<style>${trusted(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#documents">${texts('page.skip')}</a>
<header class="top"><h1>${mark}Tokiwa<small>${texts('page.name')}</small></h1>${runForm(view)}${languageLinks(view)}${metaLine(view)}</header>
<main>
${progressBox(view)}
${renderFigures(view)}
${renderFindings(view)}
<section id="documents"><h2>${texts('section.documents')} ${requirementMarks(['R-08', 'R-09', 'R-12', 'R-14', 'R-15', 'R-18', 'R-24', 'R-25'], texts)}</h2>
${filterTools(view)}
`;
}

function pageTail(view: PageView): Html {
  const { texts, live } = view;
  const timeline = live?.timeline
    ? markup`<section id="timeline"><h2>${texts('section.timeline')} ${requirementMarks(['R-12'], texts)}</h2><img class="timeline" src="/timeline.svg" alt="${texts('section.timeline')}"></section>`
    : undefined;
  return markup`${pageLinks(view)}</section>
${renderClasses(view)}
${renderHorizons(view)}
${renderDependencies(view)}
${timeline}
${renderRuns(view)}
${renderContacts(view)}
${renderEditions(view)}
</main>
<footer class="foot"><span>${texts('page.footer')}</span>${
    live ? markup`<a href="/report.json">${texts('page.json')}</a>` : undefined
  }</footer>
${live?.status.running ? markup`<script>${trusted(pageScript)}</script>` : undefined}
</body>
</html>
`;
}

function emptyText({ texts, filter, summary }: PageView): string {
  const filtered = filter.state ?? filter.intake ?? filter.search;
  return filtered === undefined && summary.totals.documents === 0
    ? texts('filter.empty')
    : texts('filter.none');
}

/** The page's HTML in pieces: what stands above the documents, each document, what stands below. */
export async function* renderPage(
  page: ReportPage,
  documents: AsyncIterable<DocumentDetail> | Iterable<DocumentDetail>,
): AsyncIterable<string> {
  const view: PageView = { ...page, texts: textsOf(page.language) };
  yield pageHead(view).html;
  let any = false;
  for await (const detail of documents) {
    if (!any) yield documentTableHead(view).html;
    any = true;
    yield documentRows(detail, view).html;
  }
  yield any ? '</table>' : markup`<p class="quiet">${emptyText(view)}</p>`.html;
  yield pageTail(view).html;
}
