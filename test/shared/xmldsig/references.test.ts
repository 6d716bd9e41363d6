// References of XML signatures: what each is over, and what may not stand in its place.
import test from 'ava';
import { createHash } from 'node:crypto';
import type { ReferenceFacts } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { contentOf, type SignedContent } from '#shared/validation/reading.ts';
import { enveloped, signedXml, xmlReference } from '../../_xml-signature.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64');

const ds = 'http://www.w3.org/2000/09/xmldsig#';
const c14n = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>';
const commented =
  '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"/>';
const base64 = `<ds:Transform Algorithm="${ds}base64"/>`;
const xpath =
  '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath></ds:Transform>';
const filter = (text: string): string =>
  `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">${text}</f:XPath></ds:Transform>`;

function referencesOf(
  references: string,
  body: string,
  detached: readonly SignedContent[] = [],
): readonly ReferenceFacts[] {
  const bytes = signedXml({ references }, body);
  return inspect({ bytes, size: bytes.length, detached }).signatures.flatMap(
    (one) => one.references,
  );
}

type Row = readonly [
  what: string,
  uri: string,
  transforms: string,
  body: string,
  over: string,
  detached?: readonly SignedContent[],
];

const given = (text: string, name?: string): SignedContent => contentOf([encode(text)], name);

const rows: readonly Row[] = [
  ['the whole without the signature', '', enveloped, '<i/>', '<doc><i></i></doc>'],
  ['the same by XPath', '', xpath, '<i/>', '<doc><i></i></doc>'],
  ['by filter', '', filter('/descendant::ds:Signature'), '<i/>', '<doc><i></i></doc>'],
  ['by filter below the root', '', filter('/*/ds:Signature'), '<i/>', '<doc><i></i></doc>'],
  ['no comments where none are meant', '', enveloped + commented, '<!--c-->', '<doc></doc>'],
  [
    'comments by XPointer',
    '#xpointer(/)',
    enveloped + commented,
    '<!--c-->',
    '<doc><!--c--></doc>',
  ],
  ['an element', '#b', c14n, '<i Id="b" a="1"/>', '<i Id="b" a="1"></i>'],
  ['an Id that begins with a digit', '#1b', '', '<i Id="1b"/>', '<i Id="1b"></i>'],
  ['text in Base64', '#b', base64, '<i Id="b">YW<!--c-->I\n=<j></j></i>', 'ab'],
  ['content beside it', 'file', '', '', 'as it is', [given('other'), given('as it is')]],
  ['content of that name', 'a%20b', '', '', 'right', [given('right', 'a b'), given('wrong')]],
  ['XML beside it, canonicalized', 'file', c14n, '', '<a b="1"></a>', [given("<a b='1'/>")]],
];

for (const [what, uri, transforms, body, over, detached] of rows)
  test(`over what it says: ${what}`, (t) => {
    const good = referencesOf(xmlReference(uri, transforms, digestOf(over)), body, detached);
    t.like(good[0], { found: true, intact: true });
    const bad = referencesOf(xmlReference(uri, transforms, digestOf(`${over} `)), body, detached);
    t.is(bad[0]?.intact, false);
  });

test('a reference without URI is over what was given', (t) => {
  const reference = xmlReference('@', '', digestOf('given')).replace(' URI="@"', '');
  t.like(referencesOf(reference, '', [given('given')])[0], { found: true, intact: true });
  t.like(referencesOf(reference, '')[0], { found: false, intact: false });
});

const typed = (type: string, uri: string, over: string): string =>
  xmlReference(uri, '', digestOf(over)).replace(' URI', ` Type="${ds}${type}" URI`);

const inTheWay: readonly (readonly [
  what: string,
  references: string,
  body: string,
  found: boolean,
])[] = [
  [
    'an Id of two elements',
    xmlReference('#b', '', digestOf('<i Id="b"></i>')),
    '<i Id="b"/><j Id="b"/>',
    false,
  ],
  [
    'an element that is no Object of the signature',
    typed('Object', '#b', '<i Id="b"></i>'),
    '<i Id="b"/>',
    false,
  ],
  ['a digest of nothing', xmlReference('#sig', enveloped, digestOf('')), '', true],
  ['the same by XPath', xmlReference('#sig', xpath, digestOf('')), '', true],
  ['what is no Base64', xmlReference('#b', base64, digestOf('')), '<i Id="b">?</i>', true],
];

for (const [what, references, body, found] of inTheWay)
  test(`not intact: ${what}`, (t) => {
    t.like(referencesOf(references, body)[0], { found, intact: false });
  });

test('of several given none of which fits, none is found', (t) => {
  const references = xmlReference('file', '', digestOf('x'));
  t.like(referencesOf(references, '', [given('a'), given('b')])[0], { found: false });
  t.like(referencesOf(references, '', [given('a')])[0], { found: true, intact: false });
});

test('a transform that is not carried out leaves no claim', (t) => {
  const xslt = '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>';
  t.is(referencesOf(xmlReference('', xslt), '')[0]?.intact, undefined);
});

test('signed properties have to be those of the signature', (t) => {
  const other = '<x:SignedProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" Id="other"/>';
  const over =
    '<x:SignedProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" Id="other"></x:SignedProperties>';
  const reference = xmlReference('#other', '', digestOf(over)).replace(
    ' URI',
    ' Type="http://uri.etsi.org/01903#SignedProperties" URI',
  );
  const bytes = signedXml({ references: reference, signedProperties: '' }, other);
  const [signature] = inspect({ bytes, size: bytes.length }).signatures;
  t.like(signature?.references[0], { kind: 'signed-properties', intact: false });
});

test('the entries of a manifest are listed', (t) => {
  const entries = `${xmlReference('#b', c14n, digestOf('<i Id="b"></i>'))}${xmlReference('#b', c14n, digestOf(''))}`;
  const manifest = `<ds:Manifest xmlns:ds="${ds}" Id="m">${entries}</ds:Manifest>`;
  const facts = referencesOf(xmlReference('#m'), `<i Id="b"/>${manifest}`);
  t.deepEqual(
    facts.map(({ kind, intact }) => [kind, intact]),
    [
      ['xml-reference', false],
      ['manifest-entry', true],
      ['manifest-entry', false],
    ],
  );
});
