// The report on paper: the figures, findings, classes and documents of the page as a PDF/A that is handed to
// management and inspectors, with the same as data in an attachment (R-12, R-13, R-30, R-35).
import type { Typefaces } from '../pdf/fonts.ts';
import { openPaper, type Paper, type PaperItem } from '../pdf/paper.ts';
import { allFindings } from './build.ts';
import { dayText, timeText } from './dates.ts';
import { isMessageKey, textsOf, type MessageKey } from './messages.ts';
import type { DocumentDetail, PageView, ReportPage } from './page.ts';
import { commonName, presetTitle, standingOrder } from './render-parts.ts';
import type { DocumentLine, FindingLine, Price } from './report.ts';

/** Documents on paper; the JSON and CSV reports have all of them. */
export const maxPaperDocuments = 2000;

/** Findings on paper. */
const maxPaperFindings = 200;

const none = '–';

function heading(paper: Paper, key: MessageKey, numbers: readonly string[], view: PageView): void {
  paper.heading(2, `${view.texts(key)}  (${numbers.join(', ')})`);
}

const priceText = ({ amount, currency }: Price): string => `${amount} ${currency}`;

function writeFigures(paper: Paper, view: PageView): void {
  const { texts, summary, timeZone, head } = view;
  const { documents, verifiableNow, byOutlook, byState, byStanding } = summary.totals;
  const { covered, 'by-renewal': renewal, 'open-ended': open } = byOutlook;
  const { broken, missing, changed, waiting } = byState;
  const { nextRenewal, tokensLeft: tokens, cost } = summary;
  paper.pairs([
    [texts('card.documents'), String(documents)],
    [
      texts('card.verifiable'),
      `${verifiableNow} (${texts('card.verifiable.note', { documents })})`,
    ],
    [
      texts('card.holds'),
      `${covered + renewal + open} (${texts('card.holds.note', { covered, renewal, open })})`,
    ],
    [
      texts('card.waiting'),
      `${waiting} (${texts('card.waiting.note', { overdue: waiting - byStanding.waiting })})`,
    ],
    [
      texts('card.attention'),
      `${broken + missing + changed} (${texts('card.attention.note', { broken, missing, changed })})`,
    ],
    [
      texts('card.renewal'),
      nextRenewal === undefined ? texts('card.renewal.none') : dayText(nextRenewal, timeZone),
    ],
    [texts('class.cost'), cost === undefined ? String(tokens) : `${tokens} (${priceText(cost)})`],
    [
      texts('page.lastSuccess'),
      head.lastSuccess === undefined ? texts('page.never') : timeText(head.lastSuccess, timeZone),
    ],
    [texts('page.archive'), head.archiveId],
  ]);
}

function findingItem(
  { kind, level, message, key, batchId }: FindingLine,
  view: PageView,
): PaperItem {
  const { texts } = view;
  const title = `finding.${kind}`;
  return {
    label: `${texts(`level.${level}`)}: ${isMessageKey(title) ? texts(title) : kind}`,
    lines: [
      ...(key === undefined ? [] : [`${texts('finding.document')}: ${key}`]),
      ...(batchId === undefined ? [] : [`${texts('finding.batch')}: ${batchId}`]),
      message,
    ],
    children: [],
  };
}

function writeFindings(paper: Paper, view: PageView): void {
  const { texts, summary, head } = view;
  heading(paper, 'section.findings', ['R-09', 'R-12', 'R-14', 'R-26', 'R-27'], view);
  const findings = allFindings(summary, head.run);
  const count = Math.max(0, findings.length - maxPaperFindings) + summary.findingsLeftOut;
  if (findings.length === 0) paper.paragraph(texts('findings.none'));
  else
    paper.items(findings.slice(0, maxPaperFindings).map((finding) => findingItem(finding, view)));
  if (count > 0) paper.paragraph(texts('findings.leftOut', { count }));
}

const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([requirement, count]) => `${requirement} × ${count}`)
    .join(', ') || none;

