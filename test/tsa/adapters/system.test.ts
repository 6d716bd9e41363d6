// The clock and the random octets of a running proxy.
import test from 'ava';
import { createSystemClock, createSystemRandom } from '#tsa/adapters/system.ts';

test('the clock shows whole milliseconds of the system time', (t) => {
  const clock = createSystemClock();
  const before = Date.now();
  const now = clock.now();
  t.true(before <= now.epochMilliseconds && now.epochMilliseconds <= Date.now());
  t.is(now.epochNanoseconds % 1_000_000n, 0n);
});

test('random octets have the length that was asked for, and none is given twice', (t) => {
  const random = createSystemRandom();
  const lengths = [16, 4000, 100, 4096, 1, 5000, ...Array.from({ length: 300 }, () => 16)];
  const given = lengths.map((length) => random(length));
  t.deepEqual(
    given.map(({ length }) => length),
    lengths,
  );
  const copies = given.map((octets) => Buffer.from(octets).toString('hex'));
  for (const octets of given) octets.fill(0);
  t.deepEqual(random(16).length, 16);
  t.is(new Set(copies.filter(({ length }) => length >= 32)).size, lengths.length - 1);
  t.true(random(16).some((octet) => octet !== 0));
});
