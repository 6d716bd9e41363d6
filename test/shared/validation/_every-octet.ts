// Files turned octet by octet, and of each format which octets may be turned unnoticed: those that nothing is over, and
// those that mean the same. What is left out says why.
import { equalBytes, fromBase64 } from '#shared/bytes.ts';
import { entryData, readZip } from '#shared/asic/zip.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { readPdf } from '#shared/pades/read.ts';
import { attempt } from '#shared/problem.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { textOf, walkElements } from '#shared/xml/tree.ts';

export type Range = readonly [from: number, to: number];

/** Whether this bit of the octet at this place may be turned unnoticed. */
export type Free = (place: number, bit: number) => boolean;

/** Where parts stand in the octets that they are views of. */
export function rangesIn(
  whole: Uint8Array,
  ...parts: readonly (Uint8Array | undefined)[]
): Range[] {
  return parts.flatMap((part): Range[] => {
    if (!part) return [];
    if (part.buffer !== whole.buffer) throw new Error('a copy');
    const from = part.byteOffset - whole.byteOffset;
    return [[from, from + part.length]];
  });
}

export const isIn = (ranges: readonly Range[], place: number): boolean =>
  ranges.some(([from, to]) => place >= from && place < to);

/** What a token signs itself, its signature included; nothing is over the rest of the newest one. */
export function signedParts(token: Uint8Array): Range[] {
  const { eContent, signerInfos } = parseSignedData(token);
  const [own] = signerInfos;
  return rangesIn(token, eContent, own?.signedAttrs?.raw, own?.signature);
}

/** A different bit of each octet, so that every kind of damage is met. */
const bitAt = (place: number): number => 1 << (place % 8);

/** Places that are not free and of which the turned octet leaves the verdict good. */
export function unnoticed(
  octets: Uint8Array,
  stride: number,
  isFree: Free,
  isGood: (turned: Uint8Array) => boolean,
): readonly number[] {
  const places: number[] = [];
  for (let place = 0; place < octets.length; place += stride) {
    const bit = bitAt(place);
    if (isFree(place, bit)) continue;
    if (isGood(octets.with(place, (octets[place] ?? 0) ^ bit))) places.push(place);
  }
  return places;
}

/**
 * The newest archive timestamp but for what its token signs; the Id of a signature and the Target that names it, which
 * no reference is over: the properties are known by where they stand and by the reference to them; the XML declaration,
 * unless a reference is over the whole document.
 */
export function freeInXml(octets: Uint8Array): Free {
  const { root, octetOffset, text } = parseXml(octets);
  const elements = [...walkElements(root)];
  const newest = elements.filter(({ localName }) => localName === 'ArchiveTimeStamp').at(-1);
  const holder =
    newest &&
    [...walkElements(newest)].find(({ localName }) => localName === 'EncapsulatedTimeStamp');
  const base64 = textOf(holder) ?? '';
  const token = fromBase64(base64);
  if (!newest || !holder || !token || /\s/.test(base64)) throw new Error('no archive timestamp');
  const start = octetOffset(text.indexOf('>', holder.start) + 1);
  const signed = signedParts(token).map(([from, to]): Range => [
    start + Math.ceil(from / 3) * 4,
    start + Math.floor(to / 3) * 4,
  ]);
  const container: Range = [octetOffset(newest.start), octetOffset(newest.end)];
  const names = [...text.matchAll(/<(?:\w+:)?(?:Signature|QualifyingProperties)\b[^>]*>/g)].flatMap(
    ({ 0: tag, index }) =>
      [...tag.matchAll(/ (?:Id|Target)="[^"]*"/g)].map((attribute): Range => {
        const from = index + attribute.index;
        return [octetOffset(from), octetOffset(from + attribute[0].length)];
      }),
  );
  const declaration: Range = [0, text.includes('URI=""') ? 0 : octetOffset(root.start)];
  const free = [declaration, ...names];
  return (place) => isIn(free, place) || (isIn([container], place) && !isIn(signed, place));
}

/** /Contents of the newest document timestamp but for what its token signs; upper and lower case mean the same there. */
export function freeInPdf(octets: Uint8Array): Free {
  const newest = readPdf(octets)
    .signatures.toSorted((a, b) => (a.byteRange[2] ?? 0) - (b.byteRange[2] ?? 0))
    .at(-1);
  const [, from = 0, to = 0, rest = 0] = newest?.byteRange ?? [];
  if (!newest || to + rest !== octets.length) throw new Error('not over the whole file');
  const token = newest.contents;
  const signed = signedParts(token).map(([first, last]): Range => [
    from + 1 + first * 2,
    from + 1 + last * 2,
  ]);
  return (place, bit) =>
    isIn([[from + 1, to - 1]], place) &&
    (!isIn(signed, place) ||
      (bit === 0x20 && /[a-f]/i.test(String.fromCharCode(octets[place] ?? 0))));
}

/**
 * Of the headers of an archive what says nothing of the data: versions, dates, file attributes, the place of a volume,
 * and of the flags what the compressor was asked for. The archive's comment; and compressed data that inflates to the same.
 */
export function freeInZip(octets: Uint8Array): Free {
  const archive = readZip(octets);
  const view = new DataView(octets.buffer, octets.byteOffset);
  const at = (base: number, ...ranges: readonly Range[]): Range[] =>
    ranges.map(([from, to]) => [base + from, base + to]);
  const ranges = archive.entries.flatMap(({ offset }) => at(offset, [4, 8], [10, 14]));
  const dataEnd = Math.max(
    ...archive.entries.map(({ dataOffset, compressedSize }) => dataOffset + compressedSize),
  );
  for (let place = dataEnd; place + 22 <= octets.length; place++) {
    const signature = view.getUint32(place, true);
    if (signature === 0x0201_4b50) ranges.push(...at(place, [4, 10], [12, 16], [34, 42]));
    if (signature === 0x0605_4b50) ranges.push([place + 22, octets.length]);
  }
  const inflatesAlike = (place: number, bit: number): boolean => {
    const entry = archive.entries.find(
      ({ method, dataOffset, compressedSize }) =>
        method === 'deflated' && isIn([[dataOffset, dataOffset + compressedSize]], place),
    );
    if (!entry) return false;
    const turned = { ...archive, octets: octets.with(place, (octets[place] ?? 0) ^ bit) };
    const data = attempt([], undefined, () => entryData(turned, entry));
    return data !== undefined && equalBytes(data, entryData(archive, entry));
  };
  return (place, bit) => isIn(ranges, place) || inflatesAlike(place, bit);
}
