// The `tokiwa` command: names of commands; each loads its module when it is asked for.
import { Command, CommanderError } from 'commander';
import type { EmbeddedTsa } from '#archiver/embedded-tsa.ts';
import type { StartSimulatedTsas } from '#archiver/simulation/tsas.ts';
import { ConfigError, TokiwaError } from '#shared/errors.ts';
import { printableLines } from '#shared/printable.ts';

/** The local TSU is loaded only where a configuration wants it. */
const embeddedTsa: EmbeddedTsa = async (...options) =>
  (await import('./embedded-tsa.ts')).startEmbeddedTsa(...options);

const simulatedTsas: StartSimulatedTsas = async (options) =>
  (await import('./simulated-tsas.ts')).startSimulatedTsas(options);

/** Every group of commands, by the names that lead to it. */
const groups: readonly {
  readonly names: readonly string[];
  readonly register: (program: Command) => Promise<void>;
}[] = [
  {
    names: ['start'],
    register: async (program) => {
      (await import('./start.ts')).registerStart(program);
    },
  },
  {
    names: ['run', 'plan', 'accept', 'rebuild'],
    register: async (program) => {
      (await import('./archiver/commands/archive.ts')).registerArchiveCommands(
        program,
        embeddedTsa,
      );
    },
  },
  {
    names: ['evidence'],
    register: async (program) => {
      (await import('./archiver/commands/evidence.ts')).registerEvidence(program);
    },
  },
  {
    names: ['serve'],
    register: async (program) => {
      (await import('./archiver/commands/serve.ts')).registerServe(program, embeddedTsa);
    },
  },
  {
    names: ['delete'],
    register: async (program) => {
      (await import('./archiver/commands/delete.ts')).registerDelete(program);
    },
  },
  {
    names: ['policy'],
    register: async (program) => {
      (await import('./archiver/commands/policy.ts')).registerPolicyCommands(program);
    },
  },
  {
    names: ['report'],
    register: async (program) => {
      (await import('./archiver/commands/report.ts')).registerReport(program);
    },
  },
  {
    names: ['trust'],
    register: async (program) => {
      (await import('./archiver/commands/trust.ts')).registerTrustCommands(program);
    },
  },
  {
    names: ['pack'],
    register: async (program) => {
      (await import('./archiver/commands/pack.ts')).registerPack(program);
    },
  },
  {
    names: ['export', 'import'],
    register: async (program) => {
      (await import('./archiver/commands/transfer.ts')).registerTransfer(program);
    },
  },
  {
    names: ['retention'],
    register: async (program) => {
      (await import('./archiver/commands/retention.ts')).registerRetentionCommands(program);
    },
  },
  {
    names: ['verify'],
    register: async (program) => {
      (await import('./archiver/commands/verify.ts')).registerVerify(program);
    },
  },
  {
    names: ['augment'],
    register: async (program) => {
      (await import('./archiver/commands/augment.ts')).registerAugment(program);
    },
  },
  {
    names: ['simulate'],
    register: async (program) => {
      (await import('./archiver/commands/simulate.ts')).registerSimulate(program, simulatedTsas);
    },
  },
  {
    names: ['doctor'],
    register: async (program) => {
      (await import('./doctor.ts')).registerDoctor(program);
    },
  },
  {
    names: ['tsa', 'stamp', 'audit'],
    register: async (program) => {
      (await import('./tsa/commands.ts')).registerTsaCommands(program);
    },
  },
];

/** Somebody ended the command: no fault of it. */
function isStop(error: unknown): error is Error {
  return error instanceof Error && error.name === 'AbortError';
}

/** What a person is told of an error: what, where, and no stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError && error.problems.length > 0) {
    const lines = error.problems.map(
      ({ key, line, message }) =>
        `  ${line === undefined ? '' : `line ${line}: `}${key === '' ? '' : `${key}: `}${message}`,
    );
    return `the configuration cannot be used:\n${lines.join('\n')}`;
  }
  if (error instanceof TokiwaError) return `${error.message} (${error.code})`;
  if (isStop(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('tokiwa')
    .description(
      'Keeps signed documents provable: timestamps, evidence records and their renewal before they weaken.',
    )
    .version('0.1.0')
    .showHelpAfterError()
    .configureOutput({ writeErr: (text) => process.stderr.write(printableLines(text)) })
    .exitOverride();
  const [name] = argv;
  const group = groups.find((candidate) => name !== undefined && candidate.names.includes(name));
  // Without a known name every group is loaded, so that the help lists all commands.
  for (const { register } of group ? [group] : groups) await register(program);
  await program.parseAsync(argv, { from: 'user' });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its message; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? 0 : 3;
  } else {
    process.stderr.write(`tokiwa: ${printableLines(explain(error))}\n`);
    // A stopped run has status 1 wherever it was.
    process.exitCode = error instanceof TokiwaError ? 3 : isStop(error) ? 1 : 70;
  }
}
