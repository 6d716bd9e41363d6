// The status page as HTML: one document without scripts, read by people, screen readers and phones alike. Pure: the
// snapshot in, text out. States are words; colour only repeats them.
import type { BudgetState } from '../metering/budget-rules.ts';
import { daysUntil, endingSoon, type ProviderStatus, type Snapshot } from './snapshot.ts';
import { statusTexts, type Language, type StatusTexts } from './status-texts.ts';
import { formatMicros } from '../metering/usage.ts';

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (one) => entities[one] ?? one);
}

const style = `
:root { color-scheme: light dark; --line: #8886; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7ddc9f; } }
body { background: Canvas; color: CanvasText; font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem; }
dt { font-size: .9rem; } dd { margin: 0; font-size: 1.4rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
p, dd { overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { overflow-wrap: anywhere; }
  thead { display: block; position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  th[scope=row], td { display: block; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-label) ': '; opacity: .8; }
}`;

type Column = readonly [label: string, html: string];

/** A table whose cells name their column, so that a narrow screen can show them one below the other. */
function table(caption: string, rows: readonly (readonly Column[])[]): string {
  const [first = []] = rows;
  const head = first.map(([label]) => `<th scope="col">${escape(label)}</th>`).join('');
  const body = rows
    .map((row) => {
      const cells = row.map(([label, html], i) =>
        i === 0 ? `<th scope="row">${html}</th>` : `<td data-label="${escape(label)}">${html}</td>`,
      );
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  return `<h2>${escape(caption)}</h2>
<div class="table" tabindex="0" role="region" aria-label="${escape(caption)}"><table>
<thead><tr>${head}</tr></thead>
<tbody>${body}</tbody>
</table></div>`;
}

function pageTools(snapshot: Snapshot, language: Language) {
  const format = new Intl.DateTimeFormat(language, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: snapshot.timeZone,
  });
  const numbers = new Intl.NumberFormat(language);
  return {
    time: (instant: Temporal.Instant | undefined): string | undefined =>
      instant &&
      `<time datetime="${instant.toString()}">${escape(format.format(instant.epochMilliseconds))}</time>`,
    number: (value: number): string => numbers.format(value),
    milliseconds: (value: number | undefined): string =>
      value === undefined ? '–' : `${numbers.format(Math.round(value))} ms`,
  };
}

type Tools = ReturnType<typeof pageTools>;

function providerRow(
  provider: ProviderStatus,
  snapshot: Snapshot,
  texts: StatusTexts,
  { time, number, milliseconds }: Tools,
): readonly Column[] {
  const { name, kind, breaker, lastFailure, lastSuccess, chainEnds } = provider;
  const state = `<span class="${breaker === 'closed' ? 'good' : 'bad'}">${escape(texts[breaker])}</span>`;
  const failure = lastFailure
    ? `${time(lastFailure.at) ?? ''} ${escape(lastFailure.kind)}`
    : escape(texts.never);
  const chain = chainEnds
    ? `${time(chainEnds) ?? ''} (${escape(texts.days(daysUntil(chainEnds, snapshot.at)))})`
    : '–';
  return [
    [texts.provider, escape(name) + (kind === 'local' ? `<br>${escape(texts.local)}` : '')],
    [texts.state, state],
    [texts.today, number(provider.tokensToday)],
    [texts.median, milliseconds(provider.medianMs)],
    [texts.p95, milliseconds(provider.p95Ms)],
    [texts.lastSuccess, time(lastSuccess) ?? escape(texts.never)],
    [texts.lastFailure, failure],
    [texts.chainEnds, chain],
    [texts.contact, escape(provider.contact ?? (kind === 'local' ? '–' : texts.unfilled))],
    [texts.approved, escape(provider.approved ?? '–')],
  ];
}

function endingSection(snapshot: Snapshot, texts: StatusTexts, { time }: Tools): string {
  const ending = endingSoon(snapshot);
  if (ending.length === 0)
    return `<h2>${escape(texts.ending)}</h2>\n<p>${escape(texts.noneEnding)}</p>`;
  return table(
    texts.ending,
    ending.map(({ use, notAfter }) => [
      [texts.use, escape(use)],
      [
        texts.ends,
        `${time(notAfter) ?? ''} <span class="bad">${escape(texts.days(daysUntil(notAfter, snapshot.at)))}</span>`,
      ],
    ]),
  );
}

/** What was used and what there is. */
function budgetText({ budget, tokens, costMicros }: BudgetState, texts: StatusTexts): string {
  const { cost } = budget;
  return [
    ...(budget.tokens === undefined ? [] : [texts.tokensOf(tokens, budget.tokens)]),
    ...(cost ? [texts.costOf(formatMicros(costMicros), `${cost.amount} ${cost.currency}`)] : []),
  ].join(', ');
}

function budgetSection(snapshot: Snapshot, texts: StatusTexts): string {
  if (snapshot.budgets.length === 0) return '';
  return table(
    texts.budgets,
    snapshot.budgets.map((state) => {
      const { name, budget, percent } = state;
      const share = Math.floor(percent);
      const period = budget.period === 'day' ? texts.perDay : texts.perMonth;
      const mark = percent >= budget.warnAtPercent ? 'bad' : 'good';
      return [
        [
          texts.budget,
          `${escape(name === 'everything' ? texts.everything : name)}, ${escape(period)}`,
        ],
        [
          texts.used,
          `<span class="${mark}">${share} %</span> (${escape(budgetText(state, texts))})`,
        ],
      ];
    }),
  );
}

function algorithmText({ algorithmPolicy }: Snapshot, texts: StatusTexts): string {
  if (!algorithmPolicy) return texts.noAlgorithms;
  return `${algorithmPolicy.profile}: ${algorithmPolicy.editions.join('; ')}`;
}

const partyNames = ['facility', 'integrator', 'network', 'store'] as const;

/** Whom to call. */
function contactSection(snapshot: Snapshot, texts: StatusTexts): string {
  return table(
    texts.contacts,
    snapshot.contacts.map(({ party, contact }) => {
      const name = partyNames.find((one) => one === party);
      const nobody = `<span class="bad">${escape(texts.unfilled)}</span>`;
      return [
        [texts.party, escape(name ? texts[name] : party)],
        [texts.contact, contact === undefined ? nobody : escape(contact)],
      ];
    }),
  );
}

/** The page. */
export function renderStatusPage(snapshot: Snapshot, language: Language): string {
  const texts = statusTexts[language];
  const tools = pageTools(snapshot, language);
  const ready = snapshot.journalWritable && snapshot.auditWritable;
  const other = language === 'ja' ? 'en' : 'ja';
  const costs = [...snapshot.costsThisMonth]
    .map(([currency, micros]) => `${formatMicros(micros)} ${currency}`)
    .join(', ');
  const { seq, hash } = snapshot.auditHead;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(texts.title)} – Tokiwa</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
<h1>${escape(texts.title)}</h1>
<a href="?lang=${other}" lang="${other}" hreflang="${other}">${escape(texts.other)}</a>
</header>
<main>
<p class="${ready ? 'good' : 'bad'}">${escape(ready ? texts.ready : texts.notReady)}</p>
<p>${escape(texts.asOf)}: ${tools.time(snapshot.at) ?? ''} (${escape(snapshot.timeZone)})</p>
<dl>
<div><dt>${escape(texts.today)}</dt><dd>${tools.number(snapshot.tokensToday)}</dd></div>
<div><dt>${escape(texts.month)}</dt><dd>${tools.number(snapshot.tokensThisMonth)}</dd></div>
<div><dt>${escape(texts.cost)}</dt><dd>${escape(costs === '' ? texts.noCost : costs)}</dd></div>
</dl>
${table(
  texts.providers,
  snapshot.providers.map((one) => providerRow(one, snapshot, texts, tools)),
)}
${budgetSection(snapshot, texts)}
${endingSection(snapshot, texts, tools)}
<p>${escape(texts.algorithms)}: ${escape(algorithmText(snapshot, texts))}</p>
${contactSection(snapshot, texts)}
<p>${escape(texts.audit)}: ${seq} <code>${hash}</code></p>
</main>
</body>
</html>
`;
}
