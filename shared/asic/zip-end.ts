// Where the central directory of a ZIP archive is: end record, zip64 records, and the certainty that
// there is only one reading of the file. APPNOTE §4.3.14 to §4.3.16.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { Problem } from '#shared/problem.ts';

export type CentralDirectory = {
  /** Offset of the first entry in the file. */
  readonly start: number;
  /** Offset after the last entry. */
  readonly end: number;
  readonly count: number;
  /** Octets before the archive, to be added to every offset in it. */
  readonly base: number;
  readonly problems: readonly Problem[];
};

const endSignature = 0x0605_4b50;
const [locatorSignature, end64Signature] = [0x0706_4b50, 0x0606_4b50];
const endLength = 22;
const maxComment = 0xffff;

function malformed(message: string, offset?: number): FormatError {
  return new FormatError(
    'ERR_FORMAT_ZIP',
    offset === undefined ? message : `${message} at octet ${offset}`,
    { offset, clause: 'APPNOTE §4.3.16' },
  );
}

/** Offsets of the four octets `PK..` in a range. */
function findSignature(view: DataView, signature: number, from: number, to: number): number[] {
  const found: number[] = [];
  for (let at = from; at + 4 <= to; at++)
    if (view.getUint8(at) === 0x50 && view.getUint32(at, true) === signature) found.push(at);
  return found;
}

function findEndRecord(view: DataView): number {
  const length = view.byteLength;
  const from = Math.max(0, length - endLength - maxComment);
  const candidates = findSignature(view, endSignature, from, length).filter(
    (at) => at + endLength <= length,
  );
  const [at] = candidates.filter(
    (offset) => offset + endLength + view.getUint16(offset + 20, true) === length,
  );
  if (at === undefined) throw malformed('no end record that ends the file');
  // A second end record in the comment would give another reader another archive.
  if (candidates.some((offset) => offset > at)) throw malformed('end record in a comment', at);
  return at;
}

type Fields = {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
  /** Where the records after the directory begin. */
  readonly recordsStart: number;
};

/** A zip64 end record at the place that its locator names. @see APPNOTE §4.3.14, §4.3.15 */
function readEnd64(view: DataView, locator: number): Fields {
  const at = Number(view.getBigUint64(locator + 8, true));
  // The record directly precedes its locator; anything else is not what writers make.
  if (!Number.isSafeInteger(at) || at + 56 > locator || view.getUint32(at, true) !== end64Signature)
    throw malformed('zip64 locator points to no record', locator);
  const values = [at + 24, at + 32, at + 40, at + 48].map((position) =>
    view.getBigUint64(position, true),
  );
  if (values.some((value) => value > BigInt(view.byteLength)))
    throw malformed('zip64 value beyond the file', at);
  const [onDisk = 0n, count = 0n, size = 0n, offset = 0n] = values;
  if (onDisk !== count) throw malformed('archive of several volumes', at);
  return {
    count: Number(count),
    size: Number(size),
    offset: Number(offset),
    recordsStart: at,
  };
}

/**
 * Finds the directory. The end record must end the file, and the directory must end where it begins.
 * @throws FormatError ERR_FORMAT_ZIP; UnsupportedError: several volumes
 */
export function readEndOfCentralDirectory(octets: Uint8Array): CentralDirectory {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const end = findEndRecord(view);
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 6, true) !== 0)
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', 'ZIP archive of several volumes', {
      feature: 'several volumes',
    });
  const short: Fields = {
    count: view.getUint16(end + 10, true),
    size: view.getUint32(end + 12, true),
    offset: view.getUint32(end + 16, true),
    recordsStart: end,
  };
  if (view.getUint16(end + 8, true) !== short.count)
    throw malformed('counts of the end record differ', end);
  const locator = end - 20;
  const hasLocator = locator >= 0 && view.getUint32(locator, true) === locatorSignature;
  const needs64 =
    short.count === 0xffff || short.size === 0xffff_ffff || short.offset === 0xffff_ffff;
  if (needs64 && !hasLocator) throw malformed('zip64 values without a zip64 record', end);
  const fields = hasLocator ? readEnd64(view, locator) : short;
  const agrees = (a: number, b: number, unset: number): boolean => a === b || a === unset;
  if (
    !agrees(short.count, fields.count, 0xffff) ||
    !agrees(short.size, fields.size, 0xffff_ffff) ||
    !agrees(short.offset, fields.offset, 0xffff_ffff)
  )
    throw malformed('end record and zip64 record differ', end);
  const start = fields.recordsStart - fields.size;
  const base = start - fields.offset;
  if (start < 0 || base < 0) throw malformed('central directory lies outside of the file', end);
  const problems: Problem[] = [];
  if (base > 0) {
    if (findSignature(view, endSignature, 0, base).length > 0)
      throw malformed('another archive before this one', 0);
    problems.push({
      severity: 'warning',
      code: 'zip-prepended',
      message: `${base} octets before the archive`,
    });
  }
  return { start, end: fields.recordsStart, count: fields.count, base, problems };
}
