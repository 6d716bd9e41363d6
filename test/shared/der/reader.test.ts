// Values as the reader gives them, in every length of their encoding.
import test from 'ava';
import fc from 'fast-check';
import { toHex } from '#shared/bytes.ts';
import { readInteger, readObjectIdentifier, readWhole } from '#shared/der/reader.ts';
import { derObjectIdentifier } from '#shared/der/writer.ts';

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

test('an object identifier is its own, whichever were read before it', (t) => {
  const arc = fc.oneof(fc.nat(3), fc.nat(300), fc.bigInt({ min: 0n, max: 2n ** 70n }));
  const identifier = fc
    .tuple(fc.nat(2), fc.nat(39), fc.array(arc, { maxLength: 9 }))
    .map(([first, second, rest]) => [first, second, ...rest].join('.'));
  fc.assert(
    fc.property(fc.array(identifier, { minLength: 2, maxLength: 40 }), (identifiers) => {
      const elements = identifiers.map((each) => readWhole(derObjectIdentifier(each)));
      const read = [...elements, ...elements].map(readObjectIdentifier);
      return read.join() === [...identifiers, ...identifiers].join();
    }),
  );
  t.pass();
});

test('an object identifier outlives the octets that it was read from', (t) => {
  const octets = derObjectIdentifier('1.2.3.4.5.6');
  t.is(readObjectIdentifier(readWhole(octets)), '1.2.3.4.5.6');
  octets[3] = 9;
  t.is(readObjectIdentifier(readWhole(octets)), '1.2.9.4.5.6');
  t.is(readObjectIdentifier(readWhole(derObjectIdentifier('1.2.3.4.5.6'))), '1.2.3.4.5.6');
});

for (const [hex, what] of [
  ['0600', 'without arcs'],
  ['06042a800305', 'with a leading zero in an arc'],
  ['06032a0383', 'cut short'],
] as const)
  test(`an object identifier ${what} is refused, each time`, (t) => {
    for (let turn = 0; turn < 2; turn++)
      t.throws(() => readObjectIdentifier(readWhole(Buffer.from(hex, 'hex'))), {
        code: 'ERR_FORMAT_DER',
      });
  });
