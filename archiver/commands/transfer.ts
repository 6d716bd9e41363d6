// `tokiwa export` and `tokiwa import`: the evidence of an archive to a folder and into another evidence
// store, with documents' new names where stores or keys changed.
import path from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import { openFolderStore } from '../adapters/folder-store.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { openDocuments, openEvidenceObjects } from '../main.ts';
import { prefixedStore } from '../prefixed-store.ts';
import { rebuildCatalogue } from '../rebuild.ts';
import {
  currentVersions,
  exportedPrefix,
  exportEvidence,
  importEvidence,
  parseRenaming,
} from '../transfer.ts';
import { configOption, interruptSignal, loadConfig, systemClock, withArchiver } from './context.ts';

async function exportTo(options: { readonly config?: string; readonly output: string }) {
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const { evidence } = archiver;
    const folder = path.resolve(options.output);
    await makeFolder(folder).catch((error: unknown) => {
      const code = systemErrorCode(error);
      throw new ConfigError('ERR_CONFIG_USAGE', `${folder} cannot be made a folder (${code})`, {
        cause: error,
      });
    });
    await using target = await openFolderStore({ name: 'export', folder, access: 'write' });
    const { lease } = await archiver.night(signal);
    await using _lease = await evidence.acquireLease({
      ...lease,
      run: 'export',
      at: systemClock().now(),
      duration: Temporal.Duration.from({ hours: 12 }),
      signal,
    });
    const count = await exportEvidence(evidence.objects, target, signal);
    process.stdout.write(`${count} objects of archive ${evidence.archiveId}\n`);
  });
}

async function importFrom(
  from: string,
  options: {
    readonly config?: string;
    readonly rename: readonly string[];
    readonly newVersions?: boolean;
  },
) {
  const renamings = options.rename.map(parseRenaming);
  const config = await loadConfig(options.config);
  const signal = interruptSignal();
  const events = terminalEvents({ json: false });
  const clock = systemClock();
  const folder = path.resolve(from);
  await using source = await openFolderStore({ name: 'export', folder, access: 'read' });
  {
    await using target = await openEvidenceObjects(config, { events, signal });
    const exported = prefixedStore(source, exportedPrefix);
    const place = prefixedStore(target, config.evidence.prefix);
    await using opened = new AsyncDisposableStack();
    const stores = options.newVersions
      ? await openDocuments(config, { events, signal }, opened)
      : undefined;
    const versionOf = stores && currentVersions(stores, signal);
    const count = await importEvidence(source, exported, place, { renamings, versionOf, signal });
    process.stdout.write(`${count} objects; the catalogue is made from them\n`);
  }
  const { documents, batches } = await rebuildCatalogue(config, { clock, events, signal });
  process.stdout.write(`${documents} documents and ${batches} batches from the stores\n`);
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [
  ...earlier,
  value,
];

export function registerTransfer(program: Command): void {
  program
    .command('export')
    .description('copy the whole evidence store to a folder, with the digest of each object')
    .requiredOption('-o, --output <folder>', 'an empty folder, or one that is made')
    .option(...configOption)
    .action(exportTo);
  program
    .command('import')
    .description('bring an export into an empty evidence store, and make the catalogue from it')
    .argument('<folder>', 'what `tokiwa export` wrote')
    .option(
      '--rename <from=to>',
      'documents that moved: STORE:PREFIX=STORE:PREFIX (repeatable)',
      collect,
      [],
    )
    .option(
      '--new-versions',
      'documents were copied, and their stores gave them other version ids: each is found by its content',
    )
    .option(...configOption)
    .action(importFrom);
}
