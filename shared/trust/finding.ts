// Finding: one rule's result as a value, with the facts in it. Verdicts are lists of these.

export type FindingLevel =
  /** The rule is broken. */
  | 'error'
  /** The rule could not be decided. */
  | 'unknown'
  /** Worth an operator's eye, without effect on the verdict. */
  | 'warning'
  | 'info';

export type Finding = {
  /** Name of the rule in kebab case: what tests and reports rely on. */
  readonly check: string;
  /** The clause that demands it, such as `RFC 5280 §6.1.3 (a)(2)`. */
  readonly clause: string;
  readonly level: FindingLevel;
  /** One English sentence. */
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;
};
