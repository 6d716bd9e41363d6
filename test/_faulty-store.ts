// Wraps any object store: fails chosen calls before or after their effect, cuts bodies short, shows
// what was there before the last write; and holds the wrapped store to the contract as it goes.
import { InvariantError, SourceError } from '#shared/errors.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';

export type StoreCall = {
  /** From 1, over all operations of this store. */
  readonly number: number;
  readonly operation: 'list' | 'head' | 'read' | 'write' | 'remove';
  readonly key: string;
};

/**
 * before: nothing happened. after: it happened, the answer was lost. timed-out: the same, told as a time-out.
 * cut: the body ends in an error half-way. stale: `head` or `read` sees what was there before the last write
 * through this store.
 */
export type StoreFault = 'before' | 'after' | 'timed-out' | 'cut' | 'stale';

export type FaultyStore = ObjectStore & { readonly calls: () => readonly StoreCall[] };

export function createFaultyStore(
  inner: ObjectStore,
  faultOf: (call: StoreCall) => StoreFault | undefined = () => undefined,
): FaultyStore {
  const calls: StoreCall[] = [];
  const earlier = new Map<string, { entry: ObjectEntry; content: Uint8Array } | undefined>();
  const known = new Map<string, string>();

  const enter = (operation: StoreCall['operation'], key: string): StoreFault | undefined => {
    const call = { number: calls.length + 1, operation, key };
    calls.push(call);
    const fault = faultOf(call);
    if (fault === 'before') throw failure(call);
    return fault;
  };
  const leave = (fault: StoreFault | undefined): void => {
    const call = calls.at(-1);
    if (fault === 'after' && call) throw failure(call);
    if (fault === 'timed-out' && call) throw failure(call, 'ERR_SOURCE_TIMEOUT');
  };

  const snapshot = async (key: string, signal: AbortSignal) => {
    try {
      const { entry, body } = await inner.read(key, { signal });
      return { entry, content: await collect(body) };
    } catch (error) {
      if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
      throw error;
    }
  };
  const staleOf = (key: string) => {
    const found = earlier.get(key);
    if (found) return found;
    throw new SourceError('ERR_SOURCE_NOT_FOUND', `${key} (stale)`, { retryable: false });
  };

  return {
    name: inner.name,
    capabilities: inner.capabilities,
    calls: () => calls,
    list: async function* (options) {
      const fault = enter('list', options.prefix ?? '');
      let last = options.startAfter ?? '';
      let count = 0;
      for await (const entry of inner.list(options)) {
        promise(byOctets(entry.key, last) > 0 || (count === 0 && last === ''), 'ascending keys');
        promise(entry.key.startsWith(options.prefix ?? ''), 'keys under the prefix');
        last = entry.key;
        count += 1;
        yield entry;
        if (fault === 'cut') break;
      }
      if (fault === 'after' || fault === 'cut') throw failure(calls.at(-1));
      leave(fault);
    },
    head: async (key, options) => {
      const fault = enter('head', key);
      if (fault === 'stale') return { ...staleOf(key).entry, metadata: {}, tags: {} };
      const head = await inner.head(key, options);
      leave(fault);
      promise(head.key === key, 'the key that was asked for');
      return head;
    },
    read: async (key, options) => {
      const fault = enter('read', key);
      if (fault === 'stale') {
        const { entry, content } = staleOf(key);
        return { entry, body: once(content.subarray(options.range?.start, options.range?.end)) };
      }
      const { entry, body } = await inner.read(key, options);
      leave(fault);
      const start = Math.min(options.range?.start ?? 0, entry.size);
      const expected = Math.max(0, Math.min(options.range?.end ?? entry.size, entry.size) - start);
      return { entry, body: fault === 'cut' ? cut(body, expected) : counted(body, expected) };
    },
    write: async (key, content, options) => {
      const before = await snapshot(key, options.signal);
      const fault = enter('write', key);
      let length = 0;
      const counting = async function* () {
        for await (const part of content instanceof Uint8Array ? [content] : content) {
          length += part.length;
          yield part;
        }
      };
      const written = await inner.write(
        key,
        content instanceof Uint8Array ? content : counting(),
        options,
      );
      promise(
        written.size === (content instanceof Uint8Array ? content.length : length),
        'a written size',
      );
      if (options.condition?.kind === 'absent') promise(!known.has(key), 'absent when written');
      if (options.condition?.kind === 'match' && known.has(key))
        promise(known.get(key) === options.condition.etag, 'unchanged when written');
      known.set(key, written.etag);
      earlier.set(key, before);
      leave(fault);
      return written;
    },
    remove: async (key, options) => {
      const fault = enter('remove', key);
      await inner.remove(key, options);
      known.delete(key);
      leave(fault);
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

function promise(kept: boolean, what: string): void {
  if (!kept) throw new InvariantError('ERR_INVARIANT_STATE', `store contract: ${what}`);
}

function failure(
  call: StoreCall | undefined,
  code: 'ERR_SOURCE_UNREACHABLE' | 'ERR_SOURCE_TIMEOUT' = 'ERR_SOURCE_UNREACHABLE',
): SourceError {
  const changes = call?.operation === 'write' || call?.operation === 'remove';
  return new SourceError(
    code,
    `fault at call ${call?.number ?? 0}: ${call?.operation ?? ''} ${call?.key ?? ''}`,
    // Told alike before and after the effect: a caller on a network cannot know either.
    { retryable: true, outcomeUnknown: changes },
  );
}

function byOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** All octets of a body. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

async function* once(content: Uint8Array) {
  if (content.length > 0) yield await Promise.resolve(content);
}

async function* counted(body: AsyncIterable<Uint8Array>, expected: number) {
  let length = 0;
  for await (const part of body) {
    length += part.length;
    yield part;
  }
  promise(length === expected, `a body of ${expected} octets, got ${length}`);
}

async function* cut(body: AsyncIterable<Uint8Array>, expected: number) {
  let left = Math.floor(expected / 2);
  for await (const part of body) {
    if (part.length > left) {
      if (left > 0) yield part.subarray(0, left);
      break;
    }
    left -= part.length;
    yield part;
  }
  throw new SourceError('ERR_SOURCE_UNREACHABLE', 'the body was cut off', { retryable: true });
}
