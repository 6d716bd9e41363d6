// Named steps that are counted: a step that throws has failed, the next one is tried all the same.

export type Steps = {
  readonly step: (name: string, work: () => Promise<void>) => Promise<void>;
  /** Prints `N passed, N failed`; gives the exit code. */
  readonly close: () => number;
};

export function countSteps(write: (line: string) => void): Steps {
  let passed = 0;
  let failed = 0;
  return {
    step: async (name, work) => {
      try {
        await work();
        passed++;
        write(`  ✔ ${name}`);
      } catch (error) {
        failed++;
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        write(`  ✘ ${name}\n${text}`);
      }
    },
    close: () => {
      write(`${passed} passed, ${failed} failed`);
      return failed === 0 ? 0 : 1;
    },
  };
}
