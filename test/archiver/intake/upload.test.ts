// An upload beside another one under the same key, whose file is touched while it is compared.
import test from 'ava';
import { storeDocument } from '#archiver/intake/upload.ts';
import { ConflictError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createMemoryStore } from '../../_memory-store.ts';

const { signal } = new AbortController();

/** A store with `content` under the key `a`, of which so many readings fail. */
function touched(content: string, times: number): ObjectStore {
  const store = createMemoryStore();
  store.put('a', content);
  let left = times;
  return {
    ...store,
    read: (key, options) => {
      if (left-- <= 0) return store.read(key, options);
      return Promise.reject(new ConflictError('ERR_CONFLICT_CHANGED', 'touched meanwhile'));
    },
  };
}

async function* body(text: string): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

const upload = (store: ObjectStore, text: string) =>
  storeDocument(store, 'a', () => body(text), { maxBytes: 100, signal });

test('touched once: the same octets are there, others are a conflict', async (t) => {
  t.is((await upload(touched('one', 1), 'one')).kind, 'there');
  t.is((await upload(touched('one', 1), 'two')).kind, 'conflict');
});

test('touched again and again: an error', async (t) => {
  await t.throwsAsync(upload(touched('one', Infinity), 'one'), { code: 'ERR_CONFLICT_CHANGED' });
});
