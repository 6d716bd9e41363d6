// ZIP archives for tests, octet by octet, so that local and central headers can be made to disagree.
import { crc32, deflateRawSync } from 'node:zlib';
import { concatBytes } from '#shared/bytes.ts';

export type TestEntry = {
  readonly name: string | Uint8Array;
  readonly data?: string | Uint8Array;
  readonly deflated?: boolean;
  /** Overrides of header fields, by where they stand. */
  readonly central?: Partial<Header>;
  readonly local?: Partial<Header>;
};

type Header = {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly extra: Uint8Array;
  readonly offset: number;
  readonly attributes: number;
};

export type TestArchive = {
  readonly prefix?: Uint8Array;
  readonly suffix?: Uint8Array;
  readonly count?: number;
  readonly comment?: Uint8Array;
  /** Put between the entries and the directory. */
  readonly gap?: Uint8Array;
};

const octetsOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? new TextEncoder().encode(value) : value;

/** Little-endian integers of the given widths. */
function integers(...fields: readonly (readonly [value: number, width: 2 | 4])[]): Uint8Array {
  const octets = Buffer.alloc(fields.reduce((sum, [, width]) => sum + width, 0));
  let at = 0;
  for (const [value, width] of fields) {
    octets.writeUIntLE(value, at, width);
    at += width;
  }
  return octets;
}

/** An archive of these entries. */
export function buildZip(entries: readonly TestEntry[], archive: TestArchive = {}): Uint8Array {
  const parts: Uint8Array[] = [archive.prefix ?? new Uint8Array()];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const data = octetsOf(entry.data ?? '');
    const stored = entry.deflated ? deflateRawSync(data) : data;
    const header: Header = {
      name: '',
      flags: 0x0800,
      method: entry.deflated ? 8 : 0,
      crc: crc32(data),
      compressedSize: stored.length,
      size: data.length,
      extra: new Uint8Array(),
      offset,
      attributes: 0,
    };
    const nameOf = (part: Partial<Header> | undefined): Uint8Array =>
      octetsOf(part?.name ?? entry.name);
    const local = { ...header, ...entry.local };
    const localHeader = concatBytes(
      integers(
        [0x0403_4b50, 4],
        [20, 2],
        [local.flags, 2],
        [local.method, 2],
        [0, 4],
        [local.crc, 4],
        [local.compressedSize, 4],
        [local.size, 4],
        [nameOf(entry.local).length, 2],
        [local.extra.length, 2],
      ),
      nameOf(entry.local),
      local.extra,
      stored,
    );
    parts.push(localHeader);
    offset += localHeader.length;
    const listed = { ...header, ...entry.central };
    central.push(
      concatBytes(
        integers(
          [0x0201_4b50, 4],
          [0x0314, 2],
          [20, 2],
          [listed.flags, 2],
          [listed.method, 2],
          [0, 4],
          [listed.crc, 4],
          [listed.compressedSize, 4],
          [listed.size, 4],
          [nameOf(entry.central).length, 2],
          [listed.extra.length, 2],
          [0, 2],
          [0, 2],
          [0, 2],
          [listed.attributes, 4],
          [listed.offset, 4],
        ),
        nameOf(entry.central),
        listed.extra,
      ),
    );
  }
  const gap = archive.gap ?? new Uint8Array();
  const directory = concatBytes(...central);
  const comment = archive.comment ?? new Uint8Array();
  const count = archive.count ?? entries.length;
  return concatBytes(
    ...parts,
    gap,
    directory,
    integers(
      [0x0605_4b50, 4],
      [0, 2],
      [0, 2],
      [count, 2],
      [count, 2],
      [directory.length, 4],
      [offset + gap.length, 4],
      [comment.length, 2],
    ),
    comment,
    archive.suffix ?? new Uint8Array(),
  );
}
