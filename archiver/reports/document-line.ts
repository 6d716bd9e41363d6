// One document's line of the report: how it stands, until when, through which element, whether it
// holds through retention, and which requirements it does not meet. Computed from the catalogue
// alone; the same state and instant give the same line.
import type { BatchRow, Catalogue, DocumentRow, HeldSignature } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { TimestampType } from '#shared/validation/facts.ts';
import { countWitnesses } from '../evidence/independence.ts';
import { type DocumentContext, documentsInContext, loadBatchIndex } from './document-context.ts';
import { embeddedBatch, embeddedEvidence } from './embedded-evidence.ts';
import { DocumentJudge } from './document-outlook.ts';
import { assessmentOf, isProof, needsAssessment, proofsBeside } from '../signers.ts';
import type {
  Accreditation,
  DocumentLine,
  EvidenceLine,
  ReportRules,
  SignatureLine,
  Standing,
  TimestampCoverage,
  TimestampLine,
  ValidationDataLine,
} from './report.ts';

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

function evidenceLine(batch: BatchRow, accreditation: Accreditation): EvidenceLine {
  return {
    kind: batch.batchId === embeddedEvidence ? 'EN 319 122-1' : 'RFC 4998',
    batchId: batch.batchId,
    anchor: batch.anchor,
    tsu: batch.newestToken.chain[0]?.subject,
    state: batch.state,
    provableUntil: batch.horizon?.toString(),
    digestAlgorithm: batch.digestAlgorithm,
    archiveTimeStamps: batch.tokenCount,
    firstTime: batch.genTime.toString(),
    newestTime: batch.newestToken.genTime,
    accreditation,
    covers: 'whole',
  };
}

/** `instructions`: keys of evidence for who instructed a witness. */
function signatureLine(
  signature: HeldSignature,
  { at, rules }: DocumentJudge,
  instructions: readonly string[],
): SignatureLine {
  const { id, status, subIndication, signer, signerNotAfter, heldBy, qualification } = signature;
  const line = { id, status, subIndication, signer, signerNotAfter, heldBy };
  if (!qualification) return { ...line, licences: [] };
  const { anchorClass, anchor, licences } = qualification;
  return {
    ...line,
    signerClass: anchorClass,
    licences,
    ...(needsAssessment(anchorClass) && {
      assessment: assessmentOf(rules.assessments, anchor, at).status,
    }),
    ...(anchorClass === 'witness-provider' &&
      signer !== undefined && {
        witness: {
          keyHolder: signer,
          instructedBy:
            instructions.length === 0 ? 'not shown by the signature' : 'evidence attached',
          evidence: instructions,
        },
      }),
  };
}

/** Signatures of the document and of what is attached to it, as they were judged at intake. */
function heldSignatures(document: DocumentRow, attached: readonly DocumentRow[]): HeldSignature[] {
  return [document, ...attached].flatMap((row) => {
    const { signatures, at: judgedAt } = row.intake;
    const heldBy = row === document ? undefined : row.key;
    return signatures.map((one) => ({ ...one, heldBy, judgedAt }));
  });
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

/** One document's line as of the judge's instant. */
export function documentLine(
  document: DocumentRow,
  context: DocumentContext,
  judge: DocumentJudge,
): DocumentLine {
  const { at, rules } = judge;
  const embedded = embeddedBatch(document, context.batches, rules);
  const batches = embedded ? [embedded] : context.batches.toSorted((a, b) => a.anchor - b.anchor);
  const validationData = validationDataLine([document, ...context.attached], document);
  const { state, retention, intake } = document;
  const outlook = judge.judge(
    {
      state,
      retention,
      intakeStatus: intake.status,
      attachedIntake: context.attached.map((row) => row.intake.status),
      signatures: heldSignatures(document, context.attached),
      validation: validationData?.status,
    },
    batches,
  );
  const { best, due, end } = outlook;
  const instructions = proofsBeside(context.attached, rules.proofs.instruction);
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
    intake: outlook.intake,
    signatures: outlook.signatures
      .filter(({ heldBy = '' }) => !isProof(heldBy, rules.proofs))
      .map((signature) => signatureLine(signature, judge, instructions)),
    licence: outlook.licence && {
      required: rules.rules.find(({ name }) => name === retention.rule)?.requires ?? [],
      standing: outlook.licence,
    },
    licenceProofs: proofsBeside(context.attached, rules.proofs.licence),
    timestamps: timestampLines(document),
    validationData,
    evidence: batches.flatMap((batch, index) => {
      const accreditation = outlook.accreditations[index];
      return accreditation ? [evidenceLine(batch, accreditation)] : [];
    }),
    witnesses: countWitnesses(
      batches
        .filter((batch) => batch.state !== 'broken')
        .filter(({ horizon }) => horizon === undefined || isBefore(at, horizon))
        .map(({ newestToken }) => newestToken.chain),
    ),
    verifiableNow:
      document.state === 'protected' &&
      best !== undefined &&
      best.state !== 'broken' &&
      (best.horizon === undefined || isBefore(at, best.horizon)),
    provableUntil: outlook.provableUntil,
    element: best?.horizonElement,
    nextRenewal: outlook.nextRenewal,
    retention: document.retention,
    outlook: outlook.outlook,
    renewalsLeft: renewalsLeft(best, end, rules),
    lastRead: document.lastRead.toString(),
    ...outlook.compliance,
  };
}

/** Every document with its line, one at a time: the archive is never held whole. */
export async function* documentLines(
  catalogue: Catalogue,
  at: Temporal.Instant,
  rules: ReportRules,
): AsyncIterable<{ readonly document: DocumentRow; readonly line: DocumentLine }> {
  const { reread } = rules;
  const batches = await loadBatchIndex(catalogue, reread);
  const judge = new DocumentJudge(at, rules);
  for await (const { document, context } of documentsInContext(catalogue, batches, {}, reread))
    yield { document, line: documentLine(document, context, judge) };
}
