// `tokiwa evidence`: where a document's evidence stands, and its record, put together from there.
import type { Command } from 'commander';
import { ConfigError, SourceError } from '#shared/errors.ts';
import type { BatchRow, DocumentRow, MembershipRow } from '#shared/ports/catalogue.ts';
import type { RecordForm } from '#shared/ers/record-form.ts';
import { createAssembler } from '../evidence/assemble.ts';
import { assembleXmlEvidenceRecord, notInXml } from '../evidence/assemble-xml.ts';
import { loadChainsOf } from '../evidence/chains-of.ts';
import type { GroupPosition } from '../evidence/types.ts';
import type { Archiver } from '../main.ts';
import { isHashedAsStored } from '../stages/hashed-as-stored.ts';
import { readValidationObject } from '../stages/validation-object.ts';
import { configOption, withArchiver } from './context.ts';
import { writeOutput } from './output-file.ts';

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
  /** What it is wanted in: of another product's records, those that are rather in it. Absent: `asn1`. */
  readonly form?: RecordForm | undefined;
};

type Place = { readonly place: MembershipRow; readonly batch: BatchRow };

export function positionOf({ batchId, groupIndex }: MembershipRow): GroupPosition {
  return { batchId, index: groupIndex };
}

/** Those places whose records go on from another product's and can be had as asked; the others, where `own` or where there are none. */
async function byOrigin(
  { catalogue, evidence }: Pick<Archiver, 'catalogue' | 'evidence'>,
  places: readonly Place[],
  row: DocumentRow,
  { own = false, form = 'asn1', signal }: RecordChoice & { readonly signal: AbortSignal },
): Promise<readonly Place[]> {
  const all = await catalogue.memberships(row.id);
  const batches = await Promise.all(all.map(({ batchId }) => catalogue.getBatch(batchId)));
  if (!batches.some((batch) => batch?.kind === 'taken-over')) return places;
  const sources = { store: evidence.objects, catalogue, signal };
  const chains = await loadChainsOf(
    sources,
    places.map(({ place }) => positionOf(place)),
  );
  const assembler = createAssembler(evidence.objects, chains, { signal });
  const ours: Place[] = [];
  const found: Readonly<Record<RecordForm, Place[]>> = { asn1: [], xml: [] };
  for (const each of places) {
    const sequence = await assembler.sequence(positionOf(each.place));
    (sequence.takenOver ? found[sequence.form] : ours).push(each);
  }
  // A record in ASN.1 can be had in XML where no renewal of its own followed; never the other way round.
  const wanted = form === 'xml' ? [found.xml, found.asn1] : [found.asn1];
  return (own ? undefined : wanted.find(({ length }) => length > 0)) ?? ours;
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

/** @throws SourceError ERR_SOURCE_NOT_FOUND: it waits for its first token */
async function positionFor(
  archiver: Archiver,
  row: DocumentRow,
  choice: RecordChoice & { readonly signal: AbortSignal },
): Promise<GroupPosition> {
  const place = await placeOf(archiver, row, choice);
  if (place) return positionOf(place);
  throw new SourceError(
    'ERR_SOURCE_NOT_FOUND',
    `${JSON.stringify(row.key)} has no evidence${choice.anchor === undefined ? '' : ` by TSA number ${choice.anchor}`} yet: it is ${row.state}`,
    { retryable: true },
  );
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
  const position = await positionFor(archiver, row, { ...choice, form: 'asn1', signal });
  const { objects } = archiver.evidence;
  const sources = { store: objects, catalogue: archiver.catalogue, signal };
  const chains = await loadChainsOf(sources, [position]);
  return createAssembler(objects, chains, { signal }).record(position);
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

/**
 * RFC 6283 §3.1.1: data objects that are XML are hashed in canonical form, and the trees hold octets as stored.
 * @throws UnsupportedError ERR_UNSUPPORTED_FEATURE: the two differ
 */
async function requireCanonical(
  { stores, config }: Archiver,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<void> {
  const store = stores.get(row.store);
  if (!store) throw notInXml(`the store of ${JSON.stringify(row.key)} is not configured`);
  if (await isHashedAsStored(store, row, { keep: config.inspectLimitBytes, signal })) return;
  throw notInXml(
    `${JSON.stringify(row.key)} is XML and not in canonical form, in which RFC 6283 §3.1.1 hashes it`,
  );
}

/** The same in XML. @throws UnsupportedError ERR_UNSUPPORTED_FEATURE: it cannot be put into XML */
export async function xmlEvidenceOf(
  archiver: Archiver,
  row: DocumentRow,
  signal: AbortSignal,
  choice: RecordChoice = {},
): Promise<Uint8Array> {
  const { objects } = archiver.evidence;
  const position = await positionFor(archiver, row, { ...choice, form: 'xml', signal });
  await requireCanonical(archiver, row, signal);
  for await (const attached of archiver.catalogue.attachedDocuments(row.id)) {
    const places = await archiver.catalogue.memberships(attached.id);
    const isMember = places.some(
      ({ batchId, groupIndex }) => batchId === position.batchId && groupIndex === position.index,
    );
    if (isMember) await requireCanonical(archiver, attached, signal);
  }
  const sources = { store: objects, catalogue: archiver.catalogue, signal };
  const chains = await loadChainsOf(sources, [position]);
  return assembleXmlEvidenceRecord(objects, position, { signal, chains });
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
  readonly xml?: boolean;
  readonly output?: string;
  readonly validationData?: string;
};

async function giveEvidence(key: string, options: Options): Promise<void> {
  await withArchiver(options.config, { create: false }, async ({ archiver, signal }) => {
    const row = await documentOf(archiver, key, options.store);
    if (options.validationData !== undefined)
      await writeOutput(options.validationData, await validationDataOf(archiver, row, signal));
    const choice = { anchor: anchorOption(options.anchor), own: options.own };
    const of = options.xml ? xmlEvidenceOf : evidenceOf;
    const record = await of(archiver, row, signal, choice);
    if (options.output === undefined) process.stdout.write(record);
    else await writeOutput(options.output, record);
  });
}

export function registerEvidence(program: Command): void {
  program
    .command('evidence')
    .description('a document’s evidence record (RFC 4998 in DER, or RFC 6283 in XML)')
    .argument('<key>', 'key of the document')
    .option(...configOption)
    .option('--store <name>', 'only in this store')
    .option('--anchor <n>', 'the record by the first or the second TSA: 1 or 2')
    .option('--own', 'the record of this archive alone, though another product’s was taken over')
    .option('--xml', 'in XML (RFC 6283), from the same trees and tokens')
    .option('-o, --output <file>', 'write here instead of standard output')
    .option(
      '--validation-data <file>',
      'write here what verifies its signatures (certs and CRLs, CMS), part of its group once collected',
    )
    .action(giveEvidence);
}
