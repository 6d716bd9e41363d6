// `tokiwa delete`: a document whose retention has ended, from the archive's records and, where asked, its store.
import type { Command } from 'commander';
import { deleteDocument } from '../delete.ts';
import { openDocumentsForDeletion } from '../main.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { documentOf } from './evidence.ts';

type Options = {
  readonly config?: string;
  readonly store?: string;
  readonly document?: boolean;
  readonly by: string;
};

async function deleteByKey(key: string, options: Options): Promise<void> {
  await withArchiver(options.config, { create: false }, async ({ archiver, events, signal }) => {
    const row = await documentOf(archiver, key, options.store);
    await using documents = options.document
      ? await openDocumentsForDeletion(archiver.config, row.store, { events, signal })
      : undefined;
    const { by } = options;
    const at = systemClock().now();
    const deps = await archiver.night(signal);
    const deleted = await deleteDocument(deps, row, { by, at, documents, signal });
    process.stdout.write(
      `${JSON.stringify(key)}: ${deleted.documents} objects deleted, named in ${deleted.batches} batches no more\n`,
    );
  });
}

export function registerDelete(program: Command): void {
  program
    .command('delete')
    .description(
      'a document whose retention has ended: its names in the evidence, others’ proofs stay',
    )
    .argument('<key>', 'key of the document')
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .option('--document', 'the document itself, too, with what is attached to it')
    .option('--by <name>', 'who says so', 'operator')
    .addHelpText(
      'after',
      '\nRefused while a retention rule, a hold or a lock of the store keeps the document, and without --document while it is there.',
    )
    .action(deleteByKey);
}
