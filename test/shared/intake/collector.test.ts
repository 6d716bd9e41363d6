// When what was collected is due, and how it is cut into batches.
import test from 'ava';
import { createCollector } from '#shared/intake/collector.ts';

const start = Temporal.Instant.from('2030-01-01T00:00:00Z');
const after = (seconds: number): Temporal.Instant => start.add({ seconds });
const collector = () => createCollector<string>(() => ({ intervalMs: 60_000, maxGroups: 3 }));

test('nothing waits', (t) => {
  const empty = collector();
  t.is(empty.nextDue(), undefined);
  t.deepEqual(empty.takeDue(start), []);
});

test('a lane is due an interval after its oldest, with all that came meanwhile', (t) => {
  const one = collector();
  one.add('x', 'a', 1, start);
  one.add('x', 'b', 1, after(59));
  t.is(one.nextDue()?.toString(), after(60).toString());
  t.deepEqual(one.takeDue(after(59)), []);
  t.deepEqual(one.takeDue(after(60)), [{ lane: 'x', items: ['a', 'b'] }]);
  t.is(one.nextDue(), undefined);
});

test('a full lane is due at once', (t) => {
  const one = collector();
  one.add('x', 'a', 1, start);
  one.add('x', 'b', 2, start);
  t.deepEqual(one.takeDue(start), [{ lane: 'x', items: ['a', 'b'] }]);
});

test('an item is never split, and a batch is not above the limit', (t) => {
  const one = collector();
  one.add('x', 'a', 2, start);
  one.add('x', 'b', 2, start);
  one.add('x', 'c', 1, start);
  t.deepEqual(one.takeDue(start), [
    { lane: 'x', items: ['a'] },
    { lane: 'x', items: ['b', 'c'] },
  ]);
});

test('an item above the limit is a batch of its own', (t) => {
  const one = collector();
  one.add('x', 'a', 1, start);
  one.add('x', 'b', 9, start);
  t.deepEqual(one.takeDue(start), [
    { lane: 'x', items: ['a'] },
    { lane: 'x', items: ['b'] },
  ]);
});

test('lanes stay apart', (t) => {
  const one = collector();
  one.add('x', 'a', 1, start);
  one.add('y', 'b', 1, after(30));
  t.deepEqual(one.takeDue(after(60)), [{ lane: 'x', items: ['a'] }]);
  t.is(one.nextDue()?.toString(), after(90).toString());
});
