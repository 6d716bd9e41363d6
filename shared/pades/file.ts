// A PDF file as its newest revision shows it, with every revision's cross-reference section kept:
// opening, following references, object streams. ISO 32000-2 §7.5. Objects are read when asked for.
import { FormatError } from '#shared/errors.ts';
import {
  type IndirectObject,
  expectKeyword,
  readCount,
  readIndirectObject,
  readObject,
} from '#shared/pades/lexer.ts';
import {
  type PdfDictionary,
  type PdfObject,
  type PdfReference,
  type PdfStream,
  countOf,
  isKind,
  pdfError,
  pdfLimit,
} from '#shared/pades/objects.ts';
import { type PdfCipher, openWithoutPassword } from '#shared/pades/decrypt.ts';
import { scanObjects } from '#shared/pades/repair.ts';
import { decodeStream } from '#shared/pades/stream.ts';
import { type XrefEntry, type XrefSection, readXrefSections } from '#shared/pades/xref.ts';

export type PdfFile = {
  readonly octets: Uint8Array;
  /** Newest first; empty where the objects had to be looked for. */
  readonly sections: readonly XrefSection[];
  /** The newest revision's view: object number to place. */
  readonly entries: ReadonlyMap<number, XrefEntry>;
  readonly trailer: PdfDictionary;
  readonly catalog: PdfDictionary;
  readonly encrypted: boolean;
  /** Set where the file is encrypted and opens without a password. */
  readonly cipher: PdfCipher | undefined;
  /** Object streams already inflated, by object number. */
  readonly objectStreams: Map<number, ObjectStream>;
};

type ObjectStream = {
  readonly data: Uint8Array;
  /** Object number and offset in `data`, in order. */
  readonly index: readonly (readonly [number, number])[];
};

const maxChain = 32;
const maxObjectsInStream = 100_000;
/** Octets of inflated object streams kept for one file. */
const maxKept = 64 * 1024 * 1024;
const headerOctets = 1024;

/** Offset of `%PDF-` among the first 1,024 octets, `undefined` where there is none. */
export function findPdfHeader(input: Uint8Array): number | undefined {
  const at = Buffer.from(input.subarray(0, headerOctets))
    .toString('latin1')
    .search(/%PDF-\d\.\d/);
  return at < 0 ? undefined : at;
}

function entryFor(file: Pick<PdfFile, 'entries'>, number: number): XrefEntry | undefined {
  return file.entries.get(number);
}

function readAt(octets: Uint8Array, reference: PdfReference, offset: number): IndirectObject {
  if (offset >= octets.length)
    throw pdfError(`object ${reference.number} lies outside of the file`, offset);
  const found = readIndirectObject(octets, offset);
  // A wrong offset would silently give another object's content.
  if (found.number !== reference.number)
    throw pdfError(`object ${reference.number} expected, found ${found.number}`, offset);
  return found;
}

type Reader = Omit<PdfFile, 'catalog'>;

function loadObjectStream(file: Reader, number: number): ObjectStream {
  const kept = file.objectStreams.get(number);
  if (kept) return kept;
  const entry = entryFor(file, number);
  // §7.5.7: an object stream is never inside another one (nor inside itself).
  if (entry?.kind !== 'offset') throw pdfError(`object stream ${number} is not a top-level object`);
  if (file.encrypted && !file.cipher) throw pdfError(`object stream ${number} is encrypted`);
  const { object } = readAt(
    file.octets,
    { kind: 'reference', number, generation: 0 },
    entry.offset,
  );
  if (!isKind(object, 'stream')) throw pdfError(`object ${number} is no stream`, entry.offset);
  const count = countOf(object.dictionary.entries.get('N'));
  const first = countOf(object.dictionary.entries.get('First'));
  if (count === undefined || first === undefined)
    throw pdfError(`object stream ${number} without /N and /First`, entry.offset);
  if (count > maxObjectsInStream)
    throw pdfLimit(`object stream ${number} of ${count} objects`, entry.offset);
  const data = streamData(file, object);
  let keptOctets = data.length;
  for (const other of file.objectStreams.values()) keptOctets += other.data.length;
  if (keptOctets > maxKept) throw pdfLimit(`object streams inflate to more than ${maxKept} octets`);
  const index: (readonly [number, number])[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const objectNumber = readCount(data, at);
    const offset = readCount(data, objectNumber.end);
    index.push([objectNumber.value, first + offset.value]);
    at = offset.end;
  }
  const loaded = { data, index };
  file.objectStreams.set(number, loaded);
  return loaded;
}

