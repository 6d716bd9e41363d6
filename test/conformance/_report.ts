// What a conformance plug-in answers: one line per case of its corpus.

export type ConformanceResult = {
  readonly case: string;
  readonly passed: boolean;
  readonly expected: string;
  readonly got: string;
  /** Why a case counts although readings differ, or what a reader should know. */
  readonly note?: string | undefined;
};

export type ConformanceReport = { readonly results: readonly ConformanceResult[] };
