// From the catalogue to what one page shows: figures once counted, and the documents of the page only.
import type { Catalogue, DocumentFilter } from '#shared/ports/catalogue.ts';
import { reportHead } from './build.ts';
import { dependencyLines } from './dependencies.ts';
import { documentsInContext, loadBatchIndex } from './document-context.ts';
import { documentLine } from './document-line.ts';
import { DocumentJudge } from './document-outlook.ts';
import type { Language } from './messages.ts';
import type { DocumentDetail, LivePage, PageFilter, ReportPage } from './page.ts';
import type { DependencyLine, ReportRules, ReportSummary } from './report.ts';
import { recallSummary, summarise } from './summary.ts';

/** Documents on one page. */
export const pageSize = 200;

/** Certificates and algorithms on the page; the JSON report has all of them. */
const maxDependencies = 100;

const shownRuns = 20;

export type LoadOptions = {
  readonly at: Temporal.Instant;
  readonly rules: ReportRules;
  readonly archiveId: string;
  readonly lastSuccess?: string | undefined;
  readonly language: Language;
  readonly filter: PageFilter;
  /** From 1; beyond the last one, the last one is shown. */
  readonly pageNumber: number;
  /** Absent: a page to be saved, with all documents on it. */
  readonly live?: LivePage | undefined;
  /** Counted already. */
  readonly summary?: ReportSummary | undefined;
};

function catalogueFilter(filter: PageFilter): DocumentFilter {
  return {
    states: filter.state && [filter.state],
    intake: filter.intake,
    search: filter.search,
  };
}

async function firstDependencies(
  catalogue: Catalogue,
  counted: readonly DependencyLine[],
  at: Temporal.Instant,
): Promise<{ readonly lines: readonly DependencyLine[]; readonly leftOut: boolean }> {
  const lines: DependencyLine[] = [];
  for await (const line of dependencyLines(catalogue, counted, at)) {
    if (lines.length === maxDependencies) return { lines, leftOut: true };
    lines.push(line);
  }
  return { lines, leftOut: false };
}

/** The page without its documents, which `pageDocuments` streams. */
export async function loadPage(catalogue: Catalogue, options: LoadOptions): Promise<ReportPage> {
  const { at, rules, filter } = options;
  const summary =
    options.summary ?? (await recallSummary(catalogue)) ?? (await summarise(catalogue, at, rules));
  const found = await catalogue.countDocuments(catalogueFilter(filter));
  const size = options.live ? pageSize : Math.max(1, found);
  const lastPage = Math.max(1, Math.ceil(found / size));
  const dependencies = await firstDependencies(catalogue, summary.dependencies, at);
  return {
    language: options.language,
    timeZone: rules.timeZone,
    head: await reportHead(catalogue, {
      archiveId: options.archiveId,
      at,
      rules,
      lastSuccess: options.lastSuccess,
    }),
    summary,
    filter,
    found,
    offset: (Math.min(options.pageNumber, lastPage) - 1) * size,
    pageSize: size,
    dependencies: dependencies.lines,
    dependenciesLeftOut: dependencies.leftOut,
    runs: await catalogue.runs(shownRuns),
    live: options.live,
  };
}

/** The documents of a page, as the catalogue has them now. */
export async function* pageDocuments(
  catalogue: Catalogue,
  page: ReportPage,
  at: Temporal.Instant,
  rules: ReportRules,
): AsyncIterable<DocumentDetail> {
  const { reread } = rules;
  const batches = await loadBatchIndex(catalogue, reread);
  const filter = catalogueFilter(page.filter);
  const part = { ...filter, offset: page.offset, limit: page.pageSize };
  const judge = new DocumentJudge(at, rules);
  for await (const { document, context } of documentsInContext(catalogue, batches, part, reread)) {
    const line = documentLine(document, context, judge);
    yield { line, certificates: document.facts.certificates };
  }
}
