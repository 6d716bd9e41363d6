// Moves an archive's evidence: to a folder with the digest of every object, and from there into another
// evidence store, documents' names changed on the way if they changed. Names stand in object lists and
// journal, under no timestamp; everything that a timestamp covers is copied octet by octet.
import { createDigest } from '#shared/crypto/digest.ts';
import { toHex } from '#shared/bytes.ts';
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { parseBatchKey } from './evidence/batch-objects.ts';
import {
  buildObjectListHead,
  buildObjectListLine,
  readObjectList,
} from './evidence/object-list.ts';
import { inChunks } from './evidence/prepare.ts';
import { buildStoredJson } from './evidence/stored-json.ts';
import type { GroupMember, ObjectListLine } from './evidence/types.ts';
import { evidenceStoreName } from './evidence-store.ts';

/** Where exported objects lie in the folder, and the list of their digests beside them. */
export const exportedPrefix = 'evidence/';
const sumsKey = 'SHA256SUMS';

const archiveKey = 'archive.json';
/** Held by whoever is at work, and no part of the archive. */
const leaseKey = 'lease.json';

export type Place = { readonly store: string; readonly key: string };

/** `from` is a store and the beginning of keys, and what stands in their place. */
export type Renaming = { readonly from: Place; readonly to: Place };

