// Where the tokens of a week stand that repeats may ask for: 32 octets each, in arrays that the garbage collector does
// not look into. At ten tokens a second there are six million of them.
import { digest } from '#shared/crypto/digest.ts';

/** Where a token stands. */
export type Place = {
  readonly segment: string;
  /** Below 2^44. */
  readonly offset: number;
  /** At least 1. */
  readonly length: number;
  /** When it was written, in milliseconds of the epoch. */
  readonly atMs: number;
};

export type RepeatIndex = {
  /** Keeps a place; the first one that a key has on a day (of UTC) stays. */
  readonly enter: (key: string, place: Place) => void;
  /** The place of a key from `sinceMs` on; of several days that which was entered first. */
  readonly find: (key: string, sinceMs: number) => Place | undefined;
  /** Forgets the days that were over when the day of this instant began. */
  readonly forgetBefore: (ms: number) => void;
};

/** A slot: four words of the key; the number of the segment and the upper bits of the offset; its other bits; length; time of the day. */
const slotWords = 8;
const keyWords = 4;
const segmentWord = 4;
const offsetWord = 5;
const lengthWord = 6;
const timeWord = 7;
const word = 2 ** 32;
const upperOffsets = 2 ** 12;
/** No disk fails that often on one day. */
const maxSegments = 2 ** 20;

/** A day's slots are spread over so many tables: that one of them is copied when it grows, nobody notices. */
const tablesOfDay = 64;
const firstSlots = 16;
const dayMs = 86_400_000;

type Table = { slots: Uint32Array; used: number };
type Day = { readonly segments: string[]; readonly tables: readonly Table[] };

/** The 128 bits of a key, which is a digest in hexadecimal; of any other text those of its digest. */
function wordsOf(key: string): Uint32Array {
  const own = Buffer.from(key, 'hex');
  const octets = 2 * own.length === key.length && own.length === 16 ? own : digestOf(key);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  return Uint32Array.of(
    view.getUint32(0),
    view.getUint32(4),
    view.getUint32(8),
    view.getUint32(12),
  );
}

function digestOf(text: string): Uint8Array {
  return digest('SHA-256', Buffer.from(text));
}

/** Where the slot of a key begins, or the empty one where it belongs: one slot after the other is looked at. */
function slotOf(slots: Uint32Array, key: Uint32Array): number {
  const mask = slots.length / slotWords - 1;
  for (let i = (key[1] ?? 0) & mask; ; i = (i + 1) & mask) {
    const at = i * slotWords;
    if (slots[at + lengthWord] === 0) return at;
    let same = 0;
    while (same < keyWords && slots[at + same] === key[same]) same++;
    if (same === keyWords) return at;
  }
}

/** A quarter of the slots is always empty, so that each search ends soon. */
function makeRoom(table: Table): void {
  const { slots } = table;
  if (table.used < (slots.length / slotWords) * 0.75) return;
  table.slots = new Uint32Array(slots.length * 2);
  for (let at = 0; at < slots.length; at += slotWords) {
    const slot = slots.subarray(at, at + slotWords);
    if (slot[lengthWord] !== 0) table.slots.set(slot, slotOf(table.slots, slot));
  }
}

function openDay(): Day {
  const tables = Array.from({ length: tablesOfDay }, () => ({
    slots: new Uint32Array(firstSlots * slotWords),
    used: 0,
  }));
  return { segments: [], tables };
}

function tableOf({ tables }: Day, key: Uint32Array): Table | undefined {
  return tables[(key[0] ?? 0) % tablesOfDay];
}

/** The number of a segment within its day. Tokens come one segment after the other: the last is looked at first. */
function numberOf({ segments }: Day, segment: string): number {
  const known = segments.lastIndexOf(segment);
  return known < 0 ? segments.push(segment) - 1 : known;
}

export function createRepeatIndex(): RepeatIndex {
  /** By number of the day since the epoch. */
  const days = new Map<number, Day>();
  return {
    enter: (text, { segment, offset, length, atMs }) => {
      const number = Math.floor(atMs / dayMs);
      const day = days.get(number) ?? openDay();
      days.set(number, day);
      const key = wordsOf(text);
      const table = tableOf(day, key);
      const segmentNumber = numberOf(day, segment);
      if (!table || segmentNumber >= maxSegments) return;
      makeRoom(table);
      const { slots } = table;
      const at = slotOf(slots, key);
      if (slots[at + lengthWord] !== 0) return;
      slots.set(key, at);
      slots[at + segmentWord] = segmentNumber * upperOffsets + Math.floor(offset / word);
      slots[at + offsetWord] = offset % word;
      slots[at + lengthWord] = length;
      slots[at + timeWord] = atMs - number * dayMs;
      table.used++;
    },
    find: (text, sinceMs) => {
      const key = wordsOf(text);
      for (const [number, day] of days) {
        const slots = tableOf(day, key)?.slots;
        const at = slots ? slotOf(slots, key) : 0;
        const length = slots?.[at + lengthWord] ?? 0;
        const atMs = number * dayMs + (slots?.[at + timeWord] ?? 0);
        if (length === 0 || atMs < sinceMs) continue;
        const upper = slots?.[at + segmentWord] ?? 0;
        const offset = (upper % upperOffsets) * word + (slots?.[at + offsetWord] ?? 0);
        return {
          segment: day.segments[Math.floor(upper / upperOffsets)] ?? '',
          offset,
          length,
          atMs,
        };
      }
      return undefined;
    },
    forgetBefore: (ms) => {
      const first = Math.floor(ms / dayMs);
      for (const number of days.keys()) if (number < first) days.delete(number);
    },
  };
}
