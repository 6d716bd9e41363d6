// Answers and refusals since the start, for metrics.

export type Tally = {
  readonly answered: (profile: string, verdict: string) => void;
  readonly refused: (status: number) => void;
  readonly answers: () => readonly {
    readonly profile: string;
    readonly verdict: string;
    readonly count: number;
  }[];
  readonly refusals: () => readonly { readonly status: number; readonly count: number }[];
};

export function createTally(): Tally {
  const answers = new Map<string, Map<string, number>>();
  const refusals = new Map<number, number>();
  return {
    answered: (profile, verdict) => {
      const ofProfile = answers.get(profile) ?? new Map<string, number>();
      answers.set(profile, ofProfile);
      ofProfile.set(verdict, (ofProfile.get(verdict) ?? 0) + 1);
    },
    refused: (status) => {
      refusals.set(status, (refusals.get(status) ?? 0) + 1);
    },
    answers: () =>
      [...answers].flatMap(([profile, verdicts]) =>
        [...verdicts].map(([verdict, count]) => ({ profile, verdict, count })),
      ),
    refusals: () => [...refusals].map(([status, count]) => ({ status, count })),
  };
}