function writeClasses(paper: Paper, view: PageView): void {
  const { texts, summary, language, timeZone } = view;
  heading(paper, 'section.classes', ['R-24', 'R-25', 'R-35'], view);
  paper.table(
    [
      { title: texts('class.rule'), share: 5 },
      { title: texts('class.documents'), share: 2, align: 'right' },
      { title: texts('class.standing'), share: 4 },
      { title: texts('class.notMet'), share: 3 },
      { title: texts('class.notShown'), share: 3 },
      { title: texts('class.next'), share: 2.5 },
      { title: texts('class.end'), share: 2.5 },
      { title: texts('class.cost'), share: 2.5, align: 'right' },
    ],
    summary.classes.map((line) => [
      line.presets.length === 0
        ? texts('retention.noRule')
        : line.presets.map((preset) => presetTitle(preset, language)).join(', '),
      String(line.documents),
      standingOrder
        .filter((one) => line.byStanding[one] > 0)
        .map((one) => `${texts(`standing.${one}`)} ${line.byStanding[one]}`)
        .join(', '),
      countsText(line.notMet),
      countsText(line.notShown),
      line.nextRenewal === undefined ? none : dayText(line.nextRenewal, timeZone),
      line.latestLastDay ?? none,
      line.cost === undefined
        ? String(line.tokensLeft)
        : `${line.tokensLeft} (${priceText(line.cost)})`,
    ]),
  );
  paper.paragraph(texts('class.note'));
}

/** Signers of one document on paper; the JSON and CSV reports have all of them. */
const maxPaperSigners = 3;

/** The verdict, and who signed: by which service, with which licence, by whose word (R-01 to R-05). */
export function signaturesCell(
  { intake, signatures, licence }: DocumentLine,
  { texts }: PageView,
): string {
  const signers = signatures.slice(0, maxPaperSigners).map((one) => {
    const { signer, signerClass, licences, assessment, witness } = one;
    const about = [
      ...(signerClass === undefined ? [] : [texts(`signerClass.${signerClass}`)]),
      ...licences.map(({ ja }) => ja),
      ...(assessment === undefined ? [] : [texts(`assessment.${assessment}`)]),
      ...(witness
        ? [texts(`instructed.${witness.evidence.length === 0 ? 'no' : 'evidence'}`)]
        : []),
    ];
    const name = signer === undefined ? texts('document.unknown') : commonName(signer);
    return about.length === 0 ? name : `${name} (${about.join(', ')})`;
  });
  const left = signatures.length - signers.length;
  return [
    texts(`intake.short.${intake}`),
    ...signers,
    ...(left > 0 ? [`+ ${left}`] : []),
    ...(licence ? [`${licence.required.join(', ')}: ${texts(`licence.${licence.standing}`)}`] : []),
  ].join('\n');
}

function documentCells(line: DocumentLine, view: PageView): string[] {
  const { texts, timeZone } = view;
  const day = (instant: string | undefined): string =>
    instant === undefined ? none : dayText(instant, timeZone);
  const until =
    line.evidence.length === 0
      ? none
      : line.provableUntil === undefined
        ? texts('document.noEnd')
        : dayText(line.provableUntil, timeZone);
  return [
    line.key,
    [line.format, line.level].filter((part) => part !== undefined).join(' '),
    signaturesCell(line, view),
    texts(`standing.${line.standing}`),
    until,
    day(line.nextRenewal),
    line.retention.lastDay ?? texts('document.unknown'),
    texts(`outlook.${line.outlook}`),
  ];
}

async function writeDocuments(
  paper: Paper,
  view: PageView,
  documents: AsyncIterable<DocumentDetail>,
): Promise<readonly DocumentLine[]> {
  const { texts, found } = view;
  heading(
    paper,
    'section.documents',
    ['R-01', 'R-02', 'R-08', 'R-12', 'R-14', 'R-24', 'R-25'],
    view,
  );
  const lines: DocumentLine[] = [];
  for await (const { line } of documents) lines.push(line);
  paper.table(
    [
      { title: texts('column.document'), share: 6 },
      { title: texts('column.format'), share: 2 },
      { title: texts('column.signatures'), share: 4.5 },
      { title: texts('column.evidence'), share: 2.5 },
      { title: texts('column.until'), share: 2.3 },
      { title: texts('column.renewal'), share: 2.3 },
      { title: texts('column.retention'), share: 2.3 },
      { title: texts('column.outlook'), share: 3.5 },
    ],
    lines.map((line) => documentCells(line, view)),
  );
  if (found > lines.length)
    paper.paragraph(texts('filter.found', { from: 1, to: lines.length, total: found }));
  return lines;
}

