// The form's signature fields and what they hold. ISO 32000-2 §12.7.5.5. A field that says it is signed and whose value
// is no signature is not passed over as one that is still to be signed.
import { type PdfFile, dictionaryOf, entryOf } from '#shared/pades/file.ts';
import {
  type PdfDictionary,
  type PdfObject,
  type PdfReference,
  isKind,
  nameOf,
  pdfError,
  pdfLimit,
} from '#shared/pades/objects.ts';
import { type Problem, attempt } from '#shared/problem.ts';

const maxFields = 50_000;
const maxFieldDepth = 64;
const maxSignatures = 1000;

/** A field that holds a signature: its name, the value and the reference by which revisions know it. */
export type Holder = {
  readonly field: string;
  readonly dictionary: PdfDictionary;
  readonly reference: PdfReference | undefined;
};

/** A field, or a value of one, that should hold a signature and does not. */
export type UnreadField = { readonly field: string; readonly problem: Problem };

function decodeText(object: PdfObject): string {
  if (!isKind(object, 'string')) return '';
  const { octets } = object;
  if (octets[0] === 0xfe && octets[1] === 0xff)
    return new TextDecoder('utf-16be').decode(octets.subarray(2));
  if (octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf)
    return new TextDecoder().decode(octets);
  return Buffer.from(octets).toString('latin1');
}

/** Whether a dictionary is a signature, whatever leads to it. ISO 32000-2 §12.8.1 */
export function looksSigned(dictionary: PdfDictionary | undefined): boolean {
  return (
    dictionary !== undefined &&
    ['ByteRange', 'Contents'].every((key) => dictionary.entries.has(key))
  );
}

/**
 * The value of a field, where that is a signature. One that is not there, or null, is still to be signed.
 * @throws FormatError: anything else is neither
 */
function signatureOf(
  file: PdfFile,
  value: PdfObject | undefined,
  type: string | undefined,
): PdfDictionary | undefined {
  if (value === undefined || value === null) return undefined;
  if (type !== 'Sig') {
    const other = attempt([], undefined, () => dictionaryOf(file, value));
    if (looksSigned(other)) throw pdfError(`a signature in a field of type ${type ?? 'unknown'}`);
    return undefined;
  }
  const dictionary = dictionaryOf(file, value);
  if (!dictionary) throw pdfError('the value of a signature field is no dictionary');
  return dictionary;
}

export type SignatureFields = {
  readonly holders: readonly Holder[];
  readonly unread: readonly UnreadField[];
};

/** Walks the form's field tree. @throws FormatError for loops and excess, so that no field is passed over in silence */
export function findSignatureFields(file: PdfFile, problems: Problem[]): SignatureFields {
  const form = dictionaryOf(file, file.catalog.entries.get('AcroForm'));
  const fields = form ? entryOf(file, form, 'Fields') : null;
  if (!isKind(fields, 'array')) return { holders: [], unread: [] };
  const unread: UnreadField[] = [];
  type Visit = {
    readonly object: PdfObject;
    readonly parent: string;
    readonly type: string | undefined;
    readonly depth: number;
  };
  const pending: Visit[] = fields.items
    .map((object) => ({ object, parent: '', type: undefined, depth: 0 }))
    .reverse();
  const seen = new Set<number>();
  const holders: Holder[] = [];
  const values = new Set<number>();
  const shared = new Set<number>();
  for (let visit = pending.pop(); visit; visit = pending.pop()) {
    const own = isKind(visit.object, 'reference') ? visit.object : undefined;
    if (own) {
      if (seen.has(own.number)) throw pdfError(`form field ${own.number} occurs twice in the tree`);
      seen.add(own.number);
    }
    if (visit.depth > maxFieldDepth)
      throw pdfLimit(`form fields nested deeper than ${maxFieldDepth}`);
    if (seen.size + holders.length > maxFields)
      throw pdfLimit(`more than ${maxFields} form fields`);
    const field = dictionaryOf(file, visit.object);
    if (!field) continue;
    // Encrypted names are no names; the object's number tells the fields apart.
    const partialName =
      file.encrypted && !file.cipher
        ? `field ${own?.number ?? 0}`
        : decodeText(entryOf(file, field, 'T'));
    const name = [visit.parent, partialName].filter((part) => part !== '').join('.');
    const type = nameOf(entryOf(file, field, 'FT')) ?? visit.type;
    const kids = entryOf(file, field, 'Kids');
    if (isKind(kids, 'array')) {
      const children = kids.items.map((object) => ({
        object,
        parent: name,
        type,
        depth: visit.depth + 1,
      }));
      pending.push(...children.reverse());
    }
    const value = field.entries.get('V');
    const failed: Problem[] = [];
    const dictionary = attempt(failed, name, () => signatureOf(file, value, type));
    problems.push(...failed);
    unread.push(...failed.map((problem) => ({ field: name, problem })));
    if (!dictionary) continue;
    const reference = isKind(value, 'reference') ? value : own;
    if (isKind(value, 'reference')) {
      if (values.has(value.number)) {
        // Two fields over one signature: which of them was signed cannot be told.
        shared.add(value.number);
        continue;
      }
      values.add(value.number);
    }
    if (holders.length >= maxSignatures) throw pdfLimit(`more than ${maxSignatures} signatures`);
    holders.push({ field: name, dictionary, reference });
  }
  for (const number of shared)
    problems.push({
      severity: 'error',
      code: 'pdf-shared-signature',
      message: `signature ${number} is the value of several fields`,
    });
  return { holders, unread };
}
