// Octet strings: what is hexadecimal, and which strings are among others.
import test from 'ava';
import { fromHex, memberOf, toHex } from '#shared/bytes.ts';

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
