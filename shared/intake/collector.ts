// What comes in within an interval goes into one batch, so that one token serves all of it (RFC 4998 §4.2). Values
// only: the caller says what time it is, keeps what was promised, and makes the batches.
import { isBefore } from '#shared/time.ts';

export type CollectorLimits = {
  /** The oldest of a lane waits this long. */
  readonly intervalMs: number;
  /** Groups at which a lane is due at once. */
  readonly maxGroups: number;
};

export type Lane<Item> = { readonly lane: string; readonly items: readonly Item[] };

/** Lanes keep apart what must not share a tree, such as two clients. */
export type Collector<Item> = {
  /** `groups`: how many leaves the item makes. */
  readonly add: (lane: string, item: Item, groups: number, at: Temporal.Instant) => void;
  /** Takes out what is due: by age, or by number; an item is never split. */
  readonly takeDue: (at: Temporal.Instant) => readonly Lane<Item>[];
  /** When the next lane is due; `undefined` while nothing waits. */
  readonly nextDue: () => Temporal.Instant | undefined;
};

type Waiting<Item> = {
  readonly item: Item;
  readonly groups: number;
  readonly at: Temporal.Instant;
};

/** One lane's items, oldest first, and how many groups they are together. */
type Queue<Item> = { readonly waiting: Waiting<Item>[]; groups: number };

/** `limits` is asked each time, since settings may change. */
export function createCollector<Item>(limits: () => CollectorLimits): Collector<Item> {
  const lanes = new Map<string, Queue<Item>>();

  /** From the oldest on, as many as one batch takes; at least one. */
  const cut = (queue: Queue<Item>): readonly Item[] => {
    const { waiting } = queue;
    let groups = 0;
    let end = 0;
    for (const one of waiting) {
      if (end > 0 && groups + one.groups > limits().maxGroups) break;
      groups += one.groups;
      end++;
    }
    queue.groups -= groups;
    return waiting.splice(0, end).map(({ item }) => item);
  };

  const dueOf = ({ waiting, groups }: Queue<Item>): Temporal.Instant | undefined => {
    const { intervalMs, maxGroups } = limits();
    const [oldest] = waiting;
    if (!oldest) return undefined;
    return groups >= maxGroups ? oldest.at : oldest.at.add({ milliseconds: intervalMs });
  };

  return {
    add: (lane, item, groups, at) => {
      const queue = lanes.get(lane) ?? { waiting: [], groups: 0 };
      lanes.set(lane, queue);
      queue.waiting.push({ item, groups, at });
      queue.groups += groups;
    },
    takeDue: (at) => {
      const taken: Lane<Item>[] = [];
      for (const [lane, queue] of lanes) {
        for (let due = dueOf(queue); due && !isBefore(at, due); due = dueOf(queue))
          taken.push({ lane, items: cut(queue) });
        if (queue.waiting.length === 0) lanes.delete(lane);
      }
      return taken;
    },
    nextDue: () =>
      [...lanes.values()]
        .flatMap((queue) => dueOf(queue) ?? [])
        .toSorted((a, b) => Temporal.Instant.compare(a, b))
        .at(0),
  };
}
