// Digests that a hash-tree renewal of this run has read from the documents: the renewal of the other TSA's
// chains over the same documents takes them from its object list, and reads no document again.
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { readObjectList } from './object-list.ts';
import type { BatchId, GroupMember, GroupPosition, ObjectListLine } from './types.ts';

export type ReadTonight = AsyncDisposable & {
  /** Members of a group as they were read; `undefined` where its list is past it already. */
  readonly membersAt: (position: GroupPosition) => Promise<readonly GroupMember[] | undefined>;
};

/** Lists are read once, forwards: groups come in about the order in which they were renewed. */
export function createReadTonight(store: ObjectStore, signal: AbortSignal): ReadTonight {
  const lists = new Map<BatchId, { next: AsyncIterator<ObjectListLine>; line?: ObjectListLine }>();
  return {
    membersAt: async ({ batchId, index }) => {
      let list = lists.get(batchId);
      if (!list) {
        list = { next: readObjectList(store, batchId, signal)[Symbol.asyncIterator]() };
        lists.set(batchId, list);
      }
      while (list.line === undefined || list.line.index < index) {
        const read = await list.next.next();
        if (read.done) return undefined;
        list.line = read.value;
      }
      return list.line.index === index ? list.line.members : undefined;
    },
    // A list that is left half-way holds its file open.
    [Symbol.asyncDispose]: async () => {
      for (const { next } of lists.values()) await next.return?.();
    },
  };
}
