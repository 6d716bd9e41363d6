// The signatures of a PDF: signature fields, their dictionaries, what each covers; encryption and the
// security store. ISO 32000-2 §12.7, §12.8; EN 319 142-1. What the CMS inside says is read elsewhere.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { type RevisionChange, changesAfter } from '#shared/pades/changes.ts';
import { type Coverage, coverageOf, coveredOctets } from '#shared/pades/coverage.ts';
import { readTlv } from '#shared/der/reader.ts';
import {
  type PdfFile,
  dictionaryOf,
  entryOf,
  findMisplacedObjects,
  openBrokenPdf,
  openPdf,
  resolve,
} from '#shared/pades/file.ts';
import {
  type PdfDictionary,
  type PdfObject,
  type PdfString,
  countOf,
  isKind,
  nameOf,
  pdfError,
} from '#shared/pades/objects.ts';
import { type Holder, findSignatureFields } from '#shared/pades/fields.ts';
import { findStraySignatures } from '#shared/pades/stray-signatures.ts';
import { type DocumentSecurityStore, readSecurityStore } from '#shared/pades/security-store.ts';
import { type Problem, attempt, problemOf } from '#shared/problem.ts';

/** A signature dictionary that a signature field holds. */
export type PdfSignature = {
  /** The field's full name, parts joined by dots. */
  readonly field: string;
  readonly subFilter: string;
  readonly byteRange: readonly number[];
  readonly coverage: Coverage;
  /** The CMS (or, for other SubFilters, whatever the string holds) without the zeros after it. */
  readonly contents: Uint8Array;
  /** What later revisions changed beyond what signing needs; empty where none is later. */
  readonly laterChanges: readonly RevisionChange[];
  /** Views of the file that the signature is over; absent where the ByteRange is not to be trusted. */
  readonly signedOctets?: readonly Uint8Array[] | undefined;
  /** /M: what the signer's software says. */
  readonly claimedSigningTime?: Temporal.Instant | undefined;
};

/** What should be a signature, a document timestamp or validation data, and cannot be read. */
export type UnreadPdfPart = {
  readonly kind: 'signature' | 'timestamp' | 'validation-data';
  /** The field, or the store. */
  readonly place: string;
  readonly problem: Problem;
};

export type PdfReading = {
  /** Whether the objects had to be looked for: what is listed may not be what was signed. */
  readonly damaged: boolean;
  readonly revisions: number;
  readonly encrypted: boolean;
  readonly signatures: readonly PdfSignature[];
  readonly securityStore?: DocumentSecurityStore | undefined;
  readonly unread: readonly UnreadPdfPart[];
  readonly problems: readonly Problem[];
};

function readByteRange(file: PdfFile, dictionary: PdfDictionary): number[] {
  const value = entryOf(file, dictionary, 'ByteRange');
  if (!isKind(value, 'array')) throw pdfError('signature without a ByteRange');
  if (value.items.length !== 4)
    throw pdfError(`ByteRange of ${value.items.length} numbers where four are due`);
  return value.items.map((item) => {
    const number = countOf(resolve(file, item));
    if (number === undefined) throw pdfError('ByteRange holds no offset or length');
    return number;
  });
}

/** The CMS without its padding; other octets than zeros could carry anything. EN 319 142-1 §5.2 */
function trimContents(contents: PdfString, problems: Problem[], field: string): Uint8Array {
  const { octets } = contents;
  const tlv = readTlv(octets);
  const rest = octets.findIndex((octet, index) => index >= tlv.raw.length && octet !== 0);
  if (rest >= 0)
    problems.push({
      severity: 'error',
      code: 'pdf-contents-padding',
      message: '/Contents goes on after the signature with other octets than zeros',
      offset: contents.offset + 1 + rest * 2,
      place: field,
    });
  return tlv.raw;
}

