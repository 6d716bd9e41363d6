// XML: what is read into which tree, and what is refused.
import test from 'ava';
import fc from 'fast-check';
import { type ErrorCode, TokiwaError } from '#shared/errors.ts';
import { defaultXmlLimits, parseXml } from '#shared/xml/parse.ts';
import { attributeOf, childElements, textOf, walkElements } from '#shared/xml/tree.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

test('namespaces, attributes, text and places', (t) => {
  const text =
    '<?xml version="1.0"?><a xmlns="urn:a" xmlns:b="urn:b" b:x="1">é<b:c y="&lt;2&#10;"/></a>';
  const document = parseXml(encode(text));
  const { root } = document;
  t.deepEqual([root.localName, root.namespace], ['a', 'urn:a']);
  t.deepEqual(root.attributes, [{ name: 'b:x', localName: 'x', namespace: 'urn:b', value: '1' }]);
  const [child] = childElements(root);
  t.deepEqual([child?.name, child?.namespace, attributeOf(child, 'y')], ['b:c', 'urn:b', '<2\n']);
  t.is(text.slice(child?.start, child?.end), '<b:c y="&lt;2&#10;"/>');
  // é takes two octets.
  t.is(document.octetOffset(child?.start ?? 0), (child?.start ?? 0) + 1);
  t.is([...walkElements(root)].length, 2);
});

test('line ends, CDATA and adjacent text', (t) => {
  const { root } = parseXml(encode('<a>1\r\n2\r3<![CDATA[<&]]>4</a>'));
  t.is(textOf(root), '1\n2\n3<&4');
  t.is(root.children.length, 1);
});

test('white space in attributes becomes spaces unless given by reference', (t) => {
  t.is(attributeOf(parseXml(encode('<a b="1\t2&#9;3"/>')).root, 'b'), '1 2\t3');
});

test('a comment inside a value makes it none', (t) => {
  t.is(textOf(parseXml(encode('<a>1<!-- x -->2</a>')).root), undefined);
});

const encodings: readonly (readonly [string, Uint8Array])[] = [
  ['UTF-8 with mark', Uint8Array.of(0xef, 0xbb, 0xbf, ...encode('<a>é</a>'))],
  ['UTF-16LE', Uint8Array.of(0xff, 0xfe, ...Buffer.from('<a>é</a>', 'utf16le'))],
  ['ISO-8859-1', latin1('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>')],
  ['ISO-8859-2', latin1('<?xml version="1.0" encoding="ISO-8859-2"?><a>\xf5</a>')],
  ['windows-1250', latin1('<?xml version="1.0" encoding="windows-1250"?><a>\xf5</a>')],
  [
    'Shift_JIS',
    Uint8Array.of(
      ...latin1('<?xml version="1.0" encoding="Shift_JIS"?><a>'),
      0x93,
      0xfa,
      ...latin1('</a>'),
    ),
  ],
];
for (const [name, octets] of encodings)
  test(`encoding: ${name}`, (t) => {
    t.regex(textOf(parseXml(octets).root) ?? '', /^[éő日]$/u);
  });

