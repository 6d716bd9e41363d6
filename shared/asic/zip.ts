// ZIP archives read through their central directory, with every contradiction between it and the local
// headers an error: what one reader shows another must not hide. APPNOTE 6.3.10 (ISO/IEC 21320-1).
// Names are never paths on disk. Nothing is inflated before its size was weighed.
import { crc32 } from 'node:zlib';
import { descriptorFits } from '#shared/asic/data-descriptor.ts';
import { checkEntryName, decodeEntryName } from '#shared/asic/entry-name.ts';
import { readEndOfCentralDirectory } from '#shared/asic/zip-end.ts';
import { equalBytes } from '#shared/bytes.ts';
import { inflate } from '#shared/compress.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { Problem } from '#shared/problem.ts';

export type ZipEntry = {
  readonly name: string;
  readonly directory: boolean;
  readonly method: 'stored' | 'deflated';
  readonly compressedSize: number;
  readonly size: number;
  readonly crc: number;
  /** Offset of the local header. */
  readonly offset: number;
  /** Offset of the data. */
  readonly dataOffset: number;
};

export type ZipArchive = {
  readonly octets: Uint8Array;
  /** In the order of the central directory. */
  readonly entries: readonly ZipEntry[];
  readonly problems: readonly Problem[];
};

export type ZipLimits = {
  readonly maxEntries: number;
  readonly maxEntryOctets: number;
  readonly maxTotalOctets: number;
  /** Times that an entry may grow, once it is above a mebibyte. */
  readonly maxRatio: number;
};

const defaultZipLimits: ZipLimits = {
  maxEntries: 10_000,
  maxEntryOctets: 64 * 1024 * 1024,
  maxTotalOctets: 128 * 1024 * 1024,
  maxRatio: 200,
};

const ratioFloor = 1024 * 1024;

export function zipError(message: string, offset?: number): FormatError {
  return new FormatError(
    'ERR_FORMAT_ZIP',
    offset === undefined ? message : `${message} at octet ${offset}`,
    { offset, clause: 'APPNOTE 6.3.10' },
  );
}

function zipLimit(message: string): FormatError {
  return new FormatError('ERR_FORMAT_LIMIT', message, { clause: 'APPNOTE 6.3.10' });
}

/** A view with the little-endian integers of APPNOTE §4.1. */
export function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

/** A 64-bit size or offset; nothing beyond the file's end can be right. */
function readUint64(view: DataView, at: number, max: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(max)) throw zipError('64-bit size or offset beyond the file', at);
  return Number(value);
}

type ExtraField = { readonly id: number; readonly octets: Uint8Array };

function readExtraFields(octets: Uint8Array, offset: number): ExtraField[] {
  const fields: ExtraField[] = [];
  const view = viewOf(octets);
  let at = 0;
  while (at + 4 <= octets.length) {
    const id = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > octets.length) throw zipError('extra field runs past its block', offset);
    fields.push({ id, octets: octets.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  // Up to three octets of padding are seen in files of old Android tools.
  if (octets.length - at > 0 && octets.subarray(at).some((octet) => octet !== 0))
    throw zipError('extra field cut short', offset);
  return fields;
}

const [zip64Id, unicodePathId] = [0x0001, 0x7075];

/** Sizes and offset, from the zip64 field where the 32-bit ones say so. APPNOTE §4.5.3. */
function readSizes(
  view: DataView,
  at: number,
  extra: readonly ExtraField[],
): { readonly compressedSize: number; readonly size: number; readonly offset: number } {
  const field = extra.find(({ id }) => id === zip64Id);
  const fieldView = field && viewOf(field.octets);
  let position = 0;
  const widen = (value: number): number => {
    if (value !== 0xffff_ffff) return value;
    if (!fieldView || position + 8 > fieldView.byteLength)
      throw zipError('zip64 size without its extra field', at);
    const wide = readUint64(fieldView, position, Number.MAX_SAFE_INTEGER);
    position += 8;
    return wide;
  };
  // In this order: uncompressed size, compressed size, offset.
  const size = widen(view.getUint32(at + 24, true));
  const compressedSize = widen(view.getUint32(at + 20, true));
  const offset = widen(view.getUint32(at + 42, true));
  return { size, compressedSize, offset };
}

type CentralEntry = Omit<ZipEntry, 'dataOffset'> & {
  readonly flags: number;
  readonly nameOctets: Uint8Array;
};

const encryptedFlags = 0x2041;
const [descriptorFlag, utf8Flag] = [0x0008, 0x0800];

function methodOf(method: number): ZipEntry['method'] {
  if (method === 0) return 'stored';
  if (method === 8) return 'deflated';
  throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `ZIP compression method ${method}`, {
    feature: `method ${method}`,
  });
}

/** §4.4.15: Unix mode in the upper half, when the maker is Unix: only files and directories are data. */
function checkFileType(madeBy: number, attributes: number, at: number): void {
  const type = (attributes >>> 16) & 0xf000;
  const isUnix = madeBy >> 8 === 3;
  if (isUnix && type !== 0 && type !== 0x8000 && type !== 0x4000)
    throw zipError('entry is a link or device', at);
}

function readCentralEntry(
  octets: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  problems: Problem[],
): { readonly entry: CentralEntry; readonly end: number } {
  if (at + 46 > end || view.getUint32(at, true) !== 0x0201_4b50)
    throw zipError('central directory entry expected', at);
  const flags = view.getUint16(at + 8, true);
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const commentLength = view.getUint16(at + 32, true);
  const nameEnd = at + 46 + nameLength;
  const entryEnd = nameEnd + extraLength + commentLength;
  if (entryEnd > end) throw zipError('central directory entry runs past the directory', at);
  if ((flags & encryptedFlags) !== 0)
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `encrypted ZIP entry at octet ${at}`, {
      feature: 'ZIP encryption',
    });
  const nameOctets = octets.subarray(at + 46, nameEnd);
  const extra = readExtraFields(octets.subarray(nameEnd, nameEnd + extraLength), at);
  const unicodePath = extra.find(({ id }) => id === unicodePathId);
  // Version and CRC come first; another name there would be shown by some readers and not by others.
  if (unicodePath && !equalBytes(unicodePath.octets.subarray(5), nameOctets))
    throw zipError('Unicode path names another file', at);
  const name = decodeEntryName(nameOctets, (flags & utf8Flag) !== 0, at);
  problems.push(...checkEntryName(name, at));
  checkFileType(view.getUint16(at + 4, true), view.getUint32(at + 38, true), at);
  return {
    end: entryEnd,
    entry: {
      name,
      nameOctets,
      flags,
      directory: name.endsWith('/'),
      method: methodOf(view.getUint16(at + 10, true)),
      crc: view.getUint32(at + 16, true),
      ...readSizes(view, at, extra),
    },
  };
}

