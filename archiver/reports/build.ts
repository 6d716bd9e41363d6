// The report as JSON, written piece by piece: never the whole archive in memory. The same state
// gives the same octets but for `at`; layout in docs/report.md.
import { editionsOf } from '#shared/policy/algorithm-policy.ts';
import { bundledPresets } from '#shared/policy/bundled.ts';
import type { Catalogue, RunRow } from '#shared/ports/catalogue.ts';
import { dependencyLines } from './dependencies.ts';
import { documentLines } from './document-line.ts';
import { withoutCounted } from './finding-list.ts';
import { sortFindings, summarise } from './summary.ts';
import type {
  FindingLine,
  ReportEditions,
  ReportHead,
  ReportRules,
  ReportSummary,
  RunSummary,
} from './report.ts';

/** The edition of the guideline whose sections 6.11 and 6.12 the requirement numbers stand for. */
const guideline = 'MHLW guideline for the safe management of medical information systems, 5.2';

/** The editions that a report under this profile stands on. */
export function reportEditions(rules: ReportRules): ReportEditions {
  const { profile, accreditation, signerTrust } = rules;
  return {
    algorithmProfile: profile.id,
    algorithmPolicies: editionsOf(profile),
    retentionPresets: bundledPresets.asOf,
    guideline,
    accreditation: `${accreditation.guideline}; ${accreditation.file.asOf}; ${accreditation.entries.length}`,
    signerTrust: signerTrust?.edition ?? '–',
  };
}

/** What a run's row keeps of it; absent for a run that wrote none. */
export function runSummaryOf(row: RunRow | undefined): RunSummary | undefined {
  return row?.report === undefined ? undefined : (JSON.parse(row.report) as RunSummary);
}

/** Head of a report as of `at`: the newest finished run, and when one last succeeded. */
export async function reportHead(
  catalogue: Catalogue,
  options: {
    readonly archiveId: string;
    readonly at: Temporal.Instant;
    readonly rules: ReportRules;
    readonly lastSuccess?: string | undefined;
  },
): Promise<ReportHead> {
  const runs = await catalogue.runs(2);
  return {
    format: 'tokiwa-report',
    version: 1,
    archiveId: options.archiveId,
    at: options.at.toString(),
    editions: reportEditions(options.rules),
    run: runSummaryOf(runs.find((run) => run.finishedAt !== undefined)),
    lastSuccess: options.lastSuccess,
    contacts: options.rules.contacts,
  };
}

function identityOf({ kind, key, batchId, cause, count }: FindingLine): string {
  return JSON.stringify([kind, key, batchId, count === undefined ? undefined : [cause, count]]);
}

/** What stands wrong and what the newest run found, each once, errors first. */
export function allFindings(
  summary: ReportSummary,
  run: RunSummary | undefined,
): readonly FindingLine[] {
  const ofRun = run?.findings ?? [];
  const standing = new Set(summary.findings.map(identityOf));
  const named = new Set(ofRun.map(identityOf));
  // What stands and the run does not name is among those that it counts.
  const counted = summary.findings.filter((finding) => !named.has(identityOf(finding)));
  const more = ofRun.filter((finding) => !standing.has(identityOf(finding)));
  return sortFindings([...summary.findings, ...withoutCounted(more, counted)]);
}

async function* jsonArray(name: string, values: AsyncIterable<unknown>): AsyncIterable<string> {
  let separator = '\n';
  yield `"${name}": [`;
  for await (const value of values) {
    yield `${separator}${JSON.stringify(value)}`;
    separator = ',\n';
  }
  yield '\n]';
}

async function* linesOnly(
  catalogue: Catalogue,
  at: Temporal.Instant,
  rules: ReportRules,
): AsyncIterable<unknown> {
  for await (const { line } of documentLines(catalogue, at, rules)) yield line;
}

export type BuildOptions = {
  readonly at: Temporal.Instant;
  readonly rules: ReportRules;
  readonly head: ReportHead;
  /** Counted already, at the same instant. */
  readonly summary?: ReportSummary | undefined;
};

/**
 * JSON text of the report in pieces: head, figures, then documents in the catalogue's order,
 * dependencies by end date and findings with errors first.
 */
export async function* buildReport(
  catalogue: Catalogue,
  options: BuildOptions,
): AsyncIterable<string> {
  const { at, rules, head } = options;
  const summary = options.summary ?? (await summarise(catalogue, at, rules));
  const { totals, classes, nextRenewal, tokensLeft, cost, findingsLeftOut } = summary;
  const figures = { ...head, totals, classes, nextRenewal, tokensLeft, cost, findingsLeftOut };
  yield `${JSON.stringify(figures, undefined, 1).slice(0, -2)},\n`;
  yield* jsonArray('documents', linesOnly(catalogue, at, rules));
  yield ',\n';
  yield* jsonArray('dependencies', dependencyLines(catalogue, summary.dependencies, at));
  yield `,\n"findings": ${JSON.stringify(allFindings(summary, head.run), undefined, 1)}\n}\n`;
}
