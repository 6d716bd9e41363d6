// Layout of leaves.tkl, version 1 (docs/formats.md, "Evidence store"): header, roots of the blocks,
// rows of fixed length, member digests, blind values. Digests only: no key, no name stands here.
import { toHex } from '#shared/bytes.ts';
import { digestLength, isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';

const magic = 'TKLEAVES';
export const headerLength = 128;
/**
 * Rows of a block: ten levels of the tree. A block is a whole subtree, since the tree is binary over
 * the leaves in their order and only an odd last node moves up, so that a path from leaf to root
 * needs one block and the roots of all.
 */
export const blockSize = 1024;
/** Octets of a blind value (design §3). */
export const blindLength = 32;
const flagBlind = 1;
const flagPrevious = 2;

/** What fixes where everything stands. */
export type LeafTableShape = {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly groupCount: number;
  /** Digests in the members section: those of groups with more than one. */
  readonly memberCount: number;
  readonly blind: boolean;
  /** Rows carry the place of an earlier record: hash-tree renewals. */
  readonly previous: boolean;
};

/** Offsets and lengths in octets. */
export type LeafTableLayout = {
  readonly digestLength: number;
  readonly rowLength: number;
  readonly blockCount: number;
  readonly rootsOffset: number;
  readonly rowsOffset: number;
  readonly membersOffset: number;
  readonly blindsOffset: number;
  readonly size: number;
};

/**
 * One row: the leaf; where its members start in the members section (they end where the next row's
 * start; none are stored for a group of one); the place of the earlier record.
 */
export type LeafRow = {
  readonly leaf: Uint8Array;
  readonly memberStart: number;
  readonly previous?: { readonly ordinal: number; readonly index: number } | undefined;
};

/** Where the sections of a table of this shape stand. */
export function leafTableLayout(shape: LeafTableShape): LeafTableLayout {
  const length = digestLength(shape.digestAlgorithm);
  const rowLength = length + 4 + (shape.previous ? 8 : 0);
  const blockCount = Math.ceil(shape.groupCount / blockSize);
  const rowsOffset = headerLength + blockCount * length;
  const membersOffset = rowsOffset + shape.groupCount * rowLength;
  const blindsOffset = membersOffset + shape.memberCount * length;
  return {
    digestLength: length,
    rowLength,
    blockCount,
    rootsOffset: headerLength,
    rowsOffset,
    membersOffset,
    blindsOffset,
    size: blindsOffset + (shape.blind ? shape.groupCount * blindLength : 0),
  };
}

/** Writes `row` where it begins in `target`. */
export function putRow(target: Uint8Array, at: number, row: LeafRow): void {
  const { leaf, memberStart, previous } = row;
  for (let i = 0; i < leaf.length; i++) target[at + i] = leaf[i] ?? 0;
  const next = at + leaf.length;
  putUint32(target, next, memberStart);
  if (!previous) return;
  putUint32(target, next + 4, previous.ordinal);
  putUint32(target, next + 8, previous.index);
}

/** By hand: a DataView for each of a million rows costs more than the rest of a row. */
function putUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function getUint32(octets: Uint8Array, at: number): number {
  const high = ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  return ((high << 16) | ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0)) >>> 0;
}

/** Where the members of the row start that begins at `start` of `octets`. */
export function memberStartAt(octets: Uint8Array, layout: LeafTableLayout, start: number): number {
  return getUint32(octets, start + layout.digestLength);
}

/** The leaves of whole rows, one after another: a copy. */
export function leavesOfRows(
  octets: Uint8Array,
  { digestLength: length, rowLength }: Pick<LeafTableLayout, 'digestLength' | 'rowLength'>,
): Uint8Array {
  const count = Math.floor(octets.length / rowLength);
  const leaves = new Uint8Array(count * length);
  // By hand: a view of each row costs more than its octets.
  for (let row = 0, to = 0; row < count; row++)
    for (let from = row * rowLength, end = from + length; from < end; from++)
      leaves[to++] = octets[from] ?? 0;
  return leaves;
}

/** The row that begins at `start` of `octets`; a view, not a copy. */
export function getRow(octets: Uint8Array, layout: LeafTableLayout, start = 0): LeafRow {
  const at = start + layout.digestLength;
  return {
    leaf: octets.subarray(start, at),
    memberStart: memberStartAt(octets, layout, start),
    previous:
      layout.rowLength > layout.digestLength + 4
        ? { ordinal: getUint32(octets, at + 4), index: getUint32(octets, at + 8) }
        : undefined,
  };
}

/** The header's 128 octets. */
export function buildHeader(shape: LeafTableShape, root: Uint8Array): Uint8Array {
  const layout = leafTableLayout(shape);
  const header = new Uint8Array(headerLength);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode(magic), 0);
  view.setUint16(8, 1);
  view.setUint16(10, (shape.blind ? flagBlind : 0) | (shape.previous ? flagPrevious : 0));
  view.setUint16(12, layout.digestLength);
  view.setUint16(14, layout.rowLength);
  view.setUint32(16, blockSize);
  view.setBigUint64(24, BigInt(shape.groupCount));
  view.setBigUint64(32, BigInt(shape.memberCount));
  header.set(new TextEncoder().encode(shape.digestAlgorithm), 40);
  header.set(root, 64);
  return header;
}

function damaged(what: string, offset: number): FormatError {
  return new FormatError('ERR_FORMAT_STORED', `leaf table: ${what}`, { offset });
}

/**
 * Shape and root from a header. The numbers are checked against each other, not against the object's
 * size: `leafTableLayout(shape).size` is what that must be.
 * @throws FormatError ERR_FORMAT_STORED, UnsupportedError ERR_UNSUPPORTED_VERSION
 */
export function parseHeader(octets: Uint8Array): {
  readonly shape: LeafTableShape;
  readonly root: Uint8Array;
} {
  if (octets.length < headerLength) throw damaged('shorter than its header', octets.length);
  const view = new DataView(octets.buffer, octets.byteOffset, headerLength);
  if (toHex(octets.subarray(0, 8)) !== toHex(new TextEncoder().encode(magic)))
    throw damaged('does not begin with TKLEAVES', 0);
  const version = view.getUint16(8);
  if (version !== 1)
    throw new UnsupportedError('ERR_UNSUPPORTED_VERSION', `leaf table of version ${version}`, {
      feature: `leaves.tkl version ${version}`,
    });
  const flags = view.getUint16(10);
  if ((flags & ~(flagBlind | flagPrevious)) !== 0) throw damaged('unknown flags', 10);
  const name = String.fromCharCode(...octets.subarray(40, 64)).replace(/\0+$/, '');
  if (!isDigestAlgorithm(name)) throw damaged('unknown digest algorithm', 40);
  const shape: LeafTableShape = {
    digestAlgorithm: name,
    groupCount: Number(view.getBigUint64(24)),
    memberCount: Number(view.getBigUint64(32)),
    blind: (flags & flagBlind) !== 0,
    previous: (flags & flagPrevious) !== 0,
  };
  const layout = leafTableLayout(shape);
  if (
    view.getUint16(12) !== layout.digestLength ||
    view.getUint16(14) !== layout.rowLength ||
    view.getUint32(16) !== blockSize ||
    shape.groupCount < 1 ||
    !Number.isSafeInteger(layout.size)
  )
    throw damaged('header contradicts itself', 12);
  return { shape, root: octets.slice(64, 64 + layout.digestLength) };
}
