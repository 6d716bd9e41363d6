// Where a fault lies (R-51), as both programs say it: stages of a subject in their order, of which the first that fails is
// the answer, with the party of the responsibility matrix whose it is. For programs alone.

/** One stage of one subject, as it went. */
export type ExaminedStage<Stage extends string = string> = {
  /** What was looked at, such as `proxy`, or a provider's name. */
  readonly subject: string;
  readonly stage: Stage;
  readonly passed: boolean;
  readonly detail: string;
  /** Of a stage that failed: who has to act. */
  readonly party?: string;
  /** Whom to call first, where the configuration names somebody. */
  readonly contact?: string;
};

/** Ends the examination of one subject: its line is written. */
class StageFailed extends Error {
  override readonly name = 'StageFailed';
}

const maxReason = 300;

/** Why something failed, in one line that can be shown. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{fffd}');
  return clean.length > maxReason ? `${clean.slice(0, maxReason)}…` : clean;
}

export type Stages<Stage extends string> = {
  readonly say: (stage: Stage, passed: boolean, detail: string) => void;
  /** Says that a stage failed, and ends with it. */
  readonly fail: (stage: Stage, detail: string) => never;
  /** A stage that passes where the work gives a detail, and fails where it throws. */
  readonly stage: (name: Stage, work: () => Promise<string>) => Promise<void>;
  /** Everything to be said of the subject, to the first stage that fails. @throws what is no failed stage */
  readonly run: (work: () => Promise<void>) => Promise<readonly ExaminedStage<Stage>[]>;
  /** Whether this is how a failed stage ends the work around it. */
  readonly isEnd: (error: unknown) => boolean;
};

/** The stages of one subject; `parties`: whose each of them is. */
export function createStages<Stage extends string>(
  subject: string,
  parties: Readonly<Record<Stage, string>>,
): Stages<Stage> {
  const lines: ExaminedStage<Stage>[] = [];
  const say = (stage: Stage, passed: boolean, detail: string): void => {
    lines.push({ subject, stage, passed, detail, ...(passed ? {} : { party: parties[stage] }) });
  };
  const fail = (stage: Stage, detail: string): never => {
    say(stage, false, detail);
    throw new StageFailed(stage);
  };
  return {
    say,
    fail,
    isEnd: (error) => error instanceof StageFailed,
    stage: async (name, work) => {
      let detail: string;
      try {
        detail = await work();
      } catch (error) {
        return fail(name, reasonOf(error));
      }
      say(name, true, detail);
    },
    run: async (work) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof StageFailed)) throw error;
      }
      return lines;
    },
  };
}

/** For people: a line a stage, and who has to act at the end. */
export function renderExamination(lines: readonly ExaminedStage[]): string {
  const failed = lines.find(({ passed }) => !passed);
  const end = failed
    ? `first failing stage: ${failed.subject}, ${failed.stage}; to act: ${failed.party ?? ''}${failed.contact === undefined ? '' : `; call ${failed.contact}`}`
    : 'every stage passed';
  return [
    ...lines.map(
      ({ subject, stage, passed, detail }) =>
        `${passed ? 'ok    ' : 'FAILED'} ${subject}: ${stage}: ${detail}`,
    ),
    end,
    '',
  ].join('\n');
}
