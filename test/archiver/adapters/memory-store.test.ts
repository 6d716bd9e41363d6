// The stores that other tests stand on keep the contract too; the faulty one notices a breach of it.
import test from 'ava';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { collect, createFaultyStore, type StoreFault } from '../../_faulty-store.ts';
import { createMemoryStore } from '../../_memory-store.ts';
import { testStoreContract, throwsCode } from './_store-contract.ts';

const { signal } = new AbortController();
const oddKeys = ['../up', '/abs', 'a//b', 'k', 'k/child', 'a\nb', ' ', 'x'.repeat(1024)];

testStoreContract(test, 'memory', {
  open: () => Promise.resolve(createMemoryStore()),
  oddKeys,
  streamBytes: 300_000,
});
testStoreContract(test, 'memory with versions', {
  open: () => Promise.resolve(createMemoryStore({ versions: true })),
  oddKeys,
  streamBytes: 300_000,
});
testStoreContract(test, 'faulty without faults', {
  open: () => Promise.resolve(createFaultyStore(createMemoryStore())),
  oddKeys,
  streamBytes: 300_000,
});

const faults: readonly (readonly [StoreFault, string])[] = [
  ['before', 'old'],
  ['after', 'new'],
];
for (const [fault, left] of faults)
  test(`a write that fails ${fault} its effect`, async (t) => {
    const memory = createMemoryStore();
    memory.put('k', 'old');
    const store = createFaultyStore(memory, ({ operation }) =>
      operation === 'write' ? fault : undefined,
    );
    const error = await throwsCode(
      t,
      () => store.write('k', Buffer.from('new'), { signal }),
      'ERR_SOURCE_UNREACHABLE',
    );
    t.like(error, { retryable: true, outcomeUnknown: true });
    t.is((await collect((await memory.read('k', { signal })).body)).toString(), left);
  });

test('a cut body ends in an error, a stale read shows the state before', async (t) => {
  const plan: (StoreFault | undefined)[] = ['cut', undefined, 'stale', 'stale'];
  const store = createFaultyStore(createMemoryStore(), ({ operation }) =>
    operation === 'write' ? undefined : plan.shift(),
  );
  await store.write('k', Buffer.from('12345678'), { signal });
  const seen: Uint8Array[] = [];
  await throwsCode(
    t,
    async () => {
      for await (const part of (await store.read('k', { signal })).body) seen.push(part);
    },
    'ERR_SOURCE_UNREACHABLE',
  );
  t.is(Buffer.concat(seen).toString(), '1234');
  await store.write('k', Buffer.from('new'), { signal });
  t.is((await collect((await store.read('k', { signal })).body)).toString(), 'new');
  t.is((await collect((await store.read('k', { signal })).body)).toString(), '12345678');
  t.is((await store.head('k', { signal })).size, 8);
});

const breaches: readonly (readonly [string, (inner: ObjectStore) => Partial<ObjectStore>])[] = [
  [
    'a list out of order',
    (inner) => ({
      list: async function* (options) {
        yield* (await Array.fromAsync(inner.list(options))).toReversed();
      },
    }),
  ],
  [
    'a list that ignores its prefix',
    (inner) => ({ list: ({ signal: given }) => inner.list({ signal: given }) }),
  ],
  [
    'a short body',
    (inner) => ({
      read: async (key, options) => {
        const { entry } = await inner.read(key, options);
        return { entry, body: (async function* () {})() };
      },
    }),
  ],
  [
    'a condition that is ignored',
    (inner) => ({
      write: (key, content, options) =>
        inner.write(key, content, { ...options, condition: undefined }),
    }),
  ],
];
for (const [title, breach] of breaches)
  test(`the faulty store notices ${title}`, async (t) => {
    const memory = createMemoryStore();
    const store = createFaultyStore({ ...memory, ...breach(memory) });
    await throwsCode(
      t,
      async () => {
        for (const key of ['a', 'b/c'])
          await store.write(key, Buffer.from('x'), { signal, condition: { kind: 'absent' } });
        await collect((await store.read('a', { signal })).body);
        await Array.fromAsync(store.list({ signal }));
        await Array.fromAsync(store.list({ prefix: 'b', signal }));
        await store.write('a', Buffer.from('y'), { signal, condition: { kind: 'absent' } });
      },
      'ERR_INVARIANT_STATE',
    );
  });
