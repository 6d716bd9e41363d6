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

/** Sibling lists of a leaf, encoded; a view whose octets hold until the next call. */
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
  /** The first so many slots: leaves of a tree have paths of few lengths. */
  const views = Array.from({ length: maxLevels + 1 }, (_, slots) =>
    scratch.subarray(0, slots * slot),
  );
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
    return views[slots] ?? scratch.subarray(0, slots * slot);
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

type RecordFields = {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly timeStamp: Uint8Array;
  readonly renewals: readonly Uint8Array[];
  /** Of each record only its ArchiveTimeStampSequence: what a hash-tree renewal hashes (§5.2). */
  readonly sequenceOnly?: boolean;
};

/** A record, and where the hash values of its first list end and its paths begin. */
type Written = { readonly record: Uint8Array; readonly pathsAt: number };

/** Lays out what all records of a chain share; each call writes one into octets of its own. */
function createLayout(
  fields: RecordFields,
): (members: readonly Uint8Array[], paths: readonly Uint8Array[]) => Written {
  const { digestAlgorithm, timeStamp, sequenceOnly = false } = fields;
  const length = digestLength(digestAlgorithm);
  const oid = derObjectIdentifier(digestOid(digestAlgorithm));
  const head = Buffer.concat([derInteger(1), derSequence(derSequence(oid))]);
  const algorithm = derContext(0, oid);
  const renewals = Buffer.concat(fields.renewals);
  return (members, paths) => {
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
    const target = Buffer.allocUnsafe(sequenceOnly ? whole : headerSize(record) + record);
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
    const pathsAt = at;
    for (const path of paths) put(path);
    put(timeStamp);
    put(renewals);
    return { record: target, pathsAt };
  };
}

/**
 * Records of one chain: the batch's token, and its timestamp renewals as whole ArchiveTimeStamp elements.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH (the writer): a digest of another length
 * @see RFC 4998 §3.1
 */
export function createRecordWriter(fields: RecordFields): RecordWriter {
  const layOut = createLayout(fields);
  return (members, ...paths) => layOut(members, paths).record;
}

/** A subtree whose records are written together. */
export type RecordBlock = {
  /** Over the leaves of the block's groups. */
  readonly tree: HashTree;
  /** The encoded path from the block's root up. */
  readonly above: Uint8Array;
  /** Digests of the group at this place of the block where it has several; of a lone object its leaf is the digest. */
  readonly several: (at: number) => readonly Uint8Array[] | undefined;
};

/** The records of a block in the order of its groups: borrowed, their octets hold until the next block is written. */
export type BlockWriter = (block: RecordBlock) => readonly Uint8Array[];

/** A lone object's record, whose octets are written over. */
type Slot = Written & { readonly below: number; readonly above: number };

/**
 * Records of one chain a block at a time, the same octets as `createRecordWriter` gives. Neighbouring blocks have
 * the same shape: a lone object's record is written over the one at its place of the block before, and only
 * its digest and its siblings change.
 * @throws FormatError ERR_FORMAT_DIGEST_LENGTH (the writer): a digest of another length
 * @see RFC 4998 §3.1
 */
export function createBlockWriter(fields: Omit<RecordFields, 'sequenceOnly'>): BlockWriter {
  const layOut = createLayout(fields);
  const path = createPathEncoder(fields.digestAlgorithm);
  const length = digestLength(fields.digestAlgorithm);
  const slots: (Slot | undefined)[] = [];

  /** Room for a record with paths of these lengths, whatever stands in its first list and its paths. */
  const slotAt = (at: number, leaf: Uint8Array, below: Uint8Array, above: Uint8Array): Slot => {
    const fits = (slot: Slot | undefined): slot is Slot =>
      slot?.below === below.length && slot.above === above.length;
    const [here, before] = [slots[at], slots[at - 1]];
    if (fits(here)) return here;
    const made = fits(before)
      ? { ...before, record: Buffer.from(before.record) }
      : { ...layOut([leaf], [below, above]), below: below.length, above: above.length };
    slots[at] = made;
    return made;
  };

  return ({ tree, above, several }) => {
    const records: Uint8Array[] = [];
    for (let at = 0; at < tree.leafCount; at++) {
      const below = path(tree, at);
      const members = several(at);
      if (members) {
        records.push(layOut(members, [below, above]).record);
        continue;
      }
      const leaf = tree.levels[0]?.subarray(at * length, (at + 1) * length) ?? new Uint8Array(0);
      const { record, pathsAt } = slotAt(at, leaf, below, above);
      record.set(leaf, pathsAt - length);
      record.set(below, pathsAt);
      record.set(above, pathsAt + below.length);
      records.push(record);
    }
    return records;
  };
}
