import test from 'ava';
import {
  derElement,
  derIa5String,
  derObjectIdentifier,
  derPrintableString,
  derSequence,
  derSetOf,
  derUtf8String,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { appendRdn, isInSubtree, nameKey, namesMatch, parseName } from '#shared/x509/name.ts';
import type { Name } from '#shared/x509/name.ts';

type Attribute = readonly [oid: string, value: Uint8Array];

/** One attribute an RDN, most general first. */
function name(...attributes: readonly Attribute[]): Name {
  return parseName(
    derSequence(
      ...attributes.map(([oid, value]) => derSetOf(derSequence(derObjectIdentifier(oid), value))),
    ),
  );
}

const cn = (value: Uint8Array): Attribute => [oids.commonName, value];
const o = (value: Uint8Array): Attribute => [oids.organizationName, value];
const bmp = (text: string): Uint8Array => derElement(0x1e, Buffer.from(text, 'utf16le').swap16());

const texts: readonly (readonly [string, Name, string])[] = [
  [
    'most specific first',
    name(o(derUtf8String('Org')), cn(derUtf8String('Name'))),
    'CN=Name,O=Org',
  ],
  [
    'special characters',
    name(cn(derUtf8String(' a,b+c"d\\e<f>g;h '))),
    'CN=\\ a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\ ',
  ],
  ['leading number sign and control', name(cn(derUtf8String('#a\u0000'))), 'CN=\\#a\\00'],
  ['Japanese in UTF-8', name(o(derUtf8String('時刻認証局'))), 'O=時刻認証局'],
  ['BMPString', name(o(bmp('時刻'))), 'O=時刻'],
  ['TeletexString as Latin-1', name(o(derElement(0x14, Uint8Array.of(0xe9)))), 'O=é'],
  ['UniversalString', name(o(derElement(0x1c, Uint8Array.of(0, 1, 0xf6, 0)))), 'O=😀'],
  ['octets that are no UTF-8', name(o(derElement(0x0c, Uint8Array.of(0xff)))), 'O=#0c01ff'],
  ['unknown attribute', name(['1.2.3.4', derUtf8String('x')]), '1.2.3.4=x'],
  ['the empty name', name(), ''],
];

for (const [title, value, expected] of texts) {
  test(`printed: ${title}`, (t) => {
    t.is(value.text, expected);
  });
}

test('names match without regard to case, white space and string type', (t) => {
  const base = name(o(derPrintableString('Test  Org')), cn(derPrintableString('Root CA')));
  const other = name(o(derUtf8String(' test org ')), cn(derUtf8String('ROOT ca')));
  t.true(namesMatch(base, other));
  t.is(nameKey(base), nameKey(other));
});

test('names do not match for another value, order, attribute or length', (t) => {
  const base = name(o(derUtf8String('Org')), cn(derUtf8String('A')));
  for (const other of [
    name(o(derUtf8String('Org')), cn(derUtf8String('B'))),
    name(cn(derUtf8String('A')), o(derUtf8String('Org'))),
    name(o(derUtf8String('Org')), [oids.serialNumber, derUtf8String('A')]),
    name(o(derUtf8String('Org'))),
    name(o(derUtf8String('Org')), cn(derUtf8String('A')), cn(derUtf8String('A'))),
  ])
    t.false(namesMatch(base, other), other.text);
});

test('control characters do not count, and do not pass for the seam of two RDNs', (t) => {
  t.true(namesMatch(name(cn(derUtf8String('A\u0001B'))), name(cn(derUtf8String('ab')))));
  const first = name(o(derUtf8String(`x\u0001${oids.commonName}=y`)), cn(derUtf8String('z')));
  const second = name(o(derUtf8String('x')), cn(derUtf8String(`y\u0001${oids.commonName}=z`)));
  t.false(namesMatch(first, second));
});

test('attributes of one RDN are a set', (t) => {
  const rdn = (...parts: readonly Attribute[]): Uint8Array =>
    derElement(0x31, ...parts.map(([oid, value]) => derSequence(derObjectIdentifier(oid), value)));
  const a = parseName(derSequence(rdn(cn(derUtf8String('A')), o(derUtf8String('B')))));
  const b = parseName(derSequence(rdn(o(derUtf8String('b')), cn(derUtf8String('a')))));
  t.true(namesMatch(a, b));
});

test('a subtree holds names that begin with its RDNs', (t) => {
  const base = name(o(derUtf8String('Org')));
  t.true(isInSubtree(name(o(derUtf8String('ORG')), cn(derUtf8String('A'))), base));
  t.true(isInSubtree(base, base));
  t.false(isInSubtree(name(cn(derUtf8String('A')), o(derUtf8String('Org'))), base));
  t.false(isInSubtree(name(), base));
});

test('a relative name is appended', (t) => {
  const base = name(o(derUtf8String('Org')));
  const [rdn] = name(cn(derIa5String('CRL 1'))).rdns;
  t.is(rdn && appendRdn(base, rdn).text, 'CN=CRL 1,O=Org');
});

test('what is no name is refused', (t) => {
  for (const octets of [
    derUtf8String('x'),
    derSequence(derSequence()),
    derSequence(derSetOf()),
    derSequence(derSetOf(derSequence(derObjectIdentifier('2.5.4.3')))),
  ])
    t.throws(() => parseName(octets), { code: 'ERR_FORMAT_DER' });
});
