// Reads PDF objects from octets: ISO 32000-2 §7.2 and §7.3. Depth is bounded; strings are counted,
// never recursed into. Positions of strings are kept. Which octets are read is the caller's choice.
import {
  type PdfDictionary,
  type PdfObject,
  type PdfString,
  isKind,
  pdfError,
  pdfLimit,
} from '#shared/pades/objects.ts';

/** Arrays and dictionaries inside one another; real files stay below ten. */
const maxDepth = 100;
const maxNameOctets = 4096;
const maxNumberOctets = 64;

/** An object and the offset after it. */
export type Read<T = PdfObject> = { readonly value: T; readonly end: number };

const space = new Set([0x00, 0x09, 0x0a, 0x0c, 0x0d, 0x20]);
/** `()<>[]{}/%` */
const delimiter = new Set([0x28, 0x29, 0x3c, 0x3e, 0x5b, 0x5d, 0x7b, 0x7d, 0x2f, 0x25]);

function isRegular(octet: number | undefined): boolean {
  return octet !== undefined && !space.has(octet) && !delimiter.has(octet);
}

/** Offset of the first octet at or after `position` that is neither white space nor comment. */
export function skipSpace(input: Uint8Array, position: number): number {
  let at = position;
  for (;;) {
    const octet = input[at];
    if (octet === undefined) return at;
    if (octet === 0x25) {
      while (at < input.length && input[at] !== 0x0a && input[at] !== 0x0d) at++;
    } else if (space.has(octet)) {
      at++;
    } else {
      return at;
    }
  }
}

