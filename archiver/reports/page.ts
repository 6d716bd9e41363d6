// What one page of the report shows, gathered before anything is rendered. Rendering never asks the
// catalogue; loading never writes markup.
import type { DocumentState, IntakeStatus, RunRow } from '#shared/ports/catalogue.ts';
import type { CertificateFacts } from '#shared/validation/facts.ts';
import type { RunStatus } from '../web/options.ts';
import type { Language, Texts } from './messages.ts';
import type { DependencyLine, DocumentLine, ReportHead, ReportSummary } from './report.ts';

export type PageFilter = {
  readonly state?: DocumentState | undefined;
  readonly intake?: IntakeStatus | undefined;
  readonly search?: string | undefined;
};

/** A document's line with what only its details show. */
export type DocumentDetail = {
  readonly line: DocumentLine;
  readonly certificates: readonly CertificateFacts[];
};

/** What only a served page has: a file that was saved links nowhere and runs nothing. */
export type LivePage = {
  readonly status: RunStatus;
  /** Absent: this visitor may not start a run. */
  readonly runToken: string | undefined;
  readonly evidence: boolean;
  readonly timeline: boolean;
};

export type ReportPage = {
  readonly language: Language;
  readonly timeZone: string;
  readonly head: ReportHead;
  readonly summary: ReportSummary;
  readonly filter: PageFilter;
  /** How many documents the filter finds, and which part of them the page shows. */
  readonly found: number;
  readonly offset: number;
  readonly pageSize: number;
  readonly dependencies: readonly DependencyLine[];
  readonly dependenciesLeftOut: boolean;
  readonly runs: readonly RunRow[];
  readonly live: LivePage | undefined;
};

/** A page with its texts: what every part of the renderer takes. */
export type PageView = ReportPage & { readonly texts: Texts };

/** Address of the same report with other settings; relative, so that a proxy's prefix does no harm. */
export function pageAddress(language: Language, filter: PageFilter = {}, pageNumber = 1): string {
  const query = new URLSearchParams({ lang: language });
  if (filter.state) query.set('state', filter.state);
  if (filter.intake) query.set('intake', filter.intake);
  if (filter.search) query.set('q', filter.search);
  if (pageNumber > 1) query.set('page', String(pageNumber));
  return `?${query.toString()}`;
}
