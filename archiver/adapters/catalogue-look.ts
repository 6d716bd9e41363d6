// What a catalogue's file says of itself, read without changing it: an examination must neither make one nor bring one
// to another schema.
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { FormatError } from '#shared/errors.ts';
import { migrationProvider } from './catalogue-schema.ts';

export type CatalogueLook = {
  readonly archiveId: string | undefined;
  readonly newestGenTime: Temporal.Instant | undefined;
  /** Names of the steps of its schema that this version has and the file has not, and the other way round. */
  readonly missingSteps: readonly string[];
  readonly unknownSteps: readonly string[];
};

/**
 * `undefined`: there is none yet.
 * @throws FormatError ERR_FORMAT_STORED: the file is no catalogue
 */
export async function lookAtCatalogue(file: string): Promise<CatalogueLook | undefined> {
  if (!existsSync(file)) return undefined;
  const known = Object.keys(await migrationProvider.getMigrations());
  try {
    using database = new DatabaseSync(file, { readOnly: true });
    const texts = (sql: string): readonly string[] =>
      database
        .prepare(sql)
        .all()
        .flatMap(({ text }) => (typeof text === 'string' ? [text] : []));
    const steps = texts('select name as text from kysely_migration order by name');
    const [archiveId] = texts(`select value as text from meta where name = 'archive-id'`);
    const [newest] = texts('select max(gen_time) as text from batches');
    return {
      archiveId,
      newestGenTime: newest === undefined ? undefined : Temporal.Instant.from(newest),
      missingSteps: known.filter((step) => !steps.includes(step)),
      unknownSteps: steps.filter((step) => !known.includes(step)),
    };
  } catch (cause) {
    const message = `${file} is no catalogue or is damaged: remove it and run \`tokiwa rebuild\``;
    throw new FormatError('ERR_FORMAT_STORED', message, { cause });
  }
}
