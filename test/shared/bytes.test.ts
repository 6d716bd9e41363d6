// Octet strings: what is hexadecimal, and which strings are among others.
import test from 'ava';
import { createByteCollector, fromHex, joinBytes, memberOf, toHex } from '#shared/bytes.ts';

for (const text of ['', '00', 'fF', '0123456789abcdefABCDEF'])
  test(`hexadecimal: ${JSON.stringify(text)}`, (t) => {
    const octets = fromHex(text);
    t.is(octets && toHex(octets), text.toLowerCase());
  });

for (const text of ['0', '000', 'zz', '00zz', 'zz00', '0x00', ' 00', '00 ', '0\n', '００'])
  test(`no hexadecimal: ${JSON.stringify(text)}`, (t) => {
    t.is(fromHex(text), undefined);
  });

for (const count of [0, 1, 4, 5, 100])
  test(`which are among ${count}`, (t) => {
    const values = Array.from({ length: count }, (_, index) => Uint8Array.of(index, 7));
    const isMember = memberOf(values);
    for (const value of values) t.true(isMember(Uint8Array.from(value)));
    for (const other of [[], [0], [7, 0], [0, 7, 0], [200, 7]])
      t.false(isMember(Uint8Array.from(other)));
  });

test('a list is joined, however long', (t) => {
  const parts = Array.from({ length: 500_000 }, (_, index) => Uint8Array.of(index & 0xff));
  const joined = joinBytes(parts);
  t.is(joined.length, parts.length);
  t.deepEqual([joined[1], joined[255], joined[256], joined[499_999]], [1, 255, 0, 499_999 & 0xff]);
});

for (const sizes of [[], [5], [0, 3], [1, 1, 1], [1000, 100, 1], [0, 0], [2000, 3000]])
  test(`collected in parts of ${sizes.join(', ') || 'nothing'}`, (t) => {
    const collector = createByteCollector();
    const parts = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
    for (const part of parts) collector.add(part);
    t.is(
      collector.length(),
      sizes.reduce((sum, size) => sum + size, 0),
    );
    t.deepEqual(collector.octets(), joinBytes(parts));
  });

test('what is collected does not change with the buffer that it came in', (t) => {
  const collector = createByteCollector();
  const buffer = Uint8Array.of(1);
  collector.add(Uint8Array.of(0));
  for (const value of [1, 2, 3]) {
    buffer[0] = value;
    collector.add(buffer);
  }
  t.deepEqual(collector.octets(), Uint8Array.of(0, 1, 2, 3));
});
