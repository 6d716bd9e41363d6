// `tokiwa pack`: one document with everything that proves it, as a ZIP that is checked with OpenSSL alone.
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import type { DocumentRow, MembershipRow } from '#shared/ports/catalogue.ts';
import type { VerdictStatus } from '#shared/validation/verdict.ts';
import { readPackScript, zipOf } from '../adapters/zip-file.ts';
import { digestStoreName } from '../intake/digest-statement.ts';
import type { Archiver } from '../main.ts';
import { buildPack } from '../pack/build.ts';
import { collectPack, type PackPlace } from '../pack/collect.ts';
import { loadTypefaces } from '../adapters/typefaces.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { documentOf, placeOf, positionOf } from './evidence.ts';
import { writeOutput } from './output-file.ts';

const exitCodes: Readonly<Record<VerdictStatus, number>> = {
  valid: 0,
  invalid: 1,
  indeterminate: 2,
};

/**
 * The newest place by each TSA, the first one's first; what goes on from another product's record before our own; then
 * every other place: a signature whose certificate has ended since is proved by the record that was made before.
 */
export async function placesOf(
  archiver: Archiver,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<readonly PackPlace[]> {
  const { catalogue } = archiver;
  const places: PackPlace[] = [];
  const add = async (place: MembershipRow | undefined): Promise<void> => {
    const batch = place && (await catalogue.getBatch(place.batchId));
    const isKnown = places.some(
      ({ position }) => position.batchId === place?.batchId && position.index === place.groupIndex,
    );
    if (place && batch && !isKnown) places.push({ position: positionOf(place), batch });
  };
  const choices = [
    { anchor: 1 },
    { anchor: 1, own: true },
    { anchor: 2 },
    { anchor: 1, form: 'xml' },
  ] as const;
  for (const choice of choices) await add(await placeOf(archiver, row, { ...choice, signal }));
  for (const place of await catalogue.memberships(row.id)) {
    const batch = await catalogue.getBatch(place.batchId);
    if (place.active && batch?.state !== 'broken') await add(place);
  }
  return places;
}

/**
 * Writes the pack of one document and says what its verdict is.
 * @throws SourceError ERR_SOURCE_NOT_FOUND: no evidence yet, or the document is gone
 */
export async function writePack(
  archiver: Archiver,
  row: DocumentRow,
  output: string,
  options: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): Promise<VerdictStatus> {
  const { catalogue, evidence } = archiver;
  const { at, signal } = options;
  const collected = await collectPack({
    deps: await archiver.night(signal),
    row,
    attached: await Array.fromAsync(catalogue.attachedDocuments(row.id)),
    places: await placesOf(archiver, row, signal),
    at,
    signal,
  });
  const { archiveId } = evidence;
  const { store, key } = row;
  const script = await readPackScript();
  const typefaces = await loadTypefaces();
  const description = { archiveId, store, key, at, script, typefaces };
  const { files, status } = await buildPack(collected, description);
  await writeOutput(output, zipOf(files, { at, signal }));
  return status;
}

export function registerPack(program: Command): void {
  program
    .command('pack')
    .description(
      'one document with everything that proves it, as a ZIP that OpenSSL alone can check',
    )
    .argument('<key>', 'key of the document')
    .requiredOption('-o, --output <file>', 'the ZIP file to write')
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .addHelpText('after', '\nExit status: that of `verify` for the verdict inside.')
    .action(
      async (
        key: string,
        options: { readonly config?: string; readonly store?: string; readonly output: string },
      ) => {
        await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
          const row = await documentOf(archiver, key, options.store);
          if (row.store === digestStoreName)
            throw new ConfigError(
              'ERR_CONFIG_USAGE',
              `only digests of ${JSON.stringify(key)} are here: its owner has the document, and \`tokiwa evidence\` gives the record`,
            );
          const at = systemClock().now();
          const status = await writePack(archiver, row, options.output, { at, signal });
          process.stdout.write(`${options.output}: ${status}\n`);
          process.exitCode = exitCodes[status];
        });
      },
    );
}