/**
 * The same object with its strings decrypted; those of a stream's dictionary, too. /Contents of a
 * signature is never encrypted (§7.6.2). The reader bounded the depth.
 */
function decryptStrings(
  cipher: PdfCipher,
  object: PdfObject,
  { number, generation }: PdfReference,
): PdfObject {
  const decrypt = (value: PdfObject): PdfObject => {
    if (isKind(value, 'string'))
      return { ...value, octets: cipher.decryptString(value.octets, number, generation) };
    if (isKind(value, 'array')) return { ...value, items: value.items.map(decrypt) };
    if (isKind(value, 'stream'))
      return { ...value, dictionary: decryptDictionary(value.dictionary) };
    return isKind(value, 'dictionary') ? decryptDictionary(value) : value;
  };
  const decryptDictionary = (dictionary: PdfDictionary): PdfDictionary => {
    const isSignature = dictionary.entries.has('ByteRange');
    const entries = [...dictionary.entries].map(([key, value]): [string, PdfObject] =>
      isSignature && key === 'Contents' ? [key, value] : [key, decrypt(value)],
    );
    return { ...dictionary, entries: new Map(entries) };
  };
  return decrypt(object);
}

/** §7.6.2: its own strings are not encrypted. */
function isEncryptionDictionary(file: Reader, { number }: PdfReference): boolean {
  const encryption = file.trailer.entries.get('Encrypt');
  return isKind(encryption, 'reference') && encryption.number === number;
}

function lookUp(file: Reader, reference: PdfReference): PdfObject {
  const entry = entryFor(file, reference.number);
  // §7.3.10: a reference to an undefined object is a reference to null.
  if (!entry || entry.kind === 'free') return null;
  if (entry.kind === 'offset') {
    if (entry.generation !== reference.generation) return null;
    const { object } = readAt(file.octets, reference, entry.offset);
    return file.cipher && !isEncryptionDictionary(file, reference)
      ? decryptStrings(file.cipher, object, reference)
      : object;
  }
  const container = loadObjectStream(file, entry.stream);
  const place = container.index[entry.index];
  if (place?.[0] !== reference.number)
    throw pdfError(`object ${reference.number} is not in object stream ${entry.stream}`);
  const { value } = readObject(container.data, place[1]);
  // Positions inside an inflated stream mean nothing in the file.
  return isKind(value, 'string') ? { ...value, offset: -1, end: -1 } : value;
}

/**
 * The object itself, references followed.
 * @throws FormatError ERR_FORMAT_PDF: references in a loop, an object that is not where it should be
 */
export function resolve(file: Reader, object: PdfObject | undefined): PdfObject {
  let current = object ?? null;
  for (let step = 0; isKind(current, 'reference'); step++) {
    if (step >= maxChain) throw pdfError(`references in a loop at object ${current.number}`);
    current = lookUp(file, current);
  }
  return current;
}

/** The value of a key, references followed. */
export function entryOf(file: Reader, dictionary: PdfDictionary, key: string): PdfObject {
  return resolve(file, dictionary.entries.get(key));
}

/** The dictionary itself, also of a stream; `undefined` for anything else. */
export function dictionaryOf(
  file: Reader,
  object: PdfObject | undefined,
): PdfDictionary | undefined {
  const value = resolve(file, object);
  if (isKind(value, 'dictionary')) return value;
  return isKind(value, 'stream') ? value.dictionary : undefined;
}

/**
 * A stream's data, filters undone.
 * @throws FormatError where its length does not lead to `endstream`; UnsupportedError: another filter
 */
export function streamData(file: Reader, stream: PdfStream): Uint8Array {
  const length = countOf(entryOf(file, stream.dictionary, 'Length'));
  if (length === undefined || stream.start + length > file.octets.length)
    throw pdfError('stream without a usable length', stream.start);
  expectKeyword(file.octets, stream.start + length, 'endstream');
  const stored = file.octets.subarray(stream.start, stream.start + length);
  const resolved = new Map(stream.dictionary.entries);
  for (const key of ['Filter', 'DecodeParms']) {
    const value = resolve(file, resolved.get(key));
    if (isKind(value, 'array'))
      resolved.set(key, { kind: 'array', items: value.items.map((item) => resolve(file, item)) });
    else resolved.set(key, value);
  }
  const { number, generation } = stream;
  const plain = file.cipher ? file.cipher.decryptStream(stored, number, generation) : stored;
  return decodeStream(plain, { ...stream.dictionary, entries: resolved });
}

