// A report in pieces, in the formats that people and machines ask for, and what a run leaves behind for
// them: the newest one and the time of the last good run.
import { ConfigError } from '#shared/errors.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import type { SignerTrust } from '#shared/validation/signer-trust.ts';
import { loadLastSuccess, storeLastSuccess, storeLatestReport } from '../adapters/report-files.ts';
import { buildWebhookBody, sendWebhook } from '../adapters/webhook.ts';
import type { ArchiverConfig } from '../config.ts';
import { contactLines } from '../contacts.ts';
import type { Archiver } from '../main.ts';
import { allFindings, buildReport, reportHead } from './build.ts';
import { loadPage, pageDocuments } from './load-page.ts';
import { documentLines } from './document-line.ts';
import { languages } from './messages.ts';
import type { DocumentDetail, ReportPage } from './page.ts';
import { reportCsv } from './csv.ts';
import { renderPage } from './render-html.ts';
import { rereading } from './reread.ts';
import type { ReportRules, ReportSummary, RunSummary } from './report.ts';
import { rememberSummary, summarise } from './summary.ts';

/** What a report needs of the configuration, and of the trust data that it names. */
export function reportRules(config: ArchiverConfig, signerTrust?: SignerTrust): ReportRules {
  const { leadTime, timeZone, profile, accreditation, assessments, proofs, rules } = config;
  const { price } = config.tsa;
  const contacts = contactLines(config);
  return {
    leadTime,
    timeZone,
    profile,
    accreditation,
    assessments,
    proofs,
    signerTrust,
    rules,
    price,
    contacts,
  };
}

type RenderOptions = {
  readonly format: string;
  readonly lang: string;
  readonly at: Temporal.Instant;
  /** Counted already, at the same instant. */
  readonly summary?: ReportSummary | undefined;
  /** Under this configuration's rules whatever the last run planned by. */
  readonly reread?: boolean | undefined;
};

/** Rules with the trust data as it is now. */
async function currentRules({ config, signerTrust }: Archiver): Promise<ReportRules> {
  return reportRules(config, await signerTrust());
}

async function rulesFor(archiver: Archiver, { reread }: RenderOptions): Promise<ReportRules> {
  const rules = await currentRules(archiver);
  const { config } = archiver;
  return reread ? { ...rules, reread: rereading(config) } : rules;
}

/** The report as one page, with all documents or the first `maxDocuments`. */
async function loadWholePage(
  archiver: Archiver,
  options: RenderOptions,
  maxDocuments?: number,
): Promise<{ readonly page: ReportPage; readonly documents: AsyncIterable<DocumentDetail> }> {
  const { catalogue, config, evidence } = archiver;
  const { at, lang } = options;
  const language = languages.find((known) => known === lang);
  if (language === undefined)
    throw new ConfigError('ERR_CONFIG_USAGE', `no report language ${lang}: ja, en`);
  const rules = await rulesFor(archiver, options);
  const loaded = await loadPage(catalogue, {
    at,
    rules,
    archiveId: evidence.archiveId,
    lastSuccess: await loadLastSuccess(config.state),
    language,
    filter: {},
    pageNumber: 1,
    summary: options.summary ?? (await summarise(catalogue, at, rules)),
  });
  const page = {
    ...loaded,
    pageSize: Math.min(loaded.pageSize, maxDocuments ?? loaded.pageSize),
  };
  return { page, documents: pageDocuments(catalogue, page, at, rules) };
}

async function* renderHtml(archiver: Archiver, options: RenderOptions): AsyncIterable<string> {
  const { page, documents } = await loadWholePage(archiver, options);
  yield* renderPage(page, documents);
}

async function* renderPdf(archiver: Archiver, options: RenderOptions): AsyncIterable<Uint8Array> {
  // Loaded where it is needed: a nightly run prints nothing.
  const { loadTypefaces } = await import('../adapters/typefaces.ts');
  const { maxPaperDocuments, renderPaper } = await import('./render-paper.ts');
  const { page, documents } = await loadWholePage(archiver, options, maxPaperDocuments);
  yield await renderPaper(page, documents, await loadTypefaces());
}

async function* renderJson(archiver: Archiver, options: RenderOptions): AsyncIterable<string> {
  const { catalogue, config, evidence } = archiver;
  const { at, summary } = options;
  const rules = await rulesFor(archiver, options);
  const head = await reportHead(catalogue, {
    archiveId: evidence.archiveId,
    at,
    rules,
    lastSuccess: await loadLastSuccess(config.state),
  });
  yield* buildReport(catalogue, { at, rules, head, summary });
}

async function* renderTable(archiver: Archiver, options: RenderOptions): AsyncIterable<string> {
  const rules = await rulesFor(archiver, options);
  yield* reportCsv(documentLines(archiver.catalogue, options.at, rules));
}

const renderers = { json: renderJson, html: renderHtml, csv: renderTable, pdf: renderPdf } as const;

/** The formats of a report. */
const reportFormats = ['json', 'html', 'csv', 'pdf'] as const;

/**
 * The report as of `at` in pieces: `json`; `html` as one page in `lang` with all documents; `csv` with a line
 * for each document; `pdf` as a PDF/A in `lang`.
 * @throws ConfigError ERR_CONFIG_USAGE: no such format or language
 */
export function renderReport(
  archiver: Archiver,
  options: RenderOptions,
): AsyncIterable<string | Uint8Array> {
  const format = reportFormats.find((known) => known === options.format);
  if (format === undefined)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no report format ${options.format}: ${reportFormats.join(', ')}`,
    );
  return renderers[format](archiver, options);
}

/** Tells the configured webhook of alarms; where that fails, the run's row says so. */
async function notify(
  { catalogue, config, evidence }: Archiver,
  run: RunSummary,
  summary: ReportSummary,
  signal: AbortSignal,
): Promise<void> {
  if (!config.webhook) return;
  const body = buildWebhookBody(
    evidence.archiveId,
    run,
    allFindings(summary, run),
    contactLines(config),
  );
  if (!body) return;
  await using sender = openHttpSender();
  const failure = await sendWebhook(body, { url: config.webhook.url, sender, signal });
  const row = (await catalogue.runs(5)).find((known) => known.runId === run.runId);
  if (!failure || !row) return;
  const report = JSON.stringify({ ...run, findings: [...run.findings, failure] });
  await catalogue.putRun({ ...row, report });
}

/**
 * After a run: `last-success` where it went through, the webhook, then `reports/latest.json`; the
 * figures are kept for the page, so that the archive is counted once a night.
 */
export async function writeReport(
  archiver: Archiver,
  run: RunSummary,
  signal: AbortSignal = AbortSignal.timeout(60_000),
): Promise<void> {
  const { catalogue, config } = archiver;
  if (run.outcome === 'ok' || run.outcome === 'findings')
    await storeLastSuccess(config.state, run.finishedAt);
  const at = Temporal.Instant.from(run.finishedAt);
  const summary = await summarise(catalogue, at, await currentRules(archiver));
  await rememberSummary(catalogue, summary);
  await notify(archiver, run, summary, signal);
  await storeLatestReport(
    config.state,
    renderJson(archiver, { format: 'json', lang: 'en', at, summary }),
  );
}
