// The index of repeats: what was entered is found, the first of a day stays, and old days go whole.
import test from 'ava';
import fc from 'fast-check';
import { createRepeatIndex, type Place } from '#tsa/journal/repeat-index.ts';

const dayMs = 86_400_000;
const noon = 20_000 * dayMs + dayMs / 2;

const place = (offset: number, atMs = noon, segment = 'a'): Place => ({
  segment,
  offset,
  length: 10,
  atMs,
});

test('it finds what a map of the same keys finds', (t) => {
  const places: fc.Arbitrary<Place> = fc.record({
    segment: fc.constantFrom('a', 'b', 'c'),
    offset: fc.integer({ min: 0, max: 2 ** 44 - 1 }),
    length: fc.integer({ min: 1, max: 2 ** 31 }),
    atMs: fc.integer({ min: noon, max: noon + 2 * dayMs }),
  });
  const entries = fc.array(fc.tuple(fc.string({ maxLength: 2 }), places), { maxLength: 300 });
  fc.assert(
    fc.property(entries, (list) => {
      const index = createRepeatIndex();
      const days = new Map<number, Map<string, Place>>();
      for (const [key, one] of list) {
        index.enter(key, one);
        const number = Math.floor(one.atMs / dayMs);
        const day = days.get(number) ?? new Map<string, Place>();
        days.set(number, day);
        if (!day.has(key)) day.set(key, one);
      }
      for (const [key] of list) {
        const all = [...days.values()].flatMap((day) => day.get(key) ?? []);
        for (const sinceMs of [0, noon + dayMs])
          t.deepEqual(
            index.find(key, sinceMs),
            all.find(({ atMs }) => atMs >= sinceMs),
          );
      }
      t.is(index.find('none has three', 0), undefined);
    }),
    { numRuns: 50 },
  );
});

test('so many that every table grows: each is found, none that was not entered', (t) => {
  const index = createRepeatIndex();
  const count = 20_000;
  for (let i = 0; i < count; i++) index.enter(`key ${i}`, place(i));
  for (let i = 0; i < count; i++)
    if (index.find(`key ${i}`, 0)?.offset !== i) t.fail(`key ${i} is lost`);
  t.is(index.find(`key ${count}`, 0), undefined);
});

test('the first place of a day stays', (t) => {
  const index = createRepeatIndex();
  index.enter('k', place(1));
  index.enter('k', place(2));
  t.deepEqual(index.find('k', 0), place(1));
});

test('another day has a place of its own, and segments by the same name are theirs', (t) => {
  const index = createRepeatIndex();
  index.enter('k', place(1, noon, 'a'));
  index.enter('other', place(5, noon + dayMs, 'b'));
  index.enter('k', place(2, noon + dayMs, 'c'));
  t.deepEqual(index.find('k', 0), place(1, noon, 'a'));
  t.deepEqual(index.find('k', noon + 1), place(2, noon + dayMs, 'c'));
});

test('days are forgotten whole: that of the instant itself is kept', (t) => {
  const index = createRepeatIndex();
  index.enter('k', place(1));
  index.enter('k', place(2, noon + dayMs));
  index.forgetBefore(noon + dayMs / 2 - 1);
  t.deepEqual(index.find('k', 0), place(1));
  index.forgetBefore(noon + dayMs / 2);
  t.deepEqual(index.find('k', 0), place(2, noon + dayMs));
});

test('keys that differ in one character are two', (t) => {
  const index = createRepeatIndex();
  index.enter('0123456789abcdef0123456789abcdef', place(1));
  t.is(index.find('0123456789abcdef0123456789abcdee', 0), undefined);
  t.deepEqual(index.find('0123456789abcdef0123456789abcdef', 0), place(1));
});
