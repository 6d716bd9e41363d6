// EvidenceRecords of one batch, one after the other: the same octets as build.ts gives, at what copying
// them costs. What all records share (algorithms, token, renewals) is laid out once; a record is its
// lists and the lengths around them (RFC 4998 §3.1, §4.1, §5.1).
import { compareBytes } from '#shared/bytes.ts';
import { digestLength, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { derContext, derInteger, derObjectIdentifier, derSequence } from '#shared/der/writer.ts';
import type { HashTree } from '#shared/ers/hash-tree.ts';
import { FormatError } from '#shared/errors.ts';

/** Octets of identifier and length before `length` octets of content. */
function headerSize(length: number): number {
  if (length < 0x80) return 2;
  let size = 3;
  for (let rest = length >>> 8; rest > 0; rest >>>= 8) size += 1;
  return size;
}

/** Writes identifier and length; returns where the content starts. */
function putHeader(target: Uint8Array, at: number, identifier: number, length: number): number {
  target[at] = identifier;
  const size = headerSize(length);
  if (size === 2) {
    target[at + 1] = length;
    return at + 2;
  }
  target[at + 1] = 0x80 | (size - 2);
  for (let i = size - 1, rest = length; i > 1; i--, rest >>>= 8) target[at + i] = rest & 0xff;
  return at + size;
}

/** Sibling lists of a leaf, encoded; a view that holds until the next call. */
export type PathEncoder = (tree: HashTree, index: number) => Uint8Array;

/** More levels than any tree of this size of machine has. */
const maxLevels = 64;

/**
 * One list a sibling, from the leaf up: the rest of a reduced hash tree after its first list. Leaves asked
 * for in order share most of their siblings, which stay where they were written.
 */
export function createPathEncoder(algorithm: DigestAlgorithm): PathEncoder {
  const length = digestLength(algorithm);
  const slot = length + 4;
  const scratch = new Uint8Array(maxLevels * slot);
  for (let at = 0; at < scratch.length; at += slot)
    scratch.set([0x30, length + 2, 0x04, length], at);
  /** What stands in each slot: level and index, of `tree`. */
  const written = new Float64Array(maxLevels).fill(-1);
  let tree: HashTree | undefined;
  return (asked, index) => {
    if (asked !== tree) written.fill(-1);
    tree = asked;
    let slots = 0;
    let count = asked.leafCount;
    let node = index;
    for (let level = 0; count > 1; level++) {
      const sibling = node ^ 1;
      if (sibling < count) {
        const place = level * 2 ** 40 + sibling;
        if (written[slots] !== place) {
          const digests = asked.levels[level] ?? new Uint8Array(0);
          copy(digests, sibling * length, scratch, slots * slot + 4, length);
          written[slots] = place;
        }
        slots += 1;
      }
      node >>>= 1;
      count = (count + 1) >>> 1;
    }
    return scratch.subarray(0, slots * slot);
  };
}

/** A few dozen octets: cheaper by hand than by a view of them. */
function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] ?? 0;
}

/** The EvidenceRecord of one group: its digests, and its encoded paths from the bottom up. */
export type RecordWriter = (
  members: readonly Uint8Array[],
  ...paths: readonly Uint8Array[]
) => Uint8Array;

/**
 * Records of one chain: the batch's token, and its timestamp renewals as whole ArchiveTimeStamp elements.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH (the writer): a digest of another length
 * @see RFC 4998 §3.1
 */
export function createRecordWriter(fields: {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly timeStamp: Uint8Array;
  readonly renewals: readonly Uint8Array[];
  /** Of each record only its ArchiveTimeStampSequence: what a hash-tree renewal hashes (§5.2). */
  readonly sequenceOnly?: boolean;
  /** Where records are written; a buffer of its own for each by default. */
  readonly allocate?: (length: number) => Buffer;
}): RecordWriter {
  const { digestAlgorithm, timeStamp, sequenceOnly = false } = fields;
  const { allocate = (octets: number) => Buffer.allocUnsafe(octets) } = fields;
  const length = digestLength(digestAlgorithm);
  const oid = derObjectIdentifier(digestOid(digestAlgorithm));
  const head = Buffer.concat([derInteger(1), derSequence(derSequence(oid))]);
  const algorithm = derContext(0, oid);
  const renewals = Buffer.concat(fields.renewals);
  /** The last record of a lone object: its neighbours differ in its digest and its lowest path. */
  let last: { record: Uint8Array; valueAt: number; lower: number; upper: Uint8Array } | undefined;
  return (members, ...paths) => {
    const [only] = members;
    const [lower, upper] = paths;
    if (
      last &&
      only &&
      members.length === 1 &&
      only.length === length &&
      lower?.length === last.lower &&
      paths.length === 2 &&
      upper === last.upper
    ) {
      const { record, valueAt } = last;
      const target = allocate(record.length);
      target.set(record);
      target.set(only, valueAt);
      target.set(lower, valueAt + length);
      return target;
    }
    for (const value of members)
      if (value.length !== length)
        throw new FormatError(
          'ERR_FORMAT_DIGEST_LENGTH',
          `hash value of ${value.length} octets in a tree of ${digestAlgorithm}`,
          { clause: 'RFC 4998 §4.2' },
        );
    const sorted = members.length > 1 ? members.toSorted(compareBytes) : members;
    const first = sorted.length * (length + 2);
    let lists = headerSize(first) + first;
    for (const path of paths) lists += path.length;
    const stamp = algorithm.length + headerSize(lists) + lists + timeStamp.length;
    const chain = headerSize(stamp) + stamp + renewals.length;
    const sequence = headerSize(chain) + chain;
    const whole = headerSize(sequence) + sequence;
    const record = head.length + whole;
    const target = allocate(sequenceOnly ? whole : headerSize(record) + record);
    let at = sequenceOnly ? 0 : putHeader(target, 0, 0x30, record);
    const put = (octets: Uint8Array): void => {
      target.set(octets, at);
      at += octets.length;
    };
    if (!sequenceOnly) put(head);
    at = putHeader(target, at, 0x30, sequence);
    at = putHeader(target, at, 0x30, chain);
    at = putHeader(target, at, 0x30, stamp);
    put(algorithm);
    at = putHeader(target, at, 0xa2, lists);
    at = putHeader(target, at, 0x30, first);
    for (const value of sorted) {
      at = putHeader(target, at, 0x04, length);
      put(value);
    }
    if (sorted.length === 1 && paths.length === 2 && lower && upper)
      last = { record: target, valueAt: at - length, lower: lower.length, upper };
    for (const path of paths) put(path);
    put(timeStamp);
    put(renewals);
    return target;
  };
}

/** Records of about a block of a batch: one piece of memory instead of thousands. */
const pieceLength = 1024 * 1024;

/**
 * Room for many records that go as they came: views of larger pieces of memory. Whoever keeps one of them
 * keeps its whole piece.
 */
export function createRecordRoom(): (length: number) => Buffer {
  let piece = Buffer.alloc(0);
  let used = 0;
  return (length) => {
    if (used + length > piece.length) {
      piece = Buffer.allocUnsafeSlow(Math.max(pieceLength, length));
      used = 0;
    }
    used += length;
    return piece.subarray(used - length, used);
  };
}