/** Finds the data of an entry and compares the local header with the central one. APPNOTE §4.3.7. */
function locate(
  octets: Uint8Array,
  view: DataView,
  entry: CentralEntry,
  base: number,
  directoryStart: number,
  problems: Problem[],
): ZipEntry {
  const at = base + entry.offset;
  if (at + 30 > directoryStart || view.getUint32(at, true) !== 0x0403_4b50)
    throw zipError(`no local header of ${JSON.stringify(entry.name)}`, at);
  const flags = view.getUint16(at + 6, true);
  const nameLength = view.getUint16(at + 26, true);
  const extraLength = view.getUint16(at + 28, true);
  const dataOffset = at + 30 + nameLength + extraLength;
  if (dataOffset + entry.compressedSize > directoryStart)
    throw zipError(`entry ${JSON.stringify(entry.name)} runs into the central directory`, at);
  const differs = (what: string): FormatError =>
    zipError(`local and central ${what} of ${JSON.stringify(entry.name)} differ`, at);
  if (!equalBytes(octets.subarray(at + 30, at + 30 + nameLength), entry.nameOctets))
    throw differs('name');
  if (methodOf(view.getUint16(at + 8, true)) !== entry.method) throw differs('method');
  if ((flags & encryptedFlags) !== 0) throw differs('encryption');
  if ((flags & descriptorFlag) !== (entry.flags & descriptorFlag)) throw differs('flags');
  if ((flags & utf8Flag) !== (entry.flags & utf8Flag))
    problems.push({
      severity: 'warning',
      code: 'zip-name-encoding',
      message: `local and central encoding of ${JSON.stringify(entry.name)} differ`,
    });
  readExtraFields(octets.subarray(at + 30 + nameLength, dataOffset), at);
  const local = (position: number): number => view.getUint32(at + position, true);
  const hasDescriptor = (flags & descriptorFlag) !== 0;
  const compare = (position: number, central: number, what: string): void => {
    const value = local(position);
    if (value === central || value === 0xffff_ffff || (hasDescriptor && value === 0)) return;
    throw differs(what);
  };
  compare(14, entry.crc, 'CRC');
  compare(18, entry.compressedSize, 'compressed size');
  compare(22, entry.size, 'size');
  const { name, directory, method, compressedSize, size, crc } = entry;
  // The central directory begins where a last entry without a descriptor ends.
  const end = Math.min(octets.length, directoryStart + 4);
  if (hasDescriptor && !descriptorFits(view, dataOffset + compressedSize, end, entry))
    throw zipError(`data descriptor of ${JSON.stringify(name)} differs from the directory`, at);
  return { name, directory, method, compressedSize, size, crc, offset: at, dataOffset };
}

