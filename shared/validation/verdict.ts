// Verdict: the status, sub-indication and findings that EN 319 102-1 gives a signature, a token or a
// whole document. It is a value; an exception means that the question could not be answered.
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';

/** valid, invalid, indeterminate stand for TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE. @see EN 319 102-1 §5.1.3 */
export type VerdictStatus = 'valid' | 'invalid' | 'indeterminate';

export type Verdict = {
  readonly status: VerdictStatus;
  /** Why not valid; absent for `valid`. */
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
};
