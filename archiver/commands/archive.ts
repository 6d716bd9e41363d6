// Commands over an archive: run a night, show the plan, accept changed octets as a new document, rebuild
// the catalogue.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { acceptAsNew } from '../accept.ts';
import { warnOfContacts } from '../contacts.ts';
import type { EmbeddedTsa } from '../embedded-tsa.ts';
import { rebuildCatalogue } from '../rebuild.ts';
import { planFromCatalogue } from '../night/plan-catalogue.ts';
import { runNight } from '../run.ts';
import { countFindings } from '../reports/finding-list.ts';
import { writeReport } from '../reports/write.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { configOption, interruptSignal, loadConfig, systemClock, withArchiver } from './context.ts';
import { documentOf } from './evidence.ts';

type Common = { readonly config?: string; readonly json?: boolean };

/** Exit codes of `run`: 0 all well, 1 failed or stopped, 2 done with findings that ask for somebody. */
const runExitCodes = { ok: 0, findings: 2, failed: 1, stopped: 1 } as const;

type RunOptions = Common & { readonly allowTokens?: string; readonly rereadAll?: boolean };

async function run(options: RunOptions, embeddedTsa: EmbeddedTsa): Promise<void> {
  await withArchiver(
    options.config,
    { create: true, json: options.json },
    async ({ archiver, signal, events }) => {
      const clock = systemClock();
      const allowTokens =
        options.allowTokens === undefined ? undefined : Number(options.allowTokens);
      if (allowTokens !== undefined && !Number.isSafeInteger(allowTokens))
        throw new ConfigError('ERR_CONFIG_USAGE', '--allow-tokens takes a whole number');
      await using _tsa = await embeddedTsa(archiver.config, { clock, events, signal });
      const summary = await runNight(await archiver.night(signal), {
        runAt: clock.now(),
        signal,
        allowTokens,
        reread: options.rereadAll ? 'whole' : 'slice',
      });
      await writeReport(archiver, summary);
      warnOfContacts(archiver.config, events);
      if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
      else {
        process.stdout.write(
          `${summary.outcome}: ${summary.scanned} listed, ${summary.added} new, ${summary.protectedGroups} protected, ` +
            `${summary.timestampRenewals + summary.hashTreeRenewals} renewed, ${summary.tokensBought} tokens, ${countFindings(summary.findings)} findings\n`,
        );
      }
      process.exitCode = runExitCodes[summary.outcome];
    },
  );
}

async function plan(options: Common & { readonly at?: string }): Promise<void> {
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const at = options.at === undefined ? systemClock().now() : parseInstant(options.at);
    const result = await planFromCatalogue(await archiver.night(signal), at);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else {
      for (const action of result.actions) {
        const amount =
          action.kind === 'protect' || action.kind === 'anchor'
            ? `${action.groups} documents`
            : action.kind === 'augment'
              ? `${action.documents} documents`
              : `${action.batchIds.length} batches`;
        process.stdout.write(`${action.kind}: ${amount}\n`);
      }
      process.stdout.write(
        `${result.tokens} tokens${result.cost === undefined ? '' : `, cost ${result.cost}`}; next due ${result.nextDue?.toString() ?? 'never'}\n`,
      );
      for (const finding of result.findings) process.stdout.write(`! ${finding.message}\n`);
    }
    process.exitCode = result.allowed ? 0 : 2;
  });
}

/** A date or an instant of the command line. @throws ConfigError ERR_CONFIG_USAGE */
export function parseInstant(text: string): Temporal.Instant {
  try {
    return /^\d{4}-\d{2}-\d{2}$/.test(text)
      ? Temporal.Instant.from(`${text}T00:00:00Z`)
      : Temporal.Instant.from(text);
  } catch {
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(text)} is no time: write 2031-04-01 or 2031-04-01T00:00:00Z`,
    );
  }
}

async function rebuild(options: Common): Promise<void> {
  const config = await loadConfig(options.config);
  const summary = await rebuildCatalogue(config, {
    clock: systemClock(),
    events: terminalEvents({ json: false }),
    signal: interruptSignal(),
  });
  process.stdout.write(
    `${summary.documents} documents and ${summary.batches} batches from the stores\n`,
  );
}

/** `embeddedTsa`: how a local TSU is started when the configuration wants one; the archiver itself knows none. */
export function registerArchiveCommands(program: Command, embeddedTsa: EmbeddedTsa): void {
  program
    .command('run')
    .description('one nightly run now: scan, protect, renew, report')
    .option(...configOption)
    .option('--allow-tokens <n>', 'allow this run more tokens than the ceiling')
    .option(
      '--reread-all',
      're-read every document and all evidence, not tonight’s share alone: after damage, or a copy that was put back',
    )
    .option('--json', 'the summary as JSON, events as JSON lines')
    .action((options: RunOptions) => run(options, embeddedTsa));
  program
    .command('plan')
    .description('what a run would do and cost, without doing it')
    .option(...configOption)
    .option('--at <time>', 'as of another time: the forecast')
    .option('--json', 'as JSON')
    .action(plan);
  program
    .command('accept')
    .description('take the changed content of a key in as a new document')
    .argument('<key>', 'key of the document')
    .requiredOption(
      '--as-new',
      'say that the new content is a document of its own; the old one stays on record',
    )
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .option('--by <name>', 'who says so', 'operator')
    .action(
      async (key: string, options: Common & { readonly store?: string; readonly by: string }) => {
        await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
          const row = await documentOf(archiver, key, options.store);
          await acceptAsNew(await archiver.night(signal), row, {
            by: options.by,
            at: systemClock().now(),
            signal,
          });
          process.stdout.write(
            `${JSON.stringify(key)} is taken in as a new document and waits for the next run\n`,
          );
        });
      },
    );
  program
    .command('rebuild')
    .description('make the catalogue anew from the stores alone')
    .option(...configOption)
    .action(rebuild);
}
