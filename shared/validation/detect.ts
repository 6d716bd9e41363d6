// Tells a document's format from its content, never from its name: a few marks at the start, and for
// ASN.1 the shape of the first elements. Reading in earnest, and so the last word, is for the readers.
import { findPdfHeader } from '#shared/pades/file.ts';

/** What the first octets look like; the reader may still find that it is something else. */
export type OuterFormat =
  | 'empty'
  | 'pdf'
  | 'zip'
  | 'xml'
  | 'pem'
  | 'cms'
  | 'timestamp-response'
  | 'evidence-record'
  | 'certificate'
  | 'crl'
  | 'ocsp'
  | 'plain';

/** How far into the head ASN.1 is looked at. */
const asn1Head = 4096;

type Element = { readonly tag: number; readonly start: number; readonly end: number };

/** Element at `at`, cut at `limit`: a cut file should still be told for what it was. */
function elementAt(octets: Uint8Array, at: number, limit: number): Element | undefined {
  const tag = octets[at];
  const first = octets[at + 1];
  if (tag === undefined || first === undefined || at + 1 >= limit) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: Math.min(limit, at + 2 + first) };
  const count = first & 0x7f;
  if (count > 5) return undefined;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (octets[at + 2 + i] ?? 0);
  const start = at + 2 + count;
  return { tag, start, end: count === 0 ? limit : Math.min(limit, start + length) };
}

function childrenOf(octets: Uint8Array, parent: Element, count: number): Element[] {
  const children: Element[] = [];
  for (let at = parent.start; children.length < count;) {
    const child = elementAt(octets, at, parent.end);
    if (!child) break;
    children.push(child);
    at = child.end;
  }
  return children;
}

const [oid, integer, enumerated, sequence, context0] = [0x06, 0x02, 0x0a, 0x30, 0xa0];
/** id-signedData. */
const signedDataOid = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02);

function isSignedDataOid(octets: Uint8Array, element: Element | undefined): boolean {
  return (
    element?.tag === oid &&
    signedDataOid.every((octet, index) => octets[element.start + index] === octet)
  );
}

function isAlgorithm(octets: Uint8Array, element: Element | undefined): boolean {
  return element?.tag === sequence && childrenOf(octets, element, 1)[0]?.tag === oid;
}

function detectAsn1(octets: Uint8Array): OuterFormat {
  const whole = elementAt(octets, 0, Math.min(octets.length, asn1Head));
  if (whole?.tag !== sequence) return 'plain';
  const [first, second] = childrenOf(octets, whole, 2);
  switch (first?.tag) {
    case oid:
      return isSignedDataOid(octets, first) ? 'cms' : 'plain';
    case enumerated:
      return first.end - first.start === 1 ? 'ocsp' : 'plain';
    case integer: {
      // EvidenceRecord: version 1, then digestAlgorithms.
      const [algorithm] = second?.tag === sequence ? childrenOf(octets, second, 1) : [];
      const isVersion1 = first.end - first.start === 1 && octets[first.start] === 1;
      return isVersion1 && isAlgorithm(octets, algorithm) ? 'evidence-record' : 'plain';
    }
    case sequence:
      return detectInSequence(octets, first, second);
    default:
      return 'plain';
  }
}

function detectInSequence(
  octets: Uint8Array,
  first: Element,
  second: Element | undefined,
): OuterFormat {
  const [a, b, c, d] = childrenOf(octets, first, 4);
  if (a?.tag === context0) return b?.tag === integer ? 'certificate' : 'plain';
  // A version 1 certificate and a CRL begin alike: after the issuer, one has its validity, one a time.
  if (a?.tag === integer && isAlgorithm(octets, b) && c?.tag === sequence)
    return d?.tag === sequence ? 'certificate' : 'crl';
  if (isAlgorithm(octets, a) && b?.tag === sequence) return 'crl';
  const [type] = second?.tag === sequence ? childrenOf(octets, second, 1) : [];
  if (a?.tag === integer && (second === undefined || isSignedDataOid(octets, type)))
    return 'timestamp-response';
  return 'plain';
}

const htmlStart = /^\s*(?:<!--[\s\S]*?-->\s*)?<(?:!doctype\s+html|html)[\s>]/i;

function looksLikeXml(octets: Uint8Array): boolean {
  const [a, b] = octets;
  const isUtf16 = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  const head = isUtf16
    ? new TextDecoder(a === 0xff ? 'utf-16le' : 'utf-16be').decode(octets.subarray(2, 402))
    : Buffer.from(octets.subarray(0, 400))
        .toString('utf8')
        .replace(/^\u{feff}/u, '');
  return /^\s*<[?!A-Za-z_:\u{80}-\u{ffff}]/u.test(head) && !htmlStart.test(head);
}

/** The format that the document claims by its first octets. `octets` may be its head only. */
export function detectFormat(octets: Uint8Array): OuterFormat {
  if (octets.length === 0) return 'empty';
  const [a, b, c, d] = octets;
  if (a === 0x50 && b === 0x4b && ((c === 3 && d === 4) || (c === 5 && d === 6))) return 'zip';
  // A CMS may carry a PDF near its start, so ASN.1 comes first.
  const asn1 = a === sequence ? detectAsn1(octets) : 'plain';
  if (asn1 !== 'plain') return asn1;
  if (findPdfHeader(octets) !== undefined) return 'pdf';
  if (Buffer.from(octets.subarray(0, 64)).toString('latin1').startsWith('-----BEGIN '))
    return 'pem';
  return looksLikeXml(octets) ? 'xml' : 'plain';
}
