// The promises of shared/ports/object-store.ts as tests, run alike against every adapter.
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ConflictError, type ErrorCode } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { collect } from '../../_faulty-store.ts';

export type ContractOptions = {
  /** A store of its own for each test, empty. */
  readonly open: (t: ExecutionContext) => Promise<ObjectStore>;
  /** Keys beyond the plain ones that this store must hold. */
  readonly oddKeys: readonly string[];
  readonly propertyRuns?: number;
  /** A streamed content this long is written and read back. */
  readonly streamBytes: number;
};

const { signal } = new AbortController();
const text = (content: string) => Buffer.from(content);

const families = { SOURCE: 'SourceError', CONFLICT: 'ConflictError', FORMAT: 'FormatError' };

/** Asserts the code and, by its prefix, the class. */
export async function throwsCode(
  t: ExecutionContext,
  action: () => Promise<unknown>,
  code: ErrorCode,
): Promise<Error> {
  const error = await t.throwsAsync(action);
  t.is((error as Error & { code?: string }).code, code, error.stack);
  for (const [family, name] of Object.entries(families))
    if (code.startsWith(`ERR_${family}_`)) t.is(error.name, name);
  return error;
}

async function keysOf(
  store: ObjectStore,
  options: { readonly prefix?: string; readonly startAfter?: string } = {},
): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of store.list({ ...options, signal })) keys.push(entry.key);
  return keys;
}

async function readAll(store: ObjectStore, key: string, range?: { start: number; end: number }) {
  const { entry, body } = await store.read(key, { signal, range });
  return { entry, content: await collect(body) };
}

type DeclareTest = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

