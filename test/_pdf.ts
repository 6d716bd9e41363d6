// PDF files for tests: objects and revisions laid out with right offsets, and signatures over the whole
// of a revision. What is to be wrong is put in by the test.
import { concatBytes, toHex } from '#shared/bytes.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Objects by number; text is what stands between `obj` and `endobj`. */
export type PdfObjects = Readonly<Record<number, string>>;

export const plainObjects: PdfObjects = {
  1: '<< /Type /Catalog /Pages 2 0 R >>',
  2: '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
  3: '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] >>',
};

/** Appends one revision: the objects, their table, a trailer that names the one before. */
export function appendRevision(
  before: Uint8Array | undefined,
  objects: PdfObjects,
  trailer = '/Root 1 0 R',
): Uint8Array {
  let text = before ? '' : '%PDF-1.7\n';
  const base = before?.length ?? 0;
  const offsets = Object.entries(objects).map(([number, body]) => {
    const offset = base + text.length;
    text += `${number} 0 obj\n${body}\nendobj\n`;
    return { number: Number(number), offset };
  });
  const table = base + text.length;
  text += 'xref\n';
  if (!before) text += '0 1\n0000000000 65535 f \n';
  for (const { number, offset } of offsets)
    text += `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`;
  const previous = before ? ` /Prev ${lastStartxref(before)}` : '';
  text += `trailer\n<< /Size 100 ${trailer}${previous} >>\nstartxref\n${table}\n%%EOF\n`;
  return concatBytes(before ?? new Uint8Array(), encode(text));
}

function lastStartxref(octets: Uint8Array): number {
  const text = new TextDecoder('latin1').decode(octets);
  return Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(text)?.[1]);
}

/** A plain file of one revision. */
export function plainPdf(objects: PdfObjects = plainObjects, trailer?: string): Uint8Array {
  return appendRevision(undefined, objects, trailer);
}

const placeholder = 16_000;

export type TestSignature = {
  readonly subFilter?: string;
  /** Makes the CMS or token over the octets that the range covers. */
  readonly sign: (covered: Uint8Array) => Uint8Array;
  /** Text in place of the right ByteRange, of any length up to 60. */
  readonly byteRange?: string;
  /** Number of the signature dictionary; its field is the next one. */
  readonly number?: number;
  readonly name?: string;
  readonly extraObjects?: PdfObjects;
  readonly extraCatalog?: string;
  readonly otherFields?: readonly number[];
  readonly trailer?: string;
};

/** Appends a revision with one signature over all of the file so far. ISO 32000-2 §12.8.1. */
export function signPdf(before: Uint8Array, signature: TestSignature): Uint8Array {
  const { number = 10, name = 'Signature1', subFilter = 'ETSI.CAdES.detached' } = signature;
  const fields = [...(signature.otherFields ?? []), number + 1];
  const marker = 'X'.repeat(60);
  const objects = {
    1: `<< /Type /Catalog /Pages 2 0 R ${signature.extraCatalog ?? ''} /AcroForm << /SigFlags 3 /Fields [${fields.map((field) => `${field} 0 R`).join(' ')}] >> >>`,
    ...signature.extraObjects,
    [number]: `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /${subFilter} /M (D:20260203040506Z) /ByteRange ${marker} /Contents <${'0'.repeat(placeholder)}> >>`,
    [number + 1]: `<< /FT /Sig /T (${name}) /V ${number} 0 R >>`,
  };
  const text = new TextDecoder('latin1').decode(appendRevision(before, objects, signature.trailer));
  const start = text.lastIndexOf('/Contents <') + '/Contents '.length;
  const end = start + placeholder + 2;
  const range = signature.byteRange ?? `[0 ${start} ${end} ${text.length - end}]`;
  const ranged = text.replace(marker, range.padEnd(marker.length));
  const file = Uint8Array.from(Buffer.from(ranged, 'latin1'));
  const cms = signature.sign(concatBytes(file.subarray(0, start), file.subarray(end)));
  file.set(encode(toHex(cms)), start + 1);
  return file;
}
