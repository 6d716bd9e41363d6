// Values as the reader gives them, in every length of their encoding.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import { readInteger, readWhole } from '#shared/der/reader.ts';

for (const [hex, value] of [
  ['020100', 0n],
  ['020101', 1n],
  ['02017f', 127n],
  ['020180', -128n],
  ['0201ff', -1n],
  ['02020080', 128n],
  ['0202ff7f', -129n],
  ['0209010000000000000000', 2n ** 64n],
] as const)
  test(`INTEGER ${hex} is ${value}`, (t) => {
    t.is(readInteger(readWhole(Buffer.from(hex, 'hex'))), value);
  });

test('elements give the same views again, of the input itself', (t) => {
  const input = Buffer.from('3006020101020102', 'hex');
  const element = readWhole(input);
  t.is(element.raw, element.raw);
  t.is(element.content, element.content);
  t.is(element.raw.buffer, input.buffer);
  t.is(toHex(element.content), '020101020102');
});