function writeDependencies(paper: Paper, view: PageView): void {
  const { texts, dependencies, dependenciesLeftOut, timeZone } = view;
  heading(paper, 'section.dependencies', ['R-29', 'R-30'], view);
  paper.table(
    [
      { title: texts('dependency.what'), share: 6 },
      { title: texts('dependency.used'), share: 3 },
      { title: texts('dependency.end'), share: 3 },
      { title: texts('dependency.documents'), share: 2, align: 'right' },
    ],
    dependencies.map(({ kind, name, role, end, status, documents }) => {
      const key = `role.${role}`;
      return [
        kind === 'certificate' ? commonName(name) : name,
        isMessageKey(key) ? texts(key) : role,
        `${end === undefined ? none : dayText(end, timeZone)} ${texts(`dependency.${status}`)}`,
        String(documents),
      ];
    }),
  );
  if (dependenciesLeftOut)
    paper.paragraph(texts('dependency.leftOut', { count: dependencies.length }));
}

function writeHorizons(paper: Paper, view: PageView): void {
  const { texts, summary } = view;
  heading(paper, 'section.horizons', ['R-12', 'R-30'], view);
  paper.table(
    [
      { title: texts('horizon.year'), share: 7 },
      { title: texts('class.documents'), share: 3, align: 'right' },
    ],
    Object.entries(summary.totals.byHorizonYear).map(([year, count]) => [
      year === 'none' ? texts('horizon.none') : year,
      String(count),
    ]),
  );
}

function writeContacts(paper: Paper, view: PageView): void {
  const { texts, head } = view;
  heading(paper, 'section.contacts', ['R-53'], view);
  paper.pairs(
    head.contacts.map(({ party, contact }) => [
      texts(`contacts.${party}`),
      contact ?? texts('contacts.none'),
    ]),
  );
}

function writeEditions(paper: Paper, view: PageView): void {
  const { texts, head } = view;
  const {
    guideline,
    accreditation,
    signerTrust,
    algorithmProfile,
    algorithmPolicies,
    retentionPresets,
  } = head.editions;
  heading(paper, 'section.editions', ['R-13'], view);
  paper.pairs([
    [texts('editions.guideline'), guideline],
    [texts('editions.accreditation'), accreditation],
    [texts('editions.signers'), signerTrust],
    [texts('editions.profile'), algorithmProfile],
    [texts('editions.policies'), algorithmPolicies.join('; ')],
    [texts('editions.presets'), retentionPresets],
  ]);
}

/**
 * The report as one PDF/A-3a, with at most `maxPaperDocuments` documents; the page says how many there are.
 * The attachment `report.json` holds what is printed, as data.
 */
export async function renderPaper(
  page: ReportPage,
  documents: AsyncIterable<DocumentDetail>,
  typefaces: Typefaces,
): Promise<Uint8Array> {
  const view: PageView = { ...page, texts: textsOf(page.language) };
  const { texts, language, timeZone, head, summary, dependencies } = view;
  const at = Temporal.Instant.from(head.at);
  const title = `Tokiwa ${texts('page.name')}`;
  const paper = openPaper({ title, language, at, typefaces, layout: 'landscape' });
  paper.heading(1, title);
  paper.paragraph(
    `${texts('page.asOf', { time: timeText(head.at, timeZone) })}  ${texts('page.zone', { zone: timeZone })}`,
  );
  writeFigures(paper, view);
  writeFindings(paper, view);
  writeClasses(paper, view);
  const lines = await writeDocuments(paper, view, documents);
  writeHorizons(paper, view);
  writeDependencies(paper, view);
  writeContacts(paper, view);
  writeEditions(paper, view);
  paper.paragraph(texts('page.footer'));
  const data = { ...head, ...summary, documents: lines, dependencies };
  return await paper.finish({
    name: 'report.json',
    octets: new TextEncoder().encode(`${JSON.stringify(data)}\n`),
    type: 'application/json',
    description: texts('page.json'),
  });
}