/** `STORE:PREFIX=STORE:PREFIX`; a prefix may be empty. @throws ConfigError ERR_CONFIG_USAGE */
export function parseRenaming(text: string): Renaming {
  const [, store = '', key = '', toStore, toKey = ''] =
    /^([a-z0-9-]+):([^=]*)=([a-z0-9-]+):(.*)$/.exec(text) ?? [];
  if (toStore === undefined)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(text)} is no renaming: write STORE:PREFIX=STORE:PREFIX`,
    );
  return { from: { store, key }, to: { store: toStore, key: toKey } };
}

/** The first renaming that fits; a place that none fits stays. */
export function renamed<T extends Place>(place: T, renamings: readonly Renaming[]): T {
  const found = renamings.find(
    ({ from }) => from.store === place.store && place.key.startsWith(from.key),
  );
  if (!found) return place;
  const { from, to } = found;
  return { ...place, store: to.store, key: to.key + place.key.slice(from.key.length) };
}

/** How places are written on the way: renamed and, where versions are told anew, under the version of now. */
type Rewriting = {
  readonly renamings: readonly Renaming[];
  /**
   * The version id under which this content stands at a place now; `undefined`: nowhere there, and it keeps
   * the one it had. Absent: version ids stay.
   */
  readonly versionOf?: ((place: Place, sha256: string) => Promise<string | undefined>) | undefined;
};

async function rewrittenPlace<T extends Place & { readonly versionId?: string | undefined }>(
  place: T,
  sha256: unknown,
  { renamings, versionOf }: Rewriting,
): Promise<T> {
  const moved = renamed(place, renamings);
  if (!versionOf || typeof sha256 !== 'string' || moved.store === evidenceStoreName) return moved;
  const versionId = await versionOf(moved, sha256);
  return versionId === undefined ? moved : { ...moved, versionId };
}

/** Every object with a store and a key, however deep: documents, holders, what stood before. */
async function rewrittenDeep(value: unknown, rewriting: Rewriting): Promise<unknown> {
  // One after the other: each may read a document.
  if (Array.isArray(value)) {
    const all: unknown[] = [];
    for (const each of value) all.push(await rewrittenDeep(each, rewriting));
    return all;
  }
  if (typeof value !== 'object' || value === null) return value;
  const mapped: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(value))
    mapped[name] = await rewrittenDeep(each, rewriting);
  const { store, key, sha256, versionId } = mapped;
  if (typeof store !== 'string' || typeof key !== 'string') return mapped;
  // Words about a key without a version are about all of them.
  return rewrittenPlace(
    { ...mapped, store, key },
    typeof versionId === 'string' ? sha256 : undefined,
    rewriting,
  );
}

/** So many places are remembered: lists and journal name each a few times, mostly in the same order. */
const maxKnownPlaces = 100_000;

/** Finds contents by reading what stands at their places now. */
export function currentVersions(
  stores: ReadonlyMap<string, ObjectStore>,
  signal: AbortSignal,
): NonNullable<Rewriting['versionOf']> {
  type Current = { readonly sha256: string; readonly versionId: string };
  const known = new Map<string, Promise<Current | undefined>>();
  const read = async ({ store, key }: Place): Promise<Current | undefined> => {
    try {
      const found = await stores.get(store)?.read(key, { signal });
      if (!found) return undefined;
      const running = createDigest('SHA-256');
      for await (const chunk of found.body) running.update(chunk);
      return { sha256: toHex(running.finish()), versionId: found.entry.versionId ?? '' };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return async (place, sha256) => {
    const name = JSON.stringify([place.store, place.key]);
    let current = known.get(name);
    if (!current) {
      if (known.size >= maxKnownPlaces) known.clear();
      current = read(place);
      known.set(name, current);
    }
    const found = await current;
    return found?.sha256 === sha256 ? found.versionId : undefined;
  };
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND';
}

/** Every object is there as the list says, and no other. @throws FormatError ERR_FORMAT_STORED */
async function requireWhole(
  exported: ObjectStore,
  sums: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const refuse = (key: string, what: string): FormatError =>
    new FormatError('ERR_FORMAT_STORED', `${key} ${what}: the export is not whole; copy it anew`);
  if (!sums.has(archiveKey)) throw refuse(archiveKey, `is not in ${sumsKey}`);
  for await (const { key } of exported.list({ signal }))
    if (!sums.has(key)) throw refuse(key, `is there and not in ${sumsKey}`);
  for (const [key, sha256] of sums) {
    const found = await digestOf(exported, key, signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      throw refuse(key, `is in ${sumsKey} and not there`);
    });
    if (found !== sha256) throw refuse(key, 'is not as it was exported');
  }
}

/** Passes octets on and tells their SHA-256 at the end. */
async function* digesting(
  body: AsyncIterable<Uint8Array>,
  onEnd: (sha256: string) => void,
): AsyncIterable<Uint8Array> {
  const running = createDigest('SHA-256');
  for await (const chunk of body) {
    running.update(chunk);
    yield chunk;
  }
  onEnd(toHex(running.finish()));
}

async function digestOf(store: ObjectStore, key: string, signal: AbortSignal): Promise<string> {
  const { body } = await store.read(key, { signal });
  let sha256 = '';
  const reading = digesting(body, (found) => (sha256 = found))[Symbol.asyncIterator]();
  while (!(await reading.next()).done) signal.throwIfAborted();
  return sha256;
}

/** An export that was broken off is begun again in another place. */
async function requireNothingIn(target: ObjectStore, signal: AbortSignal): Promise<void> {
  for await (const { key } of target.list({ signal }))
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `the folder is not empty (there is ${JSON.stringify(key)}): name another, or delete what an export left that was broken off`,
    );
}

/**
 * Copies every object under `evidence/`, reads it back, and last writes the list of digests: a folder
 * without it is no whole export. To be called under the lease. Returns how many objects there are.
 * @throws ConfigError ERR_CONFIG_USAGE: the target is not empty
 * @throws FormatError ERR_FORMAT_STORED: an object does not read back as it was read
 */
export async function exportEvidence(
  source: ObjectStore,
  target: ObjectStore,
  signal: AbortSignal,
): Promise<number> {
  await requireNothingIn(target, signal);
  const lines: string[] = [];
  for await (const { key } of source.list({ signal })) {
    if (key === leaseKey) continue;
    signal.throwIfAborted();
    let sha256 = '';
    const { body } = await source.read(key, { signal });
    const name = `${exportedPrefix}${key}`;
    const content = digesting(body, (found) => (sha256 = found));
    await target.write(name, content, { signal, condition: { kind: 'absent' } });
    if ((await digestOf(target, name, signal)) !== sha256)
      throw new FormatError('ERR_FORMAT_STORED', `${name} does not read back as it was written`);
    lines.push(`${sha256}  ${name}\n`);
  }
  const octets = new TextEncoder().encode(lines.join(''));
  await target.write(sumsKey, octets, { signal, condition: { kind: 'absent' } });
  return lines.length;
}

/** The list of an export. @throws FormatError ERR_FORMAT_STORED; ConfigError ERR_CONFIG_USAGE: no whole export */
async function readSums(
  source: ObjectStore,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { body } = await source.read(sumsKey, { signal }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `the folder has no ${sumsKey}: it is no export, or one that was broken off before its end`,
      { cause: error },
    );
  });
  const text = Buffer.concat(await Array.fromAsync(body)).toString('utf8');
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, sha256 = '', name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (!name?.startsWith(exportedPrefix))
      throw new FormatError('ERR_FORMAT_STORED', `${sumsKey}: a line is not as written`);
    sums.set(name.slice(exportedPrefix.length), sha256);
  }
  return sums;
}

async function membersOf(
  { members }: ObjectListLine,
  rewriting: Rewriting,
): Promise<readonly GroupMember[]> {
  const all: GroupMember[] = [];
  for (const member of members) {
    const place = await rewrittenPlace(member, member.digests['SHA-256'], rewriting);
    all.push(place.versionId === '' ? { ...place, versionId: undefined } : place);
  }
  return all;
}

/** What is written for one object; `undefined` where its octets stay as they are. */
async function rewritten(
  exported: ObjectStore,
  key: string,
  rewriting: Rewriting,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | Uint8Array | undefined> {
  if (rewriting.renamings.length === 0 && !rewriting.versionOf) return undefined;
  const batch = parseBatchKey(key);
  if (batch?.name === 'objectList')
    return inChunks(
      (async function* () {
        yield buildObjectListHead(batch.id);
        for await (const line of readObjectList(exported, batch.id, signal))
          yield buildObjectListLine({ ...line, members: await membersOf(line, rewriting) });
      })(),
    );
  if (!key.startsWith('journal/')) return undefined;
  const { body } = await exported.read(key, { signal });
  const text = Buffer.concat(await Array.fromAsync(body)).toString('utf8');
  return buildStoredJson(await rewrittenDeep(JSON.parse(text), rewriting));
}

/** What an import that was broken off left is no archive, and in the way: whoever looks is told so. */
async function requireEmpty(target: ObjectStore, signal: AbortSignal): Promise<void> {
  let found: string | undefined;
  let isArchive = false;
  for await (const { key } of target.list({ signal })) {
    found ??= key;
    isArchive ||= key === archiveKey;
  }
  if (found === undefined) return;
  const what = isArchive
    ? 'it holds an archive: name another place'
    : `without ${archiveKey} it is no archive, such as an import leaves that was broken off: delete it and import again`;
  throw new ConfigError(
    'ERR_CONFIG_ARCHIVE_ID',
    `the evidence store is not empty (there is ${JSON.stringify(found)}), and an import needs an empty place; ${what}`,
  );
}

/**
 * Brings an export into an empty evidence store. Every object is held to its digest first; `archive.json`
 * is written last, so that an import that was broken off is no archive. `exported` is the folder's
 * `evidence/` part. Returns how many objects there are.
 * @throws ConfigError ERR_CONFIG_ARCHIVE_ID: the store is not empty; ERR_CONFIG_USAGE: no whole export
 * @throws FormatError ERR_FORMAT_STORED: an object is not there as it was exported, or there are others
 */
export async function importEvidence(
  folder: ObjectStore,
  exported: ObjectStore,
  target: ObjectStore,
  options: Rewriting & { readonly signal: AbortSignal },
): Promise<number> {
  const { signal } = options;
  await requireEmpty(target, signal);
  const sums = await readSums(folder, signal);
  await requireWhole(exported, sums, signal);
  const keys = [...sums.keys()].filter((key) => key !== archiveKey);
  for (const key of [...keys, archiveKey]) {
    signal.throwIfAborted();
    const content =
      (await rewritten(exported, key, options, signal)) ??
      (await exported.read(key, { signal })).body;
    let written = '';
    const body = content instanceof Uint8Array ? each(content) : content;
    const digested = digesting(body, (found) => (written = found));
    await target.write(key, digested, { signal, condition: { kind: 'absent' } });
    if ((await digestOf(target, key, signal)) !== written)
      throw new FormatError('ERR_FORMAT_STORED', `${key} does not read back as it was written`);
  }
  return sums.size;
}

async function* each(octets: Uint8Array): AsyncIterable<Uint8Array> {
  yield octets;
  await Promise.resolve();
}
