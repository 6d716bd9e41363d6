// `tokiwa evidence`: where a document's evidence stands, and its record, put together from there.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError, SourceError } from '#shared/errors.ts';
import type { BatchRow, DocumentRow, MembershipRow } from '#shared/ports/catalogue.ts';
import { createAssembler } from '../evidence/assemble.ts';
import { loadChainIndex } from '../evidence/chains.ts';
import type { GroupPosition } from '../evidence/types.ts';
import type { Archiver } from '../main.ts';
import { readValidationObject } from '../stages/validation-object.ts';
import { configOption, withArchiver } from './context.ts';

/**
 * The document of that key in any store; the newest content where there were several.
 * @throws ConfigError ERR_CONFIG_USAGE: no such document
 */
export async function documentOf(
  archiver: Pick<Archiver, 'catalogue'>,
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

/** Which of a document's records is meant. */
export type RecordChoice = {
  /** By the TSA of that number; without one, by the first whose evidence is not broken. */
  readonly anchor?: number | undefined;
  /** From this archive's own batches, though another product's record was taken over. */
  readonly own?: boolean | undefined;
};

type Place = { readonly place: MembershipRow; readonly batch: BatchRow };

export function positionOf({ batchId, groupIndex }: MembershipRow): GroupPosition {
  return { batchId, index: groupIndex };
}

/** Those places whose records go on from another product's; the others, where `own`. */
async function byOrigin(
  { catalogue, evidence }: Pick<Archiver, 'catalogue' | 'evidence'>,
  places: readonly Place[],
  row: DocumentRow,
  { own = false, signal }: RecordChoice & { readonly signal: AbortSignal },
): Promise<readonly Place[]> {
  const all = await catalogue.memberships(row.id);
  const batches = await Promise.all(all.map(({ batchId }) => catalogue.getBatch(batchId)));
  if (!batches.some((batch) => batch?.kind === 'taken-over')) return places;
  const chains = await loadChainIndex(evidence.objects, signal);
  const assembler = createAssembler(evidence.objects, chains, { signal });
  const found: Place[] = [];
  for (const each of places) {
    const { takenOver } = await assembler.sequence(positionOf(each.place));
    if ((takenOver === undefined) === own) found.push(each);
  }
  return own || found.length > 0 ? found : places;
}

/**
 * Where the record that is meant stands: the newest; one that goes on from another product's before others,
 * since it proves the document for longer. `undefined`: there is none.
 */
export async function placeOf(
  archiver: Pick<Archiver, 'catalogue' | 'evidence'>,
  row: DocumentRow,
  choice: RecordChoice & { readonly signal: AbortSignal },
): Promise<MembershipRow | undefined> {
  const { catalogue } = archiver;
  const places: Place[] = [];
  for (const place of await catalogue.memberships(row.id)) {
    const batch = place.active ? await catalogue.getBatch(place.batchId) : undefined;
    if (batch && (choice.anchor === undefined || batch.anchor === choice.anchor))
      places.push({ place, batch });
  }
  const sound = places.filter(({ batch }) => batch.state !== 'broken');
  const among = await byOrigin(archiver, sound.length > 0 ? sound : places, row, choice);
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
  choice: RecordChoice = {},
): Promise<Uint8Array> {
  const place = await placeOf(archiver, row, { ...choice, signal });
  if (!place)
    throw new SourceError(
      'ERR_SOURCE_NOT_FOUND',
      `${JSON.stringify(row.key)} has no evidence${choice.anchor === undefined ? '' : ` by TSA number ${choice.anchor}`} yet: it is ${row.state}`,
      { retryable: true },
    );
  const { objects } = archiver.evidence;
  const chains = await loadChainIndex(objects, signal);
  return createAssembler(objects, chains, { signal }).record(positionOf(place));
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

/** @throws ConfigError ERR_CONFIG_USAGE */
function anchorOption(text: string | undefined): number | undefined {
  if (text === undefined || text === '1' || text === '2')
    return text === undefined ? undefined : Number(text);
  throw new ConfigError('ERR_CONFIG_USAGE', '--anchor takes 1 or 2');
}

type Options = {
  readonly config?: string;
  readonly store?: string;
  readonly anchor?: string;
  readonly own?: boolean;
  readonly output?: string;
  readonly validationData?: string;
};

async function giveEvidence(key: string, options: Options): Promise<void> {
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const row = await documentOf(archiver, key, options.store);
    if (options.validationData !== undefined)
      await writeFile(options.validationData, await validationDataOf(archiver, row, signal));
    const choice = { anchor: anchorOption(options.anchor), own: options.own };
    const record = await evidenceOf(archiver, row, signal, choice);
    if (options.output === undefined) process.stdout.write(record);
    else await writeFile(options.output, record);
  });
}

export function registerEvidence(program: Command): void {
  program
    .command('evidence')
    .description('a document’s evidence record (RFC 4998, DER)')
    .argument('<key>', 'key of the document')
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .option('--anchor <n>', 'the record by the first or the second TSA: 1 or 2')
    .option('--own', 'the record of this archive alone, though another product’s was taken over')
    .option('-o, --output <file>', 'write here instead of standard output')
    .option(
      '--validation-data <file>',
      'write here what verifies its signatures (certs and CRLs, CMS), part of its group once collected',
    )
    .action(giveEvidence);
}