/**
 * Opens a file: header, sections, catalogue. No other object is read.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT
 * @see ISO 32000-2 §7.5
 */
export function openPdf(octets: Uint8Array): PdfFile {
  if (findPdfHeader(octets) === undefined)
    throw pdfError(`no %PDF- header within ${headerOctets} octets`, 0);
  const sections = readXrefSections(octets);
  const [newest] = sections;
  if (!newest) throw pdfError('no cross-reference section');
  const size = newest.trailer.entries.get('Size');
  if (countOf(size) === undefined) throw pdfError('/Size is no non-negative integer');
  return withCatalog(octets, {
    sections,
    entries: mergeEntries(sections),
    trailer: newest.trailer,
  });
}

/** Of an object in several sections, the newest entry. `sections`: newest first. */
function mergeEntries(sections: readonly XrefSection[]): Map<number, XrefEntry> {
  const entries = new Map<number, XrefEntry>();
  for (const section of sections)
    for (const [number, entry] of section.entries)
      if (!entries.has(number)) entries.set(number, entry);
  return entries;
}

/**
 * The file as it was at the end of a revision (1: oldest).
 * @throws FormatError ERR_FORMAT_PDF: there was no catalogue then
 */
export function viewOf(file: PdfFile, revision: number): PdfFile {
  const sections = file.sections.slice(file.sections.length - revision);
  const [newest] = sections;
  if (!newest) throw pdfError(`no revision ${revision}`);
  return withCatalog(file.octets, {
    sections,
    entries: mergeEntries(sections),
    trailer: newest.trailer,
  });
}

function withCatalog(
  octets: Uint8Array,
  view: Pick<PdfFile, 'sections' | 'entries' | 'trailer'>,
): PdfFile {
  const encryption = view.trailer.entries.get('Encrypt');
  const closed: Reader = {
    octets,
    ...view,
    encrypted: encryption !== undefined && encryption !== null,
    cipher: undefined,
    objectStreams: new Map(),
  };
  const reader = closed.encrypted ? { ...closed, cipher: openCipher(closed) } : closed;
  const catalog = resolve(reader, view.trailer.entries.get('Root'));
  if (!isKind(catalog, 'dictionary')) throw pdfError('trailer without a document catalogue');
  return { ...reader, catalog };
}

/** A dictionary that makes no sense is reported by read.ts; the rest of the file is still read. */
function openCipher(file: Reader): PdfCipher | undefined {
  try {
    const dictionary = dictionaryOf(file, file.trailer.entries.get('Encrypt'));
    if (!dictionary) return undefined;
    const entries = [...dictionary.entries].map(([key, value]): [string, PdfObject] => [
      key,
      resolve(file, value),
    ]);
    return openWithoutPassword(
      { ...dictionary, entries: new Map(entries) },
      resolve(file, file.trailer.entries.get('ID')),
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/**
 * Opens a file whose cross-reference is broken, by looking for its objects. No revisions are known.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT
 */
export function openBrokenPdf(octets: Uint8Array): PdfFile {
  return withCatalog(octets, { sections: [], ...scanObjects(octets) });
}

/**
 * Object numbers whose entry in the newest view does not lead to that object. A look at a few octets
 * each; memory follows the file, never what it claims.
 */
export function findMisplacedObjects(file: PdfFile): number[] {
  const misplaced: number[] = [];
  for (const [number, entry] of file.entries) {
    if (entry.kind !== 'offset') continue;
    const head = Buffer.from(file.octets.subarray(entry.offset, entry.offset + 40)).toString(
      'latin1',
    );
    const found = /^[\0\t\n\f\r ]*(\d+)[\0\t\n\f\r ]+(\d+)[\0\t\n\f\r ]+obj/.exec(head);
    if (Number(found?.[1]) !== number) misplaced.push(number);
  }
  return misplaced;
}

/** Number of the revision (1: oldest) in which an object first appears. */
export function introducingRevision(file: PdfFile, reference: PdfReference): number | undefined {
  const oldest = file.sections.findLastIndex((section) => section.entries.has(reference.number));
  return oldest < 0 ? undefined : file.sections.length - oldest;
}
