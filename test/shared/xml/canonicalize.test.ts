// Canonical forms: the rules one by one, and libxml2's opinion on documents made up at random.
import test from 'ava';
import fc from 'fast-check';
import {
  type CanonicalMethod,
  canonicalMethodOf,
  createCanonicalizer,
} from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { type XmlElement, childElements } from '#shared/xml/tree.ts';
import { type ElementPath, canonicalizeWithLibxml2 } from './_libxml2.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function at(root: XmlElement, path: ElementPath): XmlElement {
  let element = root;
  for (const index of path) {
    const child = childElements(element)[index];
    if (!child) throw new Error('no such element');
    element = child;
  }
  return element;
}

type Part = { readonly path?: ElementPath; readonly without?: ElementPath };

function canonical(text: string, method: CanonicalMethod, part: Part = {}): string {
  const document = parseXml(encode(text));
  const canonicalize = createCanonicalizer(document);
  const apex = part.path ? at(document.root, part.path) : document;
  const without = new Set(part.without ? [at(document.root, part.without)] : []);
  return Buffer.from(canonicalize(apex, method, without)).toString();
}

const inclusive: CanonicalMethod = { edition: '1.0', comments: false };
const inclusive11: CanonicalMethod = { edition: '1.1', comments: false };
const exclusive: CanonicalMethod = { edition: 'exclusive', comments: false };
const commented: CanonicalMethod = { edition: '1.0', comments: true };

type Row = readonly [
  what: string,
  text: string,
  method: CanonicalMethod,
  part: Part,
  expected: string,
];

const rows: readonly Row[] = [
  [
    'declaration and comments go, instructions stay on lines of their own',
    '<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><?p  q ?>\n<r/>\n<?p?><!-- b -->\n',
    inclusive,
    {},
    '<?p q ?>\n<r></r>\n<?p?>',
  ],
  [
    'comments stay where they are asked for',
    '<!-- a --><r><!--b--></r><!--c-->',
    commented,
    {},
    '<!-- a -->\n<r><!--b--></r>\n<!--c-->',
  ],
  [
    'line ends, CDATA and references',
    '<r>\r\n<![CDATA[<&>]]>&#13;&#x41;"\'</r>',
    inclusive,
    {},
    '<r>\n&lt;&amp;&gt;&#xD;A"\'</r>',
  ],
  [
    'attribute values',
    `<r a='"&lt;>&amp;&#9;&#10;&#13;\t'/>`,
    inclusive,
    {},
    '<r a="&quot;&lt;>&amp;&#x9;&#xA;&#xD; "></r>',
  ],
  [
    'namespaces by prefix, attributes by namespace, those without one first',
    '<r xmlns:z="urn:1" xmlns:a="urn:2" xmlns="urn:0" a:b="1" z:c="2" c="3" b="4"/>',
    inclusive,
    {},
    '<r xmlns="urn:0" xmlns:a="urn:2" xmlns:z="urn:1" b="4" c="3" z:c="2" a:b="1"></r>',
  ],
  [
    'names are ordered by code point, not by UTF-16 unit',
    '<r \u{10000}="1" \uf900="2"/>',
    inclusive,
    {},
    '<r \uf900="2" \u{10000}="1"></r>',
  ],
  [
    'a declaration that says nothing new goes',
    '<a xmlns="urn:1" xmlns:p="urn:p"><b xmlns="urn:1" xmlns:p="urn:p"><c xmlns=""><d xmlns=""/></c></b></a>',
    inclusive,
    {},
    '<a xmlns="urn:1" xmlns:p="urn:p"><b><c xmlns=""><d></d></c></b></a>',
  ],
  [
    'a part takes over namespaces and all attributes of xml (1.0)',
    '<a xmlns="urn:1" xmlns:p="urn:p" xml:lang="en" xml:id="i" xml:base="b"><b xml:lang="de"><c/></b></a>',
    inclusive,
    { path: [0, 0] },
    '<c xmlns="urn:1" xmlns:p="urn:p" xml:base="b" xml:id="i" xml:lang="de"></c>',
  ],
  [
    'a part takes over language and space alone (1.1)',
    '<a xml:lang="en" xml:space="preserve" xml:id="i"><b/></a>',
    inclusive11,
    { path: [0] },
    '<b xml:lang="en" xml:space="preserve"></b>',
  ],
  [
    'exclusive: used prefixes, where they are used',
    '<a xmlns="urn:1" xmlns:p="urn:p" xmlns:q="urn:q" xml:lang="en"><b q:x="1"><p:c/><p:c/></b></a>',
    exclusive,
    { path: [0] },
    '<b xmlns="urn:1" xmlns:q="urn:q" q:x="1"><p:c xmlns:p="urn:p"></p:c><p:c xmlns:p="urn:p"></p:c></b>',
  ],
  [
    'exclusive: listed prefixes as in the inclusive editions',
    '<a xmlns="urn:1" xmlns:p="urn:p" xmlns:q="urn:q"><q:b><c xmlns:p="urn:p2"/></q:b></a>',
    { ...exclusive, inclusivePrefixes: ['p', ''] },
    { path: [0] },
    '<q:b xmlns="urn:1" xmlns:p="urn:p" xmlns:q="urn:q"><c xmlns:p="urn:p2"></c></q:b>',
  ],
  ['without an element', '<a>1<b>2</b>3<b/></a>', inclusive, { without: [0] }, '<a>13<b></b></a>'],
  [
    'nothing is left inside what is left out',
    '<a><b/></a>',
    inclusive,
    { path: [0], without: [] },
    '',
  ],
];

