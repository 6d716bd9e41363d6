// Problem: what a reader says about a part that it could not read, or found odd, without giving up on
// the rest of the document.
import { FormatError, TokiwaError } from '#shared/errors.ts';

/** One thing that kept a reader from reading, or that a reader found odd. */
export type Problem = {
  /** `error`: something was not read or contradicts itself; `warning`: read, but worth a look. */
  readonly severity: 'error' | 'warning';
  /** Stable name: the code of the error, or a kebab-case word such as `too-large-to-inspect`. */
  readonly code: string;
  readonly message: string;
  /** Octet offset in the document, or in the part that `place` names. */
  readonly offset?: number | undefined;
  /** The part of the document, such as a container's entry or a signature field; absent: the whole. */
  readonly place?: string | undefined;
};

/** The problem that a typed error stands for. Any other exception is a defect and thrown on. */
export function problemOf(error: unknown, place?: string): Problem {
  if (!(error instanceof TokiwaError)) throw error;
  return {
    severity: 'error',
    code: error.code,
    message: error.message,
    ...(error instanceof FormatError && error.offset !== undefined && { offset: error.offset }),
    ...(place !== undefined && { place }),
  };
}

/** Runs `read`; a typed error becomes a problem in `problems`, and the result `undefined`. */
export function attempt<T>(
  problems: Problem[],
  place: string | undefined,
  read: () => T,
): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.push(problemOf(error, place));
    return undefined;
  }
}
