// Puts a report where people and machines look for it: the newest one and the time of the last good
// run as files of the state folder. Streams; replaced whole.
import { mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { replaceFile } from '#shared/io/durable-file.ts';
import type { Archiver } from '../main.ts';
import { buildReport, reportHead } from './build.ts';
import type { RunSummary } from './report.ts';

const lastSuccessName = 'last-success';

export function lastSuccessFile(state: string): string {
  return path.join(state, lastSuccessName);
}

/** The report as of `at` in pieces. @throws ConfigError ERR_CONFIG_USAGE: no such format or language */
export async function* renderReport(
  archiver: Archiver,
  options: { readonly format: string; readonly lang: string; readonly at: Temporal.Instant },
): AsyncIterable<string> {
  const { catalogue, config, evidence } = archiver;
  const { at, format } = options;
  if (format !== 'json')
    throw new ConfigError('ERR_CONFIG_USAGE', `no report format ${format}: json`);
  const head = await reportHead(catalogue, {
    archiveId: evidence.archiveId,
    at,
    profile: config.profile,
  });
  yield* buildReport(catalogue, {
    at,
    rules: { leadTime: config.leadTime, timeZone: config.timeZone, profile: config.profile },
    head,
  });
}

/** Writes `reports/latest.json` and, after a run that went through, `last-success`. */
export async function writeReport(archiver: Archiver, summary: RunSummary): Promise<void> {
  const folder = path.join(archiver.config.state, 'reports');
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.${summary.runId}.json`);
  const file = await open(temporary, 'w');
  try {
    const at = Temporal.Instant.from(summary.finishedAt);
    for await (const piece of renderReport(archiver, { format: 'json', lang: 'en', at }))
      await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path.join(folder, 'latest.json'));
  if (summary.outcome === 'ok' || summary.outcome === 'findings') {
    await replaceFile(
      lastSuccessFile(archiver.config.state),
      new TextEncoder().encode(`${summary.finishedAt}\n`),
    );
  }
}
