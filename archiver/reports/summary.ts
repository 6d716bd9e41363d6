// Counts over the whole archive in one pass: totals, one line per document class, what stands wrong
// . Memory grows with classes, algorithms and batches, never with documents.
import type { BatchRow, Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import { isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { digestOnlyTerms } from '#shared/intake/digest-only-terms.ts';
import { isBefore } from '#shared/time.ts';
import { digestStoreName } from '../intake/digest-statement.ts';
import { tallyDependencies } from './dependencies.ts';
import type { HorizonElement } from '#shared/validation/proof-horizon.ts';
import { documentsInContext, loadBatchIndex } from './document-context.ts';
import { assessmentOf } from '../signers.ts';
import { documentLine } from './document-line.ts';
import { DocumentJudge } from './document-outlook.ts';
import type {
  ClassLine,
  DocumentLine,
  FindingLine,
  Price,
  ReportRules,
  ReportSummary,
  ReportTotals,
  Standing,
} from './report.ts';

/** Findings that a summary lists; the rest is a number, and in the document lines. */
const maxFindings = 500;

type Counts<Key extends string> = Record<Key, number>;

function noStandings(): Counts<Standing> {
  return {
    protected: 0,
    due: 0,
    overdue: 0,
    waiting: 0,
    unknown: 0,
    broken: 0,
    missing: 0,
    changed: 0,
    superseded: 0,
  };
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function earliest(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(Temporal.Instant.from(b), Temporal.Instant.from(a)) ? b : a;
}

function costOf(tokens: number, price: Price | undefined): Price | undefined {
  return price && { amount: tokens * price.amount, currency: price.currency };
}

/** Sorted by key, so that the same counts give the same octets. */
function sorted(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

type OpenClass = {
  readonly rule: string | undefined;
  readonly presets: Set<string>;
  readonly byStanding: Counts<Standing>;
  readonly notMet: Record<string, number>;
  readonly notShown: Record<string, number>;
  documents: number;
  endUnknown: number;
  estimatedStart: number;
  nextRenewal: string | undefined;
  latestLastDay: string | undefined;
  tokensLeft: number;
};

function openClass(rule: string | undefined): OpenClass {
  return {
    rule,
    presets: new Set(),
    byStanding: noStandings(),
    notMet: {},
    notShown: {},
    documents: 0,
    endUnknown: 0,
    estimatedStart: 0,
    nextRenewal: undefined,
    latestLastDay: undefined,
    tokensLeft: 0,
  };
}

function addToClass(into: OpenClass, line: DocumentLine): void {
  const { retention } = line;
  into.documents++;
  into.byStanding[line.standing]++;
  for (const preset of retention.presets) into.presets.add(preset);
  for (const requirement of line.notMet) count(into.notMet, requirement);
  for (const requirement of line.notShown) count(into.notShown, requirement);
  if (retention.lastDay === undefined) into.endUnknown++;
  else if (into.latestLastDay === undefined || retention.lastDay > into.latestLastDay)
    into.latestLastDay = retention.lastDay;
  if (retention.estimated) into.estimatedStart++;
  into.nextRenewal = earliest(into.nextRenewal, line.nextRenewal);
  into.tokensLeft = Math.max(into.tokensLeft, line.renewalsLeft ?? 0);
}

function closeClass(open: OpenClass, price: Price | undefined): ClassLine {
  return {
    ...open,
    presets: [...open.presets].toSorted(),
    notMet: sorted(open.notMet),
    notShown: sorted(open.notShown),
    cost: costOf(open.tokensLeft, price),
  };
}

/** Providers of certificates whose assessment lapses soon or has lapsed. */
function assessmentFindings(
  { assessments }: ReportRules,
  at: Temporal.Instant,
): readonly FindingLine[] {
  const anchors = new Set(assessments.map(({ anchor }) => anchor));
  return [...anchors].flatMap((anchor): FindingLine[] => {
    const { status, assessment } = assessmentOf(assessments, anchor, at);
    if (!assessment || status === 'current' || status === 'not-assessed') return [];
    const message = `${assessment.provider}: assessed by ${assessment.evaluator} on ${assessment.date}, counts until ${assessment.until.toString()}`;
    return [
      status === 'lapsing'
        ? { kind: 'assessment-lapsing', level: 'warning', message }
        : { kind: 'assessment-lapsed', level: 'error', message },
    ];
  });
}

/** What stands wrong with one document until an operator closes it. */
function documentFinding(document: DocumentRow, line: DocumentLine): FindingLine | undefined {
  const { standing, key } = line;
  switch (standing) {
    case 'broken':
    case 'missing':
    case 'changed':
      return {
        kind: standing,
        level: 'error',
        key,
        message: `since ${line.stateSince}: ${line.stateReason ?? 'see the findings of its evidence'}`,
      };
    case 'overdue':
      if (document.state === 'waiting')
        return {
          kind: 'waiting',
          level: 'error',
          key,
          message: `no token since ${document.firstSeen.toString()}, its rule allows ${document.retention.protectWithinHours} hours`,
        };
      return {
        kind: 'overdue',
        level: 'error',
        key,
        message: `its proof ended at ${line.provableUntil ?? '?'}: ${line.element?.kind ?? '?'} ${line.element?.name ?? ''}`,
      };
    case 'unknown':
    case 'waiting':
    case 'due':
    case 'protected':
    case 'superseded':
      return undefined;
  }
}

/**
 * Whether only digests of a document are here and all of them are under hashes that end: its owner has to send
 * one under the next, since nobody else can take the evidence there.
 */
function digestsOverdue(
  { store, digests }: DocumentRow,
  { profile, leadTime }: ReportRules,
  at: Temporal.Instant,
): boolean {
  if (store !== digestStoreName) return false;
  return Object.keys(digests)
    .filter(isDigestAlgorithm)
    .every((algorithm) => {
      const terms = digestOnlyTerms({ algorithm, next: algorithm, profile, leadTime, at });
      return terms !== undefined && !isBefore(at, terms.sendDigestsBy);
    });
}

function batchFinding(batch: BatchRow): FindingLine | undefined {
  const { batchId } = batch;
  const message = batch.stateReason ?? 'see the findings of the run that judged it';
  if (batch.state === 'broken') return { kind: 'broken-batch', level: 'error', batchId, message };
  if (batch.state === 'unknown')
    return { kind: 'revocation-unknown', level: 'warning', batchId, message };
  return undefined;
}

const levels = ['error', 'warning', 'info'];

/** Errors first; inside a level in the order in which they were found. */
export function sortFindings(findings: readonly FindingLine[]): FindingLine[] {
  return findings.toSorted((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level));
}

/** What ends by a policy, not by a date in a certificate. */
const algorithmElements: readonly string[] = [
  'signature-algorithm',
  'digest-algorithm',
  'tree-hash',
] satisfies readonly HorizonElement['kind'][];

class Pass {
  readonly #rules: ReportRules;
  readonly #classes = new Map<string, OpenClass>();
  readonly #findings: FindingLine[] = [];
  #leftOut = 0;
  #documents = 0;
  #verifiableNow = 0;
  #nextRenewal: string | undefined;
  readonly #byState = {
    waiting: 0,
    protected: 0,
    broken: 0,
    missing: 0,
    changed: 0,
    superseded: 0,
  };
  readonly #byStanding = noStandings();
  readonly #byOutlook = {
    covered: 0,
    'by-renewal': 0,
    'open-ended': 0,
    'not-yet': 0,
    ended: 0,
    no: 0,
  };
  readonly #byIntake = {
    valid: 0,
    'not-valid': 0,
    indeterminate: 0,
    'not-judged': 0,
    unsigned: 0,
  };
  readonly #byHorizonYear: Record<string, number> = {};
  readonly #renewalsByYear = new Map<string, { certificates: number; algorithms: number }>();

  #digestsOverdue = 0;

  constructor(rules: ReportRules) {
    this.#rules = rules;
  }

  addFinding(finding: FindingLine | undefined): void {
    if (!finding) return;
    if (this.#findings.length < maxFindings) this.#findings.push(finding);
    else this.#leftOut++;
  }

  addDocument(document: DocumentRow, line: DocumentLine, at: Temporal.Instant): void {
    if (document.state === 'superseded') {
      // One document: its newer version is counted.
      this.#byState.superseded++;
      return;
    }
    this.#documents++;
    if (digestsOverdue(document, this.#rules, at)) {
      this.#digestsOverdue++;
      const message =
        'only its digests are here, under hashes that end: its owner has to send one under the next';
      this.addFinding({ kind: 'digests-overdue', level: 'error', key: document.key, message });
    }
    if (line.verifiableNow) this.#verifiableNow++;
    this.#byState[line.state]++;
    this.#byStanding[line.standing]++;
    this.#byOutlook[line.outlook]++;
    this.#byIntake[line.intake]++;
    const horizon = line.provableUntil;
    const year =
      horizon === undefined
        ? 'none'
        : String(Temporal.Instant.from(horizon).toZonedDateTimeISO(this.#rules.timeZone).year);
    count(this.#byHorizonYear, year);
    this.#addRenewal(line);
    this.#nextRenewal = earliest(this.#nextRenewal, line.nextRenewal);
    const { rule } = line.retention;
    const known = this.#classes.get(rule ?? '') ?? openClass(rule);
    this.#classes.set(rule ?? '', known);
    addToClass(known, line);
    this.addFinding(documentFinding(document, line));
  }

  #addRenewal({ nextRenewal, element }: DocumentLine): void {
    if (nextRenewal === undefined || !element) return;
    const { timeZone } = this.#rules;
    const year = String(Temporal.Instant.from(nextRenewal).toZonedDateTimeISO(timeZone).year);
    const causes = this.#renewalsByYear.get(year) ?? { certificates: 0, algorithms: 0 };
    if (algorithmElements.includes(element.kind)) causes.algorithms++;
    else causes.certificates++;
    this.#renewalsByYear.set(year, causes);
  }

  close(
    at: Temporal.Instant,
    runId: string | undefined,
    dependencies: ReportSummary['dependencies'],
  ): ReportSummary {
    const totals: ReportTotals = {
      documents: this.#documents,
      digestsOverdue: this.#digestsOverdue,
      verifiableNow: this.#verifiableNow,
      byState: this.#byState,
      byStanding: this.#byStanding,
      byOutlook: this.#byOutlook,
      byIntake: this.#byIntake,
      byHorizonYear: sorted(this.#byHorizonYear),
      renewalsByYear: Object.fromEntries(
        [...this.#renewalsByYear].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    };
    const classes = [...this.#classes.entries()]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, open]) => closeClass(open, this.#rules.price));
    const tokensLeft = Math.max(0, ...classes.map((line) => line.tokensLeft));
    return {
      at: at.toString(),
      runId,
      totals,
      classes,
      nextRenewal: this.#nextRenewal,
      tokensLeft,
      cost: costOf(tokensLeft, this.#rules.price),
      dependencies,
      findings: sortFindings(this.#findings),
      findingsLeftOut: this.#leftOut,
    };
  }
}

/** Counts the archive as it stands at `at`. Reads every row of the catalogue once. */
export async function summarise(
  catalogue: Catalogue,
  at: Temporal.Instant,
  rules: ReportRules,
): Promise<ReportSummary> {
  const [newestRun] = await catalogue.runs(1);
  const pass = new Pass(rules);
  const judge = new DocumentJudge(at, rules);
  const dependencies = tallyDependencies(rules.profile, at);
  const batches = await loadBatchIndex(catalogue, rules.reread);
  for (const batch of batches.values()) pass.addFinding(batchFinding(batch));
  for (const finding of assessmentFindings(rules, at)) pass.addFinding(finding);
  for await (const demand of catalogue.batchDemand()) {
    const batch = batches.get(demand.batchId);
    if (batch) dependencies.addBatch(batch, demand.documents);
  }
  for await (const { document, context } of documentsInContext(
    catalogue,
    batches,
    {},
    rules.reread,
  )) {
    pass.addDocument(document, documentLine(document, context, judge), at);
    dependencies.addDocument(document.facts);
  }
  return pass.close(at, newestRun?.runId, dependencies.lines());
}

/** Of another layout is another name: what an older release kept is counted again. */
const cacheName = 'report-summary-2';

/** Keeps a summary for the page: the run counts once, the page shows it until the next run. */
export async function rememberSummary(catalogue: Catalogue, summary: ReportSummary): Promise<void> {
  await catalogue.setCache(cacheName, JSON.stringify(summary));
}

/**
 * The summary kept for the newest run, or for the one before while that is still at work; absent
 * where none is, or where it is out of date.
 */
export async function recallSummary(catalogue: Catalogue): Promise<ReportSummary | undefined> {
  const text = await catalogue.getCache(cacheName);
  if (text === undefined) return undefined;
  const summary = JSON.parse(text) as ReportSummary;
  const [newest, before] = await catalogue.runs(2);
  if (newest?.runId === summary.runId) return summary;
  const atWork = newest?.finishedAt === undefined;
  return atWork && before?.runId === summary.runId ? summary : undefined;
}
