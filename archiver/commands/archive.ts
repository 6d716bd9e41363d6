// Commands over an archive: run a night, show the plan, give a document's evidence, accept
// changed octets as a new document, rebuild the catalogue.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError, SourceError } from '#shared/errors.ts';
import type { BatchRow, Catalogue, DocumentRow, MembershipRow } from '#shared/ports/catalogue.ts';
import { acceptAsNew } from '../accept.ts';
import { assembleEvidenceRecord } from '../evidence/assemble.ts';
import type { Archiver } from '../main.ts';
import type { EmbeddedTsa } from '../embedded-tsa.ts';
import { rebuildCatalogue } from '../rebuild.ts';
import { planFromCatalogue } from '../night/plan-catalogue.ts';
import { runNight } from '../run.ts';
import { writeReport } from '../reports/write.ts';
import { readValidationObject } from '../stages/validation-object.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { configOption, interruptSignal, loadConfig, systemClock, withArchiver } from './context.ts';

type Common = { readonly config?: string; readonly json?: boolean };

/** Exit codes of `run`: 0 all well, 1 failed or stopped, 2 done with findings that ask for somebody. */
const runExitCodes = { ok: 0, findings: 2, failed: 1, stopped: 1 } as const;

/**
 * The document of that key in any store; the newest content where there were several.
 * @throws ConfigError ERR_CONFIG_USAGE: no such document
 */
export async function documentOf(
  archiver: Archiver,
  key: string,
  store: string | undefined,
): Promise<DocumentRow> {
  let found: DocumentRow | undefined;
  for await (const row of archiver.catalogue.documents({ key, store })) found = row;
  if (found) return found;
  throw new ConfigError(
    'ERR_CONFIG_USAGE',
    `no document ${JSON.stringify(key)} in the catalogue; a run takes new ones in`,
  );
}

async function give(octets: Uint8Array, output: string | undefined): Promise<void> {
  if (output === undefined) process.stdout.write(octets);
  else await writeFile(output, octets);
}

/**
 * Where a document's newest record stands: by the TSA of that number or, without one, by the first whose
 * evidence is not broken.
 */
export async function placeOf(
  catalogue: Catalogue,
  row: DocumentRow,
  anchor?: number,
): Promise<MembershipRow | undefined> {
  const places: { readonly place: MembershipRow; readonly batch: BatchRow }[] = [];
  for (const place of await catalogue.memberships(row.id)) {
    const batch = place.active ? await catalogue.getBatch(place.batchId) : undefined;
    if (batch && (anchor === undefined || batch.anchor === anchor)) places.push({ place, batch });
  }
  const sound = places.filter(({ batch }) => batch.state !== 'broken');
  const among = sound.length > 0 ? sound : places;
  const first = Math.min(...among.map(({ batch }) => batch.anchor));
  return among.findLast(({ batch }) => batch.anchor === first)?.place;
}

/**
 * A document's EvidenceRecord from its newest batch, as DER.
 * @throws SourceError ERR_SOURCE_NOT_FOUND: it waits for its first token
 */
export async function evidenceOf(
  archiver: Archiver,
  row: DocumentRow,
  signal: AbortSignal,
  anchor?: number,
): Promise<Uint8Array> {
  const place = await placeOf(archiver.catalogue, row, anchor);
  if (!place)
    throw new SourceError(
      'ERR_SOURCE_NOT_FOUND',
      `${JSON.stringify(row.key)} has no evidence${anchor === undefined ? '' : ` by TSA number ${anchor}`} yet: it is ${row.state}`,
      { retryable: true },
    );
  return assembleEvidenceRecord(
    archiver.evidence.objects,
    { batchId: place.batchId, index: place.groupIndex },
    { signal },
  );
}

/**
 * The object that keeps the validation data of a document's signatures.
 * @throws SourceError ERR_SOURCE_NOT_FOUND: nothing is signed, or it is not collected yet
 */
async function validationDataOf(
  archiver: Archiver,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (row.validationData)
    return await readValidationObject(archiver.evidence.objects, row.validationData, signal);
  throw new SourceError(
    'ERR_SOURCE_NOT_FOUND',
    `${JSON.stringify(row.key)} has no validation data of signatures yet`,
    { retryable: true },
  );
}

async function run(
  options: Common & { readonly allowTokens?: string },
  embeddedTsa: EmbeddedTsa,
): Promise<void> {
  await withArchiver(
    options.config,
    { create: true, json: options.json },
    async ({ archiver, signal, events }) => {
      const clock = systemClock();
      const allowTokens =
        options.allowTokens === undefined ? undefined : Number(options.allowTokens);
      if (allowTokens !== undefined && !Number.isSafeInteger(allowTokens))
        throw new ConfigError('ERR_CONFIG_USAGE', '--allow-tokens takes a whole number');
      await using _tsa = await embeddedTsa(archiver.config.tsa, { clock, events, signal });
      const summary = await runNight(await archiver.night(signal), {
        runAt: clock.now(),
        signal,
        allowTokens,
      });
      await writeReport(archiver, summary);
      if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
      else {
        process.stdout.write(
          `${summary.outcome}: ${summary.scanned} listed, ${summary.added} new, ${summary.protectedGroups} protected, ` +
            `${summary.timestampRenewals + summary.hashTreeRenewals} renewed, ${summary.tokensBought} tokens, ${summary.findings.length} findings\n`,
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

/** @throws ConfigError ERR_CONFIG_USAGE */
export function anchorOption(text: string | undefined): number | undefined {
  if (text === undefined || text === '1' || text === '2')
    return text === undefined ? undefined : Number(text);
  throw new ConfigError('ERR_CONFIG_USAGE', '--anchor takes 1 or 2');
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
    .option('--json', 'the summary as JSON, events as JSON lines')
    .action((options: Common & { readonly allowTokens?: string }) => run(options, embeddedTsa));
  program
    .command('plan')
    .description('what a run would do and cost, without doing it')
    .option(...configOption)
    .option('--at <time>', 'as of another time: the forecast')
    .option('--json', 'as JSON')
    .action(plan);
  program
    .command('evidence')
    .description('a document’s evidence record (RFC 4998, DER)')
    .argument('<key>', 'key of the document')
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .option('--anchor <n>', 'the record by the first or the second TSA: 1 or 2')
    .option('-o, --output <file>', 'write here instead of standard output')
    .option(
      '--validation-data <file>',
      'write here what verifies its signatures (certs and CRLs, CMS), part of its group once collected',
    )
    .action(
      async (
        key: string,
        options: Common & {
          readonly store?: string;
          readonly anchor?: string;
          readonly output?: string;
          readonly validationData?: string;
        },
      ) => {
        await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
          const row = await documentOf(archiver, key, options.store);
          if (options.validationData !== undefined)
            await writeFile(options.validationData, await validationDataOf(archiver, row, signal));
          const record = await evidenceOf(archiver, row, signal, anchorOption(options.anchor));
          await give(record, options.output);
        });
      },
    );
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
