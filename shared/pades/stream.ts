// The octets of a PDF stream, filters undone: ISO 32000-2 §7.4. Only what cross-reference streams,
// object streams and validation data use (FlateDecode with predictors, ASCIIHexDecode); every output
// is bounded, and so is their number.
import { inflate } from '#shared/compress.ts';
import { UnsupportedError } from '#shared/errors.ts';
import {
  type PdfDictionary,
  type PdfObject,
  countOf,
  isKind,
  nameOf,
  pdfError,
  pdfLimit,
} from '#shared/pades/objects.ts';

/** Most octets that one stream may grow to. */
const maxStreamOctets = 32 * 1024 * 1024;
const maxFilters = 4;

type Predictor = {
  readonly predictor: number;
  readonly columns: number;
  readonly colors: number;
  readonly bits: number;
};

function predictorOf(parameters: PdfObject | undefined): Predictor {
  const entry = (name: string, otherwise: number): number => {
    const value = isKind(parameters, 'dictionary') ? parameters.entries.get(name) : undefined;
    if (value === undefined) return otherwise;
    const count = countOf(value);
    if (count === undefined || count === 0 || count > 65_536)
      throw pdfError(`predictor parameter ${name} out of range`);
    return count;
  };
  return {
    predictor: entry('Predictor', 1),
    columns: entry('Columns', 1),
    colors: entry('Colors', 1),
    bits: entry('BitsPerComponent', 8),
  };
}

/** PNG predictors, RFC 2083 §6: each row begins with the number of its filter. */
function undoPredictor(data: Uint8Array, parameters: Predictor): Uint8Array {
  const { predictor, columns, colors, bits } = parameters;
  if (predictor === 1) return data;
  if (predictor < 10)
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `PDF predictor ${predictor}`, {
      feature: `Predictor ${predictor}`,
    });
  const sample = Math.max(1, (colors * bits) >> 3);
  const row = Math.ceil((columns * colors * bits) / 8);
  const rows = Math.ceil(data.length / (row + 1));
  const output = new Uint8Array(rows * row);
  for (let r = 0; r < rows; r++) {
    const filter = data[r * (row + 1)] ?? 0;
    for (let i = 0; i < row; i++) {
      const raw = data[r * (row + 1) + 1 + i] ?? 0;
      const at = r * row + i;
      const left = i >= sample ? (output[at - sample] ?? 0) : 0;
      const up = r > 0 ? (output[at - row] ?? 0) : 0;
      const upLeft = r > 0 && i >= sample ? (output[at - row - sample] ?? 0) : 0;
      output[at] = raw + predicted(filter, left, up, upLeft);
    }
  }
  return output;
}

function predicted(filter: number, left: number, up: number, upLeft: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const estimate = left + up - upLeft;
      const [a, b, c] = [
        Math.abs(estimate - left),
        Math.abs(estimate - up),
        Math.abs(estimate - upLeft),
      ];
      return a <= b && a <= c ? left : b <= c ? up : upLeft;
    }
    default:
      throw pdfError(`unknown PNG filter ${filter}`);
  }
}

function undoAsciiHex(data: Uint8Array): Uint8Array {
  const text = Buffer.from(data).toString('latin1').replace(/\s+/g, '').replace(/>.*$/s, '');
  if (!/^[0-9A-Fa-f]*$/.test(text)) throw pdfError('hexadecimal digit expected in a stream');
  return new Uint8Array(Buffer.from(text.length % 2 ? `${text}0` : text, 'hex'));
}

function asList(object: PdfObject | undefined): readonly PdfObject[] {
  if (object === undefined || object === null) return [];
  return isKind(object, 'array') ? object.items : [object];
}

/**
 * The stream's data with its filters undone. Filters and parameters must be direct or already resolved.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT; UnsupportedError: another filter
 * @see ISO 32000-2 §7.4
 */
export function decodeStream(raw: Uint8Array, dictionary: PdfDictionary): Uint8Array {
  const filters = asList(dictionary.entries.get('Filter') ?? dictionary.entries.get('F'));
  const parameters = asList(dictionary.entries.get('DecodeParms') ?? dictionary.entries.get('DP'));
  if (filters.length > maxFilters) throw pdfLimit(`more than ${maxFilters} filters on one stream`);
  let data = raw;
  for (const [index, filter] of filters.entries()) {
    const name = nameOf(filter) ?? 'unnamed';
    if (name === 'FlateDecode' || name === 'Fl') {
      const inflated = inflate(data, {
        form: 'zlib',
        maxOutput: maxStreamOctets,
        code: 'ERR_FORMAT_PDF',
      });
      data = undoPredictor(inflated, predictorOf(parameters[index]));
    } else if (name === 'ASCIIHexDecode' || name === 'AHx') {
      data = undoAsciiHex(data);
    } else {
      throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `PDF filter ${name} is not supported`, {
        feature: name,
      });
    }
  }
  return data;
}
