// What a file's status says about an object, and what the sidecar beside it adds: metadata and tags
// that object storage would keep, as `{"metadata": {…}, "tags": {…}}` in `<key>.meta.json`.
import type { BigIntStats } from 'node:fs';
import type { ObjectEntry, ObjectHead } from '#shared/ports/object-store.ts';

export const sidecarSuffix = '.meta.json';

/** Far above what object storage takes (2 KiB of metadata, ten tags). */
export const maxSidecarBytes = 65_536;

/** What of a file's status an entry is made of. */
export type FileState = Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>;

/**
 * The change marker holds everything that a write moves: a new file another inode, a write in place
 * the times. ctime cannot be set by a program that wants its change unseen. A restored backup or a
 * chmod moves it too; then the content is read again, which harms nothing.
 */
export function entryOf(key: string, stats: FileState): ObjectEntry {
  return {
    key,
    size: Number(stats.size),
    etag: [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs]
      .map((part) => part.toString(36))
      .join('-'),
    lastModified: Temporal.Instant.fromEpochNanoseconds(stats.mtimeNs),
  };
}

/** Whether both would give one change marker: what making and comparing it costs is saved. */
export function isSameState(a: FileState, b: FileState): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

type Extras = Pick<ObjectHead, 'metadata' | 'tags' | 'remark'>;

/** What a look-up says of a file without a sidecar. */
export const noExtras: Extras = { metadata: {}, tags: {} };

/** What a look-up says of a file whose sidecar could not be taken in. */
export function unreadExtras(key: string, why: string): Extras {
  return { ...noExtras, remark: `${key}${sidecarSuffix} is not used: ${why}` };
}

/** Reads a sidecar's octets. Whatever is wrong with them becomes the remark: the document stays. */
export function parseSidecar(key: string, octets: Uint8Array): Extras {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch {
    return unreadExtras(key, 'it is not JSON in UTF-8');
  }
  if (!isRecord(value)) return unreadExtras(key, 'it is not a JSON object');
  const unknown = Object.keys(value).find((name) => name !== 'metadata' && name !== 'tags');
  if (unknown !== undefined) return unreadExtras(key, `it has the unknown key ${unknown}`);
  const { metadata = {}, tags = {} } = value;
  if (!isStrings(metadata)) return unreadExtras(key, 'metadata is not an object of strings');
  if (!isStrings(tags)) return unreadExtras(key, 'tags is not an object of strings');
  return { metadata, tags };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'string');
}
