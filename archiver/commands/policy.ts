// `tokiwa policy`: its subcommands, and `policy diff NEW`: what a changed configuration (algorithm policies and overrides, trust
// anchors, accreditation, retention rules) would move, before it takes effect.
import type { Command } from 'commander';
import { terminalEvents } from '../adapters/terminal-events.ts';
import type { Aspect, AspectCount, Difference } from '../reports/difference.ts';
import { showServices } from './accreditation.ts';
import { parseInstant } from './archive.ts';
import { configOption, loadConfig, systemClock, withArchiver } from './context.ts';
import { registerPolicyEnd } from './policy-end.ts';
import { sideOf } from './policy-side.ts';
import { exportPolicy, importPolicy, showPolicies } from './policy-files.ts';

type Options = {
  readonly config?: string;
  readonly at?: string;
  readonly examples: string;
  readonly json?: boolean;
};

const aspectNames: Readonly<Record<Aspect, string>> = {
  'proof-horizon': 'provable until',
  'next-renewal': 'next renewal',
  outlook: 'outlook',
  retention: 'retention',
  signers: 'signers',
  compliance: 'compliance',
};

function renderText({ documents, moved, byAspect, editions, examples }: Difference): string {
  const lines: string[] = [];
  for (const key of Object.keys(editions.from) as (keyof typeof editions.from)[]) {
    const [from, to] = [editions.from[key], editions.to[key]].map(String);
    if (from !== to) lines.push(`${key}: ${String(from)} → ${String(to)}`);
  }
  lines.push(`${moved} of ${documents} documents would move`);
  for (const [aspect, count] of Object.entries(byAspect) as [Aspect, AspectCount][]) {
    const earliest = count.earliest === undefined ? '' : `, the earliest to ${count.earliest}`;
    lines.push(
      `  ${aspectNames[aspect]}: ${count.documents} documents, ${count.worse} for the worse${earliest}`,
    );
  }
  if (examples.length > 0) lines.push('for example:');
  for (const { key, aspect, from, to } of examples)
    lines.push(`  ${JSON.stringify(key)}: ${aspectNames[aspect]} ${from} → ${to}`);
  return `${lines.join('\n')}\n`;
}

async function diff(file: string, options: Options): Promise<void> {
  const { compareConfigurations } = await import('../reports/difference.ts');
  const at = options.at === undefined ? systemClock().now() : parseInstant(options.at);
  const to = await sideOf(await loadConfig(file), at, terminalEvents({ json: false }));
  const difference = await withArchiver(
    options.config,
    { create: false, json: options.json },
    async ({ archiver, events, signal }) =>
      compareConfigurations(
        archiver.catalogue,
        { from: await sideOf(archiver.config, at, events), to },
        {
          at,
          maxExamples: Number(options.examples),
          signal,
          onProgress: (documents) => {
            events({ level: 'info', name: 'archiver.policy.progress', documents });
          },
        },
      ),
  );
  process.stdout.write(
    options.json ? `${JSON.stringify(difference, undefined, 2)}\n` : renderText(difference),
  );
  // As diff(1) has it: 1 where something differs.
  process.exitCode = difference.moved > 0 ? 1 : 0;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

/** Adds `policy` with its subcommands. */
export function registerPolicyCommands(program: Command): void {
  const policy = program
    .command('policy')
    .description('policies, accreditation and retention rules in force');
  policy
    .command('show')
    .description('the algorithm policies and profiles that there are, or one policy in full')
    .argument('[id]', 'id of a policy')
    .option(...configOption)
    .option('--json', 'as JSON')
    .action(showPolicies);
  policy
    .command('services')
    .description(
      'timestamp services that were seen to be accredited, or one as an entry to fill in and confirm',
    )
    .argument('[id]', 'id of a service')
    .option('--json', 'as JSON')
    .action(showServices);
  policy
    .command('export')
    .description('an algorithm policy as a DSSC file (RFC 5698)')
    .argument('<id>', 'id of a policy')
    .option(...configOption)
    .option('-o, --output <file>', 'a new file instead of standard output')
    .option('--sign-key <file>', 'sign it with this private key (PEM, readable by you alone)')
    .option('--sign-certificate <file>', 'the certificate of that key, PEM or DER')
    .option('--key-password-file <file>', 'whose content decrypts the key')
    .action(exportPolicy);
  policy
    .command('import')
    .description('verify a DSSC file, keep it beside the configuration, and say how to use it')
    .argument('<file>', 'DSSC file (RFC 5698, XML)')
    .option(...configOption)
    .option('--id <id>', 'name of the policy from now on (default: its own)')
    .option(
      '--signed-by <file>',
      'certificate whose key has to have signed it, PEM or DER (repeatable)',
      collect,
      [],
    )
    .action(importPolicy);
  policy
    .command('diff')
    .description('what another configuration would move, before it takes effect')
    .argument('<file>', 'the configuration as it is to be')
    .option(...configOption)
    .option('--at <time>', 'as of another time')
    .option('--examples <n>', 'how many documents to name', '10')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit status: 0 nothing moves, 1 something moves, 3 usage.')
    .action(diff);
  registerPolicyEnd(policy);
}
