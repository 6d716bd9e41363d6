import test from 'ava';
import fc from 'fast-check';
import { fromHex } from '#shared/bytes.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import {
  derBoolean,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
  derUtf8String,
} from '#shared/der/writer.ts';

type Row = { readonly title: string; readonly hex: string; readonly offset: number };

/** One offence each; `offset` is that of the element that offends. */
const offences: readonly Row[] = [
  { title: 'nothing', hex: '', offset: 0 },
  { title: 'length cut short', hex: '3005', offset: 0 },
  { title: 'octets after the end', hex: '050000', offset: 2 },
  { title: 'indefinite length', hex: '30800000', offset: 0 },
  { title: 'length in long form below 128', hex: '308100', offset: 0 },
  { title: 'length with a leading zero', hex: '04820080' + '00'.repeat(128), offset: 0 },
  { title: 'low tag in high form', hex: '1f0500', offset: 0 },
  { title: 'boolean 01', hex: '3003010101', offset: 2 },
  { title: 'integer padded with 00', hex: '30040202007f', offset: 2 },
  { title: 'integer padded with FF', hex: '0202ff80', offset: 0 },
  { title: 'integer without contents', hex: '0200', offset: 0 },
  { title: 'enumerated padded', hex: '0a020001', offset: 0 },
  { title: 'unused bits not zero', hex: '03020401', offset: 0 },
  { title: 'unused bits above seven', hex: '03020800', offset: 0 },
  { title: 'bit string without contents', hex: '0300', offset: 0 },
  { title: 'NULL with contents', hex: '050100', offset: 0 },
  { title: 'object identifier with a leading zero', hex: '06038001', offset: 0 },
  { title: 'object identifier without contents', hex: '0600', offset: 0 },
  { title: 'object identifier with a last arc cut short', hex: '06022a86', offset: 0 },
  {
    title: 'object identifier with a leading zero in a later arc',
    hex: '06042a038001',
    offset: 0,
  },
  { title: 'object identifier of 129 octets', hex: '068181' + '2a'.repeat(129), offset: 0 },
  { title: 'constructed octet string', hex: '2403040100', offset: 0 },
  { title: 'primitive SEQUENCE', hex: '1000', offset: 0 },
  { title: 'SET not sorted', hex: '3106020105020104', offset: 5 },
  { title: 'UTF8String that is none', hex: '0c01ff', offset: 0 },
  { title: 'UTCTime without seconds', hex: '170b' + '323530313031303030305a', offset: 0 },
  {
    title: 'UTCTime with a letter in it',
    hex: '170d' + '32353031303130304130303030' + '5a',
    offset: 0,
  },
  { title: 'UTCTime without Z', hex: '170d' + '32353031303130303030303030', offset: 0 },
  {
    title: 'GeneralizedTime without a digit behind its dot',
    hex: '1810' + '32303235303130313030303030302e5a',
    offset: 0,
  },
  {
    title: 'GeneralizedTime with a comma',
    hex: '1811' + '32303235303130313030303030302c355a',
    offset: 0,
  },
  {
    title: 'GeneralizedTime without Z behind its fraction',
    hex: '1811' + '32303235303130313030303030302e3535',
    offset: 0,
  },
  { title: 'time of 65 octets', hex: '1841' + '32'.repeat(65), offset: 0 },
  { title: 'UTF8String that ends within a character', hex: '0c0261c3', offset: 0 },
  { title: 'BMPString of an odd length', hex: '1e0100', offset: 0 },
  { title: 'UniversalString not in fours', hex: '1c020000', offset: 0 },
  {
    title: 'GeneralizedTime with a padded fraction',
    hex: '1812' + '32303235303130313030303030302e35305a',
    offset: 0,
  },
  { title: 'end-of-contents octets', hex: '0000', offset: 0 },
];

const offends = test.macro({
  exec(t, row: Row) {
    const offence = findDerOffence(fromHex(row.hex) ?? new Uint8Array());
    t.is(offence?.offset, row.offset, offence?.what);
  },
  title: (_, row: Row) => `not DER: ${row.title}`,
});

for (const row of offences) test(offends, row);

test('the genuine forms pass', (t) => {
  for (const hex of [
    '0500',
    '30003000'.slice(0, 4),
    '0202ff7f',
    '020200ff',
    '3106020104020105',
    '03020780',
    '06032a8648',
    '068180' + '2a'.repeat(128),
    '170d' + '3235303130313030303030305a',
    '180f' + '32303235303130313030303030305a',
    '1812' + '32303235303130313030303030302e30355a',
    '0c0461c3a962',
  ])
    t.is(findDerOffence(fromHex(hex) ?? new Uint8Array()), undefined, hex);
});

test('nesting beyond the limit ends the walk', (t) => {
  let octets = new Uint8Array([0x05, 0x00]);
  for (let depth = 0; depth < 100; depth++) octets = Uint8Array.from(derSequence(octets));
  t.regex(findDerOffence(octets)?.what ?? '', /levels/);
});

const element = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.bigInt({ min: -(1n << 80n), max: 1n << 80n }).map(derInteger),
    fc.boolean().map(derBoolean),
    fc.uint8Array({ maxLength: 200 }).map(derOctetString),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map(derUtf8String),
    fc
      .constantFrom('1.2.840.113549.1.1.11', '2.5.29.14', '2.999.18446744073709551617')
      .map(derObjectIdentifier),
    fc
      .array(tie('tree') as fc.Arbitrary<Uint8Array>, { maxLength: 4 })
      .map((parts) => derSequence(...parts)),
    fc
      .array(tie('tree') as fc.Arbitrary<Uint8Array>, { maxLength: 4 })
      .map((parts) => derSetOf(...parts)),
  ),
})).tree;

test('whatever the writer makes is DER', (t) => {
  fc.assert(
    fc.property(element, (octets) => {
      t.is(findDerOffence(octets), undefined);
    }),
  );
});

test('any octets give a result within the input', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const offence = findDerOffence(octets);
      t.true(!offence || offence.offset <= octets.length);
    }),
  );
});
