// One document's line of the report: how it stands, until when, through which element, whether it
// holds through retention, and which requirements it does not meet. Computed from the catalogue
// alone; the same state and instant give the same line.
import { instantAfter } from '#shared/policy/retention-rule.ts';
import type { BatchRow, Catalogue, DocumentRow, IntakeStatus } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { TimestampType } from '#shared/validation/facts.ts';
import { countWitnesses } from '../evidence/independence.ts';
import { worstIntake } from '../intake-order.ts';
import { dueAt } from '../stages/plan.ts';
import { accreditationOf } from './accreditation-line.ts';
import { type DocumentContext, documentsInContext, loadBatchIndex } from './document-context.ts';
import type {
  DocumentLine,
  EvidenceLine,
  ReportRules,
  RetentionOutlook,
  SignatureLine,
  Standing,
  TimestampCoverage,
  TimestampLine,
  ValidationDataLine,
} from './report.ts';

/** The batch that proves longest; one without an end is the longest of all. */
function latestHorizon(batches: readonly BatchRow[]): BatchRow | undefined {
  const endless = batches.find((batch) => batch.horizon === undefined);
  if (endless) return endless;
  return batches
    .flatMap((batch) => (batch.horizon ? [{ batch, horizon: batch.horizon }] : []))
    .toSorted((a, b) => Temporal.Instant.compare(b.horizon, a.horizon))[0]?.batch;
}

/** The first instant at which nobody needs the document; absent: unknown or on hold. */
function neededUntil(document: DocumentRow, rules: ReportRules): Temporal.Instant | undefined {
  const { lastDay, hold } = document.retention;
  if (lastDay === undefined || hold) return undefined;
  return instantAfter(Temporal.PlainDate.from(lastDay), rules.timeZone);
}

function outlookOf(
  document: DocumentRow,
  best: BatchRow | undefined,
  end: Temporal.Instant | undefined,
  at: Temporal.Instant,
): RetentionOutlook {
  if (end && !isBefore(at, end)) return 'ended';
  if (document.state === 'waiting') return 'not-yet';
  if (document.state !== 'protected' || !best || best.state === 'broken') return 'no';
  if (best.horizon && !isBefore(at, best.horizon)) return 'no';
  if (!end) return 'open-ended';
  return best.horizon === undefined || !isBefore(best.horizon, end) ? 'covered' : 'by-renewal';
}

function standingOf(
  document: DocumentRow,
  best: BatchRow | undefined,
  due: Temporal.Instant | undefined,
  at: Temporal.Instant,
): Standing {
  if (document.state === 'waiting') {
    const minutes = Math.round(document.retention.protectWithinHours * 60);
    return isBefore(at, document.firstSeen.add({ minutes })) ? 'waiting' : 'overdue';
  }
  if (document.state !== 'protected') return document.state;
  if (!best || best.state === 'broken') return 'broken';
  if (due && best.horizon && !isBefore(at, best.horizon)) return 'overdue';
  if (best.state === 'unknown') return 'unknown';
  return due && !isBefore(at, due) ? 'due' : 'protected';
}

/** Renewals until the last day if each carries as far as the newest token did, less the lead time. */
function renewalsLeft(
  best: BatchRow | undefined,
  end: Temporal.Instant | undefined,
  rules: ReportRules,
): number | undefined {
  if (!end || !best?.horizon) return end && best ? 0 : undefined;
  if (!isBefore(best.horizon, end)) return 0;
  const reach = best.horizon.since(Temporal.Instant.from(best.newestToken.genTime)).total('hours');
  const pace = reach - 24 * rules.leadTime.total('days');
  return Math.max(1, Math.ceil(end.since(best.horizon).total('hours') / Math.max(pace, 24)));
}

const coverage: Readonly<Record<TimestampType, TimestampCoverage>> = {
  token: 'content',
  signature: 'signature',
  content: 'content',
  archive: 'whole',
  document: 'whole',
  // Over what their manifest lists, which need not be all of the container.
  container: 'content',
  'evidence-record': 'content',
  'validation-data': 'part',
  'references-only': 'references',
  'all-data-objects': 'content',
  'individual-data-objects': 'part',
  vri: 'part',
};

function timestampLines(document: DocumentRow): TimestampLine[] {
  return document.facts.timestamps.map((timestamp) => ({
    id: timestamp.id,
    type: timestamp.type,
    covers: coverage[timestamp.type],
    genTime: timestamp.genTime.toString(),
    tsu: timestamp.tsu?.subject,
    tsuNotAfter: timestamp.tsu?.notAfter.toString(),
  }));
}

function evidenceLine(
  batch: BatchRow,
  document: DocumentRow,
  at: Temporal.Instant,
  rules: ReportRules,
): EvidenceLine {
  return {
    kind: 'RFC 4998',
    batchId: batch.batchId,
    anchor: batch.anchor,
    tsu: batch.newestToken.chain[0]?.subject,
    state: batch.state,
    provableUntil: batch.horizon?.toString(),
    digestAlgorithm: batch.digestAlgorithm,
    archiveTimeStamps: batch.tokenCount,
    firstTime: batch.genTime.toString(),
    newestTime: batch.newestToken.genTime,
    accreditation: accreditationOf(batch, document, at, rules),
    covers: 'whole',
  };
}

