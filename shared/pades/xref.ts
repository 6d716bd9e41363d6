// The cross-reference sections of a PDF, newest first: tables, streams and hybrids, ISO 32000-2 §7.5.4
// to §7.5.8. Nothing is rebuilt: a file whose sections cannot be followed is an error, since a repaired
// view could differ from the one that was signed.
import {
  type Read,
  expectKeyword,
  readCount,
  readIndirectObject,
  readObject,
  skipSpace,
  startsWith,
} from '#shared/pades/lexer.ts';
import {
  type PdfDictionary,
  type PdfStream,
  countOf,
  isKind,
  nameOf,
  pdfError,
  pdfLimit,
} from '#shared/pades/objects.ts';
import { decodeStream } from '#shared/pades/stream.ts';

/** Where an object stands; `free`: deleted. */
export type XrefEntry =
  | { readonly kind: 'free' }
  | { readonly kind: 'offset'; readonly offset: number; readonly generation: number }
  | { readonly kind: 'compressed'; readonly stream: number; readonly index: number };

/** One cross-reference section: what one revision changed. */
export type XrefSection = {
  /** What `startxref` says for this section. */
  readonly offset: number;
  /** Offset after the table's trailer or the stream's data. */
  readonly end: number;
  readonly trailer: PdfDictionary;
  readonly entries: ReadonlyMap<number, XrefEntry>;
};

const maxSections = 10_000;
const maxEntries = 1_000_000;
/** §C.2 asked readers for 8,388,607; a number beyond this is no object's. */
const maxObjectNumber = 100_000_000;
const tailOctets = 2048;

type Budget = { entries: number };

function spend(budget: Budget, count: number, offset: number): void {
  budget.entries += count;
  if (budget.entries > maxEntries)
    throw pdfLimit(`more than ${maxEntries} cross-reference entries`, offset);
}

/**
 * Offset that the `startxref` before `end` names, and where its end mark stands.
 * The end mark must be among the last 2,048 octets before `end`.
 * @throws FormatError ERR_FORMAT_PDF
 * @see ISO 32000-2 §7.5.5
 */
export function readStartxref(
  input: Uint8Array,
  end: number = input.length,
): { readonly offset: number; readonly endMark: number } {
  const from = Math.max(0, end - tailOctets);
  const tail = Buffer.from(input.subarray(from, end)).toString('latin1');
  const mark = tail.lastIndexOf('%%EOF');
  if (mark < 0) throw pdfError('end mark %%EOF not found');
  const keyword = tail.lastIndexOf('startxref', mark);
  if (keyword < 0) throw pdfError('startxref not found');
  const number = /^startxref[\0\t\n\f\r ]+(\d+)[\0\t\n\f\r ]+$/.exec(tail.slice(keyword, mark));
  const offset = number?.[1] !== undefined ? Number(number[1]) : NaN;
  if (!Number.isSafeInteger(offset))
    throw pdfError('startxref is followed by no offset', from + keyword);
  return { offset, endMark: from + mark };
}

function readTableEntries(
  input: Uint8Array,
  position: number,
  budget: Budget,
): Read<Map<number, XrefEntry>> {
  const entries = new Map<number, XrefEntry>();
  let at = skipSpace(input, position);
  while (!startsWith(input, at, 'trailer')) {
    const first = readCount(input, at);
    const count = readCount(input, first.end);
    // An entry takes 20 octets (18 at the least): the count may not promise more than the file holds.
    if (count.value * 18 > input.length - count.end)
      throw pdfError(`subsection of ${count.value} entries runs past the file`, at);
    if (first.value + count.value > maxObjectNumber)
      throw pdfLimit(`object number above ${maxObjectNumber}`, at);
    spend(budget, count.value, at);
    at = count.end;
    for (let i = 0; i < count.value; i++) {
      const offset = readCount(input, at);
      const generation = readCount(input, offset.end);
      const kind = skipSpace(input, generation.end);
      at = kind + 1;
      if (entries.has(first.value + i)) continue;
      if (input[kind] === 0x6e)
        entries.set(first.value + i, {
          kind: 'offset',
          offset: offset.value,
          generation: generation.value,
        });
      else if (input[kind] === 0x66) entries.set(first.value + i, { kind: 'free' });
      else throw pdfError('cross-reference entry is neither n nor f', kind);
    }
    at = skipSpace(input, at);
  }
  return { value: entries, end: at };
}

/** The octets of a cross-reference stream: its length must be direct, as nothing can be looked up yet. */
function streamOctets(input: Uint8Array, stream: PdfStream, offset: number): Read<Uint8Array> {
  const length = countOf(stream.dictionary.entries.get('Length'));
  if (length === undefined || stream.start + length > input.length)
    throw pdfError('cross-reference stream without a usable length', offset);
  const end = stream.start + length;
  return {
    value: decodeStream(input.subarray(stream.start, end), stream.dictionary),
    end: expectKeyword(input, end, 'endstream'),
  };
}

