// Verdict: the status, sub-indication and findings that EN 319 102-1 gives a signature, a token or a
// whole document, and the tree of them for a document. It is a value; an exception means that the
// question could not be answered.
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

/** What one verdict of the tree is about. */
export type VerdictSubject =
  | 'document'
  | 'signature'
  | 'timestamp'
  | 'evidence-record'
  | 'archive-timestamp'
  | 'validation-data';

/** One sentence a human understands, in each language. */
export type Sentence = { readonly ja: string; readonly en: string };

export type Indication = 'TOTAL-PASSED' | 'TOTAL-FAILED' | 'PASSED' | 'FAILED' | 'INDETERMINATE';

/** A verdict with those it rests on. */
export type VerdictNode = Verdict & {
  readonly subject: VerdictSubject;
  /** Its id in the facts, or a file's name. */
  readonly name: string;
  readonly indication: Indication;
  /** What a reader asks first: who, when, over what. Instants are ISO texts. */
  readonly facts: Readonly<Record<string, string>>;
  readonly sentence: Sentence;
  readonly children: readonly VerdictNode[];
};

/** Documents and signatures have TOTAL-PASSED, building blocks PASSED. @see EN 319 102-1 §5.1.3, §5.1.4 */
export function indicationOf(subject: VerdictSubject, status: VerdictStatus): Indication {
  if (status === 'indeterminate') return 'INDETERMINATE';
  const isTotal = subject === 'document' || subject === 'signature';
  if (status === 'valid') return isTotal ? 'TOTAL-PASSED' : 'PASSED';
  return isTotal ? 'TOTAL-FAILED' : 'FAILED';
}

/** The worst first: what is wrong before what cannot be told. */
export function worstOf<T extends Pick<Verdict, 'status'>>(verdicts: readonly T[]): T | undefined {
  return (
    verdicts.find(({ status }) => status === 'invalid') ??
    verdicts.find(({ status }) => status === 'indeterminate') ??
    verdicts[0]
  );
}
