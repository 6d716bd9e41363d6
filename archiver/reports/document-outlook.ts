// How a document stands through its retention: which batch proves it longest, when that is renewed, and
// which requirements are not met. For one line of the report and for comparisons of all documents under
// two configurations alike.
import { instantAfter } from '#shared/policy/retention-rule.ts';
import type {
  BatchRow,
  DocumentOutline,
  HeldSignature,
  IntakeStatus,
} from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import { combineIntake, worstIntake } from '../intake-order.ts';
import {
  isProof,
  type LicenceStanding,
  type SignerCompliance,
  signerCompliance,
} from '../signers.ts';
import { dueBefore } from '../stages/plan.ts';
import { accreditationOf } from './accreditation-line.ts';
import type { Accreditation, DocumentLine, ReportRules, RetentionOutlook } from './report.ts';

/** What of a document is judged. */
export type JudgedDocument = Pick<
  DocumentOutline,
  'state' | 'retention' | 'intakeStatus' | 'attachedIntake' | 'signatures' | 'validation'
>;

/** How it stands as of the judge's instant. */
export type DocumentOutlook = {
  /** The batch that proves longest; broken ones only where there is no other. */
  readonly best: BatchRow | undefined;
  /** When that one is renewed; absent: never, as nothing asks for it. */
  readonly due: Temporal.Instant | undefined;
  readonly provableUntil: string | undefined;
  readonly nextRenewal: string | undefined;
  /** The first instant at which nobody needs the document; absent: unknown or on hold. */
  readonly end: Temporal.Instant | undefined;
  readonly outlook: RetentionOutlook;
  /** As it was recorded when the document was taken in. */
  readonly intake: IntakeStatus;
  /** Its own and those attached to it, under the trust data in force; none where nothing is signed. */
  readonly signatures: readonly HeldSignature[];
  /** Of each batch, in their order. */
  readonly accreditations: readonly Accreditation[];
  readonly compliance: Compliance;
  /** Absent where no licence is demanded. */
  readonly licence: LicenceStanding | undefined;
};

/** By requirement number: what is answered, what is not met, what cannot be shown yet. */
export type Compliance = Pick<DocumentLine, 'requirements' | 'notMet' | 'notShown'>;

/** The batch that proves longest; one without an end is the longest of all. */
function latestHorizon(batches: readonly BatchRow[]): BatchRow | undefined {
  let latest: BatchRow | undefined;
  for (const batch of batches) {
    if (batch.horizon === undefined) return batch;
    if (latest?.horizon === undefined || isBefore(latest.horizon, batch.horizon)) latest = batch;
  }
  return latest;
}

/** Of one instant and one set of rules; what many documents share is worked out once. */
export class DocumentJudge {
  readonly at: Temporal.Instant;
  readonly rules: ReportRules;
  /** Licences that a rule demands, by its name. */
  readonly #required: ReadonlyMap<string, readonly string[]>;
  readonly #ends = new Map<string, Temporal.Instant>();
  readonly #due = new Map<BatchRow, { readonly at: Temporal.Instant; readonly text: string }>();
  readonly #horizonTexts = new Map<BatchRow, string>();
  readonly #compliance = new Map<string, Compliance>();
  readonly #accreditations = new Map<BatchRow, Map<boolean, Accreditation>>();

  constructor(at: Temporal.Instant, rules: ReportRules) {
    this.at = at;
    this.rules = rules;
    this.#required = new Map(rules.rules.map(({ name, requires }) => [name, requires]));
  }

  /** `batches`: those of its active memberships. */
  judge(document: JudgedDocument, batches: readonly BatchRow[]): DocumentOutlook {
    const sound = batches.filter((batch) => batch.state !== 'broken');
    const best = latestHorizon(sound) ?? latestHorizon(batches);
    const end = this.#neededUntil(document);
    const due = best && this.#dueOf(best, end);
    const outlook = this.#outlookOf(document, best, end);
    const accreditations = batches.map((batch) => this.#accreditationOf(batch, document));
    const intake = worstIntake([document.intakeStatus, ...document.attachedIntake]);
    const { signatures, standing } = this.#signaturesOf(document, intake);
    return {
      best,
      due: due?.at,
      provableUntil: best && this.#horizonText(best),
      nextRenewal: document.state === 'protected' ? due?.text : undefined,
      end,
      outlook,
      intake,
      signatures,
      accreditations,
      ...this.#complianceOf({ document, standing, signatures, outlook, accreditations }),
    };
  }

  /** Signatures under the trust data in force, and what they are worth together then. */
  #signaturesOf(
    document: JudgedDocument,
    intake: IntakeStatus,
  ): { readonly signatures: readonly HeldSignature[]; readonly standing: IntakeStatus } {
    // Read only where something is signed.
    if (intake === 'unsigned') return { signatures: [], standing: intake };
    const { signatures: recorded } = document;
    const { signerTrust } = this.rules;
    if (!signerTrust) return { signatures: recorded, standing: intake };
    const signatures = recorded.map((one) => signerTrust.ask(one, one.judgedAt));
    const isMoved = signatures.some((one, index) => one !== recorded[index]);
    return { signatures, standing: isMoved ? combineIntake(signatures) : intake };
  }