/** Declares the suite by `test`, or by `test.serial` where stores share a server. */
export function testStoreContract(test: DeclareTest, name: string, options: ContractOptions): void {
  const contract = (
    title: string,
    run: (t: ExecutionContext, store: ObjectStore) => Promise<void>,
  ): void => {
    test(`${name}: ${title}`, async (t) => {
      await using store = await options.open(t);
      await run(t, store);
    });
  };

  contract('what is written is read, looked up and listed alike', async (t, store) => {
    const written = await store.write('a/b.txt', text('hello'), { signal });
    const { entry, content } = await readAll(store, 'a/b.txt');
    t.is(content.toString(), 'hello');
    const { metadata, tags, ...head } = await store.head('a/b.txt', { signal });
    t.deepEqual([metadata, tags], [{}, {}]);
    const listed = await Array.fromAsync(store.list({ signal }));
    for (const one of [entry, head, listed[0]])
      t.like(one, { key: 'a/b.txt', size: 5, etag: written.etag, versionId: written.versionId });
    t.true(head.lastModified instanceof Temporal.Instant);
    t.is(listed.length, 1);
  });

  contract('an empty object', async (t, store) => {
    await store.write('empty', new Uint8Array(), { signal });
    t.is((await readAll(store, 'empty')).content.length, 0);
    t.is((await readAll(store, 'empty', { start: 0, end: 10 })).content.length, 0);
    t.is((await store.head('empty', { signal })).size, 0);
  });

  contract('an absent key is not found, and removed without a word', async (t, store) => {
    await store.write('there/x', text('x'), { signal });
    for (const key of ['nope', 'there/y', 'nope/deeper', 'there/x/below']) {
      const error = await throwsCode(t, () => store.head(key, { signal }), 'ERR_SOURCE_NOT_FOUND');
      t.like(error, { retryable: false });
      await throwsCode(t, () => readAll(store, key), 'ERR_SOURCE_NOT_FOUND');
    }
    await store.remove('nope', { signal });
    await store.remove('there/x', { signal });
    await throwsCode(t, () => store.head('there/x', { signal }), 'ERR_SOURCE_NOT_FOUND');
    t.deepEqual(await keysOf(store), []);
  });

  contract('a version that is named is removed alone', async (t, store) => {
    const first = await store.write('v', text('1'), { signal });
    const second = await store.write('v', text('2'), { signal });
    const { versionId } = first;
    if (!store.capabilities.versions || versionId === undefined) {
      t.pass();
      return;
    }
    await store.remove('v', { signal, versionId });
    await throwsCode(t, () => store.head('v', { signal, versionId }), 'ERR_SOURCE_NOT_FOUND');
    t.is((await store.head('v', { signal })).versionId, second.versionId);
  });

  contract('ranges are half open and end with the object', async (t, store) => {
    await store.write('r', text('0123456789'), { signal });
    for (const [start, end, expected] of [
      [0, 10, '0123456789'],
      [0, 1, '0'],
      [3, 6, '345'],
      [9, 10, '9'],
      [5, 99, '56789'],
      [4, 4, ''],
      [10, 20, ''],
      [50, 60, ''],
    ] as const) {
      const { entry, content } = await readAll(store, 'r', { start, end });
      t.is(content.toString(), expected, `${start}-${end}`);
      t.is(entry.size, 10, 'the entry is the object, not the part');
    }
  });

  contract('absent: the first write wins, the second changes nothing', async (t, store) => {
    const condition = { kind: 'absent' } as const;
    await store.write('once', text('first'), { signal, condition });
    await throwsCode(
      t,
      () => store.write('once', text('second'), { signal, condition }),
      'ERR_CONFLICT_EXISTS',
    );
    await throwsCode(
      t,
      () => store.write('once', stream(3, 10), { signal, condition }),
      'ERR_CONFLICT_EXISTS',
    );
    t.is((await readAll(store, 'once')).content.toString(), 'first');
    t.deepEqual(await keysOf(store), ['once']);
  });

  contract('match: only what was read is replaced', async (t, store) => {
    const first = await store.write('cas', text('1'), { signal });
    const second = await store.write('cas', text('2'), {
      signal,
      condition: { kind: 'match', etag: first.etag },
    });
    t.not(first.etag, second.etag);
    for (const [key, etag] of [
      ['cas', first.etag],
      ['gone', first.etag],
    ] as const)
      await throwsCode(
        t,
        () => store.write(key, text('3'), { signal, condition: { kind: 'match', etag } }),
        'ERR_CONFLICT_CHANGED',
      );
    t.is((await readAll(store, 'cas')).content.toString(), '2');
    t.deepEqual(await keysOf(store), ['cas']);
  });

  contract('of many writers with one condition, one wins', async (t, store) => {
    const winners = async (name: string, write: (content: string) => Promise<unknown>) => {
      const results = await Promise.allSettled(
        Array.from({ length: 16 }, (_, index) => write(`${name} ${index}`)),
      );
      for (const one of results)
        if (one.status === 'rejected')
          t.true(one.reason instanceof ConflictError, String(one.reason));
      return results.flatMap((one, index) => (one.status === 'fulfilled' ? [index] : []));
    };
    for (let round = 0; round < 3; round++) {
      const key = `race/${round}`;
      const created = await winners('create', (content) =>
        store.write(key, text(content), { signal, condition: { kind: 'absent' } }),
      );
      t.is(created.length, 1);
      t.is((await readAll(store, key)).content.toString(), `create ${String(created[0])}`);
      const { etag } = await store.head(key, { signal });
      const replaced = await winners('replace', (content) =>
        store.write(key, text(content), { signal, condition: { kind: 'match', etag } }),
      );
      t.is(replaced.length, 1);
      t.is((await readAll(store, key)).content.toString(), `replace ${String(replaced[0])}`);
    }
  });

  contract('keys come ascending by octets, within prefix and start', async (t, store) => {
    const keys = ['a-b', 'a.b', 'a/x', 'a/x.tst', 'a0', 'b/c/d', 'b/c0', 'é', '\uff21', '😀'];
    for (const key of keys.toReversed()) await store.write(key, text(key), { signal });
    t.deepEqual(await keysOf(store), keys);
    t.deepEqual(await keysOf(store, { prefix: 'a/' }), ['a/x', 'a/x.tst']);
    t.deepEqual(await keysOf(store, { prefix: 'a' }), keys.slice(0, 5));
    t.deepEqual(await keysOf(store, { prefix: 'b/c' }), ['b/c/d', 'b/c0']);
    t.deepEqual(await keysOf(store, { prefix: 'zz' }), []);
    t.deepEqual(await keysOf(store, { startAfter: 'a/x' }), keys.slice(3));
    t.deepEqual(await keysOf(store, { startAfter: 'a/' }), keys.slice(2));
    t.deepEqual(await keysOf(store, { startAfter: 'a/z' }), keys.slice(4));
    t.deepEqual(await keysOf(store, { prefix: 'a/', startAfter: 'a/x' }), ['a/x.tst']);
    t.deepEqual(await keysOf(store, { startAfter: '😀' }), []);
  });

  contract('odd keys stay what they are', async (t, store) => {
    for (const key of options.oddKeys) {
      await store.write(key, text(key), { signal, condition: { kind: 'absent' } });
      t.is((await readAll(store, key)).content.toString(), key);
    }
    const sorted = options.oddKeys.toSorted((a, b) => Buffer.compare(text(a), text(b)));
    t.deepEqual(await keysOf(store), sorted);
  });

  contract('keys that no store can hold', async (t, store) => {
    for (const key of ['', 'x'.repeat(1025), 'a\0b', 'a\ud800b']) {
      await throwsCode(t, () => store.write(key, text('x'), { signal }), 'ERR_FORMAT_KEY');
      await throwsCode(t, () => store.head(key, { signal }), 'ERR_FORMAT_KEY');
      await throwsCode(t, () => readAll(store, key), 'ERR_FORMAT_KEY');
    }
    t.deepEqual(await keysOf(store), []);
  });

  contract('a stream is written whole', async (t, store) => {
    const chunk = 65_537;
    const count = Math.ceil(options.streamBytes / chunk);
    const written = await store.write('stream', stream(count, chunk), { signal });
    t.is(written.size, count * chunk);
    const { entry, content } = await readAll(store, 'stream');
    t.is(entry.size, count * chunk);
    t.true(content.equals(await collect(stream(count, chunk))));
  });

  contract('a source that fails leaves nothing, and its own error', async (t, store) => {
    const failing = async function* (before: number) {
      yield* stream(before, 65_537);
      throw new RangeError('the source broke');
    };
    for (const before of [0, 1, Math.ceil(options.streamBytes / 65_537)]) {
      await t.throwsAsync(() => store.write('half', failing(before), { signal }), {
        instanceOf: RangeError,
        message: 'the source broke',
      });
      t.deepEqual(await keysOf(store), []);
    }
  });

  contract('an aborted call rejects with the reason and does nothing', async (t, store) => {
    await store.write('x', text('x'), { signal });
    const aborted = AbortSignal.abort(new Error('stopped'));
    const message = { message: 'stopped' };
    await t.throwsAsync(() => store.head('x', { signal: aborted }), message);
    await t.throwsAsync(() => store.read('x', { signal: aborted }), message);
    await t.throwsAsync(() => store.write('y', text('y'), { signal: aborted }), message);
    await t.throwsAsync(() => store.remove('x', { signal: aborted }), message);
    await t.throwsAsync(() => Array.fromAsync(store.list({ signal: aborted })), message);
    t.deepEqual(await keysOf(store), ['x']);
  });

  contract('aborting in the middle of a write and of a read', async (t, store) => {
    const writing = new AbortController();
    const source = async function* () {
      yield* stream(2, 65_537);
      writing.abort(new Error('stopped'));
      yield* stream(2, 65_537);
    };
    await t.throwsAsync(() => store.write('w', source(), { signal: writing.signal }), {
      message: 'stopped',
    });
    t.deepEqual(await keysOf(store), []);
    await store.write('r', stream(Math.ceil(options.streamBytes / 65_537), 65_537), { signal });
    const reading = new AbortController();
    const { body } = await store.read('r', { signal: reading.signal });
    await t.throwsAsync(
      async () => {
        for await (const part of body) if (part.length > 0) reading.abort(new Error('stopped'));
      },
      { message: 'stopped' },
    );
  });

  contract('any content comes back, in any cut', async (t, store) => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
        async (parts) => {
          const key = `property/${String(count++)}`;
          await store.write(key, from(parts), { signal });
          const whole = Buffer.concat(parts);
          const { content } = await readAll(store, key);
          t.true(content.equals(whole));
          const start = Math.floor(whole.length / 3);
          const part = await readAll(store, key, { start, end: start + 50 });
          t.true(part.content.equals(whole.subarray(start, start + 50)));
        },
      ),
      { numRuns: options.propertyRuns ?? 25 },
    );
  });
}

async function* from(parts: readonly Uint8Array[]) {
  for (const part of parts) yield await Promise.resolve(part);
}

/** `count` chunks of `length` octets, each of another octet. */
export async function* stream(count: number, length: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++)
    yield await Promise.resolve(Buffer.alloc(length, index % 251));
}