/** Whether these ASCII characters stand at `position`. */
export function startsWith(input: Uint8Array, position: number, text: string): boolean {
  for (let i = 0; i < text.length; i++)
    if (input[position + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** A run of regular characters. @throws FormatError where there is none or it is longer than `limit` */
function readToken(input: Uint8Array, position: number, limit: number): Read<string> {
  let end = position;
  while (isRegular(input[end])) {
    if (end - position >= limit) throw pdfLimit(`token longer than ${limit} octets`, position);
    end++;
  }
  if (end === position) throw pdfError('object expected', position);
  return { value: String.fromCharCode(...input.subarray(position, end)), end };
}

/** The keyword at `position`, white space before it skipped. @throws FormatError where another one stands there */
export function expectKeyword(input: Uint8Array, position: number, keyword: string): number {
  const at = skipSpace(input, position);
  const end = at + keyword.length;
  if (!startsWith(input, at, keyword) || isRegular(input[end]))
    throw pdfError(`"${keyword}" expected`, at);
  return end;
}

/** A non-negative integer. @throws FormatError for anything else, and above 2⁵³ */
export function readCount(input: Uint8Array, position: number): Read<number> {
  const at = skipSpace(input, position);
  const token = readToken(input, at, maxNumberOctets);
  const value = /^\d+$/.test(token.value) ? Number(token.value) : NaN;
  if (!Number.isSafeInteger(value)) throw pdfError('non-negative integer expected', at);
  return { value, end: token.end };
}

const hexDigit = (octet: number | undefined): number => {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
};

function readName(input: Uint8Array, position: number): Read {
  let end = position + 1;
  let value = '';
  while (isRegular(input[end])) {
    if (end - position > maxNameOctets) throw pdfLimit('name too long', position);
    const high = hexDigit(input[end + 1]);
    const low = hexDigit(input[end + 2]);
    if (input[end] === 0x23 && high >= 0 && low >= 0) {
      value += String.fromCharCode(high * 16 + low);
      end += 3;
    } else {
      value += String.fromCharCode(input[end] ?? 0);
      end++;
    }
  }
  return { value: { kind: 'name', value }, end };
}

function readHexString(input: Uint8Array, position: number): Read<PdfString> {
  // A signature's /Contents may be megabytes: find the end first, then fill one buffer.
  const close = input.indexOf(0x3e, position);
  if (close < 0) throw pdfError('hexadecimal string does not end', position);
  const octets = new Uint8Array(Math.ceil((close - position - 1) / 2));
  let digits = 0;
  for (let at = position + 1; at < close; at++) {
    const octet = input[at] ?? 0;
    if (space.has(octet)) continue;
    const digit = hexDigit(octet);
    if (digit < 0) throw pdfError('hexadecimal digit expected', at);
    octets[digits >> 1] = digits % 2 === 0 ? digit << 4 : (octets[digits >> 1] ?? 0) | digit;
    digits++;
  }
  return {
    value: {
      kind: 'string',
      octets: octets.subarray(0, Math.ceil(digits / 2)),
      offset: position,
      end: close + 1,
    },
    end: close + 1,
  };
}

const escapes: ReadonlyMap<string, number> = new Map([
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['b', 0x08],
  ['f', 0x0c],
]);

function readLiteralString(input: Uint8Array, position: number): Read<PdfString> {
  const octets: number[] = [];
  let open = 1;
  let at = position + 1;
  for (; open > 0; at++) {
    const octet = input[at];
    if (octet === undefined) throw pdfError('string does not end', position);
    if (octet === 0x28) open++;
    if (octet === 0x29) open--;
    if (open === 0) continue;
    if (octet !== 0x5c) {
      octets.push(octet);
      continue;
    }
    at++;
    const escaped = input[at] ?? 0;
    const octal = /^[0-7]{1,3}/.exec(String.fromCharCode(...input.subarray(at, at + 3)))?.[0];
    if (octal !== undefined) {
      octets.push(parseInt(octal, 8) & 0xff);
      at += octal.length - 1;
    } else if (escaped === 0x0d) {
      // A backslash before a line end joins the lines, and CR LF is one line end.
      if (input[at + 1] === 0x0a) at++;
    } else if (escaped !== 0x0a) {
      octets.push(escapes.get(String.fromCharCode(escaped)) ?? escaped);
    }
  }
  return {
    value: { kind: 'string', octets: Uint8Array.from(octets), offset: position, end: at },
    end: at,
  };
}

function readNumberOrReference(input: Uint8Array, position: number): Read {
  const token = readToken(input, position, maxNumberOctets);
  if (/^\d+$/.test(token.value)) {
    // `12 0 R`: a reference is two integers and a letter, an integer is the first of them.
    const reference = /^[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?![^\0\t\n\f\r ()<>[\]{}/%])/.exec(
      String.fromCharCode(...input.subarray(token.end, token.end + 24)),
    );
    const number = Number(token.value);
    if (reference && Number.isSafeInteger(number)) {
      return {
        value: { kind: 'reference', number, generation: Number(reference[1]) },
        end: token.end + reference[0].length,
      };
    }
  }
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(token.value)) throw pdfError('object expected', position);
  return { value: Number(token.value), end: token.end };
}

function readArray(input: Uint8Array, position: number, depth: number): Read {
  const items: PdfObject[] = [];
  for (let at = skipSpace(input, position + 1); ; at = skipSpace(input, at)) {
    if (input[at] === 0x5d) return { value: { kind: 'array', items }, end: at + 1 };
    const item = readObject(input, at, depth + 1);
    items.push(item.value);
    at = item.end;
  }
}

function readDictionary(input: Uint8Array, position: number, depth: number): Read<PdfDictionary> {
  const entries = new Map<string, PdfObject>();
  const duplicateKeys: string[] = [];
  for (let at = skipSpace(input, position + 2); ; at = skipSpace(input, at)) {
    if (startsWith(input, at, '>>'))
      return { value: { kind: 'dictionary', entries, duplicateKeys }, end: at + 2 };
    if (input[at] !== 0x2f) throw pdfError('name expected as key', at);
    const key = readName(input, at);
    const item = readObject(input, skipSpace(input, key.end), depth + 1);
    const name = isKind(key.value, 'name') ? key.value.value : '';
    if (entries.has(name)) duplicateKeys.push(name);
    else entries.set(name, item.value);
    at = item.end;
  }
}

const keywords: readonly (readonly [string, PdfObject])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/**
 * The object at `position`, white space before it skipped. A stream's dictionary is given as such.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT
 * @see ISO 32000-2 §7.3
 */
export function readObject(input: Uint8Array, position: number, depth = 0): Read {
  if (depth > maxDepth) throw pdfLimit(`objects nested deeper than ${maxDepth}`, position);
  const at = skipSpace(input, position);
  switch (input[at]) {
    case undefined:
      throw pdfError('object expected, file ends', at);
    case 0x2f:
      return readName(input, at);
    case 0x28:
      return readLiteralString(input, at);
    case 0x5b:
      return readArray(input, at, depth);
    case 0x3c:
      return input[at + 1] === 0x3c ? readDictionary(input, at, depth) : readHexString(input, at);
  }
  for (const [keyword, value] of keywords) {
    const end = at + keyword.length;
    if (startsWith(input, at, keyword) && !isRegular(input[end])) return { value, end };
  }
  return readNumberOrReference(input, at);
}

/** A whole indirect object at an offset of the file. */
export type IndirectObject = {
  readonly number: number;
  readonly generation: number;
  readonly object: PdfObject;
  readonly end: number;
};

/**
 * `12 0 obj … endobj` at `position`; a stream is recognised, its octets are not read.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT
 * @see ISO 32000-2 §7.3.10
 */
export function readIndirectObject(input: Uint8Array, position: number): IndirectObject {
  const number = readCount(input, position);
  const generation = readCount(input, number.end);
  const body = readObject(input, expectObj(input, generation.end));
  const after = skipSpace(input, body.end);
  const named = { number: number.value, generation: generation.value };
  if (isKind(body.value, 'dictionary') && startsWith(input, after, 'stream')) {
    // §7.3.8.1: the keyword is followed by CR LF or LF; a lone CR is tolerated.
    let start = after + 'stream'.length;
    if (input[start] === 0x0d) start++;
    if (input[start] === 0x0a) start++;
    const object = { kind: 'stream', ...named, dictionary: body.value, start } as const;
    return { ...named, object, end: start };
  }
  return { ...named, object: body.value, end: body.end };
}

function expectObj(input: Uint8Array, position: number): number {
  const at = skipSpace(input, position);
  // `obj` may be followed by its object without white space.
  if (!startsWith(input, at, 'obj')) throw pdfError('"obj" expected', at);
  return at + 3;
}