function fieldAt(data: Uint8Array, position: number, width: number, offset: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (data[position + i] ?? 0);
  if (!Number.isSafeInteger(value)) throw pdfError('cross-reference field above 2^53', offset);
  return value;
}

function readStreamEntries(
  data: Uint8Array,
  dictionary: PdfDictionary,
  budget: Budget,
  offset: number,
): Map<number, XrefEntry> {
  const numbers = (key: string): number[] | undefined => {
    const array = dictionary.entries.get(key);
    if (array === undefined) return undefined;
    const values = isKind(array, 'array') ? array.items.map((item) => countOf(item)) : [undefined];
    if (values.includes(undefined))
      throw pdfError(`/${key} is no array of non-negative integers`, offset);
    return values.filter((value) => value !== undefined);
  };
  const [type = 0, second = 0, third = 0, ...more] = numbers('W') ?? [];
  const row = type + second + third;
  if (more.length > 0 || row === 0 || row > 24) throw pdfError('/W out of range', offset);
  const size = countOf(dictionary.entries.get('Size')) ?? 0;
  const index = numbers('Index') ?? [0, size];
  const entries = new Map<number, XrefEntry>();
  let position = 0;
  for (let pair = 0; pair < index.length; pair += 2) {
    const first = index[pair] ?? 0;
    const count = index[pair + 1] ?? 0;
    if (count * row > data.length - position)
      throw pdfError(`/Index promises ${count} entries, the stream holds fewer`, offset);
    if (first + count > maxObjectNumber)
      throw pdfLimit(`object number above ${maxObjectNumber}`, offset);
    spend(budget, count, offset);
    for (let i = 0; i < count; i++, position += row) {
      const kind = type === 0 ? 1 : fieldAt(data, position, type, offset);
      const a = fieldAt(data, position + type, second, offset);
      const b = fieldAt(data, position + type + second, third, offset);
      if (entries.has(first + i)) continue;
      if (kind === 0) entries.set(first + i, { kind: 'free' });
      else if (kind === 1) entries.set(first + i, { kind: 'offset', offset: a, generation: b });
      else if (kind === 2) entries.set(first + i, { kind: 'compressed', stream: a, index: b });
    }
  }
  return entries;
}

function readStreamSection(input: Uint8Array, offset: number, budget: Budget): XrefSection {
  const { object } = readIndirectObject(input, offset);
  if (!isKind(object, 'stream') || nameOf(object.dictionary.entries.get('Type')) !== 'XRef')
    throw pdfError('cross-reference section expected', offset);
  const data = streamOctets(input, object, offset);
  const entries = readStreamEntries(data.value, object.dictionary, budget, offset);
  return { offset, end: data.end, trailer: object.dictionary, entries };
}

function readTableSection(input: Uint8Array, offset: number, budget: Budget): XrefSection {
  const table = readTableEntries(input, offset + 'xref'.length, budget);
  const dictionary = readObject(input, table.end + 'trailer'.length);
  if (!isKind(dictionary.value, 'dictionary')) throw pdfError('trailer expected', table.end);
  const entries = table.value;
  const hybrid = dictionary.value.entries.get('XRefStm');
  if (hybrid !== undefined) {
    // §7.5.8.4: what the table does not list, or lists as free, is looked for in the stream.
    const at = countOf(hybrid);
    if (at === undefined || at >= input.length)
      throw pdfError('/XRefStm outside of the file', offset);
    for (const [number, entry] of readStreamSection(input, at, budget).entries) {
      const listed = entries.get(number);
      if (!listed || listed.kind === 'free') entries.set(number, entry);
    }
  }
  return { offset, end: dictionary.end, trailer: dictionary.value, entries };
}

/**
 * All sections by way of /Prev, newest first. At least one.
 * @throws FormatError ERR_FORMAT_PDF: not to be followed, also loops; ERR_FORMAT_LIMIT
 * @see ISO 32000-2 §7.5.6
 */
export function readXrefSections(input: Uint8Array): XrefSection[] {
  const sections: XrefSection[] = [];
  const seen = new Set<number>();
  const budget: Budget = { entries: 0 };
  let offset: number | undefined = readStartxref(input).offset;
  while (offset !== undefined) {
    if (offset >= input.length)
      throw pdfError(`cross-reference section at ${offset}, outside of the file`);
    if (seen.has(offset)) throw pdfError('cross-reference sections form a loop', offset);
    if (sections.length >= maxSections) throw pdfLimit(`more than ${maxSections} revisions`);
    seen.add(offset);
    const at = skipSpace(input, offset);
    const section: XrefSection = startsWith(input, at, 'xref')
      ? readTableSection(input, at, budget)
      : readStreamSection(input, at, budget);
    sections.push({ ...section, offset });
    const previous = section.trailer.entries.get('Prev');
    if (previous === undefined) return sections;
    offset = countOf(previous);
    if (offset === undefined) throw pdfError('/Prev is no offset', section.offset);
  }
  return sections;
}