  /** Who signed: asked only where something is signed, or a licence is demanded. */
  #signersOf({ document, standing, signatures }: Judged): SignerCompliance | undefined {
    const { rule } = document.retention;
    const required = (rule !== undefined && this.#required.get(rule)) || nothing;
    if (standing === 'unsigned' && required.length === 0) return undefined;
    const { assessments, proofs } = this.rules;
    // Who signed a proof did not sign the document.
    const own = signatures.filter(({ heldBy = '' }) => !isProof(heldBy, proofs));
    return signerCompliance(own, required, { assessments, at: this.at });
  }

  #complianceOf(judged: Judged): Pick<DocumentOutlook, 'compliance' | 'licence'> {
    const { document, standing, outlook, accreditations } = judged;
    const signers = this.#signersOf(judged);
    const key = [
      standing,
      outlook,
      document.validation,
      document.retention.lastDay === undefined,
      ...accreditations.map((one) => (one.status === 'accredited' ? one.transitional : 'no')),
      ...(signers ? [signers.requirements, signers.notMet, signers.notShown].map(String) : []),
    ].join(';');
    const licence = signers?.licence;
    const known = this.#compliance.get(key);
    if (known) return { compliance: known, licence };
    const compliance = complianceOf(judged, signers);
    this.#compliance.set(key, compliance);
    return { compliance, licence };
  }

  #neededUntil({ retention: { lastDay, hold } }: JudgedDocument): Temporal.Instant | undefined {
    if (lastDay === undefined || hold) return undefined;
    const known = this.#ends.get(lastDay);
    if (known) return known;
    const end = instantAfter(Temporal.PlainDate.from(lastDay), this.rules.timeZone);
    this.#ends.set(lastDay, end);
    return end;
  }

  #dueOf(
    batch: BatchRow,
    end: Temporal.Instant | undefined,
  ): { readonly at: Temporal.Instant; readonly text: string } | undefined {
    const { horizon } = batch;
    // what is covered through its retention is not renewed.
    if (!horizon || (end && !isBefore(horizon, end))) return undefined;
    const known = this.#due.get(batch);
    if (known) return known;
    const at = dueBefore(horizon, this.rules);
    const due = { at, text: at.toString() };
    this.#due.set(batch, due);
    return due;
  }

  #horizonText(batch: BatchRow): string | undefined {
    if (!batch.horizon) return undefined;
    const known = this.#horizonTexts.get(batch);
    if (known !== undefined) return known;
    const text = batch.horizon.toString();
    this.#horizonTexts.set(batch, text);
    return text;
  }

  #accreditationOf(batch: BatchRow, { retention }: JudgedDocument): Accreditation {
    const isStatutory = retention.presets.length > 0;
    const ofBatch = this.#accreditations.get(batch) ?? new Map<boolean, Accreditation>();
    this.#accreditations.set(batch, ofBatch);
    const known = ofBatch.get(isStatutory);
    if (known) return known;
    const accreditation = accreditationOf(batch, isStatutory, this.at, this.rules);
    ofBatch.set(isStatutory, accreditation);
    return accreditation;
  }

  #outlookOf(
    { state }: JudgedDocument,
    best: BatchRow | undefined,
    end: Temporal.Instant | undefined,
  ): RetentionOutlook {
    if (end && !isBefore(this.at, end)) return 'ended';
    // Nobody needs this version any longer: the newer one stands for it.
    if (state === 'superseded') return 'ended';
    if (state === 'waiting') return 'not-yet';
    if (state !== 'protected' || !best || best.state === 'broken') return 'no';
    if (best.horizon && !isBefore(this.at, best.horizon)) return 'no';
    if (!end) return 'open-ended';
    return best.horizon === undefined || !isBefore(best.horizon, end) ? 'covered' : 'by-renewal';
  }
}

type Judged = Pick<DocumentOutlook, 'signatures' | 'outlook' | 'accreditations'> & {
  readonly document: JudgedDocument;
  /** Its signatures together. */
  readonly standing: IntakeStatus;
};

const nothing: readonly string[] = [];

const always = ['R-08', 'R-09', 'R-12', 'R-24', 'R-25', 'R-26', 'R-27'] as const;

/** By requirement number: what the line answers, what is not met, what cannot be shown yet. */
function complianceOf(judged: Judged, signers: SignerCompliance | undefined): Compliance {
  const { document, standing, outlook, accreditations } = judged;
  const requirements: string[] = [...always];
  const notMet: string[] = [];
  const notShown: string[] = [];
  const accredited = accreditations.flatMap((one) => (one.status === 'accredited' ? [one] : []));
  if (accreditations.length === 0) notMet.push('R-08');
  else if (accredited.length === 0) notShown.push('R-09');
  else if (accredited.every(({ transitional }) => transitional)) requirements.push('R-10');
  if (outlook === 'no') notMet.push('R-12');
  if (standing !== 'unsigned') {
    requirements.push('R-01', 'R-14');
    if (standing === 'not-valid') notMet.push('R-14');
    else if (standing !== 'valid') notShown.push('R-14');
  }
  if (document.validation) {
    requirements.push('R-15', 'R-18');
    if (document.validation === 'missing') notMet.push('R-15', 'R-18');
    else if (document.validation === 'waiting') notShown.push('R-15', 'R-18');
  }
  if (document.retention.lastDay === undefined) notShown.push('R-24');
  if (signers) {
    requirements.push(...signers.requirements);
    notMet.push(...signers.notMet);
    notShown.push(...signers.notShown);
  }
  return {
    requirements: requirements.toSorted(),
    notMet: notMet.toSorted(),
    notShown: notShown.toSorted(),
  };
}
