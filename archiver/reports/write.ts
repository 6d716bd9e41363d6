// Puts a report where people and machines look for it: the newest one and the time of the last good
// run as files of the state folder. Streams; replaced whole.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import type { ArchiverConfig } from '../config.ts';
import type { Archiver } from '../main.ts';
import { buildReport, reportHead } from './build.ts';
import { loadPage, pageDocuments } from './load-page.ts';
import { languages } from './messages.ts';
import { renderPage } from './render-html.ts';
import type { ReportRules, ReportSummary, RunSummary } from './report.ts';
import { rememberSummary, summarise } from './summary.ts';

const lastSuccessName = 'last-success';

export function lastSuccessFile(state: string): string {
  return path.join(state, lastSuccessName);
}

/** When a run last went through; absent: none has. */
export async function readLastSuccess(state: string): Promise<string | undefined> {
  try {
    return (await readFile(lastSuccessFile(state), 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a report needs of the configuration. */
export function reportRules(config: ArchiverConfig): ReportRules {
  const { leadTime, timeZone, profile } = config;
  return { leadTime, timeZone, profile, price: config.tsa.price };
}

type RenderOptions = {
  readonly format: string;
  readonly lang: string;
  readonly at: Temporal.Instant;
  /** Counted already, at the same instant. */
  readonly summary?: ReportSummary | undefined;
};

async function* renderHtml(archiver: Archiver, options: RenderOptions): AsyncIterable<string> {
  const { catalogue, config, evidence } = archiver;
  const { at, lang } = options;
  const language = languages.find((known) => known === lang);
  if (language === undefined)
    throw new ConfigError('ERR_CONFIG_USAGE', `no report language ${lang}: ja, en`);
  const rules = reportRules(config);
  const page = await loadPage(catalogue, {
    at,
    rules,
    archiveId: evidence.archiveId,
    lastSuccess: await readLastSuccess(config.state),
    language,
    filter: {},
    pageNumber: 1,
    summary: options.summary ?? (await summarise(catalogue, at, rules)),
  });
  yield* renderPage(page, pageDocuments(catalogue, page, at, rules));
}

/**
 * The report as of `at` in pieces: `json`, or `html` as one page in `lang` with all documents.
 * @throws ConfigError ERR_CONFIG_USAGE: no such format or language
 */
export async function* renderReport(
  archiver: Archiver,
  options: RenderOptions,
): AsyncIterable<string> {
  const { catalogue, config, evidence } = archiver;
  const { at, format, summary } = options;
  if (format === 'html') {
    yield* renderHtml(archiver, options);
    return;
  }
  if (format !== 'json')
    throw new ConfigError('ERR_CONFIG_USAGE', `no report format ${format}: json, html`);
  const head = await reportHead(catalogue, {
    archiveId: evidence.archiveId,
    at,
    profile: config.profile,
    lastSuccess: await readLastSuccess(config.state),
  });
  yield* buildReport(catalogue, { at, rules: reportRules(config), head, summary });
}

/**
 * After a run: `last-success` where it went through, then `reports/latest.json`; the figures are kept
 * for the page, so that the archive is counted once a night.
 */
export async function writeReport(archiver: Archiver, run: RunSummary): Promise<void> {
  const { catalogue, config } = archiver;
  if (run.outcome === 'ok' || run.outcome === 'findings') {
    await replaceFile(
      lastSuccessFile(config.state),
      new TextEncoder().encode(`${run.finishedAt}\n`),
    );
  }
  const at = Temporal.Instant.from(run.finishedAt);
  const summary = await summarise(catalogue, at, reportRules(config));
  await rememberSummary(catalogue, summary);
  const folder = path.join(config.state, 'reports');
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.${run.runId}.json`);
  const file = await open(temporary, 'w');
  try {
    const pieces = renderReport(archiver, { format: 'json', lang: 'en', at, summary });
    for await (const piece of pieces) await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path.join(folder, 'latest.json'));
}
