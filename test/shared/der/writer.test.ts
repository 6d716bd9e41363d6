// What the encoder writes, octet by octet; that it is DER, and read back, is for strict.test.ts and reader.test.ts.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import {
  derElement,
  derFrame,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  writeFrame,
} from '#shared/der/writer.ts';

for (const [value, hex] of [
  [0n, '020100'],
  [1n, '020101'],
  [127n, '02017f'],
  [128n, '02020080'],
  [255n, '020200ff'],
  [256n, '02020100'],
  [-1n, '0201ff'],
  [-128n, '020180'],
  [-129n, '0202ff7f'],
  [-256n, '0202ff00'],
  [1n << 64n, '0209010000000000000000'],
  [-(1n << 63n), '02088000000000000000'],
] as const)
  test(`INTEGER ${value} is ${hex}`, (t) => {
    t.is(toHex(derInteger(value)), hex);
    if (Number.isSafeInteger(Number(value))) t.is(toHex(derInteger(Number(value))), hex);
  });

for (const [length, head] of [
  [0, '0400'],
  [127, '047f'],
  [128, '048180'],
  [255, '0481ff'],
  [256, '04820100'],
  [65_536, '0483010000'],
] as const)
  test(`${length} octets stand behind ${head}`, (t) => {
    const element = derOctetString(new Uint8Array(length).fill(7));
    t.is(toHex(element.subarray(0, head.length / 2)), head);
    t.is(element.length, head.length / 2 + length);
    t.true(element.subarray(head.length / 2).every((octet) => octet === 7));
  });

test('an identifier is written alike the first and the second time', (t) => {
  const octets = toHex(derObjectIdentifier('2.999.840.113549'));
  t.is(octets, '06078837864886f70d');
  t.is(toHex(derObjectIdentifier('2.999.840.113549')), octets);
});

test('frames are written as elements in elements are', (t) => {
  for (const length of [0, 100, 122, 123, 124, 125, 126, 127, 128, 250, 256, 70_000]) {
    const octets = derOctetString(new Uint8Array(length));
    const frame = derFrame(0x30, derFrame(0xa0, derFrame(0x31, octets), derNull()), octets);
    const element = derSequence(derElement(0xa0, derElement(0x31, octets), derNull()), octets);
    t.is(toHex(writeFrame(frame)), toHex(element), `${length} octets`);
    t.is(frame.length, element.length);
  }
});
