// Types of PDF objects and the small questions asked of them. ISO 32000-2 §7.3.
import { FormatError } from '#shared/errors.ts';

export type PdfName = { readonly kind: 'name'; readonly value: string };

/** `offset` and `end` enclose the string's own delimiters: a signature's gap must be exactly those. */
export type PdfString = {
  readonly kind: 'string';
  readonly octets: Uint8Array;
  readonly offset: number;
  readonly end: number;
};
export type PdfReference = {
  readonly kind: 'reference';
  readonly number: number;
  readonly generation: number;
};
export type PdfArray = { readonly kind: 'array'; readonly items: readonly PdfObject[] };

/** Names are compared after #-decoding; of a key given twice the first value stands. */
export type PdfDictionary = {
  readonly kind: 'dictionary';
  readonly entries: ReadonlyMap<string, PdfObject>;
  readonly duplicateKeys: readonly string[];
};

/** `start` is where the stream's octets begin; their number is in the dictionary. */
export type PdfStream = {
  readonly kind: 'stream';
  /** Of the indirect object that it is: encryption goes by them. */
  readonly number: number;
  readonly generation: number;
  readonly dictionary: PdfDictionary;
  readonly start: number;
};

export type PdfObject =
  | null
  | boolean
  | number
  | PdfName
  | PdfString
  | PdfReference
  | PdfArray
  | PdfDictionary
  | PdfStream;

type Tagged = Extract<PdfObject, { readonly kind: string }>;

/** Whether the object is of the kind named. */
export function isKind<Kind extends Tagged['kind']>(
  object: PdfObject | undefined,
  kind: Kind,
): object is Extract<Tagged, { readonly kind: Kind }> {
  return typeof object === 'object' && object !== null && object.kind === kind;
}

/** Text of a name, `undefined` for anything else. */
export function nameOf(object: PdfObject | undefined): string | undefined {
  return isKind(object, 'name') ? object.value : undefined;
}

/** An integer from zero to 2⁵³ − 1, `undefined` for anything else. */
export function countOf(object: PdfObject | undefined): number | undefined {
  return typeof object === 'number' && Number.isSafeInteger(object) && object >= 0
    ? object
    : undefined;
}

export function pdfError(message: string, offset?: number): FormatError {
  return new FormatError(
    'ERR_FORMAT_PDF',
    offset === undefined ? message : `${message} at octet ${offset}`,
    { offset, clause: 'ISO 32000-2 §7' },
  );
}

export function pdfLimit(message: string, offset?: number): FormatError {
  return new FormatError('ERR_FORMAT_LIMIT', message, { offset });
}
