// The objects of a PDF whose cross-reference cannot be followed, found by looking for them. What comes
// out is one possible view, not the signed one: good for listing what is inside, never for a verdict.
import { type IndirectObject, readIndirectObject, readObject } from '#shared/pades/lexer.ts';
import { type PdfDictionary, isKind, nameOf, pdfError, pdfLimit } from '#shared/pades/objects.ts';
import type { XrefEntry } from '#shared/pades/xref.ts';
import { FormatError } from '#shared/errors.ts';

export type ScannedObjects = {
  /** Of an object that occurs several times, the last. */
  readonly entries: ReadonlyMap<number, XrefEntry>;
  readonly trailer: PdfDictionary;
};

const maxObjects = 200_000;

/** The object at an offset, `undefined` where it is none: stray text may look like the start of one. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

function hasRoot(dictionary: PdfDictionary): boolean {
  return isKind(dictionary.entries.get('Root'), 'reference');
}

/**
 * Scans for `n g obj` at line starts and for trailers. Cost: linear in the file, and each candidate
 * object is read once.
 * @throws FormatError ERR_FORMAT_PDF: no trailer that names a catalogue; ERR_FORMAT_LIMIT
 */
export function scanObjects(octets: Uint8Array): ScannedObjects {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
  const entries = new Map<number, XrefEntry>();
  let trailer: PdfDictionary | undefined;
  let count = 0;
  const pattern = /(?:^|[\r\n])[ \t]*(?:(\d{1,8})[ \t]+(\d{1,5})[ \t]+obj\b|trailer\b)/g;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    if (++count > maxObjects) throw pdfLimit(`more than ${maxObjects} objects`);
    const [whole, number, generation] = match;
    const offset = match.index + whole.length - whole.trimStart().length;
    if (number === undefined) {
      const found = tryRead(() => readObject(octets, offset + 'trailer'.length).value);
      if (isKind(found, 'dictionary') && hasRoot(found)) trailer = found;
      continue;
    }
    const found = tryRead((): IndirectObject => readIndirectObject(octets, offset));
    if (!found) continue;
    entries.set(Number(number), { kind: 'offset', offset, generation: Number(generation) });
    const { object } = found;
    // A cross-reference stream is a trailer, too.
    if (isKind(object, 'stream') && nameOf(object.dictionary.entries.get('Type')) === 'XRef')
      if (hasRoot(object.dictionary)) trailer = object.dictionary;
  }
  if (!trailer) throw pdfError('no trailer that names a catalogue');
  return { entries, trailer };
}