const refused: readonly (readonly [string, string | Uint8Array, ErrorCode])[] = [
  ['document type', '<!DOCTYPE a><a/>', 'ERR_UNSUPPORTED_FEATURE'],
  ['XML 1.1', '<?xml version="1.1"?><a/>', 'ERR_UNSUPPORTED_VERSION'],
  ['unknown encoding', '<?xml version="1.0" encoding="x-y"?><a/>', 'ERR_UNSUPPORTED_FEATURE'],
  [
    'an octet that its encoding leaves open',
    latin1('<?xml version="1.0" encoding="ISO-8859-3"?><a>\xa5</a>'),
    'ERR_FORMAT_XML',
  ],
  ['UTF-32', Uint8Array.of(0, 0, 0xfe, 0xff, 0, 0, 0, 0x3c), 'ERR_UNSUPPORTED_FEATURE'],
  ['not UTF-8', Uint8Array.of(0x3c, 0x61, 0xff), 'ERR_FORMAT_XML'],
  ['overlong UTF-8', Uint8Array.of(...encode('<a>'), 0xc0, 0xaf), 'ERR_FORMAT_XML'],
  ['empty', '', 'ERR_FORMAT_XML'],
  ['two roots', '<a/><b/>', 'ERR_FORMAT_XML'],
  ['text outside', '<a/>x', 'ERR_FORMAT_XML'],
  ['not closed', '<a><b></b>', 'ERR_FORMAT_XML'],
  ['wrong end tag', '<a></b>', 'ERR_FORMAT_XML'],
  ['attribute twice', '<a x="1" x="2"/>', 'ERR_FORMAT_XML'],
  ['attribute twice by namespace', '<a xmlns:p="u" xmlns:q="u" p:x="" q:x=""/>', 'ERR_FORMAT_XML'],
  ['attribute without quotes', '<a x=1/>', 'ERR_FORMAT_XML'],
  ['attributes without space', '<a x="1"y="2"/>', 'ERR_FORMAT_XML'],
  ['< in an attribute', '<a x="<"/>', 'ERR_FORMAT_XML'],
  ['unbound prefix', '<p:a/>', 'ERR_FORMAT_XML'],
  ['unbound attribute prefix', '<a p:x=""/>', 'ERR_FORMAT_XML'],
  ['prefix undeclared', '<a xmlns:p=""/>', 'ERR_FORMAT_XML'],
  ['prefix xmlns declared', '<a xmlns:xmlns="u"/>', 'ERR_FORMAT_XML'],
  ['prefix xml elsewhere', '<a xmlns:xml="u"/>', 'ERR_FORMAT_XML'],
  ['namespace declared twice', '<a xmlns="u" xmlns="u"/>', 'ERR_FORMAT_XML'],
  ['unknown entity', '<a>&nbsp;</a>', 'ERR_FORMAT_XML'],
  ['bare ampersand', '<a>& </a>', 'ERR_FORMAT_XML'],
  ['reference to a control character', '<a>&#1;</a>', 'ERR_FORMAT_XML'],
  ['reference beyond Unicode', '<a>&#x110000;</a>', 'ERR_FORMAT_XML'],
  ['control character', '<a>\u{1}</a>', 'ERR_FORMAT_XML'],
  ['-- in a comment', '<a><!-- -- --></a>', 'ERR_FORMAT_XML'],
  [']]> in text', '<a>]]></a>', 'ERR_FORMAT_XML'],
  ['CDATA outside', '<![CDATA[]]><a/>', 'ERR_FORMAT_XML'],
  ['CDATA not closed', '<a><![CDATA[</a>', 'ERR_FORMAT_XML'],
  ['declaration in the middle', '<a><?xml version="1.0"?></a>', 'ERR_FORMAT_XML'],
  ['declaration without version', '<?xml encoding="UTF-8"?><a/>', 'ERR_FORMAT_XML'],
  ['two marks', '\u{feff}\u{feff}<a/>', 'ERR_FORMAT_XML'],
  ['too deep', '<a>'.repeat(300), 'ERR_FORMAT_LIMIT'],
  [
    'too many attributes',
    `<a ${Array.from({ length: 600 }, (_, i) => `x${i}=""`).join(' ')}/>`,
    'ERR_FORMAT_LIMIT',
  ],
];
for (const [what, input, code] of refused)
  test(`refused: ${what}`, (t) => {
    const octets = typeof input === 'string' ? encode(input) : input;
    const error = t.throws(() => parseXml(octets), { any: true });
    t.true(error instanceof TokiwaError);
    t.is((error as TokiwaError).code, code);
  });

test('an error names the octet', (t) => {
  const error = t.throws(() => parseXml(encode('<a>é</b>')), { any: true });
  t.regex((error as Error).message, /at octet 7$/);
});

test('limits are the caller’s', (t) => {
  const limits = { ...defaultXmlLimits, maxNodes: 2 };
  t.throws(() => parseXml(encode('<a><b/><c/></a>'), limits), { code: 'ERR_FORMAT_LIMIT' });
});

test('any text ends in a tree or a typed error', (t) => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '/',
    'a',
    ' ',
    '="',
    '&',
    ';',
    '!',
    '-',
    '[',
    ']',
    '?',
    'é',
    'xmlns',
    ':',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      try {
        parseXml(encode(`<a>${pieces.join('')}</a>`));
      } catch (error) {
        if (!(error instanceof TokiwaError)) throw error;
      }
    }),
  );
  t.pass();
});
