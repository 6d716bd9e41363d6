// From the octets of an XML document to its characters: byte order mark, declared encoding, and a
// strict decoding. XML 1.0 §2.2, §4.3.3 and Appendix F.
import { FormatError, UnsupportedError } from '#shared/errors.ts';

export type DecodedXml = {
  /** The document without byte order mark. */
  readonly text: string;
  readonly encoding: string;
  /** Octet offset of a character, counted by its index in `text`. Cost: linear in the index. */
  readonly octetOffset: (index: number) => number;
};

export function xmlError(message: string, offset?: number): FormatError {
  return new FormatError(
    'ERR_FORMAT_XML',
    offset === undefined ? message : `${message} at octet ${offset}`,
    { offset, clause: 'XML 1.0' },
  );
}

/** Encodings that are decoded, by the lower-case name in the declaration: what documents are written in here. */
const decoders: ReadonlyMap<string, string> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'utf-8'],
  ['ascii', 'utf-8'],
  ['utf-16', 'utf-16'],
  ['utf-16le', 'utf-16'],
  ['utf-16be', 'utf-16'],
  ['iso-8859-1', 'latin1'],
  ...['2', '3', '4', '5', '6', '7', '8', '10', '13', '14', '15', '16'].map(
    (part) => [`iso-8859-${part}`, `iso-8859-${part}`] as const,
  ),
  ...Array.from({ length: 9 }, (_, page) => `windows-125${page}`).map(
    (name) => [name, name] as const,
  ),
  ['shift_jis', 'shift_jis'],
  ['windows-31j', 'shift_jis'],
  ['euc-jp', 'euc-jp'],
  ['iso-2022-jp', 'iso-2022-jp'],
]);

type ByteOrderMark = { readonly label: 'utf-8' | 'utf-16le' | 'utf-16be'; readonly length: number };

function byteOrderMark(octets: Uint8Array): ByteOrderMark | undefined {
  const [a, b, c, d] = octets;
  const isUtf32 =
    (a === 0 && b === 0 && c === 0xfe && d === 0xff) ||
    (a === 0xff && b === 0xfe && c === 0 && d === 0);
  if (isUtf32)
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', 'UTF-32 is not read', {
      feature: 'UTF-32',
    });
  if (a === 0xef && b === 0xbb && c === 0xbf) return { label: 'utf-8', length: 3 };
  if (a === 0xff && b === 0xfe) return { label: 'utf-16le', length: 2 };
  if (a === 0xfe && b === 0xff) return { label: 'utf-16be', length: 2 };
  return undefined;
}

function declaredEncoding(head: string): string | undefined {
  return /^<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']/.exec(head)?.[1];
}

/**
 * The characters of the document. Wrong octets are an error, never replaced.
 * @throws FormatError ERR_FORMAT_XML; UnsupportedError: an encoding that is not read
 * @see XML 1.0 §4.3.3
 */
export function decodeXml(octets: Uint8Array): DecodedXml {
  const mark = byteOrderMark(octets);
  const body = octets.subarray(mark?.length ?? 0);
  const isUtf16 = mark?.label.startsWith('utf-16') ?? false;
  const head = isUtf16
    ? new TextDecoder(mark?.label).decode(body.subarray(0, 400))
    : Buffer.from(body.subarray(0, 200)).toString('latin1');
  const declared = declaredEncoding(head);
  const family = decoders.get((declared ?? (isUtf16 ? 'utf-16' : 'utf-8')).toLowerCase());
  if (family === undefined)
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      `encoding ${declared ?? ''} is not read`,
      {
        feature: declared ?? 'encoding',
      },
    );
  if ((family === 'utf-16') !== isUtf16 || (mark?.label === 'utf-8' && family !== 'utf-8'))
    throw xmlError(`octets are not in the declared encoding ${declared ?? family}`, 0);
  const label = isUtf16 ? (mark?.label ?? family) : family;
  const text =
    family === 'latin1' ? Buffer.from(body).toString('latin1') : decodeStrictly(body, label);
  const width = mark?.length ?? 0;
  return {
    text,
    encoding: label,
    octetOffset: (index) => {
      if (isUtf16) return width + index * 2;
      if (family === 'latin1') return index;
      // In other encodings than UTF-8 the offset is that of the UTF-8 form: near enough for a message.
      return width + Buffer.byteLength(text.slice(0, index));
    },
  };
}

function decodeStrictly(octets: Uint8Array, label: string): string {
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (error) {
    throw new FormatError('ERR_FORMAT_XML', `octets are not ${label}`, {
      clause: 'XML 1.0 §4.3.3',
      cause: error,
    });
  }
}