/** A PDF date: `D:20260102030405+09'00'`, parts after the year optional. ISO 32000-2 §7.9.4. */
function parseDate(object: PdfObject): Temporal.Instant | undefined {
  if (!isKind(object, 'string')) return undefined;
  const match =
    /^D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(?:(\d\d)'?)?)?/.exec(
      Buffer.from(object.octets).toString('latin1'),
    );
  if (!match) return undefined;
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00'] = match;
  const [sign, zoneHour = '00', zoneMinute = '00'] = [match[7], match[8], match[9]];
  const zone = sign === undefined ? 'Z' : `${sign}${zoneHour}:${zoneMinute}`;
  try {
    return Temporal.Instant.from(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  } catch {
    // A date that is none says nothing; it is only what the software claims.
    return undefined;
  }
}

export const timestampSubFilter = 'ETSI.RFC3161';

/** What a signature dictionary says it is, as far as that can be read. EN 319 142-1 §5.4.3 */
function kindOf(file: PdfFile, { dictionary }: Holder): UnreadPdfPart['kind'] {
  const names = ['SubFilter', 'Type'].map((key) =>
    attempt([], undefined, () => nameOf(entryOf(file, dictionary, key))),
  );
  return names.includes(timestampSubFilter) || names.includes('DocTimeStamp')
    ? 'timestamp'
    : 'signature';
}

/** @throws FormatError: there is nothing that could be one */
function readSignature(file: PdfFile, holder: Holder, problems: Problem[]): PdfSignature {
  const { dictionary, field } = holder;
  const contents = entryOf(file, dictionary, 'Contents');
  if (!isKind(contents, 'string')) throw pdfError('signature without /Contents');
  const subFilter = nameOf(entryOf(file, dictionary, 'SubFilter')) ?? '';
  const byteRange = attempt(problems, field, () => readByteRange(file, dictionary)) ?? [];
  const coverage = coverageOf(file, byteRange, contents, holder.reference);
  if (coverage.coverage === 'unclear' && byteRange.length > 0)
    problems.push({
      severity: 'error',
      code: 'pdf-byte-range',
      message: 'ByteRange does not leave out exactly the signature of its own dictionary',
      place: field,
    });
  const trimmed = attempt(problems, field, () => trimContents(contents, problems, field));
  return {
    field,
    subFilter,
    byteRange,
    coverage,
    contents: trimmed ?? contents.octets,
    laterChanges: readLaterChanges(file, coverage, problems, field),
    signedOctets: coveredOctets(file.octets, byteRange, contents),
    claimedSigningTime: parseDate(entryOf(file, dictionary, 'M')),
  };
}

function readLaterChanges(
  file: PdfFile,
  { coverage, revision }: Coverage,
  problems: Problem[],
  field: string,
): readonly RevisionChange[] {
  if (coverage === 'entire-file' || coverage === 'unclear') return [];
  const changes =
    coverage === 'contiguous-from-start' || revision === undefined
      ? [{ number: 0, what: 'what follows the signed octets is no revision of its own' }]
      : (attempt(problems, field, () => changesAfter(file, revision)) ?? [
          { number: 0, what: 'revisions that cannot be compared' },
        ]);
  const [first] = changes;
  if (first)
    problems.push({
      severity: 'warning',
      code: 'pdf-changed-after-signing',
      message: `a later revision changed object ${first.number}: ${first.what}`,
      place: field,
    });
  return changes;
}

const securityHandlers = new Set(['Standard', 'Adobe.PubSec', 'Adobe.PPKLite', 'Entrust.PPKEF']);

/** Whether the encryption dictionary could be used. @throws FormatError, UnsupportedError @see ISO 32000-2 §7.6 */
function checkEncryption(file: PdfFile): void {
  const dictionary = dictionaryOf(file, file.trailer.entries.get('Encrypt'));
  if (!dictionary) throw pdfError('encryption dictionary expected');
  const handler = nameOf(entryOf(file, dictionary, 'Filter')) ?? 'unnamed';
  if (!securityHandlers.has(handler))
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `security handler ${handler}`, {
      feature: handler,
    });
  if (handler !== 'Standard') return;
  const revision = countOf(entryOf(file, dictionary, 'R')) ?? 0;
  const strings = revision >= 5 ? ['O', 'U', 'OE', 'UE', 'Perms'] : ['O', 'U'];
  for (const key of strings)
    if (!isKind(entryOf(file, dictionary, key), 'string'))
      throw pdfError(`encryption dictionary without a string /${key}`);
  if (typeof entryOf(file, dictionary, 'P') !== 'number')
    throw pdfError('encryption dictionary without permissions /P');
}