/** No two entries share octets, and what lies between them is only what a data descriptor takes. */
function checkLayout(
  octets: Uint8Array,
  entries: readonly ZipEntry[],
  start: number,
  directoryStart: number,
): Problem[] {
  const problems: Problem[] = [];
  const inOrder = entries.toSorted((a, b) => a.offset - b.offset);
  let position = start;
  const gap = (to: number): void => {
    // Descriptor: signature, CRC, two sizes, in 64 bits at the most.
    if (to - position > 24)
      problems.push({
        severity: 'warning',
        code: 'zip-unlisted-octets',
        message: `${to - position} octets that no entry of the directory accounts for`,
        offset: position,
      });
    else if (to - position >= 4 && viewOf(octets).getUint32(position, true) === 0x0403_4b50)
      problems.push({
        severity: 'warning',
        code: 'zip-unlisted-octets',
        message: 'local header that the directory does not list',
        offset: position,
      });
  };
  for (const entry of inOrder) {
    if (entry.offset < position) throw zipError('entries overlap', entry.offset);
    gap(entry.offset);
    position = entry.dataOffset + entry.compressedSize;
  }
  gap(directoryStart);
  return problems;
}

function checkNames(entries: readonly ZipEntry[]): Problem[] {
  const names = new Set<string>();
  const folded = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { name } of entries) {
    if (names.has(name)) throw zipError(`two entries named ${JSON.stringify(name)}`);
    names.add(name);
    const key = name.normalize('NFC').toLowerCase();
    const other = folded.get(key);
    if (other !== undefined)
      problems.push({
        severity: 'warning',
        code: 'zip-similar-names',
        message: `names that some systems take for one: ${JSON.stringify(other)} and ${JSON.stringify(name)}`,
      });
    folded.set(key, name);
  }
  return problems;
}

/**
 * The entries of an archive; no data is inflated.
 * @throws FormatError ERR_FORMAT_ZIP: contradictions, overlaps, names that are no plain relative names;
 *   ERR_FORMAT_LIMIT; UnsupportedError: encryption, other methods, several volumes
 */
export function readZip(octets: Uint8Array, limits: ZipLimits = defaultZipLimits): ZipArchive {
  const view = viewOf(octets);
  const directory = readEndOfCentralDirectory(octets);
  if (directory.count > limits.maxEntries)
    throw zipLimit(`${directory.count} entries are more than ${limits.maxEntries}`);
  const problems: Problem[] = [...directory.problems];
  const central: CentralEntry[] = [];
  let at = directory.start;
  for (let i = 0; i < directory.count; i++) {
    const read = readCentralEntry(octets, view, at, directory.end, problems);
    central.push(read.entry);
    at = read.end;
  }
  if (at !== directory.end) throw zipError('central directory and its count differ', at);
  if (central.length === 0) throw zipError('archive without entries');
  const entries = central.map((entry) =>
    locate(octets, view, entry, directory.base, directory.start, problems),
  );
  problems.push(...checkNames(entries));
  problems.push(...checkLayout(octets, entries, directory.base, directory.start));
  checkSizes(entries, limits);
  return { octets, entries, problems };
}

function checkSizes(entries: readonly ZipEntry[], limits: ZipLimits): void {
  let total = 0;
  for (const { name, size, compressedSize } of entries) {
    total += size;
    if (size > limits.maxEntryOctets)
      throw zipLimit(`entry ${JSON.stringify(name)} of ${size} octets`);
    if (total > limits.maxTotalOctets)
      throw zipLimit(`entries inflate to more than ${limits.maxTotalOctets} octets`);
    if (size > ratioFloor && size > compressedSize * limits.maxRatio)
      throw zipLimit(`entry ${JSON.stringify(name)} grows more than ${limits.maxRatio} times`);
  }
}

/**
 * The data of one entry, size and CRC checked. A stored entry is a view of the archive.
 * @throws FormatError ERR_FORMAT_ZIP, ERR_FORMAT_LIMIT
 */
export function entryData(archive: ZipArchive, entry: ZipEntry): Uint8Array {
  const raw = archive.octets.subarray(entry.dataOffset, entry.dataOffset + entry.compressedSize);
  const data =
    entry.method === 'stored'
      ? raw
      : inflate(raw, { form: 'raw', maxOutput: entry.size, code: 'ERR_FORMAT_ZIP' });
  if (data.length !== entry.size)
    throw zipError(`size of ${JSON.stringify(entry.name)} is wrong`, entry.offset);
  if (crc32(data) !== entry.crc)
    throw zipError(`CRC of ${JSON.stringify(entry.name)} is wrong`, entry.offset);
  return data;
}