for (const [what, text, method, part, expected] of rows)
  test(what, (t) => {
    t.is(canonical(text, method, part), expected);
  });

test('the six algorithms by name, and no other', (t) => {
  t.deepEqual(canonicalMethodOf('http://www.w3.org/2006/12/xml-c14n11#WithComments'), {
    edition: '1.1',
    comments: true,
  });
  t.is(canonicalMethodOf('http://www.w3.org/2010/xml-c14n2'), undefined);
});

test('an xml:base that would have to be mended is refused (1.1)', (t) => {
  const error = t.throws(() => canonical('<a xml:base="b"><c/></a>', inclusive11, { path: [0] }));
  t.like(error, { code: 'ERR_UNSUPPORTED_FEATURE' });
});

test('all forms of one document together are bounded', (t) => {
  const document = parseXml(encode(`<a>${'x'.repeat(1_000_000)}</a>`));
  const canonicalize = createCanonicalizer(document);
  const error = t.throws(() => {
    for (let i = 0; i < 100; i++) canonicalize(document, inclusive);
  });
  t.like(error, { code: 'ERR_FORMAT_LIMIT' });
});

test('many namespaces in scope and many elements do not multiply', (t) => {
  const levels = 150;
  const start = Array.from(
    { length: levels },
    (_, level) =>
      `<e${Array.from({ length: 100 }, (__, i) => ` xmlns:p${level}.${i}="u"`).join('')}>`,
  ).join('');
  const text = `${start}${'<l/>'.repeat(5000)}${'</e>'.repeat(levels)}`;
  for (const method of [inclusive, exclusive]) t.true(canonical(text, method).length > 5000);
});

const prefix = fc.constantFrom('', 'p', 'q');
const attributeName = fc.constantFrom('a', 'b', 'xml:lang', 'xml:space', 'p:a', 'q:b');
const value = fc
  .array(
    fc.constantFrom('x', 'é', '&lt;', '&#13;', '&#9;', '\t', '\n', '"', '>', '&amp;', '\u{20000}'),
  )
  .map((parts) => parts.join('').replaceAll('"', '&quot;'));

/** Elements in which prefixes are declared, declared again and used, with text and all else between. */
const { element } = fc.letrec<{ element: string; node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    value,
    fc.constant('<!-- c -->'),
    fc.constant('<?t  v ?>'),
    fc.constant('<![CDATA[<x>&]]>'),
    tie('element'),
  ),
  element: fc
    .record({
      prefix,
      declared: fc.dictionary(prefix, fc.constantFrom('urn:1', 'urn:2'), { maxKeys: 3 }),
      undeclared: fc.boolean(),
      attributes: fc.dictionary(attributeName, value, { maxKeys: 3 }),
      children: fc.array(tie('node'), { maxLength: 4 }),
    })
    .map(({ prefix: own, declared, undeclared, attributes, children }) => {
      const name = own === '' ? 'e' : `${own}:e`;
      const declarations = Object.entries({ ...declared, ...(undeclared && { '': '' }) }).map(
        ([bound, namespace]) => ` xmlns${bound === '' ? '' : `:${bound}`}="${namespace}"`,
      );
      const written = Object.entries(attributes).map(([key, text]) => ` ${key}="${text}"`);
      return `<${name}${declarations.join('')}${written.join('')}>${children.join('')}</${name}>`;
    }),
}));

const anyMethod: fc.Arbitrary<CanonicalMethod> = fc.oneof(
  fc.record({ edition: fc.constantFrom('1.0', '1.1'), comments: fc.boolean() }),
  fc.record({
    edition: fc.constant('exclusive'),
    comments: fc.boolean(),
    inclusivePrefixes: fc.subarray(['', 'p', 'q', 'unheard']),
  }),
);

test('as libxml2 has it: documents', (t) => {
  fc.assert(
    fc.property(element, anyMethod, (inner, method) => {
      const text = `<!--x--><r xmlns:p="urn:p" xmlns:q="urn:q" xml:lang="en">${inner}</r><?e?>`;
      t.is(canonical(text, method), canonicalizeWithLibxml2(text, method));
    }),
    { numRuns: 300 },
  );
});

test('as libxml2 has it: parts, and documents without a part', (t) => {
  fc.assert(
    fc.property(element, element, anyMethod, (first, second, method) => {
      const text = `<r xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q" xml:lang="en"><m xmlns:p="urn:m" xml:space="preserve">${first}${second}</m></r>`;
      t.is(
        canonical(text, method, { path: [0, 1] }),
        canonicalizeWithLibxml2(text, method, [0, 1]),
      );
      t.is(
        canonical(text, method, { without: [0, 0] }),
        canonicalizeWithLibxml2(text, method, undefined, [0, 0]),
      );
    }),
    { numRuns: 300 },
  );
});