function checkCatalog(file: PdfFile): Problem[] {
  const problems: Problem[] = [];
  const warn = (code: string, message: string): void => {
    problems.push({ severity: 'warning', code, message });
  };
  if (file.catalog.duplicateKeys.length > 0)
    warn(
      'pdf-duplicate-key',
      `catalogue has a key twice: ${file.catalog.duplicateKeys.join(', ')}`,
    );
  const action = attempt(problems, undefined, () =>
    dictionaryOf(file, file.catalog.entries.get('OpenAction')),
  );
  if (nameOf(action?.entries.get('S')) === 'JavaScript')
    warn('pdf-javascript', 'runs JavaScript when opened; it was not run');
  const misplaced = findMisplacedObjects(file);
  if (misplaced.length > 0)
    problems.push({
      severity: 'error',
      code: 'pdf-misplaced-objects',
      message: `cross-reference does not lead to ${misplaced.length} of its objects, the first ${misplaced[0] ?? 0}`,
    });
  return problems;
}

/** A file that cannot be followed is still listed, where its objects can be found; the reason stays. */
function open(octets: Uint8Array, problems: Problem[]): PdfFile {
  try {
    return openPdf(octets);
  } catch (error) {
    if (!(error instanceof FormatError) || error.code !== 'ERR_FORMAT_PDF') throw error;
    const found = attempt([], undefined, () => openBrokenPdf(octets));
    if (!found) throw error;
    problems.push(problemOf(error));
    return found;
  }
}

/**
 * Everything about signatures that the newest revision shows. What cannot be read of one signature
 * becomes a problem; the others are still given.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT: the file itself cannot be followed
 * @see ISO 32000-2 §12.8
 */
export function readPdf(octets: Uint8Array): PdfReading {
  const problems: Problem[] = [];
  const file = open(octets, problems);
  problems.push(...checkCatalog(file));
  if (file.encrypted) {
    attempt(problems, undefined, () => {
      checkEncryption(file);
    });
  }
  const fields = attempt(problems, 'AcroForm', () => findSignatureFields(file, problems));
  const holders = fields?.holders ?? [];
  const stray = attempt(problems, 'AcroForm', () => findStraySignatures(file, holders)) ?? [];
  problems.push(...stray.map(({ problem }) => problem));
  const unread: UnreadPdfPart[] = [...(fields?.unread ?? []), ...stray].map(
    ({ field, problem }) => ({ kind: 'signature', place: field, problem }),
  );
  const signatures = holders.flatMap((holder) => {
    const { field } = holder;
    const failed: Problem[] = [];
    const signature = attempt(failed, field, () => readSignature(file, holder, problems));
    problems.push(...failed);
    const kind = kindOf(file, holder);
    unread.push(...failed.map((problem) => ({ kind, place: field, problem })));
    return signature ? [signature] : [];
  });
  const { store, unread: unreadInStore } = readSecurityStore(file);
  problems.push(...unreadInStore.map(({ problem }) => problem));
  unread.push(...unreadInStore.map((part) => ({ ...part, place: 'DSS' })));
  return {
    damaged: file.sections.length === 0,
    revisions: file.sections.length,
    encrypted: file.encrypted,
    signatures,
    securityStore: store,
    unread,
    problems,
  };
}
