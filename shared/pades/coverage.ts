// What a signature's ByteRange covers of its file: the whole, the whole of one revision, or something
// that cannot be trusted. ISO 32000-2 §12.8.1, EN 319 142-1 §5.5.
import { type PdfFile, introducingRevision } from '#shared/pades/file.ts';
import type { PdfReference, PdfString } from '#shared/pades/objects.ts';
import { readStartxref } from '#shared/pades/xref.ts';

/**
 * `entire-file`: all octets but the signature's own; `entire-revision`: the same for the file as it
 * was when its revision was written; `contiguous-from-start`: without a gap, but no revision ends
 * there; `unclear`: anything else, so that nothing may be said of what was signed.
 */
export type ByteRangeCoverage =
  'entire-file' | 'entire-revision' | 'contiguous-from-start' | 'unclear';

export type Coverage = {
  readonly coverage: ByteRangeCoverage;
  /** Number of the revision that ends where the range ends, 1: oldest. */
  readonly revision?: number | undefined;
};

/**
 * The two views that the range covers, `undefined` unless it is four numbers that start at 0, lie in
 * the file in order, and leave out exactly the hexadecimal string of this signature's /Contents.
 * Without the last rule a forged gap could hide anything.
 */
export function coveredOctets(
  octets: Uint8Array,
  byteRange: readonly number[],
  contents: PdfString,
): readonly Uint8Array[] | undefined {
  const [start1, length1, start2, length2, ...more] = byteRange;
  if (start1 !== 0 || length1 === undefined || start2 === undefined || length2 === undefined)
    return undefined;
  if (more.length > 0 || length1 !== contents.offset || start2 !== contents.end) return undefined;
  if (start2 + length2 > octets.length) return undefined;
  return [octets.subarray(0, length1), octets.subarray(start2, start2 + length2)];
}

/** @see EN 319 142-1 §5.5 */
export function coverageOf(
  file: PdfFile,
  byteRange: readonly number[],
  contents: PdfString,
  signature: PdfReference | undefined,
): Coverage {
  if (!coveredOctets(file.octets, byteRange, contents)) return { coverage: 'unclear' };
  const end = (byteRange[2] ?? 0) + (byteRange[3] ?? 0);
  const revision = signature && introducingRevision(file, signature);
  if (end === file.octets.length) return { coverage: 'entire-file', revision };
  if (revision === undefined) return { coverage: 'contiguous-from-start' };
  return endsRevision(file, end, revision)
    ? { coverage: 'entire-revision', revision }
    : { coverage: 'contiguous-from-start' };
}

/** Whether the first `end` octets are a file by themselves, whose newest section is that of `revision`. */
function endsRevision(file: PdfFile, end: number, revision: number): boolean {
  const sections = file.sections.slice(file.sections.length - revision);
  const [newest] = sections;
  if (!newest || sections.some((section) => section.end > end)) return false;
  try {
    const mark = readStartxref(file.octets, end);
    const rest = Buffer.from(file.octets.subarray(mark.endMark + 5, end)).toString('latin1');
    return mark.offset === newest.offset && /^\s*$/.test(rest);
  } catch {
    // No end mark there: not the end of a revision, which is all that was asked.
    return false;
  }
}