function signatureLines(document: DocumentRow, heldBy?: string): SignatureLine[] {
  return document.intake.signatures.map((signature) => ({
    id: signature.id,
    status: signature.status,
    subIndication: signature.subIndication,
    signer: signature.signer,
    signerNotAfter: signature.signerNotAfter,
    heldBy,
  }));
}

function validationDataLine(
  holders: readonly DocumentRow[],
  { validationData, validationMissing = [] }: DocumentRow,
): ValidationDataLine | undefined {
  const { key: object, offences = [] } = validationData ?? {};
  if (!holders.some(({ validationPending }) => validationPending))
    return object === undefined ? undefined : { status: 'complete', object, missing: [], offences };
  const status = validationMissing.length > 0 ? 'missing' : 'waiting';
  return { status, object, missing: validationMissing, offences };
}

type Compliance = Pick<DocumentLine, 'requirements' | 'notMet' | 'notShown'>;

/** By requirement number: what the line answers, what is not met, what cannot be shown yet. */
function complianceOf(
  intake: IntakeStatus,
  outlook: RetentionOutlook,
  document: DocumentRow,
  evidence: readonly EvidenceLine[],
  validationData: ValidationDataLine | undefined,
): Compliance {
  const signed = intake !== 'unsigned';
  const requirements = ['R-08', 'R-09', 'R-12', 'R-24', 'R-25', 'R-26', 'R-27'];
  const notMet: string[] = [];
  const notShown: string[] = [];
  const accredited = evidence.flatMap(({ accreditation }) =>
    accreditation.status === 'accredited' ? [accreditation] : [],
  );
  if (evidence.length === 0) notMet.push('R-08');
  else if (accredited.length === 0) notShown.push('R-09');
  else if (accredited.every(({ transitional }) => transitional)) requirements.push('R-10');
  if (outlook === 'no') notMet.push('R-12');
  if (signed) {
    requirements.push('R-01', 'R-14');
    if (intake === 'not-valid') notMet.push('R-14');
    else if (intake !== 'valid') notShown.push('R-14');
  }
  if (validationData) {
    requirements.push('R-15', 'R-18');
    if (validationData.status === 'missing') notMet.push('R-15', 'R-18');
    else if (validationData.status === 'waiting') notShown.push('R-15', 'R-18');
  }
  if (document.retention.lastDay === undefined) notShown.push('R-24');
  return {
    requirements: requirements.toSorted(),
    notMet: notMet.toSorted(),
    notShown: notShown.toSorted(),
  };
}

/** One document's line as of `at`. */
export function documentLine(
  document: DocumentRow,
  context: DocumentContext,
  at: Temporal.Instant,
  rules: ReportRules,
): DocumentLine {
  const { batches } = context;
  const sound = batches.filter((batch) => batch.state !== 'broken');
  const best = latestHorizon(sound) ?? latestHorizon(batches);
  const { lastDay, hold } = document.retention;
  const demand = { documents: 1, openEnded: lastDay === undefined || hold, latestLastDay: lastDay };
  const due = best && dueAt(best, { batchId: best.batchId, ...demand }, rules);
  const end = neededUntil(document, rules);
  const outlook = outlookOf(document, best, end, at);
  const evidence = batches
    .toSorted((a, b) => a.anchor - b.anchor)
    .map((batch) => evidenceLine(batch, document, at, rules));
  const validationData = validationDataLine([document, ...context.attached], document);
  const intake = worstIntake([document, ...context.attached].map((row) => row.intake.status));
  return {
    store: document.store,
    key: document.key,
    versionId: document.versionId,
    sha256: document.sha256,
    size: document.size,
    format: document.facts.format,
    level: document.facts.level,
    problems: document.facts.problems.map((problem) => `${problem.code}: ${problem.message}`),
    attachedTo: context.attachedTo,
    state: document.state,
    stateSince: document.stateSince.toString(),
    stateReason: document.stateReason,
    standing: standingOf(document, best, due, at),
    intake,
    signatures: [
      ...signatureLines(document),
      ...context.attached.flatMap((row) => signatureLines(row, row.key)),
    ],
    timestamps: timestampLines(document),
    validationData,
    evidence,
    witnesses: countWitnesses(
      sound
        .filter(({ horizon }) => horizon === undefined || isBefore(at, horizon))
        .map(({ newestToken }) => newestToken.chain),
    ),
    verifiableNow:
      document.state === 'protected' &&
      best !== undefined &&
      best.state !== 'broken' &&
      (best.horizon === undefined || isBefore(at, best.horizon)),
    provableUntil: best?.horizon?.toString(),
    element: best?.horizonElement,
    nextRenewal: document.state === 'protected' ? due?.toString() : undefined,
    retention: document.retention,
    outlook,
    renewalsLeft: renewalsLeft(best, end, rules),
    lastRead: document.lastRead.toString(),
    ...complianceOf(intake, outlook, document, evidence, validationData),
  };
}

/** Every document with its line, one at a time: the archive is never held whole. */
export async function* documentLines(
  catalogue: Catalogue,
  at: Temporal.Instant,
  rules: ReportRules,
): AsyncIterable<{ readonly document: DocumentRow; readonly line: DocumentLine }> {
  const batches = await loadBatchIndex(catalogue);
  for await (const { document, context } of documentsInContext(catalogue, batches))
    yield { document, line: documentLine(document, context, at, rules) };
}
