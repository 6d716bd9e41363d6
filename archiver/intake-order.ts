// Intake verdicts from worst to best: of several, the worst speaks for a document. Queries and
// reports share the order, so that a filter finds what a line says.
import type { IntakeStatus } from '#shared/ports/catalogue.ts';

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
