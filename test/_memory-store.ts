// The object store contract in memory: the reference that the contract suite is tried on, and a
// quick store for tests of what stands on it. With `versions`, earlier content stays readable.
import { createHash } from 'node:crypto';
import { ConflictError, FormatError, SourceError } from '#shared/errors.ts';
import type {
  ObjectEntry,
  ObjectHead,
  ObjectStore,
  ReadOptions,
} from '#shared/ports/object-store.ts';

type Version = {
  readonly entry: ObjectEntry;
  readonly content: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
};

export type MemoryStore = ObjectStore & {
  /** Writes from outside, as another program would: no conditions, metadata and tags beside. */
  readonly put: (
    key: string,
    content: Uint8Array | string,
    extras?: Partial<Pick<ObjectHead, 'metadata' | 'tags'>>,
  ) => void;
  readonly keys: () => readonly string[];
};

const emptyObject = { metadata: {}, tags: {} };

export function createMemoryStore(
  options: {
    readonly name?: string;
    readonly versions?: boolean;
    readonly now?: () => Temporal.Instant;
  } = {},
): MemoryStore {
  const { name = 'memory', versions = false } = options;
  const now = options.now ?? (() => Temporal.Instant.from('2026-01-01T00:00:00Z'));
  const objects = new Map<string, Version[]>();
  let writes = 0;

  const newest = (key: string): Version | undefined => objects.get(key)?.at(-1);

  const find = (key: string, versionId: string | undefined): Version => {
    checkKey(key);
    const found =
      versionId === undefined
        ? newest(key)
        : objects.get(key)?.find((one) => one.entry.versionId === versionId);
    if (found) return found;
    throw new SourceError('ERR_SOURCE_NOT_FOUND', `${name} has no ${key}`, { retryable: false });
  };

  const add = (key: string, content: Uint8Array, extras: Partial<typeof emptyObject>): Version => {
    writes += 1;
    const etag = `${writes}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
    const entry = {
      key,
      size: content.length,
      etag,
      lastModified: now(),
      ...(versions ? { versionId: `v${writes}` } : {}),
    };
    const version = { entry, content, ...emptyObject, ...extras };
    objects.set(key, versions ? [...(objects.get(key) ?? []), version] : [version]);
    return version;
  };

  return {
    name,
    capabilities: { conditionalWrites: true, versions, checksums: false, remarks: [] },
    put: (key, content, extras = {}) => {
      add(key, typeof content === 'string' ? Buffer.from(content) : content, extras);
    },
    keys: () => [...objects.keys()].sort(byOctets),
    list: async function* ({ prefix = '', startAfter = '', signal }) {
      for (const key of [...objects.keys()].sort(byOctets)) {
        signal.throwIfAborted();
        const version = newest(key);
        if (version && key.startsWith(prefix) && byOctets(key, startAfter) > 0)
          yield await Promise.resolve(version.entry);
      }
    },
    head: async (key, { signal, versionId }) => {
      await Promise.resolve();
      signal.throwIfAborted();
      const { entry, metadata, tags } = find(key, versionId);
      return { ...entry, metadata, tags };
    },
    read: async (key, readOptions) => {
      await Promise.resolve();
      readOptions.signal.throwIfAborted();
      const { entry, content } = find(key, readOptions.versionId);
      return { entry, body: chunks(content, readOptions) };
    },
    write: async (key, content, { signal, condition }) => {
      checkKey(key);
      const parts: Uint8Array[] = [];
      if (content instanceof Uint8Array) parts.push(content);
      else for await (const part of content) parts.push(part);
      signal.throwIfAborted();
      // From here on without a pause: the check and the write are one.
      const current = newest(key)?.entry;
      if (condition?.kind === 'absent' && current !== undefined)
        throw new ConflictError('ERR_CONFLICT_EXISTS', `${key} exists`);
      if (condition?.kind === 'match' && current?.etag !== condition.etag)
        throw new ConflictError('ERR_CONFLICT_CHANGED', `${key} is another`, {
          expected: condition.etag,
          found: current?.etag,
        });
      return add(key, Uint8Array.from(Buffer.concat(parts)), {}).entry;
    },
    remove: async (key, { signal, versionId }) => {
      await Promise.resolve();
      signal.throwIfAborted();
      checkKey(key);
      const left = objects.get(key)?.filter(({ entry }) => entry.versionId !== versionId) ?? [];
      if (versionId === undefined || left.length === 0) objects.delete(key);
      else objects.set(key, left);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function byOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function checkKey(key: string): void {
  if (key === '' || Buffer.byteLength(key) > 1024 || !key.isWellFormed() || key.includes('\0'))
    throw new FormatError('ERR_FORMAT_KEY', 'empty, longer than 1024 octets, NUL or not Unicode');
}

async function* chunks(content: Uint8Array, { range, signal }: ReadOptions) {
  const wanted = content.subarray(range?.start ?? 0, range?.end ?? content.length);
  for (let offset = 0; offset < wanted.length; offset += 65_536) {
    signal.throwIfAborted();
    yield await Promise.resolve(Uint8Array.from(wanted.subarray(offset, offset + 65_536)));
  }
}
