// Intake verdicts from worst to best: of several, the worst speaks for a document. Queries and
// reports share the order, so that a filter finds what a line says.
import type { IntakeSignature, IntakeStatus } from '#shared/ports/catalogue.ts';

/** `unsigned` is last: a document beside a detached signature says nothing by itself. */
export const intakeOrder: readonly IntakeStatus[] = [
  'not-valid',
  'indeterminate',
  'not-judged',
  'valid',
  'unsigned',
];

/** The worst of several verdicts; `unsigned` where there are none. */
export function worstIntake(statuses: readonly IntakeStatus[]): IntakeStatus {
  return intakeOrder.find((status) => statuses.includes(status)) ?? 'unsigned';
}

/** Sub-indications that say the signature could not be verified when it was taken in: expired or revoked. */
const notVerifiableNow: readonly (string | undefined)[] = [
  'REVOKED_NO_POE',
  'REVOKED_CA_NO_POE',
  'OUT_OF_BOUNDS_NO_POE',
  'OUT_OF_BOUNDS_NOT_REVOKED',
];

/** Whether nothing that comes later makes it hold: broken, or expired or revoked at intake. */
export function isLost({
  status,
  subIndication,
}: Pick<IntakeSignature, 'status' | 'subIndication'>): boolean {
  return status === 'invalid' || notVerifiableNow.includes(subIndication);
}

/**
 * valid only where every signature is. Broken, expired or revoked: it was not valid when protected
 * what could not be decided stays undecided.
 */
export function combineIntake(signatures: readonly IntakeSignature[]): IntakeStatus {
  if (signatures.length === 0) return 'unsigned';
  if (signatures.some(isLost)) return 'not-valid';
  if (signatures.some((signature) => signature.status === 'indeterminate')) return 'indeterminate';
  if (signatures.some((signature) => signature.status === 'not-judged')) return 'not-judged';
  return 'valid';
}
