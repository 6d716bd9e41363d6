import test from 'ava';
import fc from 'fast-check';
import { fromHex, toHex } from '#shared/bytes.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { defaultLimits } from '#shared/der/reader.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { FormatError } from '#shared/errors.ts';

function octets(hex: string): Uint8Array {
  const value = fromHex(hex.replaceAll(' ', ''));
  if (!value) throw new Error('not hexadecimal');
  return value;
}

const becomes = test.macro({
  exec: (t, ber: string, der: string) => {
    t.is(toHex(reEncodeAsDer(octets(ber))), der.replaceAll(' ', ''));
  },
  title: (name) => `re-encodes ${name ?? ''}`,
});

test('DER to itself', becomes, '30 05 02 01 05 05 00', '30 05 02 01 05 05 00');
test('an indefinite length', becomes, '30 80 02 01 05 00 00', '30 03 02 01 05');
test('a long form of a short length', becomes, '04 81 01 aa', '04 01 aa');
test('a BOOLEAN that is neither 00 nor ff', becomes, '01 01 01', '01 01 ff');
test('a FALSE', becomes, '01 01 00', '01 01 00');
test('a set out of order', becomes, '31 06 02 01 07 02 01 05', '31 06 02 01 05 02 01 07');
test('a sequence in its own order', becomes, '30 06 02 01 07 02 01 05', '30 06 02 01 07 02 01 05');
test(
  'an implicit set in its own order',
  becomes,
  'a0 06 02 01 07 02 01 05',
  'a0 06 02 01 07 02 01 05',
);
test('a segmented OCTET STRING', becomes, '24 80 04 01 aa 24 03 04 01 bb 00 00', '04 02 aa bb');
test('a segmented BIT STRING', becomes, '23 08 03 02 00 aa 03 02 04 b0', '03 03 04 aa b0');
test('a tag number of two octets', becomes, 'bf 1f 80 05 00 00 00', 'bf 1f 02 05 00');

test('the limits hold', (t) => {
  const nested = octets('30 04 30 02 30 00');
  const deep = t.throws(() => reEncodeAsDer(nested, { ...defaultLimits, maxDepth: 2 }), {
    instanceOf: FormatError,
  });
  t.is(deep.code, 'ERR_FORMAT_LIMIT');
  const many = t.throws(() => reEncodeAsDer(nested, { ...defaultLimits, maxElements: 2 }), {
    instanceOf: FormatError,
  });
  t.is(many.code, 'ERR_FORMAT_LIMIT');
});

test('what comes out has definite and shortest lengths, and stays as it is', (t) => {
  const element = fc.letrec<{ node: Uint8Array }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc
        .uint8Array({ maxLength: 5 })
        .map((content) => Uint8Array.of(4, content.length, ...content)),
      fc
        .tuple(fc.constantFrom(0x30, 0x31, 0xa1), fc.array(tie('node'), { maxLength: 3 }))
        .map(([tag, children]) =>
          Uint8Array.of(tag, 0x80, ...children.flatMap((child) => [...child]), 0, 0),
        ),
    ),
  })).node;
  fc.assert(
    fc.property(element, (ber) => {
      const der = reEncodeAsDer(ber);
      t.is(findDerOffence(der), undefined);
      t.deepEqual(reEncodeAsDer(der), der);
    }),
    { numRuns: 200 },
  );
});

test('more members than a call takes arguments, as a large CRL has', (t) => {
  const members = new Uint8Array(2 * 300_000).map((_, index) => (index % 2 === 0 ? 5 : 0));
  const ber = Uint8Array.of(0x30, 0x80, ...[0, 0]);
  const long = new Uint8Array(ber.length + members.length);
  long.set(ber.subarray(0, 2));
  long.set(members, 2);
  const der = reEncodeAsDer(long);
  t.is(der.length, 5 + members.length);
  t.deepEqual([...der.subarray(0, 7)], [0x30, 0x83, 0x09, 0x27, 0xc0, 5, 0]);
});
