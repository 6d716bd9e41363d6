// What an operator says of those who sign: the assessments of their providers as dated records, and which
// licences a class of documents demands; and what follows for a document (MHLW guideline, 6.12 C.1(2), R-02 to
// Pure; whether a signature holds was judged before.
import { demandedLicences, type Licence } from '#shared/policy/licences.ts';
import type { DocumentRow, IntakeSignature } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';

/** One assessment of a provider of certificates: nothing is ever "ok" without one. */
export type ProviderAssessment = {
  /** SHA-256 fingerprint of the anchor that its certificates lead to. */
  readonly anchor: string;
  readonly provider: string;
  /** How the licence is confirmed: the guideline's methods ① to ⑤. */
  readonly method: 1 | 2 | 3 | 4 | 5;
  readonly evaluator: string;
  readonly date: string;
  /** First instant at which it no longer counts. */
  readonly until: Temporal.Instant;
  /** What it rests on, such as the evaluation report's file. */
  readonly document: string;
};

/** Ends of names of what is kept beside a document to prove more of its signer than the signature does. */
export type SignerProofs = {
  /** The licence, or the record of its check. */
  readonly licence: readonly string[];
  /** Which user instructed a witness to sign. */
  readonly instruction: readonly string[];
};

/** Keys of a document's proofs of one kind: those that are there as they were taken in. */
export function proofsBeside(
  attached: readonly Pick<DocumentRow, 'key' | 'state'>[],
  ends: readonly string[],
): readonly string[] {
  return attached
    .filter(({ state }) => state === 'protected' || state === 'waiting')
    .map(({ key }) => key)
    .filter((key) => ends.some((end) => key.endsWith(end)));
}

/** Whether an attached object of this key is a proof, and no signature of the document. */
export function isProof(key: string, { licence, instruction }: SignerProofs): boolean {
  return [...licence, ...instruction].some((end) => key.endsWith(end));
}

/** lapsing: current, and in its last 90 days. */
export type AssessmentStatus = 'current' | 'lapsing' | 'lapsed' | 'not-assessed';

const warningHours = 90 * 24;

/** The assessment of the provider behind an anchor that lasts longest, and how it stands. */
export function assessmentOf(
  assessments: readonly ProviderAssessment[],
  anchor: string,
  at: Temporal.Instant,
): { readonly status: AssessmentStatus; readonly assessment: ProviderAssessment | undefined } {
  const assessment = assessments
    .filter((one) => one.anchor === anchor)
    .toSorted((a, b) => Temporal.Instant.compare(a.until, b.until))
    .at(-1);
  if (!assessment) return { status: 'not-assessed', assessment };
  if (!isBefore(at, assessment.until)) return { status: 'lapsed', assessment };
  const warnFrom = assessment.until.subtract({ hours: warningHours });
  return { status: isBefore(at, warnFrom) ? 'current' : 'lapsing', assessment };
}

/** Classes under which a signature counts by its provider's assessment alone. */
export function needsAssessment(anchorClass: AnchorClass): boolean {
  return anchorClass === 'other' || anchorClass === 'witness-provider';
}

/** Whether a document class that demands a licence has it. */
export type LicenceStanding = 'compliant' | 'qualification-not-shown' | 'wrong-qualification';

export type SignerCompliance = {
  /** Absent where no licence is demanded. */
  readonly licence: LicenceStanding | undefined;
  readonly requirements: readonly string[];
  readonly notMet: readonly string[];
  readonly notShown: readonly string[];
};

export type SignerRules = {
  readonly assessments: readonly ProviderAssessment[];
  readonly at: Temporal.Instant;
};

/** Licences of a signature that count: it holds, and its provider's word for them does. */
function countedLicences(
  { status, qualification }: IntakeSignature,
  { assessments, at }: SignerRules,
): readonly Licence[] {
  if (status !== 'valid' || !qualification) return [];
  const { anchorClass, anchor, licences } = qualification;
  if (anchorClass === 'hpki' || anchorClass === 'accredited') return licences;
  const assessed = assessmentOf(assessments, anchor, at).status;
  return assessed === 'current' || assessed === 'lapsing' ? licences : [];
}

function licenceStanding(
  signatures: readonly IntakeSignature[],
  required: readonly string[],
  rules: SignerRules,
): LicenceStanding | undefined {
  if (required.length === 0) return undefined;
  const shown = signatures.flatMap((signature) => countedLicences(signature, rules));
  if (shown.length === 0) return 'qualification-not-shown';
  const demanded = demandedLicences(required);
  return shown.some(({ ja }) => demanded.includes(ja)) ? 'compliant' : 'wrong-qualification';
}

function isRefusedByPolicy({ findings }: IntakeSignature): boolean {
  return findings.some(
    ({ check, level }) => check.startsWith('signer-policy') && level === 'error',
  );
}

/** By requirement number: what follows from who signed. `required`: licences, one of which is demanded. */
export function signerCompliance(
  signatures: readonly IntakeSignature[],
  required: readonly string[],
  rules: SignerRules,
): SignerCompliance {
  const met = new Set<string>();
  const notMet = new Set<string>();
  const notShown = new Set<string>();
  const licence = licenceStanding(signatures, required, rules);
  if (licence === 'wrong-qualification') notMet.add('R-02');
  else if (licence === 'qualification-not-shown') notShown.add('R-02');
  if (licence) met.add('R-02');
  for (const signature of signatures) {
    const { qualification, subIndication } = signature;
    if (!qualification) continue;
    const { anchorClass, anchor } = qualification;
    const own = anchorClass === 'jpki' ? 'R-07' : 'R-03';
    if (anchorClass === 'jpki' || anchorClass === 'hpki') met.add(own);
    if (isRefusedByPolicy(signature)) {
      met.add(own);
      notMet.add(own);
    } else if (anchorClass === 'jpki' && subIndication === 'TRY_LATER') notShown.add(own);
    if (!needsAssessment(anchorClass)) continue;
    met.add('R-04').add('R-05');
    const { status } = assessmentOf(rules.assessments, anchor, rules.at);
    // Lapsed, it did not hold; not assessed, nobody knows. Neither is ever taken for good.
    if (status === 'lapsed') notMet.add('R-04').add('R-05');
    else if (status === 'not-assessed') notShown.add('R-04').add('R-05');
  }
  return { licence, requirements: [...met], notMet: [...notMet], notShown: [...notShown] };
}
