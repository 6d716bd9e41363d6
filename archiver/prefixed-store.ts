// A part of a store as a store of its own: the keys under one prefix, without it.
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';

/** `prefix` ends with a slash where it names a folder. Closing the part closes the whole. */
export function prefixedStore(store: ObjectStore, prefix: string): ObjectStore {
  if (prefix === '') return store;
  const without = <T extends Pick<ObjectEntry, 'key'>>(entry: T): T => ({
    ...entry,
    key: entry.key.slice(prefix.length),
  });
  return {
    name: store.name,
    capabilities: store.capabilities,
    list: async function* (options) {
      const entries = store.list({
        prefix: prefix + (options.prefix ?? ''),
        ...(options.startAfter === undefined ? {} : { startAfter: prefix + options.startAfter }),
        signal: options.signal,
      });
      for await (const entry of entries) yield without(entry);
    },
    head: async (key, options) => without(await store.head(prefix + key, options)),
    read: async (key, options) => {
      const { entry, body } = await store.read(prefix + key, options);
      return { entry: without(entry), body };
    },
    write: async (key, content, options) =>
      without(await store.write(prefix + key, content, options)),
    remove: (key, options) => store.remove(prefix + key, options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
