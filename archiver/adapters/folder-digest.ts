// Digests of one file of a folder store without giving way to anything else: for threads that do only this.
// It opens, checks and closes as folder-read.ts does; why a file could not be read, that way says.
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { toHex } from '#shared/bytes.ts';
import { createDigest, digestHex, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { type FileState, isSameState } from './folder-entry.ts';
import { findFileSync } from './folder-lookup.ts';

/** What a thread is asked for. */
export type DigestTask = {
  readonly key: string;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly keep: number;
};

/** What it answers: digests in the order of the algorithms, in hexadecimal. */
export type DigestResult = {
  readonly state: FileState;
  readonly digests: readonly string[];
  readonly head: Uint8Array<ArrayBuffer>;
};

/** Fits the caches of most processors; a smaller file is digested in one go. */
export const chunkBytes = 256 * 1024;

const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** `undefined`: it could not be read, or changed meanwhile. `buffer`: room for a chunk. */
export function digestFile(
  root: Buffer,
  task: DigestTask,
  buffer: Buffer = Buffer.allocUnsafeSlow(chunkBytes),
): DigestResult | undefined {
  let descriptor: number | undefined;
  try {
    const { path, stats } = findFileSync('', root, task.key);
    descriptor = openSync(path, flags);
    if (!isUnchanged(descriptor, stats)) return undefined;
    const read = readFile(descriptor, Number(stats.size), task, buffer);
    if (!read || !isUnchanged(descriptor, stats)) return undefined;
    const { ino, size, mtimeNs, ctimeNs } = stats;
    return { state: { ino, size, mtimeNs, ctimeNs }, ...read };
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function isUnchanged(descriptor: number, stats: BigIntStats): boolean {
  return isSameState(fstatSync(descriptor, { bigint: true }), stats);
}

type Read = Pick<DigestResult, 'digests' | 'head'>;

function readFile(
  descriptor: number,
  size: number,
  { algorithms, keep }: DigestTask,
  buffer: Buffer,
): Read | undefined {
  const head = new Uint8Array(Math.min(size, keep));
  const running =
    size <= buffer.length ? undefined : algorithms.map((algorithm) => createDigest(algorithm));
  let position = 0;
  while (position < size) {
    // One octet past the end is not asked for: the check after the last read sees a file that grew.
    const wanted = Math.min(buffer.length, size - position);
    const length = fill(descriptor, buffer, wanted, position);
    if (length < wanted) return undefined;
    const chunk = buffer.subarray(0, length);
    if (position < head.length) head.set(chunk.subarray(0, head.length - position), position);
    for (const each of running ?? []) each.update(chunk);
    position += length;
  }
  const digests = running
    ? running.map((each) => toHex(each.finish()))
    : algorithms.map((algorithm) => digestHex(algorithm, buffer.subarray(0, size)));
  return { digests, head };
}

/** A read may give less than was asked for. */
function fill(descriptor: number, buffer: Buffer, wanted: number, position: number): number {
  let length = 0;
  while (length < wanted) {
    const read = readSync(descriptor, buffer, length, wanted - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}
